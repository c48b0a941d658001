//! Failures, as S3 names them.

use std::io;

use s3s::{S3Error, S3ErrorCode};

/// A failure with S3's code and a sentence that says what would be right.
pub(crate) fn fault(code: S3ErrorCode, message: impl Into<String>) -> S3Error {
    S3Error::with_message(code, message.into())
}

pub(crate) fn no_bucket(name: &str) -> S3Error {
    fault(
        S3ErrorCode::NoSuchBucket,
        format!("The specified bucket does not exist: {name}. CreateBucket makes it, or [buckets.{name}] in bedplate.toml."),
    )
}

pub(crate) fn no_key(key: &str) -> S3Error {
    fault(S3ErrorCode::NoSuchKey, format!("The specified key does not exist: {key}"))
}

pub(crate) fn unfit(why: String) -> S3Error {
    fault(S3ErrorCode::InvalidArgument, why)
}

pub(crate) fn precondition() -> S3Error {
    fault(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
}

/// What went wrong with a file.
pub(crate) fn disk(error: io::Error) -> S3Error {
    use io::ErrorKind;
    let (code, message) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (S3ErrorCode::ServiceUnavailable, "The disk of the bucket is full."),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (
            S3ErrorCode::AccessDenied,
            "The server may not read or write this file of the bucket's folder.",
        ),
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => (
            S3ErrorCode::InvalidRequest,
            "A file and a folder of one name cannot both be in the bucket's folder: a part of the key before a slash is a file there, the key is a \
             folder, or it leads over a symbolic link.",
        ),
        _ => (
            S3ErrorCode::InternalError,
            "The server could not read or write the bucket's folder; its log tells more.",
        ),
    };
    if code == S3ErrorCode::InternalError {
        tracing::warn!(target: "bucket", %error, "a file of a bucket could not be read or written");
    }
    let mut fault = S3Error::with_message(code, message);
    fault.set_source(Box::new(error));
    fault
}

/// Work on files, on a thread that may wait for them.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, S3Error> + Send + 'static) -> Result<T, S3Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failure) => {
            tracing::error!(target: "bucket", %failure, "work on a bucket panicked");
            Err(fault(S3ErrorCode::InternalError, "The server made a mistake; its log tells more."))
        }
    }
}
