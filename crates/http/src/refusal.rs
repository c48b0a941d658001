//! Answers that the listener gives itself, in the form that the client's SDK reads.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::seam::{Body, Response};
use crate::sigv4::Scope;

/// Why a request gets no further than the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// AWS's name of the exception.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// The body is too large: 413, as the Lambda API names it.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let message = format!("Request must be smaller than {bytes_max} bytes for this operation.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
    }

    /// The client was too slow.
    pub(crate) fn too_slow() -> Self {
        let message = "The body of the request did not arrive in time; the connection is closed.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message)
    }

    /// We are full, or on our way down.
    pub(crate) fn busy(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", message)
    }

    /// Our own mistake; what it was stands in the log.
    pub(crate) fn internal() -> Self {
        let message = "The server made a mistake; its log tells more under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", message)
    }

    /// The response.
    pub(crate) fn into_response(self, envelope: Envelope, request_id: &str) -> Response {
        let mut headers = HeaderMap::new();
        let (content_type, body) = envelope.body(&self, request_id);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if envelope == Envelope::RestJson {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(self.code));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Response {
            status: self.status,
            headers,
            body: Body::Full(Bytes::from(body)),
        }
    }
}

/// The forms that errors have on the wire, over all of AWS: what is refused may belong to any service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    RestJson,
    AwsJson,
    Query,
    S3,
}

impl Envelope {
    /// The form that this request's client expects, as far as its head tells.
    pub(crate) fn of(headers: &HeaderMap, scope: Option<&Scope>) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        if scope.is_some_and(|scope| scope.service == "s3" || scope.service == "s3express") {
            Self::S3
        } else if headers.contains_key("x-amz-target") || content_type.starts_with(b"application/x-amz-json") {
            Self::AwsJson
        } else if content_type.starts_with(b"application/x-www-form-urlencoded") {
            Self::Query
        } else {
            Self::RestJson
        }
    }

    fn body(self, refusal: &Refusal, request_id: &str) -> (&'static str, String) {
        let (code, message) = (refusal.code, &refusal.message);
        match self {
            Self::RestJson => ("application/json", format!(r#"{{"message":{}}}"#, json_text(message))),
            Self::AwsJson => (
                "application/x-amz-json-1.0",
                format!(r#"{{"__type":{},"message":{}}}"#, json_text(code), json_text(message)),
            ),
            Self::Query => {
                let fault = if refusal.status.is_server_error() { "Receiver" } else { "Sender" };
                let message = xml_text(message);
                let error = format!("<Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>");
                let body = format!("<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>");
                ("text/xml", body)
            }
            Self::S3 => {
                let message = xml_text(message);
                let error = format!("<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>");
                ("application/xml", error)
            }
        }
    }
}

/// A JSON string with its quotes.
fn json_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Text of an XML element; what XML cannot hold becomes a question mark.
fn xml_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            letter if letter < ' ' && letter != '\n' && letter != '\t' => out.push('?'),
            letter => out.push(letter),
        }
    }
    out
}
