//! Requests of S3: found among the others, verified while their bodies pass, answered by the door of buckets.
//!
//! Objects are larger than memory, so nothing is held here: the body goes to the door piece by piece, out of its frames, and ends with an error
//! when its signature is wrong. The door makes nothing of a body that did not end well.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context as Poller;
use std::time::Duration;

use bedplate_base::{BoxFuture, Error, Kind};
use bedplate_wire::Context;
use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::stream::{self, BoxStream};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::sigv4::{Passing, Scope};
use crate::upstream::without_signature;

/// The signing name of S3.
const SERVICE: &str = "s3";
/// Body of a request to a bucket: what S3 takes in one PUT (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>). It passes through
/// and is never held.
const OBJECT_BYTES_MAX: u64 = 5 << 30;
/// How a host ends that names a bucket on this machine.
const LOCAL: &str = ".s3.localhost";
/// Parameters of a signature of version 2.
const OLD_SIGNATURE: [&str; 4] = ["AWSAccessKeyId", "Signature", "Expires", "x-amz-security-token"];

/// A body on its way in; it may end with trailers.
pub type ObjectBody = UnsyncBoxBody<Bytes, Error>;

/// Answers requests of S3. They come in path style, without signatures and frames.
pub trait BucketDoor: Send + Sync {
    /// Whether there is a bucket of this name; the upstream gets requests for others.
    fn has(&self, bucket: &str) -> bool;
    /// Whether there is no bucket at all.
    fn is_empty(&self) -> bool;
    /// Answers one request; the body of the answer may be long.
    fn call(&self, request: http::Request<ObjectBody>, context: Context) -> BoxFuture<'static, Objects>;
}

/// An answer of the door.
pub type Objects = http::Response<BoxStream<'static, Result<Bytes, Error>>>;

/// A request of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The bucket that the host names.
    pub(crate) host: Option<String>,
    /// The bucket; none for requests to all of them.
    pub(crate) bucket: Option<String>,
    /// Whether it is presigned with a signature of version 2.
    pub(crate) old: bool,
}

impl Target {
    /// What a request means, if it is one of S3: it is signed for it, or its host says so.
    pub(crate) fn of(parts: &Parts, scope: Option<&Scope>) -> Option<Self> {
        let signed = scope.is_some_and(|scope| scope.service == SERVICE);
        let old = scope.is_none() && crate::sigv4::old::is_presigned(parts.uri.query().unwrap_or_default());
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        let host = authority
            .or_else(|| parts.headers.get(header::HOST)?.to_str().ok())
            .unwrap_or_default();
        // Names only matter here; an address in brackets is none.
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let named = host.ends_with(LOCAL) || host == LOCAL[1..];
        let anonymous = named && scope.is_none();
        if !(signed || old || anonymous) {
            return None;
        }
        let of_host = match host.find(".s3.") {
            Some(at) => Some(&host[..at]),
            None => host.strip_suffix(".localhost").filter(|name| *name != SERVICE),
        };
        let of_host = of_host.filter(|name| !name.is_empty()).map(str::to_owned);
        let of_path = || {
            let first = parts.uri.path().trim_start_matches('/').split('/').next()?;
            (!first.is_empty()).then(|| percent_encoding::percent_decode_str(first).decode_utf8_lossy().into_owned())
        };
        Some(Self {
            bucket: of_host.clone().or_else(of_path),
            host: of_host,
            old,
        })
    }

    /// Whether the request is for the buckets here, when an upstream has others.
    pub(crate) fn is_here(&self, door: &dyn BucketDoor) -> bool {
        match &self.bucket {
            Some(bucket) => door.has(bucket),
            None => !door.is_empty(),
        }
    }
}

/// A request whose body passes through.
pub(crate) struct Passage {
    body: Arc<Mutex<Option<Incoming>>>,
    refused: Arc<Mutex<Option<Refusal>>>,
    headers: HeaderMap,
}

/// Readies a request for the door; what comes of its body is seen in the passage.
///
/// # Errors
/// Its body is too large, or it cannot be written in path style.
pub(crate) fn open(
    mut parts: Parts,
    target: &Target,
    passing: Passing,
    incoming: Incoming,
    limits: &Limits,
) -> Result<(http::Request<ObjectBody>, Passage), (Refusal, Incoming)> {
    let framed = matches!(passing, Passing::Frames(_));
    let number = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok())
    };
    let length = if framed {
        number("x-amz-decoded-content-length")
    } else {
        number("content-length")
    };
    if length.is_some_and(|length| length > OBJECT_BYTES_MAX) {
        return Err((
            Refusal::too_large(usize::try_from(OBJECT_BYTES_MAX).unwrap_or(usize::MAX)),
            incoming,
        ));
    }
    let passage = Passage {
        body: Arc::default(),
        refused: Arc::default(),
        headers: parts.headers.clone(),
    };
    if let Err(refusal) = path_style(&mut parts, target) {
        return Err((refusal, incoming));
    }
    if framed {
        crate::exchange::unframe(&mut parts.headers);
        parts.headers.remove(header::TRANSFER_ENCODING);
        match length {
            Some(length) => parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
            None => parts.headers.remove(header::CONTENT_LENGTH),
        };
    }
    let body = match incoming.is_end_stream() && !framed {
        true => UnsyncBoxBody::new(Empty::new().map_err(|never| match never {})),
        false => {
            let reader = Reader {
                incoming: Some(incoming),
                home: Arc::clone(&passage.body),
                refused: Arc::clone(&passage.refused),
                passing: Some(passing),
                ready: Vec::new(),
                idle: limits.body_idle_time,
                rate: limits.body_rate_min.max(1),
                start: Instant::now(),
                bytes: 0,
            };
            let frames = stream::unfold(reader, |mut reader| async move {
                let frame = reader.next().await?;
                Some((frame, reader))
            });
            UnsyncBoxBody::new(StreamBody::new(Box::pin(frames)))
        }
    };
    Ok((http::Request::from_parts(parts, body), passage))
}

impl Passage {
    /// What was wrong with the body, when that is why the door could not answer well; else what is left of it is read for a moment.
    pub(crate) async fn close(self, failed: bool) -> Result<(), Refusal> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        let left = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (true, Some(left)) = (failed, left) {
            crate::body::forget(left, &self.headers).await;
        }
        match refused {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }
}

/// Writes the bucket into the path, and takes the signature out.
fn path_style(parts: &mut Parts, target: &Target) -> Result<(), Refusal> {
    let query = without_signature(&mut parts.headers, &format!("/?{}", parts.uri.query().unwrap_or_default()));
    let query = query.strip_prefix("/?").unwrap_or_default();
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !target.old || !OLD_SIGNATURE.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    let mut text = match &target.host {
        Some(bucket) => format!("/{bucket}{}", parts.uri.path()),
        None => parts.uri.path().to_owned(),
    };
    if !kept.is_empty() {
        text.push('?');
        text.push_str(&kept.join("&"));
    }
    let wrong = |error: http::uri::InvalidUri| Refusal::new(http::StatusCode::BAD_REQUEST, "InvalidURI", format!("{error}"));
    parts.uri = text.parse::<Uri>().map_err(wrong)?;
    Ok(())
}

/// Reads a body, verifies it, and gives it on.
struct Reader {
    incoming: Option<Incoming>,
    /// Where the body goes back to when the door did not want all of it.
    home: Arc<Mutex<Option<Incoming>>>,
    refused: Arc<Mutex<Option<Refusal>>>,
    passing: Option<Passing>,
    /// Pieces that are verified or will be, the next one last.
    ready: Vec<Bytes>,
    idle: Duration,
    /// Bytes a second.
    rate: u64,
    start: Instant,
    bytes: u64,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Error>> {
        loop {
            if let Some(piece) = self.ready.pop() {
                return Some(Ok(Frame::data(piece)));
            }
            match self.step().await {
                Ok(true) => {}
                Ok(false) => {
                    let trailers = match self.passing.take()?.finish() {
                        Ok(trailers) => trailers,
                        Err(denied) => return Some(Err(self.refuse(denied.into()))),
                    };
                    return (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)));
                }
                Err(refusal) => return Some(Err(self.refuse(refusal))),
            }
        }
    }

    /// Takes one frame of the connection; whether there was one.
    async fn step(&mut self) -> Result<bool, Refusal> {
        let (Some(incoming), Some(passing)) = (&mut self.incoming, &mut self.passing) else {
            return Ok(false);
        };
        // The time that a body may take grows with what has come of it.
        let earned = Duration::from_secs(self.bytes / self.rate);
        let end = (self.start + self.idle + earned).min(Instant::now() + self.idle);
        let frame = timeout_at(end, poll_fn(|cx: &mut Poller<'_>| Pin::new(&mut *incoming).poll_frame(cx)));
        match frame.await {
            Err(_) => Err(Refusal::too_slow()),
            Ok(None) => {
                self.incoming = None;
                Ok(false)
            }
            Ok(Some(Err(error))) => {
                self.incoming = None;
                let message = format!("The body of the request broke off: {error}.");
                Err(Refusal::new(http::StatusCode::BAD_REQUEST, "IncompleteBody", message))
            }
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    self.bytes += data.len() as u64;
                    self.ready = passing.feed(data)?;
                    self.ready.reverse();
                }
                Ok(true)
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Error {
        self.passing = None;
        let message = refusal.message.clone();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        Error::new(Kind::Validation, message)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.incoming.take();
    }
}

/// For answers that are passed on: which request this was.
pub(crate) fn name(answer: &mut Objects, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert("x-amz-request-id", value.clone());
        answer.headers_mut().insert("x-amz-id-2", value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str, host: &str, service: Option<&str>) -> Option<(Option<String>, Option<String>)> {
        let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
        let scope = service.map(|service| Scope {
            access_key: "A".into(),
            region: None,
            service: service.into(),
        });
        Target::of(&request.into_parts().0, scope.as_ref()).map(|target| (target.host, target.bucket))
    }

    #[test]
    fn requests_of_s3_are_known() {
        let found = |host: Option<&str>, bucket: Option<&str>| Some((host.map(str::to_owned), bucket.map(str::to_owned)));
        for (uri, host, service, right) in [
            ("/docs/a", "localhost:7780", Some("s3"), found(None, Some("docs"))),
            ("/docs", "127.0.0.1:7780", Some("s3"), found(None, Some("docs"))),
            ("/", "[::1]:7780", Some("s3"), found(None, None)),
            ("/a", "docs.localhost:7780", Some("s3"), found(Some("docs"), Some("docs"))),
            ("/a", "my.docs.s3.localhost", Some("s3"), found(Some("my.docs"), Some("my.docs"))),
            (
                "/a",
                "docs.s3.eu-west-1.amazonaws.com",
                Some("s3"),
                found(Some("docs"), Some("docs")),
            ),
            ("/docs/a", "s3.eu-west-1.amazonaws.com", Some("s3"), found(None, Some("docs"))),
            ("/a", "docs.s3.localhost:7780", None, found(Some("docs"), Some("docs"))),
            ("/docs/a", "s3.localhost", None, found(None, Some("docs"))),
            (
                "/docs/a?AWSAccessKeyId=a&Signature=b&Expires=1",
                "localhost",
                None,
                found(None, Some("docs")),
            ),
            ("/docs/a", "localhost", None, None),
            ("/a", "docs.localhost", None, None),
            ("/agents/", "docs.s3.localhost", Some("bedrock"), None),
            ("/agents/", "localhost", Some("bedrock"), None),
        ] {
            assert_eq!(target(uri, host, service), right, "{uri} {host} {service:?}");
        }
    }

    #[test]
    fn paths_are_rewritten_and_signatures_taken_out() {
        let written = |uri: &str, host: Option<&str>, old: bool| {
            let request = http::Request::builder()
                .uri(uri)
                .header("authorization", "secret")
                .body(())
                .unwrap();
            let mut parts = request.into_parts().0;
            let target = Target {
                host: host.map(str::to_owned),
                bucket: None,
                old,
            };
            path_style(&mut parts, &target).unwrap();
            assert!(!parts.headers.contains_key("authorization"));
            parts.uri.to_string()
        };
        assert_eq!(
            written("/a%2Fb/?x=1&X-Amz-Signature=2&uploads", Some("docs"), false),
            "/docs/a%2Fb/?x=1&uploads"
        );
        assert_eq!(written("/docs//a", None, false), "/docs//a");
        assert_eq!(
            written("/d/a?AWSAccessKeyId=a&Signature=b&Expires=1&partNumber=2", None, true),
            "/d/a?partNumber=2"
        );
        assert_eq!(written("http://docs.s3.localhost/a?b", Some("docs"), false), "/docs/a?b");
    }
}
