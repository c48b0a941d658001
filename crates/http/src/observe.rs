//! Tells an observer of requests that were refused or failed: what `bedplate why` shows later.
//!
//! It tells what the log tells, and no more: no header, no query and no body is ever in it, because they hold credentials and
//! what people said. What becomes of it is the observer's matter.

use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_wire::{Context, Response};

use crate::access::Line;
use crate::refusal::Refusal;

/// Is told of every request that was refused or failed before its answer began. It is called on the request's way out and must not wait.
pub type Observer = Arc<dyn Fn(Refused) + Send + Sync>;

/// Characters of a message or a cause. Ours: messages may repeat what the client sent.
const TEXT_MAX: usize = 2_000;
/// Causes of one failure. Ours: our chains have three at most.
const CAUSES_MAX: usize = 16;

/// A request that was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The id that the client was told.
    pub request_id: String,
    /// When it came.
    pub at: Timestamp,
    /// `POST`.
    pub method: String,
    /// Its path without the query, shortened.
    pub path: String,
    /// `bedrock-agent:GetAgent`, `admin`; `-` when it got no further than the listener.
    pub operation: String,
    /// The HTTP status.
    pub status: u16,
    /// The exception's name.
    pub code: String,
    /// The exception's message.
    pub message: String,
    /// What caused it, from the nearest to the last.
    pub causes: Vec<String>,
}

/// Tells `observer` of `response`, when it is a failure.
pub(crate) fn tell(observer: &Observer, line: &Line, context: &Context, response: &Response, refusal: Option<&Refusal>) {
    let (code, message, causes) = match (&response.fault, refusal) {
        (Some(fault), _) => {
            let mut causes = Vec::new();
            let mut source = fault.source.as_deref().map(|source| source as &dyn std::error::Error);
            while let Some(error) = source.filter(|_| causes.len() < CAUSES_MAX) {
                causes.push(shorten(&error.to_string()));
                source = error.source();
            }
            (fault.code.to_string(), shorten(&fault.message), causes)
        }
        (None, Some(refusal)) => (refusal.code.to_owned(), shorten(&refusal.message), Vec::new()),
        (None, None) => return,
    };
    observer(Refused {
        request_id: context.request_id.clone(),
        at: context.received_at,
        method: line.method.to_string(),
        path: line.path.clone(),
        operation: line.operation.clone(),
        status: response.status,
        code,
        message,
        causes,
    });
}

fn shorten(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
