//! Requests and responses as the edge hands them over: raw path and query, whole body, and who asks from where.

use std::fmt;
use std::net::IpAddr;

use bedplate_base::{Error, Place, Timestamp};
use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use http::{HeaderMap, Method};

use crate::fault::Fault;
use crate::operation::{Bound, Event};

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, POST, …
    pub method: Method,
    /// The path as it came: percent-encoded, slashes not touched.
    pub path: String,
    /// The query as it came, without the question mark.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body; bounded by the edge with `limits::BODY_BYTES_MAX`.
    pub body: Bytes,
    /// Who asks.
    pub context: Context,
}

/// Who asks, from where, and how strictly to answer.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The id that goes into `x-amzn-requestid` and into trace ids.
    pub request_id: String,
    /// Account and region.
    pub place: Place,
    /// The access key of the signature.
    pub access_key: Option<String>,
    /// `amz-sdk-invocation-id`: the same when the SDK sends a request again.
    pub invocation_id: Option<String>,
    /// The W3C `traceparent` that it came with, as it came.
    pub trace_parent: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// From where it came.
    pub peer: Option<IpAddr>,
    /// Extensions of ours are off.
    pub strict: bool,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order in which they are sent.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
    /// What went wrong, for the log; never sent.
    pub fault: Option<Box<Fault>>,
}

/// The body of a response.
pub enum Body {
    /// All of it.
    Full(Bytes),
    /// As it comes.
    Stream(BoxStream<'static, Result<Bytes, Error>>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// An output whose body is a stream of frames.
pub struct Streamed<T> {
    /// Members that travel in headers.
    pub output: T,
    /// Frames, each whole.
    pub frames: BoxStream<'static, Bytes>,
}

impl<T: Bound> Streamed<T> {
    /// An output with the events that follow it. Failures after this point are events too (the union's exception members).
    pub fn new<E: Event>(output: T, events: impl Stream<Item = E> + Send + 'static) -> Self {
        Self {
            output,
            frames: events.map(|event| event.frame()).boxed(),
        }
    }
}
