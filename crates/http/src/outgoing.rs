//! Response bodies on their way out: chunks are passed on as they come, and dropped with the connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bedplate_base::Error;
use bedplate_wire as wire;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use hyper::body::{Body, Frame, SizeHint};

use crate::access::Line;
use crate::activity::Busy;

/// A body with the log line of its request, and the mark that keeps its connection from being idle.
pub(crate) struct Outgoing {
    kind: Kind,
    line: Line,
    _busy: Busy,
}

enum Kind {
    Full(Bytes),
    Stream(BoxStream<'static, Result<Bytes, Error>>),
}

impl Outgoing {
    pub(crate) fn new(body: wire::Body, mut line: Line, busy: Busy) -> Self {
        let kind = match body {
            wire::Body::Full(bytes) => {
                line.whole = bytes.is_empty();
                Kind::Full(busy.counted(bytes))
            }
            wire::Body::Stream(stream) => Kind::Stream(stream),
        };
        Self { kind, line, _busy: busy }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Self { kind, line, .. } = self.get_mut();
        let item = match kind {
            Kind::Full(bytes) if bytes.is_empty() => None,
            Kind::Full(bytes) => Some(Ok(std::mem::take(bytes))),
            Kind::Stream(stream) => ready!(stream.as_mut().poll_next(cx)),
        };
        match &item {
            None => line.whole = true,
            Some(Ok(bytes)) => {
                line.bytes += bytes.len() as u64;
                line.whole = matches!(kind, Kind::Full(_));
            }
            Some(Err(error)) => tracing::warn!(request_id = %line.request_id, error = %error, "the body of a response broke off"),
        }
        Poll::Ready(item.map(|item| item.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}
