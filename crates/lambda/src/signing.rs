//! Credentials for a Lambda API that asks for signatures: AWS itself, or another server with keys.

use bedplate_base::{Error, Kind, Result, Timestamp};
use bedplate_credentials::Credentials;
use bedplate_sigv4::{Request, Scope, sign};
use reqwest::Url;
use reqwest::header::{HOST, HeaderMap, HeaderValue};

/// Whose signature, and for which region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// `us-east-1`
    pub region: String,
    /// With which keys.
    pub credentials: Credentials,
}

impl Signing {
    /// Adds what makes a POST to `address` a signed one.
    pub(crate) async fn sign(&self, address: &Url, headers: &mut HeaderMap, body: &[u8], now: Timestamp) -> Result<()> {
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
        let keys = self.credentials.keys().await.map_err(|problem| {
            // Names of files and profiles are nothing for whoever calls the agent.
            tracing::warn!(target: "credentials", "{problem}");
            Error::new(
                Kind::Dependency,
                "There are no AWS credentials to call the function with; the server's log tells more.",
            )
        })?;
        let credentials = bedplate_sigv4::Credentials {
            access_key: &keys.access_key,
            secret: &keys.secret,
            session_token: keys.session_token.as_deref(),
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
