//! Event-stream frames, as the recordings of the real service have them: three string headers in this order, a JSON payload.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::limits::FRAME_BYTES_MAX;

/// What a frame has beside its payload, about: prelude, three headers, checksums.
const HEADERS_BYTES: usize = 160;

/// The frame of an event with a JSON payload.
pub fn event(event_type: &'static str, payload: &Value) -> Bytes {
    checked(&headers(":event-type", event_type, "application/json", "event"), text(payload))
}

/// The same of JSON that was written already; the caller vouches that it is JSON.
pub fn event_text(event_type: &'static str, payload: Bytes) -> Bytes {
    checked(&headers(":event-type", event_type, "application/json", "event"), payload)
}

/// The frame of an event whose payload is bytes (Lambda's response streams).
pub fn event_bytes(event_type: &'static str, payload: Bytes) -> Bytes {
    checked(&headers(":event-type", event_type, "application/octet-stream", "event"), payload)
}

/// The frame of an exception. `exception_type` is the union's member name (`dependencyFailedException`): botocore knows no other form.
pub fn exception(exception_type: &'static str, payload: &Value) -> Bytes {
    checked(
        &headers(":exception-type", exception_type, "application/json", "exception"),
        text(payload),
    )
}

/// Not by way of `Display`, which costs twice as much.
fn text(payload: &Value) -> Bytes {
    serde_json::to_vec(payload).expect("invariant: a JSON value has a text").into()
}

fn headers(
    kind: &'static str,
    name: &'static str,
    content_type: &'static str,
    message_type: &'static str,
) -> [(&'static str, &'static str); 3] {
    [(kind, name), (":content-type", content_type), (":message-type", message_type)]
}

/// Writes the frame; one that no client would accept becomes an exception frame, so that the stream never ends silently.
fn checked(headers: &[(&'static str, &'static str)], payload: Bytes) -> Bytes {
    if payload.len() + 1024 > FRAME_BYTES_MAX {
        let text = format!(
            r#"{{"message":"An event of {} bytes is over the limit of {FRAME_BYTES_MAX} bytes for one frame."}}"#,
            payload.len()
        );
        let headers = self::headers(":exception-type", "internalServerException", "application/json", "exception");
        return write(&headers, text.into());
    }
    write(headers, payload)
}

fn write(headers: &[(&'static str, &'static str)], payload: Bytes) -> Bytes {
    let mut message = Message::new(payload);
    for (name, value) in headers {
        message = message.add_header(Header::new(*name, HeaderValue::String((*value).into())));
    }
    let mut out = BytesMut::with_capacity(message.payload().len() + HEADERS_BYTES);
    write_message_to(&message, &mut out).expect("invariant: header names are short and the payload is under the limit");
    out.freeze()
}
