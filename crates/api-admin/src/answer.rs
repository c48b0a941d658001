//! Answers: JSON, and errors as `{"message": …}`.

use bedplate_base::{Error, Kind, Result};
use bedplate_wire::{Body, Context, Fault, Request, Response};
use serde_json::{Value, json};

/// Bytes of an answer. Ours: a session whose prompts are long must not fill the memory of server and client.
const ANSWER_BYTES_MAX: usize = 96 * 1024 * 1024;

/// The paths, for messages.
const PATHS: &str = "/_bedplate/version, /_bedplate/agents, /_bedplate/sessions, /_bedplate/sessions/show, /_bedplate/requests/show, /_bedplate/cost and /_bedplate/clock";

pub(crate) fn of(result: Result<Value>, context: &Context) -> Response {
    let result = result.map(|value| value.to_string()).and_then(|text| {
        if text.len() <= ANSWER_BYTES_MAX {
            return Ok(text);
        }
        Err(Error::validation(format!(
            "The answer would have {} bytes, at most {ANSWER_BYTES_MAX} are sent. Ask for fewer turns.",
            text.len()
        )))
    });
    match result {
        Ok(text) => response(200, text, context),
        Err(error) => {
            let status = status(error.kind);
            let mut response = response(status, json!({"message": error.message}).to_string(), context);
            response.fault = Some(Box::new(Fault::from_error(error).with_status(status)));
            response
        }
    }
}

pub(crate) fn not_allowed(request: &Request, changes: bool) -> Response {
    let wanted = if changes { "POST" } else { "GET" };
    let message = format!("{} is not allowed here: use {wanted}.", request.method);
    let mut response = response(405, json!({"message": message}).to_string(), &request.context);
    response.headers.push(("allow", wanted.into()));
    response
}

pub(crate) fn no_such_path(path: &str) -> Error {
    let shown: String = path.chars().take(200).collect();
    Error::not_found(format!("There is nothing at {shown}. The admin door has {PATHS}."))
}

fn response(status: u16, text: String, context: &Context) -> Response {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-amzn-requestid", context.request_id.clone()),
    ];
    Response {
        status,
        headers,
        body: Body::Full(text.into()),
        fault: None,
    }
}

fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Validation => 400,
        Kind::AccessDenied => 403,
        Kind::NotFound => 404,
        Kind::Conflict => 409,
        Kind::Quota | Kind::Throttled => 429,
        Kind::Dependency => 424,
        Kind::NotImplemented => 501,
        Kind::Unavailable => 503,
        Kind::Internal => 500,
    }
}
