//! The floor of the gateway: a server that asks the model with the body that it got, and passes the answer on.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tokio::net::TcpListener;

use crate::Outcome;
use crate::client::Client;
use crate::server::serve;

/// Serves; leaves its address in `folder`.
pub(crate) async fn run(folder: &str, model: &str) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = json!({"url": format!("http://{}", listener.local_addr()?)});
    std::fs::write(Path::new(folder).join("server.json"), url.to_string())?;
    let model = Arc::new(Client::new(model));
    serve(listener, move |request| {
        let model = model.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let answer = model.send(Method::POST, "bedrock", &path, body).await;
            let answer = answer.unwrap_or_else(|error| Bytes::from(error.to_string()));
            Response::new(Full::new(answer).boxed())
        }
    })
    .await;
    Ok(())
}
