//! Errors on the wire: which exception, which status, which envelope.

use std::borrow::Cow;

use bedplate_base::{Error, Field, Kind};
use serde_json::{Map, Value};

use crate::operation::{Operation, Protocol, Service};
use crate::request::{Body, Context, Response};
use crate::xml;

/// Where a refused operation's message points.
pub const COVERAGE_PAGE: &str = "docs/reference/coverage.md";

/// An exception about to be sent.
#[derive(Debug)]
pub struct Fault {
    /// `ValidationException`, …
    pub code: Cow<'static, str>,
    /// The HTTP status; without one the service's model decides, 400 for codes that it does not know.
    pub status: Option<u16>,
    /// Safe to show.
    pub message: String,
    /// Fields at fault; sent where the service models `fieldList`.
    pub fields: Vec<Field>,
    /// Other members of the exception (`resourceName`); sent where the service models them.
    pub members: Vec<(&'static str, Value)>,
    /// For the log.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// An exception with a message that is safe to show.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            status: None,
            message: message.into(),
            fields: Vec::new(),
            members: Vec::new(),
            source: None,
        }
    }

    /// With a status that the model does not give.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The exception of the Bedrock family for `error`; other services have a `to_wire` of their own, perhaps on top of this.
    pub fn from_error(error: Error) -> Self {
        let (code, status) = match error.kind {
            Kind::Validation => ("ValidationException", None),
            Kind::AccessDenied => ("AccessDeniedException", None),
            Kind::NotFound => ("ResourceNotFoundException", None),
            Kind::Conflict => ("ConflictException", None),
            Kind::Quota => ("ServiceQuotaExceededException", None),
            Kind::Throttled => ("ThrottlingException", None),
            Kind::Dependency => ("DependencyFailedException", None),
            Kind::NotImplemented => ("NotImplementedException", Some(501)),
            Kind::Unavailable => ("ServiceUnavailableException", Some(503)),
            Kind::Internal => ("InternalServerException", None),
        };
        let members = error
            .resource
            .map(|resource| vec![("resourceName", Value::String(resource))])
            .unwrap_or_default();
        Self {
            code: code.into(),
            status,
            message: error.message,
            fields: error.fields,
            members,
            source: error.source,
        }
    }

    /// An operation that is known but not built: HTTP 501. No service models that status; SDKs take the code and do not retry.
    pub fn not_implemented(operation: &Operation) -> Self {
        let text = format!(
            "Bedplate does not implement {} of {} yet. What it implements stands in {COVERAGE_PAGE} of its documentation.",
            operation.name, operation.service
        );
        Self::new("NotImplementedException", text).with_status(501)
    }

    /// The status in `service`.
    pub fn status_in(&self, service: &Service) -> u16 {
        let fallback = if self.code == "InternalServerException" { 500 } else { 400 };
        self.status
            .or_else(|| service.error(&self.code).map(|error| error.status))
            .unwrap_or(fallback)
    }

    /// The response in the envelope of `service`.
    pub fn into_response(self, service: &Service, context: &Context) -> Response {
        let status = self.status_in(service);
        if service.protocol == Protocol::AwsQuery {
            let mut response = xml::error(Some(service), status, xml::common_code(&self.code), &self.message, context);
            response.fault = Some(Box::new(self));
            return response;
        }
        let shape = service.error(&self.code);
        let has = |name: &str| shape.is_some_and(|shape| shape.members.contains(&name));
        let mut body = Map::new();
        if service.protocol != Protocol::RestJson1 {
            body.insert("__type".into(), Value::String(self.code.to_string()));
        }
        if has("Type") {
            body.insert("Type".into(), Value::from(if status < 500 { "User" } else { "Service" }));
        }
        for (name, value) in self.members.iter().filter(|(name, _)| has(name)) {
            body.insert((*name).into(), value.clone());
        }
        if has("fieldList") && !self.fields.is_empty() {
            let entry = |field: &Field| Value::from_iter([("message", field.message.as_str()), ("name", field.name.as_str())]);
            body.insert("fieldList".into(), self.fields.iter().map(entry).collect());
        }
        body.insert(
            shape.map_or("message", |shape| shape.message).into(),
            Value::String(self.message.clone()),
        );
        body.sort_keys();
        let mut response = error_response(service.protocol, status, &self.code, Value::Object(body), context);
        response.fault = Some(Box::new(self));
        response
    }
}

/// An error in `protocol`'s envelope with a ready body. Prefer [`Fault::into_response`]; this is for errors of no known service.
pub fn error_response(protocol: Protocol, status: u16, code: &str, body: Value, context: &Context) -> Response {
    if protocol == Protocol::AwsQuery {
        return xml::error(None, status, code, body["message"].as_str().unwrap_or_default(), context);
    }
    let mut headers = vec![
        ("content-type", protocol.content_type().to_owned()),
        ("x-amzn-requestid", context.request_id.clone()),
    ];
    if protocol == Protocol::RestJson1 {
        headers.push(("x-amzn-errortype", code.to_owned()));
    }
    Response {
        status,
        headers,
        body: Body::Full(body.to_string().into()),
        fault: None,
    }
}
