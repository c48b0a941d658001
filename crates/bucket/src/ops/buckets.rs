//! Buckets themselves.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::{caller, timestamp};
use crate::buckets::Buckets;
use crate::fault::{blocking, fault};

/// The region that has no location constraint.
const FIRST_REGION: &str = "us-east-1";

/// CreateBucket. One that exists is made again in us-east-1 only, as S3 does it; a region may be left out.
pub(crate) async fn create(buckets: &Buckets, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
    let caller = caller(&request.extensions);
    let name = request.input.bucket;
    let constraint = request
        .input
        .create_bucket_configuration
        .and_then(|given| given.location_constraint);
    let region = match constraint.as_ref().map(BucketLocationConstraint::as_str) {
        None | Some("") => caller.region.clone(),
        // The oldest name of a region.
        Some("EU") => "eu-west-1".to_owned(),
        Some(region) => region.to_owned(),
    };
    if region != caller.region && caller.region != FIRST_REGION {
        let message = format!(
            "The {region} location constraint is incompatible for the region specific endpoint this request was sent to: it is signed for {}.",
            caller.region
        );
        return Err(fault(S3ErrorCode::IllegalLocationConstraintException, message));
    }
    let location = format!("/{name}");
    let buckets = buckets.clone();
    let (bucket, new) = blocking(move || buckets.create(&name, &region)).await?;
    if !new && bucket.region != FIRST_REGION {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(fault(S3ErrorCode::BucketAlreadyOwnedByYou, message));
    }
    Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
}

/// DeleteBucket.
pub(crate) async fn delete(buckets: &Buckets, request: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
    let buckets = buckets.clone();
    blocking(move || buckets.delete(&request.input.bucket)).await?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

/// HeadBucket.
pub(crate) async fn head(buckets: &Buckets, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
    let bucket = buckets.find(&request.input.bucket)?;
    Ok(S3Response::new(HeadBucketOutput {
        bucket_region: Some(bucket.region.clone()),
        ..Default::default()
    }))
}

/// ListBuckets.
pub(crate) async fn list(buckets: &Buckets, request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = request.input;
    let prefix = input.prefix.clone().unwrap_or_default();
    let most = input.max_buckets.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(0));
    let wanted = |bucket: &crate::bucket::Bucket| {
        bucket.name.starts_with(&prefix)
            && input.continuation_token.as_ref().is_none_or(|token| bucket.name > *token)
            && input.bucket_region.as_ref().is_none_or(|region| bucket.region == *region)
    };
    let mut found: Vec<_> = buckets.all().into_iter().filter(|bucket| wanted(bucket)).collect();
    let more = found.len() > most;
    found.truncate(most);
    let token = found.last().filter(|_| more).map(|bucket| bucket.name.clone());
    let shown = found.iter().map(|bucket| Bucket {
        bucket_region: Some(bucket.region.clone()),
        creation_date: Some(timestamp(bucket.created)),
        name: Some(bucket.name.clone()),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(shown.collect()),
        continuation_token: token,
        owner: Some(owner(&caller(&request.extensions).account)),
        prefix: input.prefix,
    }))
}

/// GetBucketLocation: nothing for us-east-1.
pub(crate) async fn location(
    buckets: &Buckets,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let bucket = buckets.find(&request.input.bucket)?;
    let constraint = (bucket.region != FIRST_REGION).then(|| BucketLocationConstraint::from(bucket.region.clone()));
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint: constraint,
    }))
}

/// GetBucketVersioning: buckets here have no versions.
pub(crate) async fn versioning(
    buckets: &Buckets,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    buckets.find(&request.input.bucket)?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}

/// The owner of everything: the account.
pub(crate) fn owner(account: &str) -> Owner {
    Owner {
        display_name: None,
        id: Some(account.to_owned()),
    }
}
