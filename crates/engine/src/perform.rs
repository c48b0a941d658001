//! Performs one call: a task that races its target against the call's limit and posts the outcome. Panics become outcomes.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::Clock;
use bedplate_journal::{Call, CallId, Limit, Outcome, Payload, Progress, Reader, Target, Value};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::task::AbortHandle;

use crate::feed::Listeners;
use crate::mailbox::{Input, Mailbox};

/// The calls that one actor has running; those that are dropped are cancelled.
#[derive(Default)]
pub(crate) struct Running(BTreeMap<CallId, Task>);

struct Task(AbortHandle);

/// Everything that a call needs.
pub(crate) struct Performance {
    pub(crate) call: Call,
    pub(crate) target: Option<Arc<dyn Target>>,
    pub(crate) name: Arc<str>,
    pub(crate) payload: Payload,
    pub(crate) progress: Progress,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outcome_bytes_max: usize,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Running {
    pub(crate) fn start(&mut self, performance: Performance) {
        let id = performance.call.id;
        let handle = tokio::spawn(performance.run()).abort_handle();
        self.0.insert(id, Task(handle));
    }

    /// The call is closed: cancels it if it still runs.
    pub(crate) fn close(&mut self, call: CallId) {
        self.0.remove(&call);
    }

    /// Cancels all calls that are not wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(CallId) -> bool) {
        self.0.retain(|call, _| wanted(*call));
    }

    pub(crate) fn contains(&self, call: CallId) -> bool {
        self.0.contains_key(&call)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Performance {
    async fn run(self) {
        let id = self.call.id;
        let outcome = AssertUnwindSafe(self.perform()).catch_unwind().await.unwrap_or_else(|panic| {
            tracing::error!(exec = %self.call.exec, call = id.0, target = %self.name, "a target panicked: {}", told(&*panic));
            Outcome::failure(
                "Engine.Panic",
                format!("The target {} failed unexpectedly; see the server's log.", self.name),
            )
        });
        let outcome = self.bounded(outcome);
        let posted = self.mailbox.push(Input::Outcome { call: id, outcome }, usize::MAX);
        debug_assert!(posted, "outcomes are always taken");
    }

    async fn perform(&self) -> Outcome {
        let Some(target) = &self.target else {
            return Outcome::failure("Engine.NoTarget", format!("No target has the name {:?}.", self.name));
        };
        let answer = target.call(&self.call, self.payload.clone(), self.progress.clone());
        let Some(total_ms) = self.call.limits.total_ms else {
            return answer.await;
        };
        let due = self.clock.now() + Duration::from_millis(total_ms);
        match select(answer, self.clock.sleep_until(due)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Outcome::TimedOut(Limit::Total),
        }
    }

    fn bounded(&self, outcome: Outcome) -> Outcome {
        let bytes = match &outcome {
            Outcome::Success(Value::Inline(raw)) => raw.as_str().len(),
            Outcome::Success(Value::Blob(blob)) => blob.raw.as_ref().map_or(0, |raw| raw.as_str().len()),
            Outcome::Failure { error, cause } => error.len() + cause.len(),
            Outcome::Aborted | Outcome::TimedOut(_) => 0,
        };
        if bytes <= self.outcome_bytes_max {
            return outcome;
        }
        Outcome::failure(
            "Engine.TooLarge",
            format!(
                "The target {} answered with {bytes} bytes, at most {} are taken.",
                self.name, self.outcome_bytes_max
            ),
        )
    }
}

/// Progress of a call, read into text for those who listened when it began.
pub(crate) fn progress(call: CallId, reader: Box<dyn Reader>, listeners: Listeners) -> Progress {
    let reader = Mutex::new(reader);
    Progress::new(move |part| {
        let text = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner).read(&part);
        if !text.is_empty() {
            listeners.text(call, &text);
        }
    })
}

/// What a panic said.
pub(crate) fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}
