//! Event-stream frames out of a body that comes in pieces.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Buf, BytesMut};

use crate::limits::FRAME_BYTES_MAX;

/// Bytes of a frame without headers and payload: two lengths and two checksums.
const FRAME_BYTES_MIN: usize = 16;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `trace`, `chunk`, `returnControl`, or an exception's name such as `dependencyFailedException`.
    pub kind: String,
    /// Whether it is an exception: the last frame of a stream.
    pub exception: bool,
    /// The payload as it came: JSON.
    pub payload: String,
}

/// Takes bytes in, gives frames out.
#[derive(Debug, Default)]
pub struct Frames(BytesMut);

impl Frames {
    /// Adds the next piece of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole frame; none until more bytes come.
    ///
    /// # Errors
    /// What came is not an event stream: a length out of bounds, a wrong checksum, a header that is missing.
    pub fn pop(&mut self) -> Result<Option<Frame>, String> {
        let Some(length) = self.0.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if !(FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&length) {
            return Err(format!(
                "a frame of {length} bytes; frames have {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX}"
            ));
        }
        if self.0.len() < length {
            return Ok(None);
        }
        let bytes = self.0.split_to(length).freeze();
        let message = read_message_from(bytes).map_err(|error| format!("a frame is damaged: {error}"))?;
        frame(&message).map(Some)
    }

    /// The end of the body.
    ///
    /// # Errors
    /// It ended in the middle of a frame.
    pub fn finish(&self) -> Result<(), String> {
        if self.0.has_remaining() {
            Err(format!("it ended inside a frame, {} bytes after its beginning", self.0.len()))
        } else {
            Ok(())
        }
    }
}

fn frame(message: &Message) -> Result<Frame, String> {
    let header = |name: &str| {
        let found = message.headers().iter().find(|header| header.name().as_str() == name);
        found
            .and_then(|header| header.value().as_string().ok())
            .map(|value| value.as_str().to_owned())
    };
    let payload = || String::from_utf8(message.payload().to_vec()).map_err(|_| "a frame's payload is not UTF-8 text".to_owned());
    match header(":message-type").as_deref() {
        Some("event") => {
            let kind = header(":event-type").ok_or("a frame has no :event-type")?;
            Ok(Frame {
                kind,
                exception: false,
                payload: payload()?,
            })
        }
        Some("exception") => {
            let kind = header(":exception-type").ok_or("a frame has no :exception-type")?;
            Ok(Frame {
                kind,
                exception: true,
                payload: payload()?,
            })
        }
        Some("error") => {
            let message = header(":error-message").unwrap_or_default();
            let payload = serde_json::json!({"message": message}).to_string();
            Ok(Frame {
                kind: header(":error-code").unwrap_or_else(|| "error".into()),
                exception: true,
                payload,
            })
        }
        other => Err(format!("a frame has the :message-type {:?}", other.unwrap_or("(none)"))),
    }
}
