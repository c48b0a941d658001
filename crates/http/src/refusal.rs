//! Answers that the listener gives itself, in the form that the client's SDK reads.

use bedplate_wire::{Body, Context, Fault, Operation, Protocol, Response, RouteError, Service};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::sigv4::{Denied, Scope};

/// How the Lambda API's Invoke names a body that is too large.
const LAMBDA_TOO_LARGE: &str = "RequestTooLargeException";
/// Too much at once, as most services call it, and how Lambda's operations do.
const THROTTLED: &str = "ThrottlingException";
const LAMBDA_THROTTLED: &str = "TooManyRequestsException";
/// Seconds after which a client may come again that was one too many. Ours: nothing here takes long to free.
pub(crate) const RETRY_AFTER: &str = "1";

/// Why a request gets no further than the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// AWS's name of the exception.
    pub(crate) code: &'static str,
    /// What is wrong and what would be right.
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// The body is too large: 413, by the name that the operation has for it.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let message = format!("Request must be smaller than {bytes_max} bytes for this operation.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
    }

    /// The client was too slow.
    pub(crate) fn too_slow() -> Self {
        let message = "The body of the request did not arrive in time; the connection is closed.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message)
    }

    /// There is too much to do: 429, by the name that the service has for it.
    pub(crate) fn throttled(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, THROTTLED, message)
    }

    /// We are on our way down.
    pub(crate) fn busy(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", message)
    }

    /// Our own mistake; what it was stands in the log.
    pub(crate) fn internal() -> Self {
        let message = "The server made a mistake; its log tells more under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", message)
    }

    /// The response, in the service's own form once the service is known, else in the form that the head suggests.
    pub(crate) fn into_response(self, to: Option<(&'static Service, &'static Operation)>, guess: Envelope, context: &Context) -> Response {
        let throttled = self.code == THROTTLED;
        let mut response = self.in_form(to, guess, context);
        if throttled {
            response.headers.push(("retry-after", RETRY_AFTER.to_owned()));
        }
        response
    }

    fn in_form(mut self, to: Option<(&'static Service, &'static Operation)>, guess: Envelope, context: &Context) -> Response {
        match to {
            // Services with XML bodies have their own names for these.
            Some((service, operation)) if service.protocol != Protocol::AwsQuery => {
                if self.status == StatusCode::PAYLOAD_TOO_LARGE && operation.errors.contains(&LAMBDA_TOO_LARGE) {
                    self.code = LAMBDA_TOO_LARGE;
                }
                if self.code == THROTTLED && operation.errors.contains(&LAMBDA_THROTTLED) {
                    self.code = LAMBDA_THROTTLED;
                } else if self.code == THROTTLED && service.protocol != Protocol::RestJson1 {
                    self.status = StatusCode::BAD_REQUEST; // awsJson has no other one (API models' common errors)
                }
                Fault::new(self.code, self.message)
                    .with_status(self.status.as_u16())
                    .into_response(service, context)
            }
            _ => {
                let guess = if to.is_some() { Envelope::Query } else { guess };
                if self.code == THROTTLED {
                    (self.status, self.code) = match guess {
                        Envelope::RestJson => (self.status, self.code),
                        Envelope::AwsJson => (StatusCode::BAD_REQUEST, self.code),
                        Envelope::Query => (StatusCode::BAD_REQUEST, "Throttling"), // IAM's and STS's common errors
                        Envelope::S3 => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
                    };
                }
                match guess {
                    Envelope::Query => self.code = in_xml(self.code),
                    Envelope::S3 => {
                        self.code = in_s3(self.code);
                        if self.code == "EntityTooLarge" || self.code == "RequestTimeout" {
                            self.status = StatusCode::BAD_REQUEST;
                        }
                    }
                    Envelope::RestJson | Envelope::AwsJson => {}
                }
                let (content_type, body) = guess.body(&self, &context.request_id);
                let mut headers = vec![("content-type", content_type.to_owned())];
                if guess == Envelope::RestJson {
                    headers.push(("x-amzn-errortype", self.code.to_owned()));
                }
                Response {
                    status: self.status.as_u16(),
                    headers,
                    body: Body::Full(Bytes::from(body)),
                    fault: None,
                }
            }
        }
    }
}

impl From<RouteError> for Refusal {
    fn from(error: RouteError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::NOT_FOUND);
        Self::new(status, error.code, error.message)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let status = StatusCode::from_u16(denied.status).unwrap_or(StatusCode::FORBIDDEN);
        Self::new(status, denied.code, denied.message)
    }
}

/// How services with XML bodies name what is wrong with a signature (IAM's and STS's common errors).
fn in_xml(code: &'static str) -> &'static str {
    match code {
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "IncompleteSignatureException" => "IncompleteSignature",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "AccessDeniedException" => "AccessDenied",
        other => other,
    }
}

/// The same for S3 (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
fn in_s3(code: &'static str) -> &'static str {
    match code {
        "MissingAuthenticationTokenException" | "AccessDeniedException" => "AccessDenied",
        "IncompleteSignatureException" => "AuthorizationHeaderMalformed",
        "UnrecognizedClientException" => "InvalidAccessKeyId",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "RequestEntityTooLargeException" => "EntityTooLarge",
        "RequestTimeoutException" => "RequestTimeout",
        "SerializationException" => "InvalidRequest",
        "InternalServerException" => "InternalError",
        "ServiceUnavailableException" => "ServiceUnavailable",
        other => other,
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
        } else if content_type.starts_with(b"application/x-www-form-urlencoded")
            || scope.is_some_and(|scope| scope.service == "iam" || scope.service == "sts")
        {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// SDKs try again by themselves; in each form they know it by another name, and all are told when.
    #[test]
    fn throttling_says_when_to_come_again() {
        for (form, status, code) in [
            (Envelope::RestJson, 429, "ThrottlingException"),
            (Envelope::AwsJson, 400, "ThrottlingException"),
            (Envelope::Query, 400, "<Code>Throttling</Code>"),
            (Envelope::S3, 503, "<Code>SlowDown</Code>"),
        ] {
            let response = Refusal::throttled("too much").into_response(None, form, &Context::default());
            let Body::Full(body) = &response.body else {
                panic!("{form:?} streams")
            };
            let said = format!("{:?} {}", response.headers, String::from_utf8_lossy(body));
            assert!(
                response.status == status && said.contains(code),
                "{form:?}: {} {said}",
                response.status
            );
            assert!(
                response.headers.contains(&("retry-after", RETRY_AFTER.to_owned())),
                "{form:?}: {said}"
            );
        }
    }
}
