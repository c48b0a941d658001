//! OpenAI-compatible Chat Completions for any base URL: OpenAI, Ollama, vLLM, LM Studio, llama.cpp, LiteLLM.

mod decode;
mod encode;

use bedplate_base::{Error, Result};
use bedplate_converse::Request;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap};

pub use self::decode::OpenAiDraft;
pub use self::encode::Dialect;
use crate::client::endpoint;
use crate::frames::Framing;
use crate::protocol::{Draft, Post, Protocol};
use crate::secret::Secret;
use crate::{Failure, ProviderConfig, embedding};

/// What a server of this kind speaks.
#[derive(Debug)]
pub(crate) struct OpenAi {
    base_url: String,
    endpoint: Url,
    embeddings: Url,
    key: Option<Secret>,
    dialect: Dialect,
}

impl OpenAi {
    pub(crate) fn new(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let base_url = config.base_url.clone().ok_or_else(|| {
            Error::validation(format!(
                "bedplate.toml: [providers.{name}] lacks base_url, such as \"http://127.0.0.1:8000/v1\""
            ))
        })?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self {
            endpoint: endpoint(name, &base_url, "/chat/completions")?,
            embeddings: endpoint(name, &base_url, "/embeddings")?,
            base_url,
            key: Secret::load(name, config, environment)?,
            dialect: Dialect {
                max_tokens_field: config.max_tokens_field.unwrap_or_default(),
                max_tokens: config.max_tokens,
                thoughts_field: config.thoughts_field.clone(),
                omit: config.omit.clone(),
            },
        })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(bearer) = self.key.as_ref().and_then(Secret::bearer) {
            headers.insert(AUTHORIZATION, bearer);
        }
        headers
    }
}

impl Protocol for OpenAi {
    fn post(&self, request: &Request, model: &str) -> Result<Post, Failure> {
        Ok(Post {
            url: self.endpoint.clone(),
            headers: self.headers(),
            body: self.dialect.encode(request, model)?,
        })
    }

    fn embed(&self, model: &str, texts: &[String], dimensions: Option<u32>) -> Result<Post, Failure> {
        Ok(Post {
            url: self.embeddings.clone(),
            headers: self.headers(),
            body: embedding::body(model, texts, dimensions),
        })
    }

    fn draft<'a>(&self, request: &'a Request, model: &'a str) -> Box<dyn Draft + Send + 'a> {
        Box::new(OpenAiDraft::new(request, model))
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn hide(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hide(text))
    }
}
