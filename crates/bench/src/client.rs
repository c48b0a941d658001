//! A small HTTP client with connections that are kept.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::Outcome;

/// Sends requests to one server.
#[derive(Clone)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
}

/// What signs as the service; any credentials are accepted.
fn authorization(service: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00")
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            pool: Pool::builder(TokioExecutor::new()).build(connector),
            base: base.to_owned(),
        }
    }

    /// The whole body of an answer that must be a success.
    pub(crate) async fn send(&self, method: Method, service: &str, path: &str, body: impl Into<Bytes>) -> Outcome<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", authorization(service))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))?;
        let response = self.pool.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(body)
    }

    /// The same for JSON.
    pub(crate) async fn json(&self, method: Method, service: &str, path: &str, body: serde_json::Value) -> Outcome<serde_json::Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, service, path, body).await?;
        Ok(if answer.is_empty() {
            serde_json::Value::Null
        } else {
            serde_json::from_slice(&answer)?
        })
    }
}
