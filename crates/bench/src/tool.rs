//! A custom Lambda runtime in one loop: both tools, answered at once.

use http::Method;
use serde_json::{Value, json};

use crate::Outcome;

/// Polls the Runtime API for ever.
pub(crate) async fn run() -> Outcome {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let stream = tokio::net::TcpStream::connect(&api).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    loop {
        let next = request(Method::GET, &api, "/2018-06-01/runtime/invocation/next", String::new())?;
        let response = sender.send_request(next).await?;
        let id = response.headers()["lambda-runtime-aws-request-id"].to_str()?.to_owned();
        let event: Value = serde_json::from_slice(&http_body_util::BodyExt::collect(response.into_body()).await?.to_bytes())?;
        let answer = request(
            Method::POST,
            &api,
            &format!("/2018-06-01/runtime/invocation/{id}/response"),
            envelope(&event),
        )?;
        let response = sender.send_request(answer).await?;
        http_body_util::BodyExt::collect(response.into_body()).await?;
    }
}

fn request(method: Method, host: &str, path: &str, body: String) -> Outcome<http::Request<http_body_util::Full<bytes::Bytes>>> {
    Ok(http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", host)
        .body(http_body_util::Full::new(body.into()))?)
}

fn envelope(event: &Value) -> String {
    let body = result(event["function"].as_str().unwrap_or_default());
    json!({"messageVersion": "1.0", "response": {
        "actionGroup": event["actionGroup"], "function": event["function"],
        "functionResponse": {"responseBody": {"TEXT": {"body": body}}}}})
    .to_string()
}

/// What a tool says.
pub(crate) fn result(function: &str) -> String {
    match function {
        "find_order" => json!({"order_id": "A-482", "customer": "C-17", "items": ["blue shoes", "red hat"]}).to_string(),
        _ => json!({"order_id": "A-482", "status": "SHIPPED", "eta": "Thursday", "carrier": "DHL"}).to_string(),
    }
}
