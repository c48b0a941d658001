//! The signing key: derived from a secret for one day, region and service.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::{ALGORITHM, hex};

/// What turns a canonical request into a signature.
#[derive(Clone)]
pub struct Signing {
    key: [u8; 32],
    /// When: `20261121T150405Z`.
    pub time: String,
    /// For what: `20261121/us-east-1/bedrock/aws4_request`.
    pub scope: String,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Signing {
    /// The key for one day, region and service; `time` is in the basic form.
    pub fn derive(secret: &str, time: &str, [date, region, service]: [&str; 3]) -> Self {
        let secret = format!("AWS4{secret}");
        let parts = [date, region, service, "aws4_request"];
        let derived = parts.iter().fold(None, |key: Option<[u8; 32]>, part| {
            Some(hmac(key.as_ref().map_or(secret.as_bytes(), |key| &key[..]), part.as_bytes()))
        });
        Self {
            key: derived.expect("invariant: there are four parts"),
            time: time.to_owned(),
            scope: parts.join("/"),
        }
    }

    /// The signature of a canonical request, given by its SHA-256.
    pub fn sign_request(&self, request: &[u8; 32]) -> [u8; 32] {
        self.sign(format!("{ALGORITHM}\n{}\n{}\n{}", self.time, self.scope, hex(request)).as_bytes())
    }

    /// The signature of any text, such as that of a frame of `aws-chunked`.
    pub fn sign(&self, text: &[u8]) -> [u8; 32] {
        hmac(&self.key, text)
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: HMAC takes keys of any length");
    mac.chain_update(text).finalize().into_bytes().into()
}
