//! Takes a body into a file: never the whole of it in memory, and hashed on the way.

use std::io::Write as _;
use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3ErrorCode, S3Result};

use crate::bucket::Draft;
use crate::digest::Digest;
use crate::fault::{blocking, disk, fault};
use crate::limits::{BLOCK_BYTES, PUT_BYTES_MAX};
use crate::record::{Algorithm, Sum};
use crate::service::Trailers;

/// What the client says about the bytes that it sends.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    /// How many there are.
    pub(crate) size: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    /// The checksum to compute, and what it must be when the head says so already.
    pub(crate) checksum: Option<(Algorithm, Option<String>)>,
    /// What comes behind the body.
    pub(crate) trailers: Option<Trailers>,
    /// Whether the checksum must come there.
    pub(crate) trailed: bool,
}

/// A body that is in a file and is what the client said.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) draft: Draft,
    pub(crate) md5: [u8; 16],
    pub(crate) sum: Sum,
}

impl Announced {
    /// Reads the heads of a request: `Content-MD5`, `x-amz-checksum-*`, `x-amz-trailer`.
    pub(crate) fn read(headers: &HeaderMap, size: Option<i64>, trailers: Option<Trailers>) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let md5 = match text("content-md5") {
            None => None,
            Some(value) => {
                let bytes = STANDARD.decode(value).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                let wrong = || {
                    fault(
                        S3ErrorCode::InvalidDigest,
                        "The Content-MD5 you specified was invalid: it is 16 bytes in base64.",
                    )
                };
                Some(bytes.ok_or_else(wrong)?)
            }
        };
        let given = |algorithm: &Algorithm| Some((*algorithm, text(&header(*algorithm))?.to_owned()));
        let mut trailed = false;
        let mut values = Algorithm::ALL.iter().filter_map(given);
        let checksum = match (values.next(), values.next()) {
            (Some(_), Some(_)) => {
                return Err(fault(
                    S3ErrorCode::InvalidRequest,
                    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
                ));
            }
            (Some((algorithm, value)), None) => Some((algorithm, Some(value))),
            (None, _) => {
                let announced = text("x-amz-trailer").unwrap_or_default().split(',');
                let named = |name: &str| Algorithm::named(name.trim().to_ascii_lowercase().strip_prefix("x-amz-checksum-")?);
                let behind = announced.filter_map(named).next();
                trailed = behind.is_some();
                let wanted = text("x-amz-sdk-checksum-algorithm").and_then(Algorithm::named);
                behind.or(wanted).map(|algorithm| (algorithm, None))
            }
        };
        Ok(Self {
            size: size.and_then(|size| u64::try_from(size).ok()),
            md5,
            checksum,
            trailers,
            trailed,
        })
    }
}

/// The header of a checksum.
fn header(algorithm: Algorithm) -> String {
    format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase())
}

/// A draft that grows.
struct Growing {
    draft: Draft,
    md5: Md5,
    digest: Digest,
}

/// Takes a body into a draft.
///
/// # Errors
/// The body breaks off, is larger than it may be, or is not what the client said.
pub(crate) async fn receive(draft: Draft, body: Option<StreamingBlob>, announced: Announced) -> S3Result<Received> {
    if announced.size.is_some_and(|size| size > PUT_BYTES_MAX) {
        return Err(too_large());
    }
    // S3 itself takes CRC-64 when the client names no checksum.
    let (algorithm, expected) = announced.checksum.clone().unwrap_or((Algorithm::Crc64Nvme, None));
    let mut growing = Growing {
        draft,
        md5: Md5::new(),
        digest: Digest::new(algorithm),
    };
    let (mut pieces, mut waiting, mut size) = (Vec::new(), 0, 0_u64);
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let piece =
                piece.map_err(|error| fault(S3ErrorCode::IncompleteBody, format!("The body of the request broke off: {error}.")))?;
            size += piece.len() as u64;
            if size > PUT_BYTES_MAX {
                return Err(too_large());
            }
            waiting += piece.len();
            pieces.push(piece);
            if waiting >= BLOCK_BYTES {
                waiting = 0;
                growing = growing.grow(mem::take(&mut pieces)).await?;
            }
        }
    }
    if let Some(right) = announced.size.filter(|right| *right != size) {
        let message = format!("You did not provide the number of bytes specified by the Content-Length HTTP header: {right}, not {size}.");
        return Err(fault(S3ErrorCode::IncompleteBody, message));
    }
    let Growing { draft, md5, digest } = growing.grow(pieces).await?;
    let md5 = md5.finalize();
    if announced.md5.is_some_and(|right| right != md5) {
        return Err(fault(
            S3ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        ));
    }
    let value = STANDARD.encode(digest.finish());
    let trailed = announced.trailers.and_then(|trailers| trailers.value(&header(algorithm)));
    if announced.trailed && trailed.is_none() {
        let message = format!("x-amz-trailer names {}, but it did not come behind the body.", header(algorithm));
        return Err(fault(S3ErrorCode::InvalidRequest, message));
    }
    for right in expected.into_iter().chain(trailed) {
        if right != value {
            let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
            return Err(fault(S3ErrorCode::BadDigest, message));
        }
    }
    Ok(Received {
        draft,
        md5,
        sum: Sum { algorithm, value },
    })
}

impl Growing {
    async fn grow(mut self, pieces: Vec<Bytes>) -> S3Result<Self> {
        if pieces.is_empty() {
            return Ok(self);
        }
        blocking(move || {
            for piece in pieces {
                self.md5.update(&piece);
                self.digest.update(&piece);
                self.draft.file.write_all(&piece).map_err(disk)?;
            }
            Ok(self)
        })
        .await
    }
}

pub(crate) fn too_large() -> s3s::S3Error {
    fault(
        S3ErrorCode::EntityTooLarge,
        format!("Your proposed upload exceeds the maximum allowed size: {PUT_BYTES_MAX} bytes in one request; send more in parts."),
    )
}
