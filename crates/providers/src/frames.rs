//! What streams are made of: server-sent events or event-stream frames, read from bytes however they were cut.
//!
//! It knows the two framings and no provider. The frames' codec is the SDKs' own.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::HeaderValue;
use bytes::{Buf, BytesMut};

use crate::sse::{EventReader, LINE_BYTES_MAX, Overlong};

/// Most bytes of one frame: the size of a line of the other framing (AWS's own limit is 16 MiB, event stream specification).
pub const FRAME_BYTES_MAX: usize = LINE_BYTES_MAX;
/// Bytes of a frame before its headers: two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;

/// Which framing a provider uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Sse,
    /// `application/vnd.amazon.eventstream`.
    EventStream,
}

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The event's type (`:event-type`); empty for server-sent events, which tell it in their data.
    pub kind: String,
    /// Whether it says that the call failed (`:message-type` is `exception` or `error`); the kind is the exception's then.
    pub is_exception: bool,
    /// What it says.
    pub data: Vec<u8>,
}

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Something is larger than allowed.
    Overlong(Overlong),
    /// A frame whose checksum or form is wrong.
    Frame(String),
}

/// Reads a stream.
#[derive(Debug)]
pub struct Frames {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Sse(EventReader),
    EventStream {
        decoder: MessageFrameDecoder,
        buffer: BytesMut,
        /// Whether the decoder holds a prelude whose frame is not whole.
        is_begun: bool,
        read: usize,
        reply_bytes_max: usize,
    },
}

impl Frames {
    /// A reader that gives up after `reply_bytes_max` bytes.
    pub fn new(framing: Framing, reply_bytes_max: usize) -> Self {
        let inner = match framing {
            Framing::Sse => Inner::Sse(EventReader::new(reply_bytes_max)),
            Framing::EventStream => Inner::EventStream {
                decoder: MessageFrameDecoder::new(),
                buffer: BytesMut::new(),
                is_begun: false,
                read: 0,
                reply_bytes_max,
            },
        };
        Self { inner }
    }

    /// Takes the next piece and appends the events that it completes.
    ///
    /// # Errors
    /// The stream cannot be read on.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<Frame>) -> Result<(), Broken> {
        match &mut self.inner {
            Inner::Sse(reader) => {
                let mut events = Vec::new();
                let read = reader.push(piece, &mut events).map_err(Broken::Overlong);
                out.extend(events.into_iter().map(sse_frame));
                read
            }
            Inner::EventStream {
                decoder,
                buffer,
                is_begun,
                read,
                reply_bytes_max,
            } => {
                *read = read.saturating_add(piece.len());
                if *read > *reply_bytes_max {
                    return Err(Broken::Overlong(Overlong::Reply));
                }
                buffer.extend_from_slice(piece);
                loop {
                    if !*is_begun {
                        if buffer.len() < PRELUDE_BYTES {
                            return Ok(());
                        }
                        // The decoder would wait for as many bytes as the prelude claims.
                        if (&buffer[..4]).get_u32() as usize > FRAME_BYTES_MAX {
                            return Err(Broken::Overlong(Overlong::Line));
                        }
                    }
                    match decoder.decode_frame(&mut *buffer) {
                        Ok(DecodedFrame::Complete(message)) => {
                            *is_begun = false;
                            out.push(event_frame(&message));
                        }
                        Ok(DecodedFrame::Incomplete) => {
                            *is_begun = true;
                            return Ok(());
                        }
                        Err(error) => return Err(Broken::Frame(error.to_string())),
                    }
                }
            }
        }
    }

    /// The stream has ended: what may be an event without its end.
    pub fn finish(self) -> Option<Frame> {
        match self.inner {
            Inner::Sse(reader) => reader.finish().map(sse_frame),
            Inner::EventStream { .. } => None,
        }
    }
}

fn sse_frame(data: String) -> Frame {
    Frame {
        data: data.into_bytes(),
        ..Frame::default()
    }
}

fn event_frame(message: &aws_smithy_types::event_stream::Message) -> Frame {
    let header = |name: &str| {
        let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
        match found.value() {
            HeaderValue::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        }
    };
    let is_exception = matches!(header(":message-type").as_deref(), Some("exception" | "error"));
    let kind = if is_exception {
        header(":exception-type").or_else(|| header(":error-code"))
    } else {
        header(":event-type")
    };
    let mut data = message.payload().to_vec();
    if data.is_empty()
        && let Some(text) = header(":error-message")
    {
        data = serde_json::json!({"message": text}).to_string().into_bytes();
    }
    Frame {
        kind: kind.unwrap_or_default(),
        is_exception,
        data,
    }
}
