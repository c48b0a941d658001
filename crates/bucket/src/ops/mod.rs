//! The operations: from S3's types to buckets and back.

pub(crate) mod buckets;
pub(crate) mod list;
pub(crate) mod parts;
pub(crate) mod read;
pub(crate) mod write;

use std::time::{Duration, SystemTime};

use http::Extensions;
use s3s::dto::{ETag, Timestamp, TimestampFormat};

use crate::record::{About, Algorithm, Sum};
use crate::service::{Caller, Trailers};

/// Who asks.
fn caller(extensions: &Extensions) -> Caller {
    extensions.get().cloned().unwrap_or_default()
}

fn trailers(extensions: &Extensions) -> Option<Trailers> {
    extensions.get().cloned()
}

/// A time of ours in s3s's type.
fn timestamp(nanos: i64) -> Timestamp {
    let since = Duration::from_nanos(u64::try_from(nanos).unwrap_or_default());
    Timestamp::from(SystemTime::UNIX_EPOCH + since)
}

/// The seconds of a time of s3s's, since 1970: conditions are judged by seconds, because HTTP's dates have no more.
fn seconds(time: &Timestamp) -> i64 {
    let mut text = Vec::new();
    match time.format(TimestampFormat::EpochSeconds, &mut text) {
        Ok(()) => String::from_utf8_lossy(&text)
            .split('.')
            .next()
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or_default(),
        Err(_) => 0,
    }
}

fn etag(text: impl Into<String>) -> ETag {
    ETag::Strong(text.into())
}

/// A date as HTTP writes it.
fn http_date(time: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

fn expires(about: &About) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, about.expires.as_deref()?).ok()
}

/// Sets the one member of an output that a checksum belongs in.
macro_rules! put_checksum {
    ($output:expr, $sum:expr) => {
        if let Some(sum) = $sum {
            let value = Some(sum.value.clone());
            match sum.algorithm {
                $crate::record::Algorithm::Crc32 => $output.checksum_crc32 = value,
                $crate::record::Algorithm::Crc32c => $output.checksum_crc32c = value,
                $crate::record::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
                $crate::record::Algorithm::Sha1 => $output.checksum_sha1 = value,
                $crate::record::Algorithm::Sha256 => $output.checksum_sha256 = value,
            }
        }
    };
}
use put_checksum;

/// `COMPOSITE` for a checksum of checksums, `FULL_OBJECT` for one of all bytes.
fn kind(sum: &Sum) -> s3s::dto::ChecksumType {
    let kind = if sum.value.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" };
    s3s::dto::ChecksumType::from_static(kind)
}

/// The checksum that an input names, from its five members.
fn named_checksum(values: [Option<String>; 5]) -> Option<(Algorithm, String)> {
    Algorithm::ALL
        .into_iter()
        .zip(values)
        .find_map(|(algorithm, value)| Some((algorithm, value?)))
}
