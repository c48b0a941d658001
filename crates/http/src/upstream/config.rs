//! `[upstream]`: the address, and the credentials to sign with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_credentials::{Credentials, Keys};
use bytes::Bytes;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{StatusCode, Uri};
use serde::Deserialize;

use super::Upstream;
use crate::keys::find;
use crate::refusal::Refusal;
use crate::sigv4::{ACCESS_KEY_MAX, Scope};

/// `[upstream]`: where requests go to AWS services that are not served here. Without it they are refused.
///
/// Without credentials requests are sent on as they came, with the client's signature and `Host`. With them requests are signed anew, with the
/// service and region of the client's own signature; requests without one stay unsigned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Scheme, host and port: `"http://localhost:4566"`. `{service}` and `{region}` stand for what a request is signed for:
    /// `"https://{service}.{region}.amazonaws.com"` is AWS itself. `--upstream` goes first.
    pub url: Option<String>,
    /// The access key id to sign with, which is no secret: `"AKIA…"`.
    pub access_key: Option<String>,
    /// The environment variable that holds the access key id, instead of `access_key`.
    pub access_key_env: Option<String>,
    /// The environment variable that holds the secret access key.
    pub secret_env: Option<String>,
    /// The file that holds the secret access key, relative to the configuration's folder. White space at its end does not count.
    pub secret_file: Option<PathBuf>,
    /// A profile of AWS's shared files, instead of keys here; its keys are read again when they change.
    pub profile: Option<String>,
    /// The environment variable that holds the session token of temporary credentials. They are read once, at the start.
    pub session_token_env: Option<String>,
    /// The file that holds the session token.
    pub session_token_file: Option<PathBuf>,
}

type Problem = (&'static str, String);

impl UpstreamConfig {
    /// The upstream, when there is one: at `url` (of `--upstream`), or at the configured address. Variables are looked up through `env`, files
    /// relative to `folder`.
    ///
    /// # Errors
    /// One text that names the setting.
    pub fn resolve(&self, url: Option<&str>, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Upstream>, String> {
        let named = |(field, problem): Problem| format!("upstream.{field}: {problem}");
        let access = self.access(folder, env).map_err(named)?;
        let address = match (url, &self.url) {
            (Some(url), _) => Address::parse(url).map_err(|problem| format!("--upstream: {problem}"))?,
            (None, Some(url)) => Address::parse(url).map_err(|problem| format!("upstream.url: {problem}"))?,
            (None, None) if access.is_some() => {
                return Err("upstream.url: is missing: write the address that the credentials are for".into());
            }
            (None, None) => return Ok(None),
        };
        Upstream::new(address, access)
            .map(Some)
            .map_err(|problem| format!("upstream: {problem}"))
    }

    fn access(&self, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Access>, Problem> {
        if let Some(name) = &self.profile {
            let others = [
                self.access_key.is_some(),
                self.access_key_env.is_some(),
                self.secret_env.is_some(),
                self.secret_file.is_some(),
                self.session_token_env.is_some(),
                self.session_token_file.is_some(),
            ];
            if others.contains(&true) {
                return Err(("profile", "stands beside a key of its own; keep one of them".into()));
            }
            let found = Credentials::find(Some(name), true, env).map_err(|problem| ("profile", problem))?;
            return Ok(found.map(Access));
        }
        let secret = find(("secret_env", &self.secret_env), ("secret_file", &self.secret_file), folder, env)?;
        let token = find(
            ("session_token_env", &self.session_token_env),
            ("session_token_file", &self.session_token_file),
            folder,
            env,
        )?;
        let (field, id) = match (&self.access_key, &self.access_key_env) {
            (Some(_), Some(_)) => return Err(("access_key", "stands beside access_key_env; name one of the two".into())),
            (Some(id), None) => ("access_key", Some(id.clone())),
            (None, Some(variable)) => match env(variable) {
                Some(id) => ("access_key_env", Some(id.trim_end().to_owned())),
                None => return Err(("access_key_env", format!("the environment variable {variable} is not set"))),
            },
            (None, None) => ("access_key", None),
        };
        match (id, secret) {
            (None, None) if token.is_some() => Err(("access_key", "is missing beside the session token".into())),
            (None, None) => Ok(None),
            (None, Some((secret, _))) => Err(("access_key", format!("is missing beside {secret}"))),
            (Some(_), None) => Err((
                "secret_env",
                format!("is missing beside {field}: name the variable that holds the secret, or a secret_file"),
            )),
            (Some(id), Some((_, secret))) => {
                let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b',' | b'=');
                if id.is_empty() || id.len() > ACCESS_KEY_MAX || !id.bytes().all(plain) {
                    let right = format!("1 to {ACCESS_KEY_MAX} visible ASCII letters without '/', ',' and '='");
                    return Err((field, format!("{id:?} is not an access key id: write {right}")));
                }
                let token = token.map(|(_, token)| token.expose().to_owned());
                let keys = Keys::new(id, secret.expose(), token);
                Ok(Some(Access(Credentials::Fixed(Arc::new(keys)))))
            }
        }
    }
}

/// Where to: a scheme and a host, in which `{service}` and `{region}` may stand.
#[derive(Clone, Debug)]
pub(super) struct Address {
    scheme: Scheme,
    authority: String,
}

impl Address {
    fn parse(url: &str) -> Result<Self, String> {
        let right = "write scheme, host and port, such as http://localhost:4566";
        let filled = url.replace("{service}", "s3").replace("{region}", "us-east-1");
        let uri: Uri = filled
            .parse()
            .map_err(|error| format!("{url:?} is not an address ({error}): {right}"))?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::HTTP,
            Some("https") => Scheme::HTTPS,
            _ => return Err(format!("{url:?} does not begin with http:// or https://: {right}")),
        };
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) || uri.host().is_none_or(str::is_empty) {
            return Err(format!("{url:?} has more than an address, or less: {right}"));
        }
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
        })
    }

    /// Without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    /// The address for a request that is signed for `scope`. What is put into it was read as a name: letters, digits, `-` and `_`.
    pub(super) fn of(&self, scope: Option<&Scope>) -> Result<(Scheme, Authority), Refusal> {
        let wrong = |message: String| Refusal::new(StatusCode::BAD_GATEWAY, "UpstreamUnavailableException", message);
        let mut text = self.authority.clone();
        if text.contains('{') {
            let Some(scope) = scope else {
                return Err(wrong(
                    "The upstream's address depends on the AWS service, and a request without a signature names none.".into(),
                ));
            };
            let region = scope.region.as_deref().unwrap_or("us-east-1");
            text = text.replace("{service}", &scope.service).replace("{region}", region);
        }
        match text.parse() {
            Ok(authority) => Ok((self.scheme.clone(), authority)),
            Err(error) => Err(wrong(format!("{text:?} is no address: {error}."))),
        }
    }
}

/// Credentials towards the upstream.
#[derive(Clone, Debug)]
pub(super) struct Access(Credentials);

impl Access {
    /// What to sign with now.
    pub(super) async fn keys(&self) -> Result<Arc<Keys>, Refusal> {
        self.0.keys().await.map_err(|problem| {
            // Names of files and profiles are nothing for clients.
            tracing::warn!(target: "credentials", "{problem}");
            let message = "There are no AWS credentials to sign requests for the upstream with; the server's log tells more.";
            Refusal::new(StatusCode::BAD_GATEWAY, "UpstreamUnavailableException", message)
        })
    }

    /// Signs a request whose old signature is gone, for the service and region that it was signed for.
    pub(super) fn sign(keys: &Keys, parts: &mut Parts, target: &str, scope: &Scope, body: &Bytes, now: Timestamp) -> Result<(), Refusal> {
        let request = bedplate_sigv4::Request {
            method: &parts.method,
            target,
            headers: &parts.headers,
            body,
        };
        let credentials = bedplate_sigv4::Credentials {
            access_key: &keys.access_key,
            secret: &keys.secret,
            session_token: keys.session_token.as_deref(),
        };
        let scope = bedplate_sigv4::Scope {
            region: scope.region.as_deref().unwrap_or("us-east-1"),
            service: &scope.service,
            at: now,
        };
        let signed = bedplate_sigv4::sign(&request, &credentials, &scope).map_err(|_| Refusal::internal())?;
        parts.headers.extend(signed);
        Ok(())
    }
}
