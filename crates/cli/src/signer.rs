//! Signatures on requests to a server that asks for them: with the keys that the shell has for AWS's own tools.
//!
//! It knows variables by name and nothing of the server; a server that takes anybody's requests does not look at a signature.

use std::fmt;

use bedplate_base::Timestamp;
use bedplate_sigv4::{Credentials, Request, Scope, sign};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// The variables of the keys.
pub(crate) const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
/// See [`ACCESS_KEY`].
pub(crate) const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
/// See [`ACCESS_KEY`].
pub(crate) const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The region of a signature when neither the request nor the shell names one.
pub(crate) const REGION: &str = "us-east-1";

/// Signs with one key.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) access_key: String,
    secret: String,
    session_token: Option<String>,
    region: String,
    clock: fn() -> Timestamp,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The shell's key, when it has one.
    pub(crate) fn of(terminal: &Terminal) -> Option<Self> {
        let text = |name: &str| terminal.variable(name).map(str::to_owned);
        Some(Self {
            access_key: text(ACCESS_KEY)?,
            secret: text(SECRET)?,
            session_token: text(SESSION_TOKEN),
            region: terminal.region().unwrap_or(REGION).to_owned(),
            clock: terminal.clock,
        })
    }

    /// The headers that make a request signed for `service`, in `region` or the shell's.
    pub(crate) fn headers(
        &self,
        (method, target): (&Method, &str),
        headers: &HeaderMap,
        body: &[u8],
        service: &str,
        region: Option<&str>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let request = Request {
            method,
            target,
            headers,
            body,
        };
        let credentials = Credentials {
            access_key: &self.access_key,
            secret: &self.secret,
            session_token: self.session_token.as_deref(),
        };
        let scope = Scope {
            region: region.unwrap_or(&self.region),
            service,
            at: (self.clock)(),
        };
        sign(&request, &credentials, &scope).map_err(|problem| {
            Failure::new(format!("the request cannot be signed: {problem}"))
                .hint(format!("look at {ACCESS_KEY}, {SECRET}, {SESSION_TOKEN} and AWS_REGION"))
        })
    }
}
