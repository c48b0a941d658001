//! Performs one call: a task that races its target against the call's limit and posts the outcome. Panics become outcomes.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::{Clock, Timestamp};
use bedplate_journal::{Call, CallId, Limit, Outcome, Payload, Progress, Reader, Target, Value};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::task::AbortHandle;

use crate::feed::Listeners;
use crate::mailbox::{Input, Mailbox};

/// The calls that one actor has running; those that are dropped are cancelled.
#[derive(Default)]
pub(crate) struct Running(BTreeMap<CallId, Task>);

/// None when the target answered at once.
struct Task(Option<AbortHandle>);

/// Everything that a call needs.
#[derive(Clone)]
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
        let mut run = Box::pin(performance.run());
        // What answers at once, as the planner does, needs no task of its own: that would be a wake-up of another core for nothing, and
        // side by side calls that answer at once would need a commit each.
        let task = match run.as_mut().now_or_never() {
            Some(()) => None,
            None => Some(tokio::spawn(run).abort_handle()),
        };
        self.0.insert(id, Task(task));
    }

    /// Performs a call that nobody keeps: a bug on purpose.
    pub(crate) fn start_another(performance: Performance) {
        tokio::spawn(performance.run());
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
        if let Some(task) = &self.0 {
            task.abort();
        }
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
        let beats = Beats::new(&self.clock);
        let mut progress = self.progress.clone();
        if self.call.limits.heartbeat_ms.is_some() {
            progress = beats.heard(progress);
        }
        let begin = self.clock.now();
        let mut answer = target.call(&self.call, self.payload.clone(), progress);
        loop {
            let (limits, heard) = (&self.call.limits, beats.last());
            let total = limits.total_ms.map(|total| (begin + Duration::from_millis(total), Limit::Total));
            let heartbeat = limits
                .heartbeat_ms
                .map(|pause| (heard + Duration::from_millis(pause), Limit::Heartbeat));
            let Some((due, limit)) = total.into_iter().chain(heartbeat).min_by_key(|(due, _)| *due) else {
                return answer.await;
            };
            match select(answer, self.clock.sleep_until(due)).await {
                Either::Left((outcome, _)) => return outcome,
                // It may have been heard of meanwhile: then it has more time.
                Either::Right((_, still)) if limit == Limit::Heartbeat && beats.last() > heard => answer = still,
                Either::Right(_) => return Outcome::TimedOut(limit),
            }
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

/// When a call was heard of last: every part that it reports is a sign of life.
struct Beats {
    clock: Arc<dyn Clock>,
    last: Arc<AtomicI64>,
}

impl Beats {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            clock: clock.clone(),
            last: Arc::new(AtomicI64::new(clock.now().nanos())),
        }
    }

    fn last(&self) -> Timestamp {
        Timestamp(self.last.load(Ordering::Acquire))
    }

    fn heard(&self, progress: Progress) -> Progress {
        let (clock, last) = (self.clock.clone(), self.last.clone());
        Progress::new(move |part| {
            last.fetch_max(clock.now().nanos(), Ordering::AcqRel);
            progress.part(part);
        })
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
