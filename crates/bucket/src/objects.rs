//! The one way in which everything else reads and writes objects: by `s3://bucket/key`, wherever the bucket is.
//!
//! Buckets of this server come first; others are asked of the remote (real S3, or another server of its API), where there is one.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bedplate_base::{BoxFuture, Error, Kind, Result};
use bytes::Bytes;
use futures_util::StreamExt as _;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode};

use crate::bucket::Conditions;
use crate::buckets::Buckets;
use crate::fault::{blocking, disk};
use crate::limits::KEY_BYTES_MAX;
use crate::ops::write::finish;
use crate::receive::{Announced, receive};
use crate::record::About;

/// An object's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

/// Buckets that are somewhere else.
pub trait Remote: Send + Sync {
    /// The bytes of an object, or a range of them; no more than `bytes_max`.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::Quota`] when there are more, [`Kind::Dependency`] for everything else.
    fn get(&self, uri: Uri, range: Option<Range<u64>>, bytes_max: u64) -> BoxFuture<'static, Result<Bytes>>;
    /// Writes an object.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::Dependency`].
    fn put(&self, uri: Uri, bytes: Bytes, content_type: String) -> BoxFuture<'static, Result<()>>;
}

/// Reads and writes objects.
#[derive(Clone)]
pub struct Objects {
    buckets: Buckets,
    remote: Option<Arc<dyn Remote>>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects")
            .field("remote", &self.remote.is_some())
            .finish_non_exhaustive()
    }
}

impl Uri {
    /// Reads `s3://bucket/key`.
    ///
    /// # Errors
    /// [`Kind::Validation`], with the text.
    pub fn parse(text: &str) -> Result<Self> {
        let parts = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        match parts {
            Some((bucket, key)) => Self::new(bucket, key),
            None => {
                let shown: String = text.chars().take(100).collect();
                Err(Error::validation(format!(
                    "{shown:?} is not the address of an object: write s3://BUCKET/KEY"
                )))
            }
        }
    }

    /// An object's name from its parts.
    ///
    /// # Errors
    /// [`Kind::Validation`] when one of them can be none.
    pub fn new(bucket: &str, key: &str) -> Result<Self> {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(name) {
            let shown: String = bucket.chars().take(64).collect();
            return Err(Error::validation(format!("{shown:?} is not the name of a bucket")));
        }
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Error::validation(format!("the key of an object has 1 to {KEY_BYTES_MAX} bytes")));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl std::fmt::Display for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl Objects {
    /// Over the buckets here and, where there is one, the remote.
    pub fn new(buckets: Buckets, remote: Option<Arc<dyn Remote>>) -> Self {
        Self { buckets, remote }
    }

    /// The bytes of an object, or a range of them (what of it is there); no more than `bytes_max`, which are held in memory.
    ///
    /// # Errors
    /// [`Kind::NotFound`] (the message begins with `NoSuchBucket` or `NoSuchKey`), [`Kind::Quota`] when there are more bytes,
    /// [`Kind::Dependency`] when the remote fails.
    pub async fn read(&self, uri: &Uri, range: Option<Range<u64>>, bytes_max: u64) -> Result<Bytes> {
        let bucket = match (self.buckets.find(&uri.bucket), &self.remote) {
            (Ok(bucket), _) => bucket,
            (Err(_), Some(remote)) => return remote.get(uri.clone(), range, bytes_max).await,
            (Err(error), None) => return Err(shown(error)),
        };
        let key = uri.key.clone();
        let read = blocking(move || {
            let mut object = bucket.demand(&key)?;
            let size = object.stamp.size;
            let range = range.unwrap_or(0..size);
            let (start, end) = (range.start.min(size), range.end.min(size));
            let length = end.saturating_sub(start);
            if length > bytes_max {
                return Ok(Err(too_large(length, bytes_max)));
            }
            object.file.seek(SeekFrom::Start(start)).map_err(disk)?;
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            object.file.take(length).read_to_end(&mut bytes).map_err(disk)?;
            Ok(Ok(Bytes::from(bytes)))
        });
        read.await.map_err(shown)?
    }

    /// Writes an object; it is durable when this returns.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when there is no such bucket, [`Kind::AccessDenied`] when it may only be read, [`Kind::Validation`] when the key can be
    /// none there, [`Kind::Dependency`] when the remote fails.
    pub async fn write(&self, uri: &Uri, bytes: Bytes, content_type: &str) -> Result<()> {
        let bucket = match (self.buckets.find(&uri.bucket), &self.remote) {
            (Ok(bucket), _) => bucket,
            (Err(_), Some(remote)) => return remote.put(uri.clone(), bytes, content_type.to_owned()).await,
            (Err(error), None) => return Err(shown(error)),
        };
        bucket.writable().map_err(shown)?;
        let (drafting, key, now) = (Arc::clone(&bucket), uri.key.clone(), self.buckets.now());
        let draft = blocking(move || {
            drafting.place(&key)?;
            drafting.draft()
        });
        let draft = draft.await.map_err(shown)?;
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes)]).boxed();
        let body = StreamingBlob::from(s3s::Body::http_body_unsync(http_body_util::StreamBody::new(
            body.map(|bytes| bytes.map(http_body::Frame::data)),
        )));
        let received = receive(draft, Some(body), Announced::default()).await.map_err(shown)?;
        let about = About {
            content_type: Some(content_type.to_owned()),
            ..About::default()
        };
        let key = uri.key.clone();
        let done = blocking(move || finish(&bucket, &key, received, about, &Conditions::default(), now));
        done.await.map(drop).map_err(shown)
    }
}

fn too_large(bytes: u64, most: u64) -> Error {
    Error::new(
        Kind::Quota,
        format!("EntityTooLarge: the object has {bytes} bytes; {most} at most are read here"),
    )
}

/// S3's failure as one of ours, with its code.
fn shown(error: S3Error) -> Error {
    let kind = match error.code() {
        S3ErrorCode::NoSuchBucket | S3ErrorCode::NoSuchKey => Kind::NotFound,
        S3ErrorCode::AccessDenied => Kind::AccessDenied,
        S3ErrorCode::InvalidArgument | S3ErrorCode::InvalidRequest | S3ErrorCode::KeyTooLongError => Kind::Validation,
        S3ErrorCode::ServiceUnavailable | S3ErrorCode::SlowDown => Kind::Unavailable,
        _ => Kind::Internal,
    };
    let message = format!("{}: {}", error.code().as_str(), error.message().unwrap_or_default());
    Error::new(kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let uri = Uri::parse("s3://docs/a/b c.txt").unwrap();
        assert_eq!(
            (uri.bucket.as_str(), uri.key.as_str(), uri.to_string().as_str()),
            ("docs", "a/b c.txt", "s3://docs/a/b c.txt")
        );
        for wrong in [
            "",
            "s3://",
            "s3://docs",
            "s3://docs/",
            "docs/a",
            "https://docs/a",
            "s3://../etc",
            "s3://a/b",
        ] {
            assert!(Uri::parse(wrong).is_err(), "{wrong}");
        }
    }
}
