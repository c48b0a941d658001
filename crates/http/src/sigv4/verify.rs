//! Compares signatures: at the head where that is possible, else when the body is there.

use bedplate_base::Timestamp;
use bedplate_sigv4::{Signing, hex, read_hex, sha256};
use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::claim::Claim;
use super::{Denied, Head, Proof, Scope, Signer, canonical, chunked};
use crate::keys::Key;

const PAYLOAD: &str = "x-amz-content-sha256";
/// A body in frames that are signed one by one.
const SIGNED_FRAMES: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
/// The same with trailers, whose signature follows.
const SIGNED_TRAILERS: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
/// S3 alone takes bodies that are not signed: whole, or in frames with a checksum behind them.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const UNSIGNED_TRAILERS: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
/// The signing name of that service.
const S3: &str = "s3";

/// What the body still has to do.
#[derive(Debug)]
pub(crate) enum Rest {
    /// Nothing: no signature is asked for.
    Nothing,
    /// The same, but the body comes in frames.
    Frames,
    /// To have this hash, which the signature covers.
    Hash([u8; 32]),
    /// To consist of frames whose signatures start from the head's.
    Chunks(chunked::Chain),
    /// To have the hash that makes the signature right.
    Whole(Box<Whole>),
}

/// A signature that covers a body by its hash only.
#[derive(Debug)]
pub(crate) struct Whole {
    signing: Signing,
    requests: Vec<Vec<u8>>,
    signature: [u8; 32],
}

/// The rest where any credentials are accepted: SDKs frame bodies all the same.
pub(super) fn unsigned(head: &Head<'_>) -> Rest {
    let kind = head.headers.get(PAYLOAD).map_or(&[][..], |value| value.as_bytes());
    // Event streams have frames of their own.
    if kind.starts_with(b"STREAMING-") && !kind.ends_with(b"-EVENTS") {
        Rest::Frames
    } else {
        Rest::Nothing
    }
}

/// See [`super::Credentials::examine`].
pub(super) fn examine(keys: &[Key], head: &Head<'_>, now: Timestamp) -> Result<Proof, Denied> {
    if let Some(token) = bearer(head) {
        return by_bearer(keys, token);
    }
    let claim = Claim::of(head)?;
    let key = keys
        .iter()
        .find(|key| key.access_key == claim.scope.access_key)
        .ok_or_else(Denied::unknown_key)?;
    check_token(key, claim.token.as_deref())?;
    if !key.regions.is_empty() && !key.regions.contains(&claim.region) {
        let regions = key.regions.join(", ");
        let message = format!(
            "Credential should be scoped to a valid region. The key may sign for {regions}, not for {}.",
            claim.region
        );
        return Err(Denied::invalid(message));
    }
    claim.is_now(now)?;
    let headers = canonical::headers(head, &claim.headers)?;
    let query = bedplate_sigv4::canonical::query(head.uri.query().unwrap_or_default());
    let s3 = claim.scope.service == S3;
    let paths = match s3 {
        true => bedplate_sigv4::canonical::s3_paths(head.uri.path()),
        false => bedplate_sigv4::canonical::paths(head.uri.path()),
    };
    let requests: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| [format!("{}\n{path}\n{query}\n", head.method).as_bytes(), &headers, b"\n"].concat())
        .collect();
    let whole = Whole {
        signing: signing(key, &claim),
        requests,
        signature: claim.signature,
    };
    let rest = match claim.payload.as_deref() {
        None if s3 && claim.is_presigned() => {
            whole.check(UNSIGNED)?;
            Rest::Nothing
        }
        None => Rest::Whole(Box::new(whole)),
        Some(UNSIGNED) if s3 => {
            whole.check(UNSIGNED)?;
            Rest::Nothing
        }
        Some(UNSIGNED_TRAILERS) if s3 && !claim.is_presigned() => {
            whole.check(UNSIGNED_TRAILERS)?;
            Rest::Frames
        }
        Some(SIGNED_TRAILERS) if s3 && !claim.is_presigned() => {
            whole.check(SIGNED_TRAILERS)?;
            let chain = chunked::Chain::new(whole.signing, claim.signature, decoded_length(head)?);
            Rest::Chunks(chain.with_trailers())
        }
        Some(SIGNED_FRAMES) if !claim.is_presigned() => {
            whole.check(SIGNED_FRAMES)?;
            Rest::Chunks(chunked::Chain::new(whole.signing, claim.signature, decoded_length(head)?))
        }
        Some(text) => match read_hex(text) {
            Some(hash) => {
                whole.check(text)?;
                Rest::Hash(hash)
            }
            None => {
                return Err(Denied::invalid(format!(
                    "{PAYLOAD} must be the SHA-256 of the body in lower-case hexadecimal digits, {SIGNED_FRAMES}, or missing: this server takes \
                 no bodies that are not signed."
                )));
            }
        },
    };
    Ok(Proof {
        signer: Some(Signer {
            name: key.name.clone(),
            account: key.account.clone(),
            admin: key.admin,
            bearer: false,
            scope: claim.scope,
        }),
        rest,
    })
}

/// The token of `Authorization: Bearer`, when there is just that one header.
fn bearer<'a>(head: &Head<'a>) -> Option<&'a [u8]> {
    let mut all = head.headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (all.next()?.as_bytes(), all.next()) else {
        return None;
    };
    let (scheme, token) = value.split_at_checked(6)?;
    let apart = token.first().is_none_or(u8::is_ascii_whitespace);
    (apart && scheme.eq_ignore_ascii_case(b"bearer")).then(|| token.trim_ascii())
}

/// The key whose bearer token this is. All are compared, so that the time tells nothing about which is nearly right.
fn by_bearer(keys: &[Key], token: &[u8]) -> Result<Proof, Denied> {
    let mut found = None;
    for key in keys {
        let same = key.bearer.as_ref().map(|right| right.expose().as_bytes().ct_eq(token));
        if same.is_some_and(bool::from) {
            found = Some(key);
        }
    }
    let key = found.ok_or_else(Denied::unknown_bearer)?;
    Ok(Proof {
        signer: Some(Signer {
            name: key.name.clone(),
            account: key.account.clone(),
            admin: false,
            bearer: true,
            scope: Scope {
                access_key: key.name.clone(),
                region: None,
                service: "bedrock".to_owned(),
            },
        }),
        rest: Rest::Nothing,
    })
}

/// A key with a session token is good with that token only, one without is good without.
pub(super) fn check_token(key: &Key, token: Option<&str>) -> Result<(), Denied> {
    let same = match (&key.session_token, token) {
        (None, None) => true,
        (Some(right), Some(token)) => right.expose().as_bytes().ct_eq(token.as_bytes()).into(),
        _ => false,
    };
    if same { Ok(()) } else { Err(Denied::unknown_key()) }
}

/// `x-amz-decoded-content-length`, where the client sends it.
fn decoded_length(head: &Head<'_>) -> Result<Option<usize>, Denied> {
    let Some(value) = head.headers.get("x-amz-decoded-content-length") else {
        return Ok(None);
    };
    let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    length
        .map(Some)
        .ok_or_else(|| Denied::garbled("x-amz-decoded-content-length must be the number of the body's bytes without its frames."))
}

/// Verifies a body while it passes.
#[derive(Debug)]
pub(crate) enum Passing {
    /// Nothing is asked of it.
    Free,
    /// It must have this hash in the end.
    Hash(Sha256, [u8; 32]),
    /// It must have the hash that makes the signature right.
    Whole(Sha256, Box<Whole>),
    /// It comes in frames.
    Frames(Box<chunked::Frames>),
}

impl Passing {
    /// Takes the next bytes as they came; gives what of the body is in them.
    pub(crate) fn feed(&mut self, bytes: Bytes) -> Result<Vec<Bytes>, Denied> {
        match self {
            Self::Free => {}
            Self::Hash(hash, _) | Self::Whole(hash, _) => hash.update(&bytes),
            Self::Frames(frames) => return frames.feed(bytes),
        }
        Ok(vec![bytes])
    }

    /// The end of the body: its trailers. What was given before is verified by this, and not earlier.
    pub(crate) fn finish(self) -> Result<HeaderMap, Denied> {
        match self {
            Self::Free => {}
            Self::Hash(hash, right) => check_hash(&hash.finalize().into(), &right)?,
            Self::Whole(hash, whole) => whole.check(&hex(&<[u8; 32]>::from(hash.finalize())))?,
            Self::Frames(frames) => return frames.finish(),
        }
        Ok(HeaderMap::new())
    }
}

fn check_hash(hash: &[u8; 32], right: &[u8; 32]) -> Result<(), Denied> {
    match bool::from(hash.ct_eq(right)) {
        true => Ok(()),
        false => Err(Denied::invalid(format!("The body does not have the SHA-256 that {PAYLOAD} names."))),
    }
}

impl Rest {
    /// The same for a body that is not held in memory.
    pub(super) fn passing(self) -> Passing {
        match self {
            Self::Nothing => Passing::Free,
            Self::Frames => Passing::Frames(Box::new(chunked::Frames::new(None))),
            Self::Chunks(chain) => Passing::Frames(Box::new(chunked::Frames::new(Some(chain)))),
            Self::Hash(hash) => Passing::Hash(Sha256::new(), hash),
            Self::Whole(whole) => Passing::Whole(Sha256::new(), whole),
        }
    }

    pub(super) fn settle(self, body: Bytes) -> Result<Bytes, Denied> {
        match self {
            Self::Nothing => Ok(body),
            Self::Frames => chunked::decode(body, None),
            Self::Chunks(chain) => chunked::decode(body, Some(chain)),
            Self::Hash(hash) => {
                check_hash(&sha256(&body), &hash)?;
                Ok(body)
            }
            Self::Whole(whole) => {
                whole.check(&hex(&sha256(&body)))?;
                Ok(body)
            }
        }
    }
}

impl Whole {
    /// Whether one of the canonical requests, with this hash of the body, has the signature.
    fn check(&self, payload: &str) -> Result<(), Denied> {
        let mut good = Choice::from(0);
        for request in &self.requests {
            let hash = Sha256::new().chain_update(request).chain_update(payload).finalize();
            good |= self.signing.sign_request(&hash.into()).ct_eq(&self.signature);
        }
        if good.into() { Ok(()) } else { Err(Denied::mismatch()) }
    }
}

/// The key that `claim` was signed with, if it was signed with `key`.
fn signing(key: &Key, claim: &Claim) -> Signing {
    let scope = [claim.date.as_str(), &claim.region, &claim.scope.service];
    Signing::derive(key.secret.expose(), &claim.signed.text, scope)
}
