//! A server that answers what a case says, on a port of its own.

use bedplate_base::Timestamp;
use bedplate_http::{Credentials, Head, Key, Secret};
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::frames::frame;

/// Answers the exchanges one after another; what is asked must be what they say. Each ends its connection.
pub(crate) async fn answer(listener: TcpListener, exchanges: Vec<Value>) {
    for exchange in exchanges {
        let (mut stream, head, body, line) = loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (head, body) = read(&mut stream).await;
            let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
            // What a turn cost is asked beside the rest; a server that does not know is none the worse.
            if !line.starts_with("GET /_bedplate/cost") || exchange["request"] == line.as_str() {
                break (stream, head, body, line);
            }
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            stream.shutdown().await.unwrap();
        };
        assert_eq!(line, exchange["request"].as_str().unwrap());
        if let Some(want) = exchange.get("body") {
            assert_eq!(&serde_json::from_str::<Value>(&body).unwrap(), want, "body of {line}");
        }
        check_signature(&head, &body, exchange["signed"].as_str());
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

/// Judges a request as a server with one key would: it has to be signed for `scope` (`service/region`), or not at all.
fn check_signature(head: &str, body: &str, scope: Option<&str>) {
    let mut lines = head.lines();
    let line = lines.next().unwrap();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
    let headers: HeaderMap = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    let Some(scope) = scope else {
        assert!(!headers.contains_key("x-amz-date"), "{line} should not be signed");
        return;
    };
    let key = Key {
        name: "team".into(),
        access_key: "AKIDTEAM".into(),
        secret: Secret::new("a-secret-of-forty-characters-of-the-team"),
        bearer: None,
        session_token: headers.get("x-amz-security-token").map(|_| Secret::new("a-token")),
        account: None,
        regions: Vec::new(),
        admin: true,
    };
    let head = Head {
        method: &method,
        uri: &target,
        headers: &headers,
    };
    let proof = Credentials::Keys(vec![key]).examine(&head, Timestamp::default());
    let proof = proof.unwrap_or_else(|denied| panic!("{line}: {denied:?}"));
    let signed = proof.signer.clone().unwrap().scope;
    assert_eq!(format!("{}/{}", signed.service, signed.region.unwrap()), scope, "{line}");
    proof.settle(body.to_owned().into()).unwrap();
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
