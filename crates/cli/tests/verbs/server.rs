//! A server that answers what a case says, on a port of its own.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::frames::frame;

/// Answers the exchanges one after another; what is asked must be what they say. Each ends its connection.
pub(crate) async fn answer(listener: TcpListener, exchanges: Vec<Value>) {
    for exchange in exchanges {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (head, body) = read(&mut stream).await;
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        assert_eq!(line, exchange["request"].as_str().unwrap());
        if let Some(want) = exchange.get("body") {
            assert_eq!(&serde_json::from_str::<Value>(&body).unwrap(), want, "body of {line}");
        }
        for want in exchange["headers"].as_array().into_iter().flatten() {
            let want = want.as_str().unwrap();
            assert!(
                head.lines().any(|line| line == want),
                "{line} should have the header {want}, but has:\n{head}"
            );
        }
        stream.write_all(&response(&exchange)).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

fn response(exchange: &Value) -> Vec<u8> {
    let status = exchange["status"].as_u64().unwrap_or(200);
    let (kind, body) = match exchange.get("frames").and_then(Value::as_array) {
        Some(frames) => ("application/vnd.amazon.eventstream", frames.iter().flat_map(encode).collect()),
        None => ("application/json", exchange["answer"].to_string().into_bytes()),
    };
    let error = exchange["error"]
        .as_str()
        .map(|error| format!("x-amzn-errortype: {error}\r\n"))
        .unwrap_or_default();
    // A cut says more bytes than it sends.
    let length = body.len() + exchange["cut"].as_u64().unwrap_or(0) as usize;
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nx-amzn-requestid: req-1\r\n{error}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

/// The frame of `{"chunk": {…}}`.
fn encode(event: &Value) -> Vec<u8> {
    let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
    frame(kind, &payload.to_string())
}

async fn read(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the client left");
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |text| text.parse().unwrap());
        if body.len() >= length {
            return (head.to_owned(), body.to_owned());
        }
    }
}
