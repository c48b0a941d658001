//! Functions that are somewhere else: behind an HTTP address, or at another server of the Lambda API.
//!
//! What comes back is untrusted like a handler's answer: its size and its time are bounded, redirects are not followed.
//! A server that cannot be reached was not called and is an error; everything later is how the function failed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::{Clock, Error, Kind as ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};

use crate::invocation::{FunctionError, Invocation, Kind};
use crate::limits;
use crate::logs::Logs;
use crate::reference::Reference;
use crate::request::Request;
use crate::signing::Signing;

/// Time to connect. Ours: the other server is on this machine or near it.
const CONNECT: Duration = Duration::from_secs(5);
/// How much of an answer that is no success is shown (ours).
const SHOWN_CHARS: usize = 1_000;

/// Where a function is that is not here.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    way: Way,
    address: Url,
    timeout: Duration,
    /// Whether failures say the address: whoever reads them may be anybody.
    tells_address: bool,
}

/// How it is called.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// POST of the event; the body of a 2xx answer is the result. Header `Idempotency-Key`: the same whenever the same
    /// call is made again.
    Url(String),
    /// Lambda's Invoke: `POST {url}/2015-03-31/functions/{function}/invocations`.
    Endpoint {
        /// Its base address.
        url: String,
        /// The function's name there.
        function: String,
        /// Whose signature it gets; AWS asks for one, `sam` and `cargo lambda` do not.
        signing: Option<Signing>,
    },
}

impl Remote {
    /// A function behind an address; `timeout` is for one whole call. The error says what is wrong with the address.
    pub fn new(way: Way, timeout: Duration) -> Result<Self> {
        let address = match &way {
            Way::Url(url) => read("url", url)?,
            Way::Endpoint { url, function, signing } => {
                let mut address = read("endpoint", url)?;
                if signing.is_none() && address.host_str().is_some_and(|host| host.ends_with(".amazonaws.com")) {
                    return Err(Error::validation(format!(
                        "endpoint: {url:?} takes signed calls: set `aws` to its region"
                    )));
                }
                if address.query().is_some() || address.fragment().is_some() {
                    return Err(Error::validation(format!("endpoint: {url:?} has a part behind ? or #")));
                }
                Reference::parse(function).map_err(|error| Error::validation(format!("function: {}", error.message)))?;
                if let Ok(mut segments) = address.path_segments_mut() {
                    let path = ["2015-03-31", "functions", function.as_str(), "invocations"];
                    segments.pop_if_empty().extend(path);
                }
                address
            }
        };
        Ok(Self {
            way,
            address,
            timeout,
            tells_address: true,
        })
    }

    /// With failures that do not say the address; the log does.
    #[must_use]
    pub fn without_address(mut self) -> Self {
        self.tells_address = false;
        self
    }

    /// How it is called.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Calls it. The error says that it could not be called.
    pub(crate) async fn invoke(&self, request: &Request, qualifier: Option<&str>, clock: &dyn Clock) -> Result<Invocation> {
        let client = client(&self.address)?;
        let timeout = request.options.timeout.map_or(self.timeout, |shorter| shorter.min(self.timeout));
        let began = clock.now();
        let mut address = self.address.clone();
        if let (Way::Endpoint { .. }, Some(qualifier)) = (&self.way, qualifier) {
            address.query_pairs_mut().append_pair("Qualifier", qualifier);
        }
        let mut headers = self.headers(request);
        if let Way::Endpoint {
            signing: Some(signing), ..
        } = &self.way
        {
            signing.sign(&address, &mut headers, &request.payload, began).await?;
        }
        let call = client.post(address).headers(headers).body(request.payload.clone());
        let answer = tokio::select! {
            biased;
            answer = self.exchange(call) => answer?,
            () = clock.sleep_until(began + timeout) => {
                let message = format!("{} Task timed out after {:.2} seconds", request.id, timeout.as_secs_f64());
                Answer::failed(FunctionError::stated(Kind::TimedOut, "Sandbox.Timedout", message))
            }
        };
        Ok(Invocation {
            request_id: request.id.clone(),
            version: answer.version.unwrap_or_else(|| crate::function::LATEST.into()),
            result: answer.result,
            logs: answer.logs,
            init_ms: None,
            duration_ms: clock.now().since(began).as_secs_f64() * 1e3,
        })
    }

    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            // The request was checked; what a header cannot carry is left out.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("content-type", "application/json");
        match &self.way {
            Way::Url(_) => {
                set("x-amzn-requestid", &request.id);
                if let Some(key) = &request.options.idempotency_key {
                    set("idempotency-key", key);
                }
            }
            Way::Endpoint { signing, .. } => {
                set("x-amz-invocation-type", "RequestResponse");
                // `sam local start-lambda` refuses a log type.
                if signing.is_some() {
                    set("x-amz-log-type", "Tail");
                }
                if let Some(context) = &request.client_context {
                    set("x-amz-client-context", &STANDARD.encode(context));
                }
            }
        }
        headers
    }

    async fn exchange(&self, call: reqwest::RequestBuilder) -> Result<Answer> {
        let broken = |error: &reqwest::Error| {
            let message = format!(
                "{} broke the connection ({}); the call may have been made",
                self.blamed(),
                root_of(error)
            );
            Answer::failed(FunctionError::stated(Kind::Crashed, "Remote.ConnectionBroken", message))
        };
        let mut response = match call.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Err(self.unreachable(&error)),
            Err(error) => return Ok(broken(&error)),
        };
        let status = response.status();
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let version = header("x-amz-executed-version");
        let function_error = header("x-amz-function-error");
        let error_type = header("x-amzn-errortype");
        let location = header("location");
        let logs = header("x-amz-log-result").map(|text| logs_of(&text)).unwrap_or_default();
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if body.len() + chunk.len() <= limits::RESPONSE_BYTES_MAX => body.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    let limit = limits::RESPONSE_BYTES_MAX;
                    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
                    let error = FunctionError::stated(Kind::TooLarge, "Function.ResponseSizeTooLarge", message);
                    return Ok(Answer::failed(error));
                }
                Err(error) => return Ok(broken(&error)),
            }
        }
        let body = body.freeze();
        if status.is_success() {
            let result = match (&self.way, function_error) {
                (Way::Endpoint { .. }, Some(_)) => Err(FunctionError::reported(Kind::Unhandled, None, body)),
                (Way::Url(_), _) if body.is_empty() => Ok(Bytes::from_static(b"null")),
                _ => Ok(body),
            };
            return Ok(Answer { version, result, logs });
        }
        // `cargo lambda watch` answers 500 for a function that failed; AWS's own errors name their type in a header.
        let failed = || {
            let document: serde_json::Value = serde_json::from_slice(&body).ok()?;
            document.get("errorMessage")?.is_string().then_some(())
        };
        if matches!(self.way, Way::Endpoint { .. }) && status.is_server_error() && error_type.is_none() && failed().is_some() {
            let result = Err(FunctionError::reported(Kind::Unhandled, None, body));
            return Ok(Answer { version, result, logs });
        }
        let what = match location.filter(|_| status.is_redirection()) {
            Some(location) => format!("to {}; redirects are not followed", crate::function::shorten(&location, 200)),
            None => String::from_utf8_lossy(&body).chars().take(SHOWN_CHARS).collect(),
        };
        let message = format!("{} answered {status}: {what}", self.blamed());
        match &self.way {
            // The other server did not call the function: its own exception.
            Way::Endpoint { .. } => {
                let kind = match error_type.as_deref().map(|text| text.split(':').next().unwrap_or(text)) {
                    Some("ResourceNotFoundException") => ErrorKind::NotFound,
                    Some("TooManyRequestsException") => ErrorKind::Throttled,
                    _ if status.as_u16() == 403 => ErrorKind::AccessDenied,
                    _ if status.as_u16() == 404 => ErrorKind::NotFound,
                    _ if status.as_u16() == 429 => ErrorKind::Throttled,
                    _ if status.is_client_error() => ErrorKind::Validation,
                    _ => ErrorKind::Unavailable,
                };
                Err(Error::new(kind, message))
            }
            Way::Url(_) => {
                let error_type = format!("Http.{}", status.as_u16());
                Ok(Answer::failed(FunctionError::stated(Kind::Unhandled, &error_type, message)))
            }
        }
    }

    /// Who failed, for a message: its address without a query, because some services take their keys there.
    fn blamed(&self) -> String {
        let whole = self.address.as_str();
        let address = match whole.split_once('?') {
            Some((address, _)) => format!("{address}?…"),
            None => whole.to_owned(),
        };
        if self.tells_address {
            return address;
        }
        tracing::warn!(target: "lambda", address, "a function somewhere else could not be called");
        "The server of the function".to_owned()
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let start = match &self.way {
            Way::Url(_) => "start the server there, or change `url`",
            Way::Endpoint { signing: None, .. } => "start it (`sam local start-lambda`, `cargo lambda watch`), or change `endpoint`",
            Way::Endpoint { signing: Some(_), .. } => "look at the network, or change `aws` and `endpoint`",
        };
        let message = format!(
            "{} cannot be reached ({}): {start} in [functions] of bedplate.toml",
            self.blamed(),
            root_of(error)
        );
        Error::new(ErrorKind::Unavailable, message)
    }
}

struct Answer {
    version: Option<String>,
    result: std::result::Result<Bytes, FunctionError>,
    logs: Logs,
}

impl Answer {
    fn failed(error: FunctionError) -> Self {
        Self {
            version: None,
            result: Err(error),
            logs: Logs::default(),
        }
    }
}

/// The log that came with an answer; nothing when it cannot be read.
fn logs_of(text: &str) -> Logs {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    let mut logs = Logs::default();
    String::from_utf8_lossy(&bytes).lines().for_each(|line| logs.push(line.to_owned()));
    logs
}

/// Which functions are somewhere else.
#[derive(Default)]
pub(crate) struct Remotes(Vec<(Reference, Arc<Remote>)>);

impl Remotes {
    /// Adds one, or replaces it. `function` has no qualifier.
    pub(crate) fn add(&mut self, function: &str, remote: Remote) -> Result<()> {
        let key = Reference::parse(function)?;
        if key.qualifier.is_some() {
            return Err(Error::validation(format!(
                "`{function}` must name a function without version or alias"
            )));
        }
        self.0.retain(|(other, _)| *other != key);
        self.0.push((key, Arc::new(remote)));
        // The most exact first: an ARN wins over a name.
        self.0
            .sort_by_key(|(key, _)| std::cmp::Reverse(usize::from(key.region.is_some()) + usize::from(key.account.is_some())));
        Ok(())
    }

    /// Where a function is, with the qualifier that the caller named.
    pub(crate) fn find(&self, function: &str) -> Option<(Arc<Remote>, Option<String>)> {
        if self.0.is_empty() {
            return None;
        }
        let asked = Reference::parse(function).ok()?;
        let fits = |key: &Reference| {
            key.name == asked.name
                && (key.region.is_none() || key.region == asked.region)
                && (key.account.is_none() || key.account == asked.account)
        };
        let (_, remote) = self.0.iter().find(|(key, _)| fits(key))?;
        Some((Arc::clone(remote), asked.qualifier))
    }
}

fn read(key: &str, text: &str) -> Result<Url> {
    let wrong = |what: &str| Err(Error::validation(format!("{key}: {text:?} {what}")));
    let Ok(url) = Url::parse(text) else {
        return wrong("is not an HTTP address: write one such as \"http://127.0.0.1:3001\"");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return wrong("is not an HTTP address: write one such as \"http://127.0.0.1:3001\"");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::validation(format!(
            "{key}: holds a user name or password, which is not supported"
        )));
    }
    Ok(url)
}

/// One client for all addresses of a scheme: it keeps connections.
fn client(address: &Url) -> Result<&'static Client> {
    static PLAIN: OnceLock<Client> = OnceLock::new();
    static SECURE: OnceLock<Client> = OnceLock::new();
    let plain = address.scheme() == "http";
    let place = if plain { &PLAIN } else { &SECURE };
    if let Some(client) = place.get() {
        return Ok(client);
    }
    // Somebody else in the process may have installed it: that is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("bedplate/", env!("CARGO_PKG_VERSION")));
    if plain {
        // Needs no certificates, and what speaks plain HTTP is near: no proxy on the way.
        builder = builder.tls_certs_only([]).no_proxy();
    }
    let built = builder.build();
    let client = built.map_err(|error| Error::internal("No client for HTTP can be made").with_source(root_of(&error)))?;
    Ok(place.get_or_init(|| client))
}

/// The innermost cause: the outer ones repeat the URL.
fn root_of(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
