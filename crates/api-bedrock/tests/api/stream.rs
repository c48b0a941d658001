//! Streams: frames of built-in models, in the order of the service.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bedplate_wire::Body;
use bytes::BytesMut;
use futures_util::StreamExt as _;
use http::Method;
use serde_json::{Value, json};

use crate::{send, state};

/// (kind, payload) of each frame.
async fn frames(path: &str, body: &Value) -> Vec<(String, Value)> {
    let response = send(&state(), Method::POST, path, body, false).await;
    let Body::Stream(mut stream) = response.body else {
        panic!("{path} does not stream: {:?}", response.fault);
    };
    assert_eq!(
        response.headers[0],
        ("content-type", "application/vnd.amazon.eventstream".to_owned())
    );
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    let mut out = Vec::new();
    let mut decoder = MessageFrameDecoder::new();
    while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut bytes).unwrap() {
        let header = |name: &str| {
            let found = message.headers().iter().find(|header| header.name().as_str() == name);
            found.map(|header| header.value().as_string().unwrap().as_str().to_owned())
        };
        let kind = header(":event-type").or_else(|| header(":exception-type")).unwrap();
        out.push((kind, serde_json::from_slice(message.payload()).unwrap()));
    }
    assert!(bytes.is_empty(), "a frame is cut");
    out
}

#[tokio::test]
async fn a_text_is_one_block() {
    let body = json!({"messages": [{"role": "user", "content": [{"text": "One two three four five six seven eight nine."}]}]});
    let frames = frames("/model/test.echo/converse-stream", &body).await;
    let kinds: Vec<&str> = frames.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds[..2], ["messageStart", "contentBlockDelta"]);
    assert_eq!(kinds[kinds.len() - 3..], ["contentBlockStop", "messageStop", "metadata"]);
    let text: String = frames.iter().filter_map(|(_, event)| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, "One two three four five six seven eight nine.");
    assert!(kinds.len() > 6, "it comes in parts");
}

#[tokio::test]
async fn thoughts_and_tools_are_blocks_of_their_own() {
    let tool = json!({"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}});
    let body = json!({
        "messages": [{"role": "user", "content": [{"text": "Look at both."}]}],
        "toolConfig": {"tools": [tool]},
    });
    let frames = frames("/model/test.script/converse-stream", &body).await;
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut open = None;
    for (kind, event) in &frames {
        let index = event["contentBlockIndex"].as_u64();
        match kind.as_str() {
            "contentBlockStart" => {
                assert_eq!(open, None, "blocks do not overlap");
                open = index;
                let tool = &event["start"]["toolUse"];
                blocks.push((tool["name"].as_str().unwrap().to_owned(), String::new()));
            }
            "contentBlockDelta" => {
                let delta = &event["delta"];
                let text = delta["text"].as_str().or(delta["toolUse"]["input"].as_str()).unwrap();
                if open != index {
                    assert_eq!(open, None, "blocks do not overlap");
                    open = index;
                    blocks.push(("text".to_owned(), String::new()));
                }
                blocks.last_mut().unwrap().1.push_str(text);
            }
            "contentBlockStop" => {
                assert_eq!(open.take(), index);
            }
            _ => {}
        }
    }
    let blocks: Vec<(&str, &str)> = blocks.iter().map(|(kind, text)| (kind.as_str(), text.as_str())).collect();
    assert_eq!(
        blocks,
        [("text", "Let me see."), ("look", r#"{"room":"A"}"#), ("look", r#"{"room":"B"}"#)]
    );
    let stop = &frames[frames.len() - 2];
    assert_eq!((stop.0.as_str(), &stop.1["stopReason"]), ("messageStop", &json!("tool_use")));
}

#[tokio::test]
async fn the_last_chunk_of_a_family_counts() {
    let body = json!({"inputText": "Hello there."});
    let frames = frames("/model/test.echo/invoke-with-response-stream", &body).await;
    assert!(frames.iter().all(|(kind, _)| kind == "chunk"));
    let chunks: Vec<Value> = frames
        .iter()
        .map(|(_, event)| {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(event["bytes"].as_str().unwrap())
                .unwrap();
            serde_json::from_slice(&bytes).unwrap()
        })
        .collect();
    let text: String = chunks.iter().filter_map(|chunk| chunk["outputText"].as_str()).collect();
    assert_eq!(text, "Hello there.");
    let last = chunks.last().unwrap();
    assert_eq!(last["completionReason"], "FINISH");
    assert!(last["amazon-bedrock-invocationMetrics"]["invocationLatency"].is_u64());
    assert!(
        chunks[..chunks.len() - 1]
            .iter()
            .all(|chunk| chunk["amazon-bedrock-invocationMetrics"].is_null())
    );
}
