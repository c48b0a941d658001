//! Signature Version 4: who signed a request, and whether the signature is right.
//!
//! With keys configured every request has to be signed by one of them, in its headers or in its query (presigned). The canonical request is
//! built here from the client's own list of signed headers: signing libraries refuse some that clients send, `:authority` of HTTP/2 first of
//! all. What this module refuses to know: which operation a request means, and what a key may do there. On the main path it stands between
//! the head of a request and its body ([`Credentials::examine`]), and once more when the body is there ([`Proof::settle`]).
//!
//! How a request is read follows <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>; where SDKs
//! differ from one another (paths with `//` and dot segments) each of their forms is accepted.

mod canonical;
mod chunked;
mod claim;
pub(crate) mod old;
mod scope;
mod time;
mod verify;

use std::net::IpAddr;

use bedplate_base::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use crate::keys::Key;
pub use scope::Scope;
pub(crate) use scope::{ACCESS_KEY_MAX, is_name};
pub(crate) use verify::Passing;
use verify::Rest;

/// Which signatures are accepted.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    /// Anything, nothing included: development on one's own machine.
    #[default]
    Any,
    /// Only requests that one of these keys has signed. An empty list refuses every request.
    Keys(Vec<Key>),
}

/// What is signed of a request, its body aside.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// GET, POST, …
    pub method: &'a Method,
    /// The target as it came: with an authority over HTTP/2, without one over HTTP/1.1.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// A request whose head is in order; its body may still have to match.
#[must_use = "the body of a request is not verified before `settle`"]
#[derive(Debug)]
pub struct Proof {
    /// Whose key it is; nobody's when any credentials are accepted.
    pub signer: Option<Signer>,
    pub(crate) rest: Rest,
}

/// The key behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key's name in the configuration.
    pub name: String,
    /// The account that the key belongs to; none means the server's.
    pub account: Option<String>,
    /// Whether the key opens `/_bedplate/*` from elsewhere.
    pub admin: bool,
    /// Whether it was not signed with, but sent as a bearer token: that opens `bedrock` and `bedrock-runtime` only.
    pub bearer: bool,
    /// What it signed for.
    pub scope: Scope,
}

/// Why a request may not pass: AWS's codes and, where there is one, AWS's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// HTTP status.
    pub status: u16,
    /// AWS's name of the exception, as services with JSON bodies spell it.
    pub code: &'static str,
    /// What is wrong; never holds a secret or a signature.
    pub message: String,
}

impl Credentials {
    /// Judges the head of a request that came at `now`: the form of the signature, its key, its age; the signature itself where the head holds
    /// the hash of the body. The rest waits in the [`Proof`] for the body.
    ///
    /// # Errors
    /// [`Denied`], with 403, or 400 for a signature that lacks a part.
    pub fn examine(&self, head: &Head<'_>, now: Timestamp) -> Result<Proof, Denied> {
        match self {
            Self::Any => Ok(Proof {
                signer: None,
                rest: verify::unsigned(head),
            }),
            Self::Keys(keys) => verify::examine(keys, head, now),
        }
    }

    /// The same for a URL of S3 that is presigned with version 2; `bucket` is that of the host.
    pub(crate) fn examine_old(&self, head: &Head<'_>, bucket: Option<&str>, now: Timestamp) -> Result<Proof, Denied> {
        let signer = match self {
            Self::Any => None,
            Self::Keys(keys) => Some(old::examine(keys, head, bucket, now)?),
        };
        Ok(Proof { signer, ..Proof::NONE })
    }

    /// Whether a server may listen at `address` with these credentials: one that accepts anything belongs on a loopback address.
    ///
    /// # Errors
    /// One text for people.
    pub fn suit(&self, address: IpAddr) -> Result<(), String> {
        match self {
            Self::Any if !address.to_canonical().is_loopback() => Err(format!(
                "{address} can be reached from other machines, and without keys the server accepts any credentials: \
                 whoever reaches it can read everything and run programs here"
            )),
            _ => Ok(()),
        }
    }
}

impl Proof {
    /// For what needs no signature.
    pub(crate) const NONE: Self = Self {
        signer: None,
        rest: Rest::Nothing,
    };

    /// Verifies the body and gives it back, without the frames of `aws-chunked` when it had them. Hashing takes about a second for a
    /// gigabyte: large bodies belong on a thread of their own.
    ///
    /// # Errors
    /// [`Denied`] when the signature does not cover this body; 400 for frames that cannot be read.
    pub fn settle(self, body: Bytes) -> Result<Bytes, Denied> {
        self.rest.settle(body)
    }

    /// Verifies a body that is not held in memory, while it passes.
    pub(crate) fn passing(self) -> Passing {
        self.rest.passing()
    }

    /// Whether the body was sent in the frames of `aws-chunked`.
    pub fn is_chunked(&self) -> bool {
        matches!(self.rest, Rest::Frames | Rest::Chunks(_))
    }

    /// Whether the proof is good for what the request wants: `service`, as the SDKs name it; none for what is no service here.
    ///
    /// # Errors
    /// [`Denied`]: an API key of Amazon Bedrock opens two services only ("Amazon Bedrock API keys" of the user guide).
    pub(crate) fn opens(&self, service: Option<&str>) -> Result<(), Denied> {
        match &self.signer {
            Some(signer) if signer.bearer && !matches!(service, Some("bedrock" | "bedrock-runtime")) => Err(Denied::new(
                403,
                "AccessDeniedException",
                "An API key (Authorization: Bearer) opens bedrock and bedrock-runtime only; sign the request with an access key.",
            )),
            _ => Ok(()),
        }
    }

    /// Whether the request was signed for this service; always so when any credentials are accepted.
    ///
    /// # Errors
    /// [`Denied`], with the right signing name.
    pub fn covers(&self, signing_name: &str) -> Result<(), Denied> {
        match &self.signer {
            Some(signer) if signer.scope.service != signing_name => Err(Denied::invalid(format!(
                "Credential should be scoped to correct service: '{signing_name}'. "
            ))),
            _ => Ok(()),
        }
    }
}

impl Denied {
    fn missing() -> Self {
        Self::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    }

    fn expired() -> Self {
        Self::new(403, "AccessDeniedException", "Request has expired")
    }

    fn incomplete(message: impl Into<String>) -> Self {
        Self::new(400, "IncompleteSignatureException", message)
    }

    fn unknown_key() -> Self {
        Self::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    }

    fn unknown_bearer() -> Self {
        Self::new(
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
        )
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(403, "InvalidSignatureException", message)
    }

    fn mismatch() -> Self {
        Self::invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing \
             method. Consult the service documentation for details.",
        )
    }

    fn garbled(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}
