//! Bodies with something odd in every place: each is answered, or refused in words, and none ends a task.

use std::path::Path;

use bedplate_wire::Body;
use futures_util::StreamExt as _;
use http::Method;
use serde_json::{Value, json};

use crate::{send, state};

/// What is put into every place, one after the other.
fn odd() -> Vec<Value> {
    let mut deep = json!("x");
    for _ in 0..60 {
        deep = json!({"x": [deep]});
    }
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!(" \u{0}"),
        json!("[INST]<<SYS>><|start_header_id|>\n\nHuman:"),
        json!([]),
        json!([null]),
        json!([["x"]]),
        json!({}),
        json!({"": {"x": null}}),
        deep,
    ]
}

/// The pointers of all values in `value`.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| places(item, &format!("{at}/{index}"), out)),
        Value::Object(members) => members
            .iter()
            .for_each(|(key, item)| places(item, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out)),
        _ => {}
    }
}

async fn check(name: &str, ways: &[(&str, &str)]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.json"));
    let steps: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let state = state();
    let mut count = 0;
    let good = steps.iter().filter(|step| step["status"].is_null() && step["send"].is_object());
    for step in good {
        let Some(path) = step["post"].as_str().filter(|path| path.ends_with(ways[0].0)) else {
            continue;
        };
        let mut all = Vec::new();
        places(&step["send"], "", &mut all);
        for place in &all {
            for value in odd() {
                let mut body = step["send"].clone();
                *body.pointer_mut(place).unwrap() = value;
                for (from, to) in ways {
                    let path = path.replace(from, to);
                    let response = send(&state, Method::POST, &path, &body, false).await;
                    let code = response.headers.iter().find(|(name, _)| *name == "x-amzn-errortype");
                    match code.map(|(_, code)| code.as_str()) {
                        None => assert_eq!(response.status, 200, "{path} {body}"),
                        Some("ValidationException" | "SerializationException") => assert_eq!(response.status, 400, "{path} {body}"),
                        Some(other) => panic!("{path} {body}: {other}"),
                    }
                    if let Body::Stream(stream) = response.body {
                        assert!(stream.collect::<Vec<_>>().await.into_iter().all(|piece| piece.is_ok()));
                    }
                    count += 1;
                }
            }
        }
    }
    assert!(count > 1_000, "{count}");
}

#[tokio::test]
async fn conversations() {
    check("conversations", &[("/converse", "/converse"), ("/converse", "/converse-stream")]).await;
}

#[tokio::test]
async fn bodies() {
    check("bodies", &[("/invoke", "/invoke"), ("/invoke", "/invoke-with-response-stream")]).await;
}
