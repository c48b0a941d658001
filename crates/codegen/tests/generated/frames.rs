//! Event-stream frames, byte for byte.

use bedplate_base::Timestamp;
use bedplate_wire::{Event, Value};
use bedplate_wire_bedrock_agent_runtime::types::{DependencyFailedException, PayloadPart, ResponseStream, TracePart};
use bytes::Bytes;

/// Headers and payload of a frame, read by hand, so that the writer's library does not judge itself.
fn taken_apart(frame: &Bytes) -> (Vec<(String, u8, String)>, String) {
    let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().expect("four bytes")) as usize;
    let (total, headers_len) = (number(0), number(4));
    assert_eq!(total, frame.len());
    let mut headers = Vec::new();
    let mut at = 12;
    while at < 12 + headers_len {
        let name_len = usize::from(frame[at]);
        let name = String::from_utf8(frame[at + 1..at + 1 + name_len].to_vec()).expect("UTF-8");
        at += 1 + name_len;
        let kind = frame[at];
        let value_len = usize::from(u16::from_be_bytes([frame[at + 1], frame[at + 2]]));
        headers.push((
            name,
            kind,
            String::from_utf8(frame[at + 3..at + 3 + value_len].to_vec()).expect("UTF-8"),
        ));
        at += 3 + value_len;
    }
    (headers, String::from_utf8(frame[at..total - 4].to_vec()).expect("UTF-8"))
}

fn header(name: &str, value: &str) -> (String, u8, String) {
    (name.into(), 7, value.into())
}

/// Computed from the format's description with another program.
const CHUNK: &str = "\
    0000006b0000004b6ace012d0b3a6576656e742d747970650700056368756e6b0d3a636f6e74656e742d747970650700106170706c69636174696f6e\
    2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b226279746573223a2253476b3d227df42cf1e2";

#[test]
fn a_chunk() {
    let frame = ResponseStream::Chunk(PayloadPart {
        bytes: Some(Bytes::from_static(b"Hi")),
        ..PayloadPart::default()
    })
    .frame();
    let (headers, payload) = taken_apart(&frame);
    assert_eq!(
        headers,
        [
            header(":event-type", "chunk"),
            header(":content-type", "application/json"),
            header(":message-type", "event")
        ]
    );
    assert_eq!(payload, r#"{"bytes":"SGk="}"#);
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, CHUNK);
}

#[test]
fn an_exception() {
    let exception = DependencyFailedException {
        message: Some("It — broke.".into()),
        resource_name: Some("Lambda".into()),
    };
    let (headers, payload) = taken_apart(&ResponseStream::DependencyFailedException(exception).frame());
    let wanted = [
        header(":exception-type", "dependencyFailedException"),
        header(":content-type", "application/json"),
        header(":message-type", "exception"),
    ];
    assert_eq!(headers, wanted);
    assert_eq!(payload, r#"{"message":"It — broke.","resourceName":"Lambda"}"#);
}

#[test]
fn a_trace_has_sorted_keys_and_nine_digits() {
    let part = TracePart {
        session_id: Some("s".into()),
        agent_id: Some("A".into()),
        event_time: Some(Timestamp::from_millis(1_763_737_445_120)),
        ..TracePart::default()
    };
    let (_, payload) = taken_apart(&ResponseStream::Trace(part).frame());
    assert_eq!(
        payload,
        r#"{"agentId":"A","eventTime":"2025-11-21T15:04:05.120000000Z","sessionId":"s"}"#
    );
}

#[test]
fn an_event_over_the_limit_becomes_an_exception() {
    let part = PayloadPart {
        bytes: Some(vec![0; 20_000_000].into()),
        ..PayloadPart::default()
    };
    let (headers, payload) = taken_apart(&ResponseStream::Chunk(part).frame());
    assert_eq!(headers[0], header(":exception-type", "internalServerException"));
    let payload: Value = serde_json::from_str(&payload).unwrap();
    assert!(payload["message"].as_str().unwrap().contains("over the limit"), "{payload}");
}
