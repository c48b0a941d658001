//! Bodies in the frames of `aws-chunked`: `SIZE;chunk-signature=HEX`, the bytes, and an empty frame at the end. Each signature covers the
//! one before it, so that frames can be neither left out nor moved.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>

use bedplate_sigv4::{Signing, hex, read_hex, sha256};
use bytes::{Bytes, BytesMut};
use subtle::ConstantTimeEq;

use super::Denied;

/// Bytes of a frame's first line. A size has at most 16 digits and a signature 64; extensions of other algorithms are longer.
const LINE_MAX: usize = 512;
const SIGNATURE: &str = "chunk-signature=";
const KIND: &str = "AWS4-HMAC-SHA256-PAYLOAD";

/// The signatures of frames, in a row.
#[derive(Debug)]
pub(crate) struct Chain {
    signing: Signing,
    last: [u8; 32],
    length: Option<usize>,
}

impl Chain {
    /// From the signature of the head; `length` is that of the body without frames, when the head says it.
    pub(super) fn new(signing: Signing, seed: [u8; 32], length: Option<usize>) -> Self {
        Self {
            signing,
            last: seed,
            length,
        }
    }

    fn check(&mut self, data: &[u8], extension: &str) -> Result<(), Denied> {
        let text = extension
            .strip_prefix(SIGNATURE)
            .ok_or_else(|| Denied::garbled(format!("A frame of the body lacks its {SIGNATURE}.")))?;
        let given = read_hex(text).ok_or_else(Denied::mismatch)?;
        let Signing { time, scope, .. } = &self.signing;
        let (last, empty, hash) = (hex(&self.last), hex(&sha256(b"")), hex(&sha256(data)));
        let right = self
            .signing
            .sign(format!("{KIND}\n{time}\n{scope}\n{last}\n{empty}\n{hash}").as_bytes());
        if !bool::from(right.ct_eq(&given)) {
            return Err(Denied::mismatch());
        }
        self.last = right;
        Ok(())
    }
}

/// Takes a body out of its frames. With a chain every frame has to be signed and nothing may follow the last one; without, signatures are
/// not looked at and trailers are left out.
pub(super) fn decode(body: Bytes, mut chain: Option<Chain>) -> Result<Bytes, Denied> {
    let mut rest = &body[..];
    let mut out = BytesMut::with_capacity(body.len());
    loop {
        let end = rest.iter().take(LINE_MAX).position(|byte| *byte == b'\n');
        let line = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok()?.strip_suffix('\r').map(|line| (line, end)));
        let Some((line, end)) = line else {
            return Err(broken("a frame does not begin with a line of its size"));
        };
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = (size.len() <= 16 && size.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| usize::from_str_radix(size, 16).ok())
            .flatten()
            .ok_or_else(|| broken("the size of a frame is not a hexadecimal number"))?;
        rest = &rest[end + 1..];
        let Some((data, after)) = rest.split_at_checked(size) else {
            return Err(broken("a frame is longer than the body"));
        };
        if let Some(chain) = &mut chain {
            chain.check(data, extension)?;
        }
        out.extend_from_slice(data);
        if size == 0 {
            // The line end after the last frame may be missing; everything else would be unsigned.
            let clean = after.is_empty() || after == b"\r\n";
            return match &chain {
                Some(_) if !clean => Err(broken("something follows the last frame")),
                Some(chain) if chain.length.is_some_and(|length| length != out.len()) => {
                    Err(broken("x-amz-decoded-content-length names another length"))
                }
                _ => Ok(out.freeze()),
            };
        }
        rest = after
            .strip_prefix(b"\r\n")
            .ok_or_else(|| broken("a frame does not end with a line end"))?;
    }
}

fn broken(what: &str) -> Denied {
    Denied::garbled(format!("The aws-chunked body cannot be read: {what}."))
}
