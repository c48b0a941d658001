//! Anthropic's Messages API: Claude at Anthropic itself, and whatever else speaks it.

mod decode;
mod encode;

use bedplate_base::{Error, Result};
use bedplate_converse::Request;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

pub use self::decode::AnthropicDraft;
use self::encode::Settings;
use crate::client::endpoint;
use crate::frames::Framing;
use crate::protocol::{Draft, Post, Protocol, said};
use crate::secret::Secret;
use crate::{Failure, Fault, ProviderConfig};

/// Where Claude is served.
const BASE_URL: &str = "https://api.anthropic.com";
/// The version of the API that is spoken here (Anthropic API reference, "Versions").
const VERSION: &str = "2023-06-01";

/// The members of a request that count (Anthropic API reference, "Count Message tokens").
const COUNTED: [&str; 6] = ["model", "messages", "system", "tools", "tool_choice", "thinking"];

/// What a server of this kind speaks.
#[derive(Debug)]
pub(crate) struct Anthropic {
    base_url: String,
    endpoint: Url,
    counting: Url,
    key: Option<Secret>,
    version: HeaderValue,
    settings: Settings,
}

impl Anthropic {
    pub(crate) fn new(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let base_url = config.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/').to_owned();
        // Written with or without the version, as people copy it from different pages.
        let path = if base_url.ends_with("/v1") { "/messages" } else { "/v1/messages" };
        let version = config.anthropic_version.as_deref().unwrap_or(VERSION);
        Ok(Self {
            endpoint: endpoint(name, &base_url, path)?,
            counting: endpoint(name, &base_url, &format!("{path}/count_tokens"))?,
            base_url,
            key: Secret::load(name, config, environment)?,
            version: HeaderValue::from_str(version).map_err(|_| {
                Error::validation(format!(
                    "bedplate.toml: anthropic_version of [providers.{name}] is not a header's value; it looks like {VERSION:?}"
                ))
            })?,
            settings: Settings {
                max_tokens: config.max_tokens,
                prompt_cache: config.prompt_cache.unwrap_or(true),
                omit: config.omit.clone(),
            },
        })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Protocol for Anthropic {
    fn post(&self, request: &Request, model: &str) -> Result<Post, Failure> {
        let mut body = self.settings.encode(request, model)?;
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("anthropic-version"), self.version.clone());
        if let Some(key) = self.key.as_ref().and_then(Secret::plain) {
            headers.insert(HeaderName::from_static("x-api-key"), key);
        }
        // On Bedrock betas are a field of the request; here they are a header.
        if let Some(betas) = body.remove("anthropic_beta") {
            let names: Vec<&str> = match &betas {
                Value::String(name) => vec![name],
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let value = HeaderValue::from_str(&names.join(","))
                .map_err(|_| Failure::raw(Fault::Validation, "anthropic_beta holds letters that a header cannot hold"))?;
            headers.insert(HeaderName::from_static("anthropic-beta"), value);
        }
        Ok(Post {
            url: self.endpoint.clone(),
            headers,
            body: Value::Object(body).to_string().into_bytes(),
        })
    }

    fn count(&self, request: &Request, model: &str) -> Result<Option<Post>, Failure> {
        let mut post = self.post(request, model)?;
        let mut body: Map<String, Value> = serde_json::from_slice(&post.body).unwrap_or_default();
        body.retain(|key, _| COUNTED.contains(&key.as_str()));
        (post.url, post.body) = (self.counting.clone(), Value::Object(body).to_string().into_bytes());
        Ok(Some(post))
    }

    fn draft<'a>(&self, request: &'a Request, model: &'a str) -> Box<dyn Draft + Send + 'a> {
        Box::new(AnthropicDraft::new(request, model))
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn refusal(&self, status: u16, _headers: &HeaderMap, body: &[u8]) -> (Fault, String) {
        let kind = serde_json::from_slice::<Value>(body).ok();
        let kind = kind.as_ref().and_then(|value| value["error"]["type"].as_str());
        (kind.and_then(fault_of).unwrap_or_else(|| Fault::of_status(status)), said(body))
    }

    fn hide(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hide(text))
    }
}

/// What a type of error means (Anthropic API reference, "Errors").
fn fault_of(kind: &str) -> Option<Fault> {
    Some(match kind {
        "invalid_request_error" | "request_too_large" => Fault::Validation,
        "authentication_error" | "permission_error" | "billing_error" => Fault::AccessDenied,
        "not_found_error" => Fault::NotFound,
        "rate_limit_error" => Fault::Throttled,
        "timeout_error" => Fault::Timeout,
        "api_error" | "overloaded_error" => Fault::Unavailable,
        _ => return None,
    })
}
