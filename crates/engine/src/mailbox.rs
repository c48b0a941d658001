//! What waits in memory for one execution.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use bedplate_journal::{CallId, Outcome, TimerId};
use bedplate_store::{Letter, LetterId};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use crate::SignalError;

/// Something that an execution must hear of.
pub(crate) enum Input {
    /// A signal.
    Letter {
        /// Its row in the inbox, when it came from there.
        id: Option<LetterId>,
        letter: Letter,
        /// Whoever waits until it is durable.
        done: Option<oneshot::Sender<Result<(), SignalError>>>,
    },
    /// A target answered.
    Outcome { call: CallId, outcome: Outcome },
    /// A timer is due; the permit bounds how many are on their way.
    Timer {
        timer: TimerId,
        _permit: Option<OwnedSemaphorePermit>,
    },
}

/// The queue of one execution's actor.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    inputs: VecDeque<Input>,
    signals: usize,
    nudged: bool,
}

impl Input {
    /// Tells whoever waits for it how it went.
    pub(crate) fn finish(self, result: Result<(), SignalError>) {
        if let Self::Letter { done: Some(done), .. } = self {
            // Whoever waited may have gone; the signal counts all the same.
            let _ = done.send(result);
        }
    }

    /// Tells whoever waits that all is well, whether it is or not: a bug on purpose.
    pub(crate) fn finish_early(&mut self) {
        if let Self::Letter { done, .. } = self
            && let Some(done) = done.take()
        {
            let _ = done.send(Ok(()));
        }
    }

    /// Whether it is worth taking a lease from another owner: outcomes are not, the new owner performs the call again.
    pub(crate) fn claims(&self) -> bool {
        !matches!(self, Self::Outcome { .. })
    }
}

impl Mailbox {
    /// Adds an input; false when it is a signal beyond `signals_max`, which is dropped.
    pub(crate) fn push(&self, input: Input, signals_max: usize) -> bool {
        let mut queue = self.queue();
        if matches!(input, Input::Letter { .. }) {
            if queue.signals >= signals_max {
                return false;
            }
            queue.signals += 1;
        }
        queue.inputs.push_back(input);
        drop(queue);
        self.arrived.notify_one();
        true
    }

    /// Asks the actor to look into the inbox of the store and to go on with what is open.
    pub(crate) fn nudge(&self) {
        self.queue().nudged = true;
        self.arrived.notify_one();
    }

    /// Wakes the actor without a reason of its own.
    pub(crate) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// At most `count` inputs in order of arrival.
    pub(crate) fn take(&self, count: usize, into: &mut Vec<Input>) {
        let mut queue = self.queue();
        for _ in 0..count {
            let Some(input) = queue.inputs.pop_front() else { break };
            queue.signals -= usize::from(matches!(input, Input::Letter { .. }));
            into.push(input);
        }
    }

    /// Whether it was nudged since the last time.
    pub(crate) fn take_nudge(&self) -> bool {
        std::mem::take(&mut self.queue().nudged)
    }

    pub(crate) fn is_empty(&self) -> bool {
        let queue = self.queue();
        queue.inputs.is_empty() && !queue.nudged
    }

    /// Resolves when something arrived since the last time.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().expect("invariant: nothing panics while it holds a mailbox")
    }
}
