//! HTTP to the server: JSON answers and streams of frames. Plain HTTP/1.1; nothing is ever sent twice.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::args::Server;
use crate::failure::Failure;
use crate::frames::{Frame, Frames};
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIME_MAX, CONNECT_TIME_MAX};
use crate::locate::{Location, nobody};
use crate::signer::{ACCESS_KEY, SECRET, Signer};
use crate::terminal::Terminal;

/// The signing names of the two doors that verbs knock at.
const ADMIN_SERVICE: &str = "bedplate";
const AGENT_SERVICE: &str = "bedrock";

/// Talks to one server.
pub(crate) struct Client {
    pub(crate) location: Location,
    signer: Option<Signer>,
    http: Http<HttpConnector, Full<Bytes>>,
}

/// A stream of frames.
pub(crate) struct Stream {
    body: Incoming,
    frames: Frames,
    pub(crate) request_id: Option<String>,
}

impl Client {
    /// To the server that is meant, signing with the shell's key where there is one.
    pub(crate) fn of(terminal: &Terminal, server: &Server) -> Result<Self, Failure> {
        Ok(Self::new(terminal.server(server)?, Signer::of(terminal)))
    }

    pub(crate) fn new(location: Location, signer: Option<Signer>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME_MAX));
        connector.set_nodelay(true);
        Self {
            location,
            signer,
            http: Http::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// The text of an answer of the admin door: JSON.
    pub(crate) async fn get(&self, path: &str) -> Result<String, Failure> {
        self.ask(Method::GET, path).await
    }

    /// The text of an answer to a change through the admin door: JSON.
    pub(crate) async fn post(&self, path: &str) -> Result<String, Failure> {
        self.ask(Method::POST, path).await
    }

    async fn ask(&self, method: Method, path: &str) -> Result<String, Failure> {
        let asking = async {
            let (head, body) = self
                .send(method, path, HeaderMap::new(), Bytes::new(), (ADMIN_SERVICE, None))
                .await?;
            let text = whole(body, &self.location).await?;
            if head.0 != StatusCode::OK {
                return Err(self.refused(head.0, &head.1, &text));
            }
            Ok(text)
        };
        let late = || nobody(&self.location, &format!("it did not answer within {} s", ANSWER_TIME_MAX.as_secs()));
        tokio::time::timeout(ANSWER_TIME_MAX, asking).await.map_err(|_| late())?
    }

    /// The answer of the admin door.
    pub(crate) async fn json(&self, path: &str) -> Result<Value, Failure> {
        let text = self.get(path).await?;
        serde_json::from_str(&text).map_err(|_| nobody(&self.location, "what answers there is not Bedplate"))
    }

    /// Posts JSON, answered by frames.
    pub(crate) async fn stream(&self, path: &str, region: &str, date: &str, body: &Value) -> Result<Stream, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.amazon.eventstream"));
        if self.signer.is_none() {
            // The scope alone says which region is meant, where nobody asks for a key.
            let scope = format!("AWS4-HMAC-SHA256 Credential=local/{date}/{region}/bedrock/aws4_request, SignedHeaders=host, Signature=0");
            headers.insert(AUTHORIZATION, header(&scope)?);
        }
        let scope = (AGENT_SERVICE, Some(region));
        let (head, incoming) = self.send(Method::POST, path, headers, body.to_string().into(), scope).await?;
        if head.0 != StatusCode::OK {
            let text = whole(incoming, &self.location).await?;
            return Err(self.refused(head.0, &head.1, &text));
        }
        Ok(Stream {
            body: incoming,
            frames: Frames::default(),
            request_id: request_id(&head.1),
        })
    }

    /// Sends one request, signed for a service and region when there is a key.
    async fn send(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
        (service, region): (&str, Option<&str>),
    ) -> Result<((StatusCode, HeaderMap), Incoming), Failure> {
        headers.insert(HOST, header(self.location.url.trim_start_matches("http://"))?);
        if let Some(signer) = &self.signer {
            let signed = signer.headers((&method, path), &headers, &body, service, region)?;
            headers.extend(signed);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.location.url))
            .body(Full::new(body))
            .map_err(|error| Failure::new(format!("the request cannot be sent: {error}")))?;
        *request.headers_mut() = headers;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| nobody(&self.location, &innermost(&error)))?;
        let (parts, body) = response.into_parts();
        Ok(((parts.status, parts.headers), body))
    }

    /// What the server said when it refused a request, with what helps when it is about keys.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, text: &str) -> Failure {
        let failure = refused(status, headers, text);
        // A request that only names its region has a signature that lacks parts.
        let incomplete = status == StatusCode::BAD_REQUEST && failure.message.starts_with("IncompleteSignature");
        if !incomplete && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return failure;
        }
        match &self.signer {
            None => failure.hint(format!(
                "to sign requests set {ACCESS_KEY} and {SECRET} to a key of that server: [keys.NAME] of its bedplate.toml, with admin = true"
            )),
            Some(signer) => failure.hint(format!(
                "the request was signed with {ACCESS_KEY}={}: is that a key of this server, and {SECRET} its secret?",
                signer.access_key
            )),
        }
    }
}

fn header(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::new(format!("{text:?} cannot stand in a header")))
}

impl Stream {
    /// The next frame; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        let broken = |why: String, id: &Option<String>| Failure {
            request_id: id.clone(),
            ..Failure::new(format!("the stream broke: {why}"))
        };
        loop {
            if let Some(frame) = self.frames.pop().map_err(|why| broken(why, &self.request_id))? {
                return Ok(Some(frame));
            }
            match self.body.frame().await {
                Some(Ok(part)) => {
                    if let Some(bytes) = part.data_ref() {
                        self.frames.push(bytes);
                    }
                }
                Some(Err(error)) => {
                    let failure = broken(innermost(&error), &self.request_id);
                    return Err(failure.hint("the turn may go on without us: `bedplate session show` tells"));
                }
                None => {
                    self.frames.finish().map_err(|why| broken(why, &self.request_id))?;
                    return Ok(None);
                }
            }
        }
    }
}

/// Escapes a path segment or a query value.
pub(crate) fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

async fn whole(mut body: Incoming, location: &Location) -> Result<String, Failure> {
    let large = || Failure::new(format!("the server's answer is larger than {ANSWER_BYTES_MAX} bytes"));
    if body.size_hint().lower() > ANSWER_BYTES_MAX as u64 {
        return Err(large());
    }
    let mut bytes = Vec::new();
    while let Some(part) = body.frame().await {
        let part = part.map_err(|error| nobody(location, &innermost(&error)))?;
        if let Some(data) = part.data_ref() {
            if bytes.len() + data.len() > ANSWER_BYTES_MAX {
                return Err(large());
            }
            bytes.extend_from_slice(data);
        }
    }
    String::from_utf8(bytes).map_err(|_| nobody(location, "its answer is not text"))
}

/// What the server said when it refused a request.
fn refused(status: StatusCode, headers: &HeaderMap, text: &str) -> Failure {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let message = body["message"].as_str().or_else(|| body["Message"].as_str());
    let code = headers
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok())
        .or_else(|| body["__type"].as_str());
    let told = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (None, Some(message)) => message.to_owned(),
        (Some(code), None) => format!("{code} (HTTP {})", status.as_u16()),
        (None, None) => format!("the server answered HTTP {} without saying why", status.as_u16()),
    };
    let failure = Failure {
        request_id: request_id(headers),
        ..Failure::new(told)
    };
    match hint_of(code.unwrap_or_default()) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What helps against an exception.
pub(crate) fn hint_of(code: &str) -> Option<&'static str> {
    match code.to_ascii_lowercase().trim_end_matches("exception") {
        "dependencyfailed" => Some("the server's terminal shows what the function or the model wrote"),
        "throttling" => Some("try again in a moment"),
        "internalserver" => Some("this is Bedplate's own mistake; the server's log has the cause under the request id"),
        _ => None,
    }
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-amzn-requestid")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// The cause at the bottom: `Connection refused`.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
