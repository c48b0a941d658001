//! GetObject and HeadObject: ranges, conditions, parts.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range as Span;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::{etag, expires, http_date, kind, put_checksum, seconds, timestamp};
use crate::bucket::Object;
use crate::buckets::Buckets;
use crate::fault::{blocking, disk, fault, no_key, precondition};
use crate::limits::BLOCK_BYTES;
use crate::record::Record;

/// Content type of an object whose sender named none.
const UNKNOWN: &str = "binary/octet-stream";

/// What a request may demand of an object before it is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// How a demand fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    NotModified,
    Failed,
}

impl Demands {
    /// In the order of RFC 9110 13.2.2, which is S3's.
    pub(super) fn judge(&self, object: &Object) -> Result<(), Unmet> {
        let tag = object.etag();
        let same = |condition: &ETagCondition| condition.is_any() || condition.as_etag().is_some_and(|etag| etag.value() == tag);
        let changed = object.stamp.changed.div_euclid(1_000_000_000);
        let after = |time: &Timestamp| changed > seconds(time);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !same(condition) => return Err(Unmet::Failed),
            (None, Some(time)) if after(time) => return Err(Unmet::Failed),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if same(condition) => Err(Unmet::NotModified),
            (None, Some(time)) if !after(time) => Err(Unmet::NotModified),
            _ => Ok(()),
        }
    }
}

/// An object with what of it is wanted.
struct Found {
    object: Object,
    span: Span<u64>,
    /// Whether that is not all of it.
    partial: bool,
    parts: Option<i32>,
}

/// GetObject.
pub(crate) async fn get(buckets: &Buckets, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let demands = Demands {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let found = find(buckets, input.bucket, input.key.clone(), demands, input.range, input.part_number).await?;
    let Found {
        object,
        span,
        partial,
        parts,
    } = found;
    let record = object.record.clone().unwrap_or_default();
    let size = object.stamp.size;
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: record.about.cache_control.clone(),
        content_disposition: record.about.content_disposition.clone(),
        content_encoding: record.about.content_encoding.clone(),
        content_language: record.about.content_language.clone(),
        content_length: Some(length(&span)),
        content_range: partial.then(|| content_range(&span, size)),
        content_type: Some(content_type(&record, &input.key)),
        e_tag: Some(etag(object.etag())),
        expires: expires(&record.about),
        last_modified: Some(timestamp(object.stamp.changed)),
        metadata: metadata(&record),
        parts_count: parts,
        ..Default::default()
    };
    if input.checksum_mode.is_some() && !partial {
        output.checksum_type = record.checksum.as_ref().map(kind);
        put_checksum!(output, record.checksum.as_ref());
    }
    output.body = Some(StreamingBlob::wrap(Box::pin(pieces(object.file, span))));
    Ok(S3Response::new(output))
}

/// HeadObject.
pub(crate) async fn head(buckets: &Buckets, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let demands = Demands {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let found = find(buckets, input.bucket, input.key.clone(), demands, input.range, input.part_number).await?;
    let record = found.object.record.clone().unwrap_or_default();
    let size = found.object.stamp.size;
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: input.response_cache_control.or(record.about.cache_control.clone()),
        content_disposition: input.response_content_disposition.or(record.about.content_disposition.clone()),
        content_encoding: input.response_content_encoding.or(record.about.content_encoding.clone()),
        content_language: input.response_content_language.or(record.about.content_language.clone()),
        content_length: Some(length(&found.span)),
        content_range: found.partial.then(|| content_range(&found.span, size)),
        content_type: Some(input.response_content_type.unwrap_or_else(|| content_type(&record, &input.key))),
        e_tag: Some(etag(found.object.etag())),
        expires: input.response_expires.or(expires(&record.about)),
        last_modified: Some(timestamp(found.object.stamp.changed)),
        metadata: metadata(&record),
        parts_count: found.parts,
        ..Default::default()
    };
    if input.checksum_mode.is_some() && !found.partial {
        output.checksum_type = record.checksum.as_ref().map(kind);
        put_checksum!(output, record.checksum.as_ref());
    }
    Ok(S3Response::new(output))
}

/// Buckets here have no versions but the one that is called `null`.
pub(super) fn version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("null") => Ok(()),
        Some(id) => Err(fault(
            S3ErrorCode::NoSuchVersion,
            format!("Buckets here have no versions; leave the version id {id} out."),
        )),
    }
}

async fn find(
    buckets: &Buckets,
    bucket: String,
    key: String,
    demands: Demands,
    range: Option<Range>,
    part: Option<i32>,
) -> S3Result<Found> {
    let bucket = buckets.find(&bucket)?;
    blocking(move || {
        let object = bucket.open(&key)?.ok_or_else(|| no_key(&key))?;
        match demands.judge(&object) {
            Ok(()) => {}
            Err(Unmet::Failed) => return Err(precondition()),
            Err(Unmet::NotModified) => return Err(not_modified(&object)),
        }
        let size = object.stamp.size;
        let (span, parts) = match (range, part) {
            (Some(_), Some(_)) => {
                let message = "Cannot specify both Range header and partNumber query parameter";
                return Err(fault(S3ErrorCode::InvalidRequest, message));
            }
            (None, None) => (0..size, None),
            (Some(range), None) => (range.check(size).map_err(|_| out_of_range(size))?, None),
            (None, Some(number)) => part_of(&object, number)?,
        };
        let partial = range.is_some() || parts.is_some();
        Ok(Found {
            object,
            span,
            partial,
            parts,
        })
    })
    .await
}

/// The bytes of one part, and how many parts there are; an object that came at once has one, and does not say so.
fn part_of(object: &Object, number: i32) -> S3Result<(Span<u64>, Option<i32>)> {
    let sizes = object.record.as_ref().map_or(&[][..], |record| &record.parts);
    let wrong = || {
        let mut error = fault(
            S3ErrorCode::Custom("InvalidPartNumber".into()),
            "The requested partnumber is not satisfiable",
        );
        error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
        error
    };
    let index = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1))
        .ok_or_else(wrong)?;
    if sizes.is_empty() {
        return if index == 0 {
            Ok((0..object.stamp.size, None))
        } else {
            Err(wrong())
        };
    }
    let start: u64 = sizes.iter().take(index).sum();
    let size = sizes.get(index).ok_or_else(wrong)?;
    Ok((start..start + size, i32::try_from(sizes.len()).ok()))
}

fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", object.etag())) {
        headers.insert(header::ETAG, value);
    }
    let date = http_date(&timestamp(object.stamp.changed));
    if let Some(value) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header::LAST_MODIFIED, value);
    }
    error.set_headers(headers);
    error
}

fn out_of_range(size: u64) -> S3Error {
    let mut error = fault(
        S3ErrorCode::InvalidRange,
        format!("The requested range is not satisfiable: the object has {size} bytes"),
    );
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    error.set_headers(headers);
    error
}

fn length(span: &Span<u64>) -> i64 {
    i64::try_from(span.end - span.start).unwrap_or(i64::MAX)
}

fn content_range(span: &Span<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", span.start, span.end.saturating_sub(1))
}

fn metadata(record: &Record) -> Option<Metadata> {
    let metadata = &record.about.metadata;
    (!metadata.is_empty()).then(|| metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// As the sender said; for files that came some other way as their name says.
fn content_type(record: &Record, key: &str) -> String {
    match (&record.about.content_type, record.etag.is_empty()) {
        (Some(named), _) => named.clone(),
        (None, false) => UNKNOWN.to_owned(),
        (None, true) => by_name(key).to_owned(),
    }
}

fn by_name(key: &str) -> &'static str {
    let ending = key
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("txt" | "log") => "text/plain",
        Some("md") => "text/markdown",
        Some("html" | "htm") => "text/html",
        Some("csv") => "text/csv",
        Some("css") => "text/css",
        Some("js" | "mjs") => "text/javascript",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("xml") => "application/xml",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("gz") => "application/gzip",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("svg") => "image/svg+xml",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => UNKNOWN,
    }
}

/// A file's bytes, a block at a time.
fn pieces(file: File, span: Span<u64>) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + Sync + 'static {
    stream::unfold(Some((file, span)), |state| async move {
        let (file, span) = state?;
        if span.is_empty() {
            return None;
        }
        let read = blocking(move || block(file, span).map_err(disk)).await;
        match read {
            Ok((bytes, file, span)) => Some((Ok(bytes), Some((file, span)))),
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    })
}

fn block(mut file: File, span: Span<u64>) -> io::Result<(Bytes, File, Span<u64>)> {
    file.seek(SeekFrom::Start(span.start))?;
    let wanted = (span.end - span.start).min(BLOCK_BYTES as u64);
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(BLOCK_BYTES));
    (&file).take(wanted).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        // Somebody cut the file of a mapped folder short.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let start = span.start + bytes.len() as u64;
    Ok((bytes.into(), file, start..span.end))
}
