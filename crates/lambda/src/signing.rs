//! Credentials for a Lambda API that asks for signatures: AWS itself, or another server with keys.

use std::fmt;

use bedplate_base::{Error, Result, Timestamp};
use bedplate_sigv4::{Credentials, Request, Scope, sign};
use reqwest::Url;
use reqwest::header::{HOST, HeaderMap, HeaderValue};

/// Whose signature, and for which region.
#[derive(Clone, PartialEq, Eq)]
pub struct Signing {
    /// `us-east-1`
    pub region: String,
    /// The access key id, which is no secret.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

/// Never shows a secret.
impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing")
            .field("region", &self.region)
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

impl Signing {
    /// Adds what makes a POST to `address` a signed one.
    pub(crate) fn sign(&self, address: &Url, headers: &mut HeaderMap, body: &[u8], now: Timestamp) -> Result<()> {
        let host = address.host_str().unwrap_or_default();
        let host = match address.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let unusable = |what: &str| Error::validation(format!("{address}: {what}"));
        headers.insert(
            HOST,
            HeaderValue::from_str(&host).map_err(|_| unusable("its host fits into no header"))?,
        );
        let target = match address.query() {
            Some(query) => format!("{}?{query}", address.path()),
            None => address.path().to_owned(),
        };
        let request = Request {
            method: &reqwest::Method::POST,
            target: &target,
            headers,
            body,
        };
        let credentials = Credentials {
            access_key: &self.access_key,
            secret: &self.secret,
            session_token: self.session_token.as_deref(),
        };
        let scope = Scope {
            region: &self.region,
            service: "lambda",
            at: now,
        };
        let signed = sign(&request, &credentials, &scope).map_err(|error| unusable(&error.to_string()))?;
        headers.extend(signed);
        Ok(())
    }
}
