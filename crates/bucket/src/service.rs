//! The way of a request: from the listener through s3s, which knows S3's wire, to the operations.
//!
//! Signatures are verified before, and are not seen here: s3s gets requests without them, and bodies without frames.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bedplate_base::{Error, Kind};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::{HeaderMap, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::buckets::Buckets;
use crate::fault::fault;
use crate::limits::{FORM_FILE_BYTES_MAX, XML_BYTES_MAX};
use crate::ops::{buckets, list, parts, read, write};
use crate::refusal;

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The account: twelve digits.
    pub account: String,
    /// The region of the signature, or the server's.
    pub region: String,
    /// The id that stands in errors.
    pub request_id: String,
}

/// What comes behind a body; it is there once the body has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trailers(Arc<Mutex<Option<HeaderMap>>>);

impl Trailers {
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trailers.as_ref()?.get(name)?.to_str().ok().map(|value| value.trim().to_owned())
    }
}

/// The answer to a request; its body breaks off with an error when a file cannot be read any more.
pub type Answer = http::Response<BoxStream<'static, Result<Bytes, Error>>>;

/// S3 over buckets.
#[derive(Clone)]
pub struct Service {
    inner: S3Service,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// Over these buckets.
    pub fn new(buckets: Buckets) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = XML_BYTES_MAX;
        config.post_object_max_file_size = FORM_FILE_BYTES_MAX;
        let mut builder = S3ServiceBuilder::new(Door(buckets));
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Self { inner: builder.build() }
    }

    /// Answers a request in path style whose signature has been verified and taken out. Its body may end in trailers.
    pub async fn call<B>(&self, request: http::Request<B>, caller: Caller) -> Answer
    where
        B: Body<Data = Bytes, Error = Error> + Send + Unpin + 'static,
    {
        let request_id = caller.request_id.clone();
        let (mut parts, body) = request.into_parts();
        let resource = parts.uri.path().to_owned();
        if let Err(error) = check_document(&parts, body.size_hint().exact() == Some(0)) {
            return match error.to_http_response() {
                Ok(response) => outgoing(refusal::whole(response, &resource, &request_id).await, &request_id),
                Err(_) => internal(),
            };
        }
        let trailers = Trailers::default();
        parts.extensions.insert(trailers.clone());
        parts.extensions.insert(caller);
        let length = body.size_hint().exact();
        let body = match length {
            Some(0) => s3s::Body::empty(),
            _ => s3s::Body::http_body_unsync(Watched { body, trailers }),
        };
        match self.inner.call(http::Request::from_parts(parts, body)).await {
            Ok(response) => outgoing(refusal::whole(response, &resource, &request_id).await, &request_id),
            Err(error) => {
                let error: Box<dyn std::error::Error + Send + Sync> = error.into();
                tracing::error!(target: "bucket", request_id, %error, "an answer could not be written");
                internal()
            }
        }
    }
}

/// Refuses bodies that s3s would read whole and then not take: those of everything that is not the bytes of an object.
fn check_document(parts: &http::request::Parts, is_empty: bool) -> S3Result<()> {
    let path = parts.uri.path().trim_start_matches('/');
    let has_key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let form = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("multipart/form-data"));
    // What is set for an object is a document too (s3s reads it before it says that there is no such operation).
    const SET: [&str; 6] = ["acl", "encryption", "legal-hold", "renameObject", "retention", "tagging"];
    let mut names = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default());
    let bytes = parts.method == http::Method::PUT && has_key && !names.any(|name| SET.contains(&name));
    if is_empty || form || bytes {
        return Ok(());
    }
    match text(header::CONTENT_LENGTH).and_then(|length| length.trim().parse::<usize>().ok()) {
        None => Err(fault(
            S3ErrorCode::MissingContentLength,
            "You must provide the Content-Length HTTP header.",
        )),
        Some(length) if length > XML_BYTES_MAX => {
            let message = format!("Your request was too big: a document has {XML_BYTES_MAX} bytes at most.");
            Err(fault(S3ErrorCode::MaxMessageLengthExceeded, message))
        }
        Some(_) => Ok(()),
    }
}

/// For an answer that cannot even be written.
fn internal() -> Answer {
    let mut response = http::Response::new(futures_util::stream::empty().boxed());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn outgoing(response: s3s::HttpResponse, request_id: &str) -> Answer {
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::NOT_MODIFIED {
        // RFC 9110 15.4.5: there is no body.
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
            parts.headers.remove(name);
        }
        return http::Response::from_parts(parts, futures_util::stream::empty().boxed());
    }
    // Files say how long they are, XML does not.
    if let (false, Some(length)) = (parts.headers.contains_key(header::CONTENT_LENGTH), body.size_hint().exact()) {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let request_id = request_id.to_owned();
    let body = body.into_data_stream().map(move |piece| {
        piece.map_err(|error| {
            tracing::warn!(target: "bucket", request_id, %error, "an object could not be read to its end");
            Error::new(Kind::Internal, "The object could not be read to its end.")
        })
    });
    http::Response::from_parts(parts, body.boxed())
}

/// A body whose trailers are kept.
struct Watched<B> {
    body: B,
    trailers: Trailers,
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        Poll::Ready(match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            None => None,
            // The message only: what stands behind it is for the log of the listener.
            Some(Err(error)) => Some(Err(std::io::Error::other(error.message))),
            Some(Ok(frame)) => match frame.into_trailers() {
                Ok(trailers) => {
                    *this.trailers.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trailers);
                    None
                }
                Err(data) => Some(Ok(data)),
            },
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The operations that there are; s3s answers `NotImplemented` for all others.
struct Door(Buckets);

macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident = $path:path;)*) => {
        #[async_trait::async_trait]
        impl S3 for Door {
            $(
                async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    $path(&self.0, request).await
                }
            )*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput = buckets::create;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = buckets::delete;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = buckets::head;
    list_buckets(ListBucketsInput) -> ListBucketsOutput = buckets::list;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = buckets::location;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = buckets::versioning;
    get_object(GetObjectInput) -> GetObjectOutput = read::get;
    head_object(HeadObjectInput) -> HeadObjectOutput = read::head;
    list_objects(ListObjectsInput) -> ListObjectsOutput = list::first;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = list::second;
    put_object(PutObjectInput) -> PutObjectOutput = write::put;
    copy_object(CopyObjectInput) -> CopyObjectOutput = write::copy;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = write::delete;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = write::delete_many;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = parts::create;
    upload_part(UploadPartInput) -> UploadPartOutput = parts::upload;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = parts::upload_copy;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = parts::complete;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = parts::abort;
    list_parts(ListPartsInput) -> ListPartsOutput = parts::list;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = parts::list_uploads;
}
