//! OpenAI-compatible Chat Completions for any base URL: OpenAI, Ollama, vLLM, LM Studio, llama.cpp, LiteLLM.
//!
//! One call is one POST, tried again a few times while nothing of the answer is out. `encode` and `decode` are pure; this
//! file owns the network: time limits, sizes, what a status means. Dropping the future drops the connection.

mod decode;
mod encode;

use std::sync::OnceLock;
use std::time::Duration;

use bedplate_base::{Error, Result};
use bedplate_converse::{Reply, Request};
use bedplate_journal::Part;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};

pub use self::decode::{Draft, TOOL_CALLS_MAX};
pub use self::encode::Dialect;
use crate::failure::Retry;
use crate::secret::Secret;
use crate::sse::{EventReader, Overlong, REPLY_BYTES_MAX};
use crate::{Failure, Fault, ProviderConfig};

/// How long a connection may take to be made. Ours.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the first byte of a streamed reply may take. Ours.
const FIRST_BYTE: Duration = Duration::from_secs(60);
/// How long a reply may stay silent. Ours.
const IDLE: Duration = Duration::from_secs(60);
/// How long a reply that is not streamed may take (the limit of OpenAI's own clients).
const REPLY: Duration = Duration::from_secs(600);
/// Tries of one call, the first included. Ours: more belongs to the agent, which can tell its user.
const TRIES: u32 = 3;
/// The wait before the second try; it grows fourfold. Ours.
const BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait that a provider may ask for; a longer one fails the call at once. Ours.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);
/// Most bytes of an error answer that are read. Ours.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A server that speaks Chat Completions.
#[derive(Debug)]
pub struct OpenAi {
    name: String,
    /// As configured, for people.
    base_url: String,
    endpoint: Url,
    key: Option<Secret>,
    dialect: Dialect,
    limits: Limits,
    /// Built at the first call: loading root certificates takes time and may fail, which must not keep anyone from starting.
    client: OnceLock<Result<Client, String>>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    first_byte: Duration,
    idle: Duration,
    reply: Duration,
    reply_bytes_max: usize,
    backoff: Duration,
}

impl OpenAi {
    /// The server called `name`. Its key is read by `environment` or from the file that `config` names.
    pub fn new(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let base_url = config.base_url.clone().ok_or_else(|| {
            Error::validation(format!(
                "bedplate.toml: [providers.{name}] lacks base_url, such as \"http://127.0.0.1:8000/v1\""
            ))
        })?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self {
            name: name.to_owned(),
            endpoint: endpoint(name, &base_url)?,
            base_url,
            key: Secret::load(name, config, environment)?,
            dialect: Dialect {
                max_tokens_field: config.max_tokens_field.unwrap_or_default(),
                omit: config.omit.clone(),
            },
            limits: Limits {
                first_byte: config.first_byte_timeout.unwrap_or(FIRST_BYTE),
                idle: config.idle_timeout.unwrap_or(IDLE),
                reply: config.reply_timeout.unwrap_or(REPLY),
                reply_bytes_max: config.reply_bytes_max.unwrap_or(REPLY_BYTES_MAX),
                backoff: BACKOFF,
            },
            client: OnceLock::new(),
        })
    }

    /// Sets the wait before the second try, so that tests need not wait.
    pub fn with_backoff(mut self, backoff: Duration) -> Self {
        self.limits.backoff = backoff;
        self
    }

    /// Asks `model`. Parts go to `report` as they come; the reply is whole.
    pub async fn call(&self, request: &Request, model: &str, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        let body = self.dialect.encode(request, model).to_string();
        let mut backoff = self.limits.backoff;
        let mut tries = 0;
        loop {
            tries += 1;
            let mut reported = false;
            let mut report = |part| {
                reported = true;
                report(part);
            };
            let failure = match self.once(request, model, body.clone(), &mut report).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => self.described(failure),
            };
            let Retry::After(wait) = failure.retry else { return Err(failure) };
            if reported || tries == TRIES || wait.is_some_and(|wait| wait > RETRY_AFTER_MAX) {
                return Err(failure);
            }
            tracing::warn!(provider = %self.name, model, tries, "{failure}; trying again");
            tokio::time::sleep(wait.unwrap_or(backoff)).await;
            backoff *= 4;
        }
    }

    async fn once(&self, request: &Request, model: &str, body: String, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        let wait = if request.streaming {
            self.limits.first_byte
        } else {
            self.limits.reply
        };
        let mut post = self
            .client()?
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        post = post.header(
            ACCEPT,
            if request.streaming {
                "text/event-stream"
            } else {
                "application/json"
            },
        );
        if let Some(bearer) = self.key.as_ref().and_then(Secret::bearer) {
            post = post.header(AUTHORIZATION, bearer);
        }
        let response = match tokio::time::timeout(wait, post.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unreachable(&error)),
            Err(_) => {
                return Err(Failure::raw(
                    Fault::Timeout,
                    format!("did not begin to answer within {}", seconds(wait)),
                ));
            }
        };
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let mut draft = Draft::default();
        if is_json(&response) {
            let bytes = self.body(response, self.limits.reply_bytes_max, wait).await?;
            let value = serde_json::from_slice(&bytes).map_err(|error| {
                Failure::raw(
                    Fault::Malformed,
                    format!("answered with something that is not whole JSON ({error}): {}", excerpt(&bytes)),
                )
            })?;
            draft.whole(&value, &mut |part| report(part))?;
        } else if request.streaming {
            self.stream(response, &mut draft, report).await?;
        } else {
            let kind = response
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or("no content type")
                .to_owned();
            return Err(Failure::raw(
                Fault::Malformed,
                format!("answered with {kind} instead of application/json; does base_url end as the server wants it (often /v1)?"),
            ));
        }
        draft.finish(request, model)
    }

    /// Reads a streamed reply. It is whole once the model has said why it stopped, or the server that it is done.
    async fn stream(&self, mut response: Response, draft: &mut Draft, report: &mut (dyn FnMut(Part) + Send)) -> Result<(), Failure> {
        let mut reader = EventReader::new(self.limits.reply_bytes_max);
        let mut events = Vec::new();
        let mut wait = self.limits.first_byte;
        loop {
            let piece = match tokio::time::timeout(wait, response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => break,
                // Whatever happens after the model's last word is no reason to lose it.
                Ok(Err(_)) | Err(_) if draft.is_finished() => return Ok(()),
                Ok(Err(error)) => {
                    return Err(Failure::raw(
                        Fault::Malformed,
                        format!("the stream broke off ({})", root_of(&error)),
                    ));
                }
                Err(_) => return Err(Failure::raw(Fault::Timeout, format!("the stream was silent for {}", seconds(wait)))),
            };
            wait = self.limits.idle;
            reader.push(&piece, &mut events).map_err(|overlong| self.overlong(overlong))?;
            for event in events.drain(..) {
                if take_event(&event, draft, report)? {
                    return Ok(());
                }
            }
        }
        let rest = reader.finish();
        if draft.is_finished() {
            return Ok(());
        }
        match rest {
            Some(event) if take_event(&event, draft, report)? || draft.is_finished() => Ok(()),
            _ => Err(Failure::raw(Fault::Malformed, "the stream ended in the middle of the reply")),
        }
    }

    /// What an answer other than 2xx means.
    async fn refusal(&self, response: Response) -> Failure {
        let status = response.status();
        let wait = wait_asked_for(response.headers());
        let moved = response
            .headers()
            .get("location")
            .and_then(|to| to.to_str().ok())
            .map(str::to_owned);
        let bytes = self.beginning(response).await;
        let said = match serde_json::from_slice(&bytes) {
            Ok(value) => decode::message_of(&value).unwrap_or_else(|| excerpt(&bytes)),
            Err(_) => excerpt(&bytes),
        };
        let fault = Fault::of_status(status.as_u16());
        let cause = match moved.filter(|_| status.is_redirection()) {
            Some(to) => format!(
                "answered {} to {to}; redirects are not followed, set base_url to where the server is",
                status.as_u16()
            ),
            None => format!(
                "answered {}: {}",
                status.as_u16(),
                if said.is_empty() { "(nothing said)" } else { &said }
            ),
        };
        let failure = Failure::raw(fault, cause);
        if matches!(fault, Fault::Throttled | Fault::Unavailable) {
            failure.retryable(wait)
        } else {
            failure
        }
    }

    /// A whole body of at most `bytes_max`, silent for at most `wait` at a time.
    async fn body(&self, mut response: Response, bytes_max: usize, wait: Duration) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        loop {
            match tokio::time::timeout(wait, response.chunk()).await {
                Ok(Ok(Some(piece))) if bytes.len() + piece.len() > bytes_max => return Err(self.overlong(Overlong::Reply)),
                Ok(Ok(Some(piece))) => bytes.extend_from_slice(&piece),
                Ok(Ok(None)) => return Ok(bytes),
                Ok(Err(error)) => return Err(Failure::raw(Fault::Malformed, format!("the reply broke off ({})", root_of(&error)))),
                Err(_) => return Err(Failure::raw(Fault::Timeout, format!("the reply was silent for {}", seconds(wait)))),
            }
        }
    }

    /// The beginning of an error answer, or what came of it.
    async fn beginning(&self, mut response: Response) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(Ok(Some(piece))) = tokio::time::timeout(self.limits.idle, response.chunk()).await {
            bytes.extend_from_slice(&piece[..piece.len().min(ERROR_BYTES_MAX - bytes.len())]);
            if bytes.len() >= ERROR_BYTES_MAX {
                break;
            }
        }
        bytes
    }

    fn client(&self) -> Result<&Client, Failure> {
        self.client
            .get_or_init(|| client(&self.endpoint))
            .as_ref()
            .map_err(|why| Failure::raw(Fault::Unavailable, format!("no HTTP client could be made ({why})")))
    }

    fn overlong(&self, overlong: Overlong) -> Failure {
        let what = match overlong {
            Overlong::Line => format!("a line of the stream is longer than {} bytes", crate::sse::LINE_BYTES_MAX),
            Overlong::Reply => format!("the reply is longer than {} bytes (reply_bytes_max)", self.limits.reply_bytes_max),
        };
        Failure::raw(Fault::Malformed, what)
    }

    /// Says who failed, and hides the key should the provider have quoted it; only then is the cause shortened.
    fn described(&self, failure: Failure) -> Failure {
        let said = match &self.key {
            Some(key) => key.hide(&failure.cause),
            None => failure.cause,
        };
        let retry = failure.retry;
        Failure {
            retry,
            ..Failure::new(failure.fault, format!("provider {:?} ({}): {said}", self.name, self.base_url))
        }
    }
}

/// Takes one event; true when the server says that it is done.
fn take_event(event: &str, draft: &mut Draft, report: &mut (dyn FnMut(Part) + Send)) -> Result<bool, Failure> {
    let event = event.trim();
    if event.is_empty() {
        return Ok(false);
    }
    if event == "[DONE]" {
        return Ok(true);
    }
    let value = serde_json::from_str(event).map_err(|error| {
        Failure::raw(
            Fault::Malformed,
            format!("an event of the stream is not JSON ({error}): {}", excerpt(event.as_bytes())),
        )
    })?;
    draft.chunk(&value, &mut |part| report(part))?;
    Ok(false)
}

fn endpoint(name: &str, base_url: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Error::validation(format!(
            "bedplate.toml: base_url of [providers.{name}] {why}; it looks like \"http://127.0.0.1:8000/v1\""
        ))
    };
    let url = Url::parse(&format!("{base_url}/chat/completions")).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user name or password, which belongs into api_key_env or api_key_file",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a part behind ? or #"));
    }
    Ok(url)
}

/// A client for one server. Redirects are not followed: they would carry the prompt elsewhere.
fn client(endpoint: &Url) -> Result<Client, String> {
    // Somebody else in the process may have installed it: that is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("bedplate/", env!("CARGO_PKG_VERSION")));
    if endpoint.scheme() == "http" {
        // Needs no certificates: a machine without any can still use a model at home.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(endpoint) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| root_of(&error))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The request got no answer: nothing listens, or the connection broke before the first byte.
fn unreachable(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke the connection without an answer"
    };
    Failure::raw(Fault::Unavailable, format!("{what} ({})", root_of(error))).retryable(None)
}

/// The innermost cause: the outer ones repeat the URL.
fn root_of(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// How long the provider asks to wait. Dates are not read: they need a clock that agrees with the provider's.
fn wait_asked_for(headers: &HeaderMap<HeaderValue>) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|millis| millis / 1_000.0)
        .or_else(|| number(RETRY_AFTER.as_str()))?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn is_json(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The cause is shortened once the key is taken out of it.
fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_millis() as f64 / 1_000.0)
}
