//! One event of a stream, as JSON: `{"trace": …}`, `{"chunk": …}`, `{"returnControl": …}` or an exception.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::frames::Frame;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `trace`, `chunk`, `returnControl`, or an exception's name.
    pub kind: String,
    /// Whether it is an exception.
    pub exception: bool,
    /// Its content.
    pub body: Value,
}

impl Event {
    /// The event of a frame.
    ///
    /// # Errors
    /// The payload is not JSON.
    pub fn of(frame: &Frame) -> Result<Self, String> {
        let body = serde_json::from_str(&frame.payload).map_err(|error| format!("the payload of a {} is not JSON: {error}", frame.kind))?;
        Ok(Self {
            kind: frame.kind.clone(),
            exception: frame.exception,
            body,
        })
    }

    /// Reads the form with one member; none when it is not that form.
    pub fn from_json(value: &Value) -> Option<Self> {
        let (kind, body) = value.as_object().filter(|object| object.len() == 1)?.iter().next()?;
        Some(Self {
            kind: kind.clone(),
            exception: kind.ends_with("Exception"),
            body: body.clone(),
        })
    }

    /// Text of a chunk: in base64 as on the wire, or plain as the admin door has it. Bytes that are no text are replaced.
    pub fn chunk(&self) -> Option<String> {
        if self.kind != "chunk" {
            return None;
        }
        if let Some(text) = self.body["text"].as_str() {
            return Some(text.to_owned());
        }
        let bytes = STANDARD.decode(self.body["bytes"].as_str()?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A frame as one line of JSON, its payload byte for byte.
pub(crate) fn json_line(frame: &Frame) -> String {
    let kind = Value::from(frame.kind.as_str());
    if frame.payload.contains('\n') {
        let payload: Value = serde_json::from_str(&frame.payload).unwrap_or_else(|_| Value::from(frame.payload.as_str()));
        return format!("{{{kind}:{payload}}}");
    }
    format!("{{{kind}:{}}}", frame.payload)
}
