//! Uploads in parts.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::buckets::owner;
use super::list::Form;
use super::read::Demands;
use super::write::{metadata, refuse, source, take};
use super::{caller, etag, http_date, kind, named_checksum, put_checksum, timestamp, trailers};
use crate::bucket::Conditions;
use crate::buckets::Buckets;
use crate::fault::{blocking, disk, fault, precondition};
use crate::limits::PAGE_MAX;
use crate::receive::{Announced, receive};
use crate::record::{About, Algorithm};
use crate::upload::{self, Claimed, Manifest, check_number};

/// CreateMultipartUpload.
pub(crate) async fn create(
    buckets: &Buckets,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    refuse(&request.headers)?;
    let input = request.input;
    let bucket = buckets.find(&input.bucket)?;
    bucket.writable()?;
    bucket.place(&input.key)?;
    let algorithm = match &input.checksum_algorithm {
        None => None,
        Some(named) => Some(Algorithm::named(named.as_str()).ok_or_else(|| {
            fault(
                S3ErrorCode::InvalidRequest,
                "Checksum algorithm provided is unsupported: it is CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.",
            )
        })?),
    };
    let whole = match (algorithm, input.checksum_type.as_ref().map(ChecksumType::as_str)) {
        // S3's table of checksums and their kinds (userguide, checking-object-integrity-upload).
        (Some(Algorithm::Sha1 | Algorithm::Sha256), Some("FULL_OBJECT")) | (Some(Algorithm::Crc64Nvme), Some("COMPOSITE")) => {
            let message = "The checksum type cannot be used with this checksum algorithm.";
            return Err(fault(S3ErrorCode::InvalidRequest, message));
        }
        (_, Some(kind)) => kind == "FULL_OBJECT",
        (algorithm, None) => matches!(algorithm, None | Some(Algorithm::Crc64Nvme)),
    };
    let manifest = Manifest {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        begun: buckets.now(),
        about: About {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            expires: input.expires.as_ref().and_then(http_date),
            metadata: metadata(input.metadata)?,
        },
        algorithm,
        whole,
    };
    let buckets = buckets.clone();
    let id = blocking(move || upload::begin(&buckets, &manifest)).await?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: algorithm.map(|_| ChecksumType::from_static(if whole { "FULL_OBJECT" } else { "COMPOSITE" })),
        ..Default::default()
    }))
}

/// UploadPart.
pub(crate) async fn upload(buckets: &Buckets, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
    let input = request.input;
    check_number(input.part_number)?;
    let mut announced = Announced::read(&request.headers, input.content_length, trailers(&request.extensions))?;
    let (finding, number) = (buckets.clone(), input.part_number);
    let (upload, draft) = blocking(move || {
        finding.find(&input.bucket)?.writable()?;
        let upload = upload::find(&finding, &input.bucket, &input.key, &input.upload_id)?;
        let draft = upload.draft()?;
        Ok((upload, draft))
    })
    .await?;
    if announced.checksum.is_none() {
        announced.checksum = upload.manifest.algorithm.map(|algorithm| (algorithm, None));
    }
    let received = receive(draft, input.body, announced).await?;
    let now = buckets.now();
    let part = blocking(move || upload.put(number, received, now)).await?;
    let mut output = UploadPartOutput {
        e_tag: Some(etag(part.etag)),
        ..Default::default()
    };
    put_checksum!(output, Some(&part.sum));
    Ok(S3Response::new(output))
}

/// UploadPartCopy.
pub(crate) async fn upload_copy(buckets: &Buckets, request: S3Request<UploadPartCopyInput>) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = request.input;
    check_number(input.part_number)?;
    let (from, from_key) = source(buckets, &input.copy_source)?;
    buckets.find(&input.bucket)?.writable()?;
    let demands = Demands {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    let wrong = || {
        fault(
            S3ErrorCode::InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last",
        )
    };
    let range = input
        .copy_source_range
        .as_deref()
        .map(|text| Range::parse(text).map_err(|_| wrong()))
        .transpose()?;
    let buckets = buckets.clone();
    let part = blocking(move || {
        let upload = upload::find(&buckets, &input.bucket, &input.key, &input.upload_id)?;
        let object = from.demand(&from_key)?;
        demands.judge(&object).map_err(|_| precondition())?;
        let size = object.stamp.size;
        let span = match range {
            None => 0..size,
            Some(Range::Int { last: Some(last), .. }) if last >= size => {
                let message = format!("Range specified is not valid for source object of size: {size}");
                return Err(fault(S3ErrorCode::InvalidRange, message));
            }
            Some(range) => range.check(size)?,
        };
        let received = take(object.file, span, upload.draft()?, upload.manifest.algorithm)?;
        upload.put(input.part_number, received, buckets.now())
    })
    .await?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(part.etag)),
        last_modified: Some(timestamp(part.came)),
        ..Default::default()
    };
    put_checksum!(result, Some(&part.sum));
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..Default::default()
    }))
}

/// CompleteMultipartUpload.
pub(crate) async fn complete(
    buckets: &Buckets,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = request.input;
    let bucket = buckets.find(&input.bucket)?;
    bucket.writable()?;
    let claimed = claimed(input.multipart_upload)?;
    let expected = named_checksum([
        input.checksum_crc32,
        input.checksum_crc32c,
        input.checksum_crc64nvme,
        input.checksum_sha1,
        input.checksum_sha256,
    ]);
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let (name, key) = (input.bucket.clone(), input.key.clone());
    let buckets = buckets.clone();
    let record = blocking(move || {
        let upload = upload::find(&buckets, &input.bucket, &input.key, &input.upload_id)?;
        let expected = expected.as_ref().map(|(_, value)| value.as_str());
        let record = upload.complete(&bucket, &claimed, expected, &conditions, buckets.now())?;
        upload.remove(&buckets);
        Ok(record)
    })
    .await?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{name}/{key}")),
        bucket: Some(name),
        key: Some(key),
        checksum_type: record.checksum.as_ref().map(kind),
        e_tag: Some(etag(record.etag)),
        ..Default::default()
    };
    put_checksum!(output, record.checksum.as_ref());
    Ok(S3Response::new(output))
}

fn claimed(given: Option<CompletedMultipartUpload>) -> S3Result<Vec<Claimed>> {
    let parts = given.and_then(|given| given.parts).unwrap_or_default();
    let malformed = || {
        fault(
            S3ErrorCode::MalformedXML,
            "Each Part needs a PartNumber and the ETag that UploadPart gave it.",
        )
    };
    parts
        .into_iter()
        .map(|part| {
            Ok(Claimed {
                number: part.part_number.ok_or_else(malformed)?,
                etag: part.e_tag.ok_or_else(malformed)?.into_value(),
                checksum: named_checksum([
                    part.checksum_crc32,
                    part.checksum_crc32c,
                    part.checksum_crc64nvme,
                    part.checksum_sha1,
                    part.checksum_sha256,
                ]),
            })
        })
        .collect()
}

/// AbortMultipartUpload.
pub(crate) async fn abort(
    buckets: &Buckets,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    buckets.find(&input.bucket)?;
    let buckets = buckets.clone();
    blocking(move || {
        upload::find(&buckets, &input.bucket, &input.key, &input.upload_id)?.remove(&buckets);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

/// ListParts.
pub(crate) async fn list(buckets: &Buckets, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
    let account = caller(&request.extensions).account;
    let input = request.input;
    buckets.find(&input.bucket)?;
    let most = input.max_parts.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    let after = input.part_number_marker.unwrap_or_default();
    let (name, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
    let buckets = buckets.clone();
    let (manifest, parts, more) = blocking(move || {
        let upload = upload::find(&buckets, &input.bucket, &input.key, &input.upload_id)?;
        let (parts, more) = upload.parts(after, usize::try_from(most).unwrap_or_default())?;
        Ok((upload.manifest, parts, more))
    })
    .await?;
    let last = parts.last().map_or(after, |part| part.number);
    let shown = parts.into_iter().map(|part| {
        let mut shown = Part {
            e_tag: Some(etag(part.etag)),
            last_modified: Some(timestamp(part.came)),
            part_number: Some(part.number),
            size: i64::try_from(part.size).ok(),
            ..Default::default()
        };
        put_checksum!(shown, manifest.algorithm.map(|_| &part.sum));
        shown
    });
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(name),
        key: Some(key),
        upload_id: Some(id),
        is_truncated: Some(more),
        max_parts: Some(most),
        part_number_marker: Some(after),
        next_part_number_marker: Some(last),
        parts: Some(shown.collect()),
        owner: Some(owner(&account)),
        storage_class: Some(StorageClass::from_static("STANDARD")),
        checksum_algorithm: manifest.algorithm.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        ..Default::default()
    }))
}

/// ListMultipartUploads; by prefix, without groups.
pub(crate) async fn list_uploads(
    buckets: &Buckets,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    buckets.find(&input.bucket)?;
    let form = Form::of(input.encoding_type.as_ref())?;
    let most = input.max_uploads.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    if input.delimiter.as_ref().is_some_and(|text| !text.is_empty()) {
        return Err(fault(
            S3ErrorCode::NotImplemented,
            "Uploads are listed without groups here: leave the delimiter out.",
        ));
    }
    let (finding, name) = (buckets.clone(), input.bucket.clone());
    let mut uploads = blocking(move || upload::all(&finding, &name).map_err(disk)).await?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.clone().unwrap_or_default();
    // Those of one key stand by age, as S3 has it; behind a marker only those whose turn has not come.
    let mut past_marker = id_marker.is_empty();
    uploads.retain(|upload| {
        let key = upload.manifest.key.as_str();
        if key == marker && !id_marker.is_empty() {
            let here = past_marker;
            past_marker |= upload.id == id_marker;
            return here && key.starts_with(&prefix);
        }
        key > marker.as_str() && key.starts_with(&prefix)
    });
    let limit = usize::try_from(most).unwrap_or_default();
    let more = uploads.len() > limit;
    uploads.truncate(limit);
    let last = uploads.last().filter(|_| more);
    let (next_key, next_id) = (last.map(|last| form.text(&last.manifest.key)), last.map(|last| last.id.clone()));
    let shown = uploads.into_iter().map(|upload| MultipartUpload {
        initiated: Some(timestamp(upload.manifest.begun)),
        key: Some(form.text(&upload.manifest.key)),
        upload_id: Some(upload.id),
        storage_class: Some(StorageClass::from_static("STANDARD")),
        ..Default::default()
    });
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(more),
        key_marker: input.key_marker,
        max_uploads: Some(most),
        next_key_marker: next_key,
        next_upload_id_marker: next_id,
        prefix: input.prefix.map(|text| form.text(&text)),
        upload_id_marker: input.upload_id_marker,
        uploads: Some(shown.collect()),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}
