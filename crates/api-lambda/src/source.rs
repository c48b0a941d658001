//! Where the code of a function comes from: the zip in the request, or an object of S3.

use std::sync::Arc;

use bedplate_base::{BoxFuture, Kind, Result};
use bedplate_wire::Fault;
use bytes::Bytes;

use crate::State;
use crate::fault::{exception, invalid, lacking};

/// Bytes of a zip in a bucket: AWS takes 250 MB unzipped (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const ZIP_BYTES_MAX: u64 = 250 << 20;

/// Reads an object by bucket and key, of so many bytes at most. What is wrong is said with S3's code: `NoSuchKey: …`.
pub type ReadObject = Arc<dyn Fn(String, String, u64) -> BoxFuture<'static, Result<Bytes>> + Send + Sync>;

/// The places that a request may name.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) zip: Option<Bytes>,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) version: Option<String>,
}

impl Source {
    /// The zip. `path` stands before the members' names in messages.
    pub(crate) async fn read(self, state: &State, path: &str) -> Result<Bytes, Fault> {
        match self {
            Self { zip: Some(zip), .. } => Ok(zip),
            Self { version: Some(_), .. } => Err(lacking(
                &format!("{path}S3ObjectVersion"),
                "leave it out: buckets here have no versions",
            )),
            Self {
                bucket: Some(bucket),
                key: Some(key),
                ..
            } => of_bucket(state, bucket, key, path).await,
            Self {
                bucket: None, key: None, ..
            } => Err(invalid(format!(
                "Please provide a source for function code: {path}ZipFile is missing"
            ))),
            Self { .. } => Err(invalid(format!(
                "Please provide a source for function code: {path}S3Bucket and {path}S3Key belong together"
            ))),
        }
    }
}

async fn of_bucket(state: &State, bucket: String, key: String, path: &str) -> Result<Bytes, Fault> {
    let Some(read) = &state.objects else {
        return Err(lacking(
            &format!("{path}S3Bucket"),
            &format!("there are no buckets here; send the zip itself ({path}ZipFile)"),
        ));
    };
    read(bucket, key, ZIP_BYTES_MAX).await.map_err(|error| match error.kind {
        Kind::NotFound | Kind::Dependency | Kind::Quota | Kind::Validation | Kind::AccessDenied => {
            let (code, message) = error.message.split_once(": ").unwrap_or(("Unknown", &error.message));
            invalid(format!(
                "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
            ))
        }
        _ => exception(error),
    })
}
