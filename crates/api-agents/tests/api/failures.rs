//! How failures of turns and long answers are sent.

use std::path::Path;

use bedplate_agent::steps::{Kind, Step};
use bedplate_agent::turn::Request;
use bedplate_api_agents::runtime::encode::{Encoder, Outgoing};
use bedplate_base::Timestamp;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    #[serde(default)]
    strict: bool,
    failed: Failed,
    /// The part of the trace that says what happened.
    trace: Option<Value>,
    exception: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    code: String,
    message: String,
    detail: String,
    resource: Option<String>,
    #[serde(default)]
    refused: bool,
}

#[test]
fn failures() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/failures.yaml");
    let cases: Vec<Case> = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for case in cases {
        let kind = Kind::Failed {
            code: case.failed.code,
            message: case.failed.message,
            detail: case.failed.detail,
            resource: ["Lambda", "Amazon Bedrock"]
                .into_iter()
                .find(|name| case.failed.resource.as_deref() == Some(name)),
            refused: case.failed.refused,
        };
        let step = Step {
            at: Timestamp::from_millis(0),
            iteration: 2,
            kind,
        };
        let sent: Vec<Value> = Encoder::new("request-1", case.strict)
            .step(&step, &Request::default())
            .iter()
            .map(|event| event.to_json())
            .map(|event| event.pointer("/trace/trace").cloned().unwrap_or(event))
            .collect();
        let wanted: Vec<Value> = case.trace.into_iter().chain([case.exception]).collect();
        assert_eq!(sent, wanted, "{}", case.about);
    }
}

/// A chunk's bytes have a limit; letters are not cut.
#[test]
fn long_answers_come_in_several_chunks() {
    let text = "é".repeat(1_250_000);
    let step = Step {
        at: Timestamp::from_millis(0),
        iteration: 0,
        kind: Kind::Answer(format!("a{text}")),
    };
    let mut encoder = Encoder::new("request-1", false);
    encoder.text("a".into());
    let sent = encoder.step(&step, &Request::default());
    let chunks: Vec<String> = sent
        .into_iter()
        .map(|event| match event {
            Outgoing::Chunk(text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(chunks.len(), 3);
    assert!(chunks.iter().all(|chunk| chunk.len() <= 1_000_000));
    assert_eq!(chunks.concat(), text);
}
