//! Buckets behind the listener's door, and the one reader of objects: of these buckets, and of those behind the upstream.

use std::ops::Range;
use std::sync::Arc;

use bedplate_api_lambda::ReadObject;
use bedplate_base::{BoxFuture, Clock, Error, Kind, Result};
use bedplate_bucket::{Buckets, Caller, Remote, Service, Uri};
use bedplate_http::{BucketDoor, ObjectBody, Objects, Scope, Upstream};
use bedplate_wire::Context;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::clock::SystemClock;

/// What stands in a path as it is (SigV4's canonical paths).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// Bytes of an answer to a write, which says little.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// The door.
struct Door {
    buckets: Buckets,
    service: Service,
}

/// The door of these buckets.
pub(crate) fn door(buckets: &Buckets) -> Arc<dyn BucketDoor> {
    Arc::new(Door {
        buckets: buckets.clone(),
        service: Service::new(buckets.clone()),
    })
}

impl BucketDoor for Door {
    fn has(&self, bucket: &str) -> bool {
        self.buckets.has(bucket)
    }

    fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn call(&self, request: http::Request<ObjectBody>, context: Context) -> BoxFuture<'static, Objects> {
        let service = self.service.clone();
        let caller = Caller {
            account: context.place.account,
            region: context.place.region,
            request_id: context.request_id,
        };
        Box::pin(async move { service.call(request, caller).await })
    }
}

/// Reads and writes objects: of these buckets, and of those behind the upstream, whose buckets are in `region`.
pub(crate) fn objects(buckets: &Buckets, upstream: Option<Arc<Upstream>>, region: &str) -> bedplate_bucket::Objects {
    let remote = upstream.map(|upstream| {
        Arc::new(Far {
            upstream,
            region: region.to_owned(),
        }) as Arc<dyn Remote>
    });
    bedplate_bucket::Objects::new(buckets.clone(), remote)
}

/// What models read and write with.
pub(crate) fn for_models(objects: &bedplate_bucket::Objects) -> bedplate_api_bedrock::Objects {
    let (reader, writer) = (objects.clone(), objects.clone());
    bedplate_api_bedrock::Objects {
        read: Arc::new(move |uri, bytes_max| {
            let objects = reader.clone();
            Box::pin(async move { objects.read(&Uri::parse(&uri)?, None, bytes_max).await })
        }),
        write: Arc::new(move |uri, bytes| {
            let objects = writer.clone();
            Box::pin(async move { objects.write(&Uri::parse(&uri)?, bytes, "application/json").await })
        }),
    }
}

/// What functions' code is read with.
pub(crate) fn read(objects: bedplate_bucket::Objects) -> ReadObject {
    Arc::new(move |bucket, key, bytes_max| {
        let objects = objects.clone();
        Box::pin(async move { objects.read(&Uri::new(&bucket, &key)?, None, bytes_max).await })
    })
}

/// Buckets behind the upstream.
struct Far {
    upstream: Arc<Upstream>,
    region: String,
}

impl Far {
    fn ask(&self, uri: Uri, request: http::request::Builder, body: Bytes, bytes_max: u64) -> BoxFuture<'static, Result<Bytes>> {
        let (upstream, region) = (Arc::clone(&self.upstream), self.region.clone());
        Box::pin(async move {
            let path = format!("/{}/{}", uri.bucket, utf8_percent_encode(&uri.key, PATH));
            let request = request.uri(path).body(body);
            let request = request.map_err(|error| Error::validation(format!("{uri} cannot be asked for: {error}")))?;
            let scope = Scope {
                access_key: "bedplate".to_owned(),
                region: Some(region),
                service: "s3".to_owned(),
            };
            let (status, bytes) = upstream
                .ask(request, scope, SystemClock::default().now(), bytes_max.max(ANSWER_BYTES_MAX))
                .await?;
            judge(&uri, status, &bytes)?;
            match bytes.len() as u64 > bytes_max {
                true => Err(Error::new(
                    Kind::Quota,
                    format!("EntityTooLarge: {uri} has more than {bytes_max} bytes"),
                )),
                false => Ok(bytes),
            }
        })
    }
}

impl Remote for Far {
    fn get(&self, uri: Uri, range: Option<Range<u64>>, bytes_max: u64) -> BoxFuture<'static, Result<Bytes>> {
        let mut request = http::Request::builder().method(Method::GET);
        if let Some(range) = range {
            request = request.header(header::RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        self.ask(uri, request, Bytes::new(), bytes_max)
    }

    fn put(&self, uri: Uri, bytes: Bytes, content_type: String) -> BoxFuture<'static, Result<()>> {
        let request = http::Request::builder()
            .method(Method::PUT)
            .header(header::CONTENT_TYPE, content_type);
        let asked = self.ask(uri, request, bytes, ANSWER_BYTES_MAX);
        Box::pin(async move { asked.await.map(drop) })
    }
}

/// What an answer of S3 that is none means, in its own words.
fn judge(uri: &Uri, status: StatusCode, body: &[u8]) -> Result<()> {
    if status.is_success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body);
    let between = |name: &str| {
        let rest = text.split_once(&format!("<{name}>"))?.1;
        Some(rest.split_once('<')?.0.chars().take(500).collect::<String>())
    };
    let kind = match status {
        StatusCode::NOT_FOUND => Kind::NotFound,
        _ => Kind::Dependency,
    };
    let code = between("Code").unwrap_or_else(|| status.to_string());
    let message = between("Message").unwrap_or_else(|| format!("{uri} could not be read"));
    Err(Error::new(kind, format!("{code}: {message}")))
}
