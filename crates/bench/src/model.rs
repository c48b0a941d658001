//! A fake model that speaks Chat Completions: two tool calls, one after the other, then an answer.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::json;
use tokio::net::TcpListener;

use crate::Outcome;
use crate::server::{Body, serve};

/// Listens on a free port of the loopback address; every answer takes `latency`.
pub(crate) async fn start(latency: Duration) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, move |request| answer(request, latency)));
    Ok(url)
}

async fn answer(request: Request<Incoming>, latency: Duration) -> Response<Body> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let reply = reply(tools_since_user(&body));
    Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(reply)).boxed())
        .expect("invariant: the headers are fine")
}

/// How many tool results stand behind the user's last message: where in its turn the conversation is.
pub(crate) fn tools_since_user(body: &[u8]) -> usize {
    let text = String::from_utf8_lossy(body);
    let last = text.rfind(r#""role":"user""#).unwrap_or(0);
    text[last..].matches(r#""role":"tool""#).count()
}

fn reply(step: usize) -> String {
    let call = |name: &str, arguments: &str| {
        json!({"role": "assistant", "content": "I need to look that up first.", "tool_calls": [
            {"id": format!("call_{step}"), "type": "function", "function": {"name": name, "arguments": arguments}}]})
    };
    let (message, finish) = match step {
        0 => (call("shop__find_order", r#"{"order_id":"A-482"}"#), "tool_calls"),
        1 => (call("shop__order_status", r#"{"order_id":"A-482"}"#), "tool_calls"),
        _ => (
            json!({"role": "assistant", "content": "<answer>Order A-482 was shipped on Monday and will be with you on Thursday.</answer>"}),
            "stop",
        ),
    };
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540},
    })
    .to_string()
}
