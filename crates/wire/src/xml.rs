//! awsQuery answers: outputs and errors as XML.

use serde_json::Value;

use crate::operation::{Operation, Protocol, Service};
use crate::request::{Body, Context, Response};
use crate::schema::{Kind, Schema};

/// The answer of an operation: its output (JSON) in the elements that its schema names.
pub(crate) fn output(operation: &Operation, schema: &'static Schema, output: &Value, context: &Context) -> Response {
    let name = operation.name;
    let mut text = String::new();
    text.push_str(&format!("<{name}Response{}>", namespace(operation)));
    if !std::ptr::eq(schema, &crate::schema::EMPTY) {
        element(&format!("{name}Result"), schema, output, &mut text);
    }
    text.push_str("<ResponseMetadata>");
    leaf("RequestId", &context.request_id, &mut text);
    text.push_str(&format!("</ResponseMetadata></{name}Response>"));
    response(operation.status, text, context)
}

/// An error; without a service when none is known.
pub(crate) fn error(service: Option<&Service>, status: u16, code: &str, message: &str, context: &Context) -> Response {
    let space = service
        .and_then(|service| service.operations.first())
        .map(namespace)
        .unwrap_or_default();
    let mut text = format!("<ErrorResponse{space}><Error>");
    leaf("Type", if status < 500 { "Sender" } else { "Receiver" }, &mut text);
    leaf("Code", code, &mut text);
    leaf("Message", message, &mut text);
    text.push_str("</Error>");
    leaf("RequestId", &context.request_id, &mut text);
    text.push_str("</ErrorResponse>");
    response(status, text, context)
}

/// What services with XML bodies call a common error (IAM and STS API references, common errors).
pub(crate) fn common_code(code: &str) -> &str {
    match code {
        "ValidationException" => "ValidationError",
        "SerializationException" => "MalformedInput",
        "AccessDeniedException" => "AccessDenied",
        "ThrottlingException" => "Throttling",
        "ServiceUnavailableException" => "ServiceUnavailable",
        "InternalServerException" => "InternalFailure",
        other => other,
    }
}

fn response(status: u16, text: String, context: &Context) -> Response {
    let headers = vec![
        ("content-type", Protocol::AwsQuery.content_type().to_owned()),
        ("x-amzn-requestid", context.request_id.clone()),
    ];
    Response {
        status,
        headers,
        body: Body::Full(text.into()),
        fault: None,
    }
}

/// ` xmlns="…"`: it follows from the service's name and version; codegen refuses models where it does not.
fn namespace(operation: &Operation) -> String {
    let version = operation.query.iter().find(|(key, _)| *key == "Version");
    version.map_or_else(String::new, |(_, version)| {
        format!(" xmlns=\"https://{}.amazonaws.com/doc/{version}/\"", operation.service)
    })
}

fn element(name: &str, schema: &'static Schema, value: &Value, text: &mut String) {
    text.push_str(&format!("<{name}>"));
    match (&schema.kind, value) {
        (Kind::Structure(members) | Kind::Union(members), Value::Object(object)) => {
            for member in *members {
                if let Some(value) = object.get(member.name).filter(|value| !value.is_null()) {
                    element(member.name, member.schema, value, text);
                }
            }
        }
        (Kind::List { member, .. }, Value::Array(items)) => items.iter().for_each(|item| element("member", member, item, text)),
        (Kind::Map { value: of, .. }, Value::Object(object)) => {
            for (key, value) in object {
                text.push_str("<entry>");
                leaf("key", key, text);
                element("value", of, value, text);
                text.push_str("</entry>");
            }
        }
        (_, Value::String(word)) => escape(word, text),
        (_, Value::Null) => {}
        (_, other) => escape(&other.to_string(), text),
    }
    text.push_str(&format!("</{name}>"));
}

fn leaf(name: &str, value: &str, text: &mut String) {
    text.push_str(&format!("<{name}>"));
    escape(value, text);
    text.push_str(&format!("</{name}>"));
}

/// Text of an element. A bare carriage return would be read as a line feed; what XML 1.0 cannot hold at all becomes a question mark.
fn escape(value: &str, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\r' => text.push_str("&#xD;"),
            '\t' | '\n' => text.push(letter),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => text.push('?'),
            letter => text.push(letter),
        }
    }
}
