//! What goes into an invoke and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use crate::limits;
use crate::logs::{LogSink, Logs};

/// What an invoke may say beside function and payload; the default says nothing.
#[derive(Clone, Default)]
pub struct Options {
    /// The id the handler sees and the log shows; a fresh one when absent.
    pub request_id: Option<String>,
    /// JSON text, handed to the handler as its client context: `{"custom":{"idempotencyKey":"…","attempt":"1"}}`.
    pub client_context: Option<String>,
    /// What stays the same when this call is made again: sent to mapped URLs as `Idempotency-Key`. (Handlers find it in
    /// their client context, where the caller puts it.)
    pub idempotency_key: Option<String>,
    /// Shorter than the function's own time-out, or ignored.
    pub timeout: Option<Duration>,
    /// `Root=1-…;Parent=…;Sampled=…`; a fresh unsampled one when absent.
    pub trace_id: Option<String>,
    /// Gets every log line as it comes.
    pub logs: Option<Arc<LogSink>>,
    /// Gets the parts of the answer as the process sends them; [`Invocation::result`] has none of them then. A reader that is slow
    /// slows the function down, one that is gone does not end it.
    pub stream: Option<Sender<Bytes>>,
    /// Waits for a process however many wait already: for callers that bound by themselves how much they ask for.
    pub patient: bool,
}

/// One finished invoke.
#[derive(Debug)]
pub struct Invocation {
    /// The id the handler saw.
    pub request_id: String,
    /// The version that was run: `$LATEST`, a number, or what another endpoint says it ran.
    pub version: String,
    /// What the handler returned, byte for byte (JSON, unless a custom runtime sent something else), or how it failed.
    pub result: Result<Bytes, FunctionError>,
    /// The end of what was written to standard output and error.
    pub logs: Logs,
    /// Time to start and load the process, in milliseconds; absent when a warm one was used.
    pub init_ms: Option<u64>,
    /// Time from handing the event over to the answer, in milliseconds (without loading).
    pub duration_ms: f64,
}

/// How a function failed: a value for whoever called it, not an error of this server.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionError {
    /// Decides what a caller may conclude.
    pub kind: Kind,
    /// The exception's class, or `Runtime.ExitError`, `Sandbox.Timedout`, …
    pub error_type: String,
    /// What the exception said.
    pub message: String,
    /// Stack frames, outermost first; none when the process ended.
    pub stack: Vec<String>,
    /// The JSON document that an invoke answers with.
    pub payload: Bytes,
}

/// The ways to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The handler raised an exception or its result could not be written as JSON; it was called.
    Unhandled,
    /// Time was up and the process group was killed; what the handler did until then is unknown.
    TimedOut,
    /// The process ended without an answer; what the handler did until then is unknown.
    Crashed,
    /// The code could not be loaded; the handler was not called.
    InitFailed,
    /// The handler answered with more than 6 MB.
    TooLarge,
}

impl Kind {
    /// `unhandled`, `timedOut`, …: for logs and journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unhandled => "unhandled",
            Self::TimedOut => "timedOut",
            Self::Crashed => "crashed",
            Self::InitFailed => "initFailed",
            Self::TooLarge => "tooLarge",
        }
    }
}

impl FunctionError {
    /// A failure that the host states itself.
    pub(crate) fn stated(kind: Kind, error_type: &str, message: String) -> Self {
        let payload = serde_json::json!({"errorType": error_type, "errorMessage": message}).to_string();
        Self {
            kind,
            error_type: error_type.into(),
            message,
            stack: Vec::new(),
            payload: payload.into(),
        }
    }

    /// A failure that the runtime reported: `body` is its document, `declared` the type in its header. Both are
    /// untrusted; what is not a document of AWS's form becomes the message.
    pub(crate) fn reported(kind: Kind, declared: Option<&str>, body: Bytes) -> Self {
        let document = serde_json::from_slice::<Value>(&body).ok().filter(Value::is_object);
        let Some(document) = document else {
            let text: String = String::from_utf8_lossy(&body).chars().take(4096).collect();
            return Self::stated(kind, declared.unwrap_or("Runtime.Unknown"), text);
        };
        let text = |member: &str| document.get(member).and_then(Value::as_str).map(str::to_owned);
        let lines = |member: &str| {
            let lines = document.get(member).and_then(Value::as_array);
            let lines = lines.into_iter().flatten().take(limits::ERROR_FRAMES_MAX);
            lines.filter_map(|line| line.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let mut stack = lines("stackTrace");
        if stack.is_empty() {
            // Node's: the innermost frame first, below the message.
            stack = lines("trace");
            stack.retain(|line| line.trim_start().starts_with("at "));
            stack.reverse();
        }
        Self {
            kind,
            error_type: text("errorType")
                .or_else(|| declared.map(str::to_owned))
                .unwrap_or_else(|| "Runtime.Unknown".into()),
            message: text("errorMessage").unwrap_or_default(),
            stack,
            payload: body,
        }
    }

    /// The process ended: `how` as AWS words it, such as `exit status: 1`.
    pub(crate) fn exited(kind: Kind, request_id: &str, status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let how = match (status.code(), status.signal()) {
            (Some(0), _) => "Runtime exited without providing a reason".into(),
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, Some(9)) => "Runtime exited with error: signal: killed".into(),
            (None, signal) => format!("Runtime exited with error: signal: {}", signal.unwrap_or_default()),
        };
        Self::stated(kind, "Runtime.ExitError", format!("RequestId: {request_id} Error: {how}"))
    }
}
