//! Checksums of bytes on their way to a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};

use crate::record::Algorithm;

/// One of S3's checksums, under way.
pub(crate) enum Digest {
    Crc32(Box<Crc32>),
    Crc32c(Box<Crc32c>),
    Crc64Nvme(Box<Crc64Nvme>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Digest {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(Box::new(Crc32::new())),
            Algorithm::Crc32c => Self::Crc32c(Box::new(Crc32c::new())),
            Algorithm::Crc64Nvme => Self::Crc64Nvme(Box::new(Crc64Nvme::new())),
            Algorithm::Sha1 => Self::Sha1(Box::new(Sha1::new())),
            Algorithm::Sha256 => Self::Sha256(Box::new(Sha256::new())),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(digest) => digest.update(bytes),
            Self::Crc32c(digest) => digest.update(bytes),
            Self::Crc64Nvme(digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc32(digest) => digest.finalize().to_vec(),
            Self::Crc32c(digest) => digest.finalize().to_vec(),
            Self::Crc64Nvme(digest) => digest.finalize().to_vec(),
            Self::Sha1(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        }
    }
}

/// A checksum of checksums, as objects in parts have it: `-N` stands behind it.
pub(crate) fn of_parts(algorithm: Algorithm, parts: &[Vec<u8>]) -> String {
    let mut digest = Digest::new(algorithm);
    parts.iter().for_each(|part| digest.update(part));
    format!("{}-{}", STANDARD.encode(digest.finish()), parts.len())
}

/// The ETag of an object in parts: the MD5 of the parts' MD5s, and their number.
pub(crate) fn etag_of_parts(parts: &[[u8; 16]]) -> String {
    let mut digest = Md5::new();
    parts.iter().for_each(|part| digest.update(part));
    format!("{}-{}", hex(&digest.finalize()), parts.len())
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sixteen bytes from their hexadecimal digits.
pub(crate) fn read_hex(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_as_s3_computes_them() {
        for (algorithm, expected) in [
            (Algorithm::Crc32, "DUoRhQ=="),
            (Algorithm::Crc32c, "yZRlqg=="),
            (Algorithm::Crc64Nvme, "jSnVw/bqjr4="),
            (Algorithm::Sha1, "Kq5sNclPz7QV2+lfQIuc6R7oRu0="),
            (Algorithm::Sha256, "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
        ] {
            let mut digest = Digest::new(algorithm);
            digest.update(b"hello ");
            digest.update(b"world");
            assert_eq!(STANDARD.encode(digest.finish()), expected, "{algorithm:?}");
        }
    }

    #[test]
    fn parts() {
        let md5 = |bytes: &[u8]| Md5::checksum(bytes);
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(read_hex("d41d8cd98f00b204e9800998ecf8427e"), Some(md5(b"")));
        // By Python's hashlib and zlib.
        assert_eq!(etag_of_parts(&[md5(b"a"), md5(b"b")]), "96e024ba2074fe77e8e965ba43a704be-2");
        let crc = |bytes: &[u8]| Crc32::checksum(bytes).to_vec();
        assert_eq!(of_parts(Algorithm::Crc32, &[crc(b"a"), crc(b"b")]), "7pJxdw==-2");
    }
}
