//! Amazon Bedrock itself: Converse and ConverseStream over HTTP, signed with SigV4 or with a bearer key.

mod decode;
mod encode;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bedplate_base::{BoxFuture, Error, Result, Timestamp};
use bedplate_converse::Request;
use bedplate_credentials::{Credentials, Keys};
use bedplate_sigv4::{Scope, sign};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};

pub use self::decode::BedrockDraft;
use self::encode::Settings;
use crate::client::endpoint;
use crate::frames::Framing;
use crate::protocol::{Draft, Post, Protocol, said};
use crate::secret::Secret;
use crate::{Failure, Fault, ProviderConfig};

/// The variable of a bearer key (Bedrock user guide, "API keys"), which goes before other credentials as in AWS's SDKs.
const BEARER: &str = "AWS_BEARER_TOKEN_BEDROCK";
/// The variables of credentials, as AWS's SDKs name them.
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The variables of the region, in this order.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// The name that all of Bedrock is signed for.
const SIGNING_NAME: &str = "bedrock";
/// Letters that stay as they are in a path's segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What Amazon Bedrock speaks.
pub(crate) struct Bedrock {
    base_url: String,
    region: String,
    auth: Auth,
    settings: Settings,
}

enum Auth {
    Bearer(Secret),
    Keys(Credentials),
}

impl fmt::Debug for Bedrock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bedrock")
            .field("base_url", &self.base_url)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Bedrock {
    pub(crate) fn new(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let auth = Auth::load(name, config, environment);
        let of_variables = || {
            REGIONS
                .iter()
                .find_map(|name| environment(name))
                .filter(|region| !region.trim().is_empty())
        };
        let of_profile = || match &auth {
            Ok(Auth::Keys(Credentials::Profile(profile))) => profile.region(),
            _ => None,
        };
        let region = config.region.clone().or_else(of_variables).or_else(of_profile);
        let Some(region) = region else {
            return Err(Error::validation(format!(
                "bedplate.toml: [providers.{name}] lacks region, such as \"us-east-1\", and AWS_REGION is not set"
            )));
        };
        let region = region.trim().to_owned();
        if region.is_empty() || region.len() > 32 || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::validation(format!(
                "bedplate.toml: region of [providers.{name}] is not a region; it looks like \"us-east-1\""
            )));
        }
        let base_url = match &config.base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if region.starts_with("cn-") => format!("https://bedrock-runtime.{region}.amazonaws.com.cn"),
            None => format!("https://bedrock-runtime.{region}.amazonaws.com"),
        };
        endpoint(name, &base_url, "/model")?;
        Ok(Self {
            base_url,
            region,
            auth: auth?,
            settings: Settings {
                max_tokens: config.max_tokens,
                prompt_cache: config.prompt_cache,
                omit: config.omit.clone(),
            },
        })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    fn signed(&self, url: &Url, body: &[u8]) -> Result<HeaderMap, Failure> {
        let wrong = |why: String| Failure::raw(Fault::AccessDenied, format!("cannot be called: {why}"));
        let mut headers = HeaderMap::new();
        match &self.auth {
            Auth::Bearer(key) => {
                headers.extend(key.bearer().map(|value| (AUTHORIZATION, value)));
            }
            Auth::Keys(credentials) => {
                let keys = credentials.last().ok_or_else(|| wrong("there are no credentials yet".into()))?;
                let host = match (url.host_str().unwrap_or_default(), url.port()) {
                    (host, Some(port)) => format!("{host}:{port}"),
                    (host, None) => host.to_owned(),
                };
                let mut sent = HeaderMap::new();
                sent.insert(HOST, HeaderValue::from_str(&host).map_err(|error| wrong(error.to_string()))?);
                sent.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let request = bedplate_sigv4::Request {
                    method: &http::Method::POST,
                    target: url.path(),
                    headers: &sent,
                    body,
                };
                let signer = bedplate_sigv4::Credentials {
                    access_key: &keys.access_key,
                    secret: &keys.secret,
                    session_token: keys.session_token.as_deref(),
                };
                let scope = Scope {
                    region: &self.region,
                    service: SIGNING_NAME,
                    at: now(),
                };
                headers.extend(sign(&request, &signer, &scope).map_err(|error| wrong(error.to_string()))?);
            }
        }
        Ok(headers)
    }
}

impl Auth {
    /// What the configuration names; else a bearer key or credentials under the names of AWS's SDKs.
    fn load(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        if let Some(key) = Secret::load(name, config, environment)? {
            return Ok(Self::Bearer(key));
        }
        let named = config.access_key_env.is_some() || config.secret_env.is_some();
        if !named && let Some(key) = Secret::of_variable(name, BEARER, environment)? {
            return Ok(Self::Bearer(key));
        }
        if config.profile.is_some() && named {
            return Err(Error::validation(format!(
                "bedplate.toml: [providers.{name}] has profile beside access_key_env or secret_env; keep one of them"
            )));
        }
        let others = named || environment(ACCESS_KEY).is_some() || environment(SECRET).is_some();
        let found = Credentials::find(config.profile.as_deref(), others, environment).map_err(|problem| {
            Error::validation(format!(
                "a route of bedplate.toml leads to provider {name:?}, which is signed for with AWS's shared files: {problem}"
            ))
        })?;
        if let Some(credentials) = found {
            return Ok(Self::Keys(credentials));
        }
        let variable = |configured: &Option<String>, otherwise: &str| configured.clone().unwrap_or_else(|| otherwise.to_owned());
        let required = |variable: String| {
            Secret::of_variable(name, &variable, environment)?.ok_or_else(|| {
                Error::validation(format!(
                    "a route of bedplate.toml leads to provider {name:?}, which is signed for with the environment variable {variable}, which \
                     is not set: set it, or set {BEARER} (or api_key_env) for a bearer key, or name a profile, or change the route"
                ))
            })
        };
        let session_token = match &config.session_token_env {
            Some(variable) => Some(required(variable.clone())?),
            // Beside other credentials the token of these has no business.
            None if named => None,
            None => Secret::of_variable(name, SESSION_TOKEN, environment)?,
        };
        let keys = Keys::new(
            required(variable(&config.access_key_env, ACCESS_KEY))?.reveal(),
            required(variable(&config.secret_env, SECRET))?.reveal(),
            session_token.as_ref().map(|token| token.reveal().to_owned()),
        );
        Ok(Self::Keys(Credentials::Fixed(Arc::new(keys))))
    }
}

impl Protocol for Bedrock {
    fn ready(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            let Auth::Keys(credentials) = &self.auth else { return Ok(()) };
            match credentials.keys().await {
                Ok(_) => Ok(()),
                Err(problem) => {
                    // Names of files and profiles are nothing for whoever calls the agent.
                    tracing::warn!(target: "credentials", "{problem}");
                    let cause = "cannot be called: there are no AWS credentials; the server's log tells more";
                    Err(Failure::raw(Fault::AccessDenied, cause))
                }
            }
        })
    }

    fn post(&self, request: &Request, model: &str) -> Result<Post, Failure> {
        let operation = if request.streaming { "converse-stream" } else { "converse" };
        let model_id = utf8_percent_encode(model, SEGMENT);
        let url = Url::parse(&format!("{}/model/{model_id}/{operation}", self.base_url))
            .map_err(|error| Failure::raw(Fault::Validation, format!("the model id {model:?} makes no address ({error})")))?;
        let body = self.settings.encode(request, model)?.to_string().into_bytes();
        Ok(Post {
            headers: self.signed(&url, &body)?,
            url,
            body,
        })
    }

    fn draft<'a>(&self, request: &'a Request, model: &'a str) -> Box<dyn Draft + Send + 'a> {
        Box::new(BedrockDraft::new(request, model))
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn refusal(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> (Fault, String) {
        let named = headers
            .get("x-amzn-errortype")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let named = named.or_else(|| {
            let value: serde_json::Value = serde_json::from_slice(body).ok()?;
            value["__type"].as_str().map(str::to_owned)
        });
        let fault = named.as_deref().and_then(fault_of).unwrap_or_else(|| Fault::of_status(status));
        let said = said(body);
        match named {
            Some(name) => (fault, format!("{} {said}", shape(&name))),
            None => (fault, said),
        }
    }

    fn hide(&self, text: &str) -> String {
        match &self.auth {
            Auth::Bearer(key) => key.hide(text),
            Auth::Keys(credentials) => credentials.last().map_or_else(|| text.to_owned(), |keys| keys.hide(text)),
        }
    }
}

/// The exception's name without namespace and without what follows a colon (restJson: `Name:http://…`).
fn shape(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or(name)
}

/// What an exception means (service model of bedrock-runtime), under its own name or its member's in a stream.
fn fault_of(name: &str) -> Option<Fault> {
    Some(match shape(name).to_ascii_lowercase().as_str() {
        "throttlingexception" | "servicequotaexceededexception" | "toomanyrequestsexception" => Fault::Throttled,
        "accessdeniedexception" | "unrecognizedclientexception" | "expiredtokenexception" | "invalidsignatureexception" => {
            Fault::AccessDenied
        }
        "resourcenotfoundexception" => Fault::NotFound,
        "validationexception" => Fault::Validation,
        "modeltimeoutexception" => Fault::Timeout,
        "serviceunavailableexception" | "internalserverexception" => Fault::Unavailable,
        "modelnotreadyexception" => Fault::NotReady,
        "modelerrorexception" | "modelstreamerrorexception" => Fault::Malformed,
        _ => return None,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature is for the provider's clock, which `clock advance` does not turn"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
