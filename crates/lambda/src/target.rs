//! Functions as a target of durable executions: one call is one invoke, with the effect's key in the client context.

use std::future::pending;

use bedplate_base::{BoxFuture, Error, Kind};
use bedplate_journal::{Call, Outcome, Payload, Progress, Raw, Target, Value};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::host::Host;
use crate::invocation::{FunctionError, Invocation, Options};

/// How much of the log goes with an outcome, in bytes: as much as AWS returns with an invoke.
const LOG_BYTES_MAX: usize = 4 * 1024;

/// Calls functions of a host.
///
/// A call's input is `{"function": name or ARN, "event": …}`; its success is `{"payload": "<what the function returned, as
/// text>", "requestId": …, "durationMs": …, "initMs": … (of a cold start), "log": … (when there is any)}`. A failure's error
/// is the exception's type (`ValueError`, `Runtime.ExitError`, `Sandbox.Timedout`) or, when the function was not called,
/// `Lambda.` and the name of the service's exception.
pub struct LambdaTarget {
    host: Host,
}

#[derive(Deserialize)]
struct Input<'a> {
    function: String,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl LambdaTarget {
    /// Calls functions of `host`.
    pub fn new(host: Host) -> Self {
        Self { host }
    }

    async fn invoke(&self, call: &Call, payload: Payload) -> Outcome {
        let Payload::Raw(raw) = payload else {
            return Outcome::failure("Lambda.InvalidParameterValueException", "The call of a function needs JSON text");
        };
        let input = match serde_json::from_str::<Input<'_>>(raw.as_str()) {
            Ok(input) => input,
            Err(error) => {
                let cause = format!("The call of a function must be {{\"function\": …, \"event\": …}}: {error}");
                return Outcome::failure("Lambda.InvalidParameterValueException", cause);
            }
        };
        // The document of the mobile SDKs, where a free place is `custom`: texts only.
        let mut custom = json!({"idempotencyKey": call.key().0});
        if let Some(parent) = &call.trace {
            custom["traceparent"] = (**parent).into();
        }
        let client_context = json!({"custom": custom}).to_string();
        let options = Options {
            client_context: Some(client_context),
            idempotency_key: Some(call.key().0),
            trace_id: call.trace.as_deref().and_then(x_ray),
            // The engine bounds its calls and their time; after a crash all that were open come at once, and none may be lost.
            patient: true,
            ..Options::default()
        };
        let event = Bytes::copy_from_slice(input.event.get().as_bytes());
        let result = self.host.invoke(&input.function, event, options).await;
        if self.host.is_shut_down() && !matches!(&result, Ok(invocation) if invocation.result.is_ok()) {
            // What a shutdown kills has not failed: the call stays open and is made again, with the same key.
            return pending().await;
        }
        match result {
            Ok(invocation) => outcome(invocation),
            Err(error) => Outcome::failure(service_error(&error), error.message),
        }
    }
}

impl Target for LambdaTarget {
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, _progress: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(self.invoke(call, payload))
    }
}

/// X-Ray's words for a W3C `traceparent`; none for what is not one.
fn x_ray(parent: &str) -> Option<String> {
    let mut parts = parent.split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, rest) = trace.split_at_checked(8)?;
    let sampled = u8::from(flags == "01");
    Some(format!("Root=1-{time}-{rest};Parent={span};Sampled={sampled}"))
}

fn outcome(invocation: Invocation) -> Outcome {
    let body = match &invocation.result {
        Ok(body) => body,
        Err(error) => return Outcome::failure(&error.error_type, cause(error)),
    };
    let Ok(text) = std::str::from_utf8(body) else {
        return Outcome::failure("Lambda.Unknown", "The function answered with bytes that are not UTF-8 text");
    };
    let mut success = json!({
        "payload": text,
        "requestId": invocation.request_id,
        "durationMs": (invocation.duration_ms * 1e3).round() / 1e3,
    });
    if let Some(init_ms) = invocation.init_ms {
        success["initMs"] = init_ms.into();
    }
    let log = invocation.logs.tail(LOG_BYTES_MAX);
    if !log.is_empty() {
        success["log"] = log.into();
    }
    Outcome::Success(Value::inline(Raw::json(&success)))
}

/// What went wrong and, for an exception, where.
fn cause(error: &FunctionError) -> String {
    let place = error.stack.last().and_then(|frame| frame.trim().lines().next());
    match place {
        Some(place) => format!("{} ({place})", error.message),
        None => error.message.clone(),
    }
}

fn service_error(error: &Error) -> &'static str {
    match error.kind {
        Kind::NotFound => "Lambda.ResourceNotFoundException",
        Kind::Throttled => "Lambda.TooManyRequestsException",
        Kind::Validation => "Lambda.InvalidParameterValueException",
        Kind::AccessDenied => "Lambda.AccessDeniedException",
        Kind::Dependency => "Lambda.InvalidRuntimeException",
        _ => "Lambda.ServiceException",
    }
}
