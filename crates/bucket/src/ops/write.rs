//! PutObject, CopyObject, DeleteObject, DeleteObjects.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range as Span;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::read::{Demands, version};
use super::{etag, http_date, kind, put_checksum, timestamp, trailers};
use crate::bucket::{Bucket, Conditions, Draft};
use crate::buckets::Buckets;
use crate::digest::{Digest, hex};
use crate::fault::{blocking, disk, fault, precondition};
use crate::limits::{BLOCK_BYTES, DELETES_MAX, METADATA_BYTES_MAX, PUT_BYTES_MAX};
use crate::receive::{Announced, Received, receive, too_large};
use crate::record::{About, Algorithm, Record, Sum};

/// PutObject.
pub(crate) async fn put(buckets: &Buckets, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let input = request.input;
    refuse(&request.headers)?;
    let announced = Announced::read(&request.headers, input.content_length, trailers(&request.extensions))?;
    let about = About {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        expires: input.expires.as_ref().and_then(http_date),
        metadata: metadata(input.metadata)?,
    };
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    if input.write_offset_bytes.is_some() {
        return Err(fault(
            S3ErrorCode::NotImplemented,
            "Objects here cannot be appended to: leave x-amz-write-offset-bytes out.",
        ));
    }
    let bucket = buckets.find(&input.bucket)?;
    bucket.writable()?;
    bucket.place(&input.key)?;
    let drafting = Arc::clone(&bucket);
    let draft = blocking(move || drafting.draft()).await?;
    let received = receive(draft, input.body, announced).await?;
    let now = buckets.now();
    let record = blocking(move || finish(&bucket, &input.key, received, about, &conditions, now)).await?;
    let mut output = PutObjectOutput {
        checksum_type: record.checksum.as_ref().map(kind),
        e_tag: Some(etag(record.etag)),
        ..Default::default()
    };
    put_checksum!(output, record.checksum.as_ref());
    Ok(S3Response::new(output))
}

/// Makes an object of a body.
pub(crate) fn finish(bucket: &Bucket, key: &str, received: Received, about: About, conditions: &Conditions, now: i64) -> S3Result<Record> {
    let Received { draft, md5, sum } = received;
    let record = Record {
        etag: hex(&md5),
        about,
        checksum: Some(sum),
        ..Record::default()
    };
    bucket.publish(key, draft, record, conditions, now)
}

/// CopyObject.
pub(crate) async fn copy(buckets: &Buckets, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
    refuse(&request.headers)?;
    let input = request.input;
    let (from, from_key) = source(buckets, &input.copy_source)?;
    let to = buckets.find(&input.bucket)?;
    to.writable()?;
    to.place(&input.key)?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == "REPLACE");
    if from.name == to.name && from_key == input.key && !replace {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, \
                       storage class, website redirect location or encryption attributes.";
        return Err(fault(S3ErrorCode::InvalidRequest, message));
    }
    let demands = Demands {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    let given = About {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        expires: input.expires.as_ref().and_then(http_date),
        metadata: metadata(input.metadata)?,
    };
    let algorithm = input.checksum_algorithm.and_then(|named| Algorithm::named(named.as_str()));
    let now = buckets.now();
    let record = blocking(move || {
        let object = from.demand(&from_key)?;
        demands.judge(&object).map_err(|_| precondition())?;
        let before = object.record.unwrap_or_default();
        let algorithm = algorithm.or(before.checksum.as_ref().map(|sum| sum.algorithm));
        let about = if replace { given } else { before.about };
        let received = take(object.file, 0..object.stamp.size, to.draft()?, algorithm)?;
        finish(&to, &input.key, received, about, &Conditions::default(), now)
    })
    .await?;
    let mut result = CopyObjectResult {
        checksum_type: record.checksum.as_ref().map(kind),
        e_tag: Some(etag(record.etag)),
        last_modified: Some(timestamp(record.changed)),
        ..Default::default()
    };
    put_checksum!(result, record.checksum.as_ref());
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        ..Default::default()
    }))
}

/// Bucket and key of a copy's source.
pub(super) fn source(buckets: &Buckets, source: &CopySource) -> S3Result<(Arc<Bucket>, String)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            version(version_id.as_deref())?;
            Ok((buckets.find(bucket)?, key.to_string()))
        }
        _ => Err(fault(
            S3ErrorCode::NotImplemented,
            "There are no access points here: write the source of a copy as BUCKET/KEY.",
        )),
    }
}

/// Takes a piece of a file into a draft.
pub(super) fn take(mut file: std::fs::File, span: Span<u64>, mut draft: Draft, algorithm: Option<Algorithm>) -> S3Result<Received> {
    if span.end - span.start > PUT_BYTES_MAX {
        return Err(too_large());
    }
    let algorithm = algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let (mut md5, mut digest) = (Md5::new(), Digest::new(algorithm));
    file.seek(SeekFrom::Start(span.start)).map_err(disk)?;
    let mut rest = (&file).take(span.end - span.start);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = rest.read(&mut block).map_err(disk)?;
        if read == 0 {
            break;
        }
        md5.update(&block[..read]);
        digest.update(&block[..read]);
        std::io::Write::write_all(&mut draft.file, &block[..read]).map_err(disk)?;
    }
    let value = STANDARD.encode(digest.finish());
    Ok(Received {
        draft,
        md5: md5.finalize(),
        sum: Sum { algorithm, value },
    })
}

/// DeleteObject: what is not there is deleted already.
pub(crate) async fn delete(buckets: &Buckets, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let bucket = buckets.find(&input.bucket)?;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: None,
    };
    blocking(move || bucket.remove(&input.key, &conditions)).await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

/// DeleteObjects: each key for itself.
pub(crate) async fn delete_many(buckets: &Buckets, request: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = request.input;
    let bucket = buckets.find(&input.bucket)?;
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > DELETES_MAX {
        let message = format!("DeleteObjects takes 1 to {DELETES_MAX} keys.");
        return Err(fault(S3ErrorCode::MalformedXML, message));
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    blocking(move || {
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in objects {
            let conditions = Conditions {
                if_match: object.e_tag.map(ETagCondition::ETag),
                if_none_match: None,
            };
            let done = version(object.version_id.as_deref()).and_then(|()| bucket.remove(&object.key, &conditions));
            match done {
                Ok(_) if quiet => {}
                Ok(_) => deleted.push(DeletedObject {
                    key: Some(object.key),
                    ..Default::default()
                }),
                Err(error) => errors.push(shown(error, object.key)),
            }
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            request_charged: None,
        }))
    })
    .await
}

fn shown(error: S3Error, key: String) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        key: Some(key),
        message: error.message().map(str::to_owned),
        version_id: None,
    }
}

/// The client's own metadata, which is bounded.
pub(super) fn metadata(given: Option<Metadata>) -> S3Result<std::collections::BTreeMap<String, String>> {
    let metadata: std::collections::BTreeMap<String, String> = given.unwrap_or_default().into_iter().collect();
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        let message =
            format!("Your metadata headers exceed the maximum allowed metadata size: {bytes} bytes, {METADATA_BYTES_MAX} at most.");
        return Err(fault(S3ErrorCode::MetadataTooLarge, message));
    }
    Ok(metadata)
}

/// Refuses what would be promised and not kept, by its header.
pub(super) fn refuse(headers: &http::HeaderMap) -> S3Result<()> {
    const LACKING: [(&str, &str); 4] = [
        ("x-amz-tagging", "objects here have no tags"),
        ("x-amz-object-lock-", "objects here cannot be locked"),
        (
            "x-amz-server-side-encryption-customer-",
            "objects here are not encrypted with keys of the client",
        ),
        ("x-amz-website-redirect-location", "buckets here are no web sites"),
    ];
    for name in headers.keys() {
        let lacking = LACKING.iter().find(|(lacking, _)| name.as_str().starts_with(lacking));
        if let Some((_, why)) = lacking.filter(|_| name.as_str() != "x-amz-tagging-directive") {
            let message = format!("{name} is not supported here: {why}; leave it out.");
            return Err(fault(S3ErrorCode::NotImplemented, message));
        }
    }
    Ok(())
}
