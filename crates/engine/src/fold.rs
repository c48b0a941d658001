//! The engine's own fold beside the decider's: what is open, what is set, who waits. It is the same for every kind.

use std::collections::{BTreeMap, VecDeque};

use bedplate_base::Timestamp;
use bedplate_journal::{Body, CallId, Callee, Event, Limits, Sender, Signal, Step, TimerId};

use crate::feed::size;
use crate::limits::UNANSWERED_MAX;

/// Where an execution stands.
#[derive(Default)]
pub(crate) struct Standing {
    /// Number of the last event.
    pub(crate) version: u64,
    /// Time of the last event.
    pub(crate) last: Timestamp,
    pub(crate) open: BTreeMap<CallId, Open>,
    pub(crate) timers: BTreeMap<TimerId, Timestamp>,
    /// Messages without an answer, oldest first.
    pub(crate) unanswered: VecDeque<Sender>,
    pub(crate) ended: bool,
    /// Bytes of the texts of all events, about: what the decider may have kept.
    pub(crate) bytes: usize,
    /// How many of the open calls are for targets.
    targets: usize,
}

/// A call that has no answer yet.
pub(crate) struct Open {
    pub(crate) callee: Callee,
    pub(crate) step: Step,
    pub(crate) at: Timestamp,
    pub(crate) limits: Limits,
}

impl Standing {
    pub(crate) fn apply(&mut self, event: &Event) {
        self.version = event.seq;
        self.last = event.at;
        self.bytes += size(event);
        match &event.body {
            Body::Called { step, callee, limits, .. } => {
                self.targets += usize::from(matches!(callee, Callee::Target(_)));
                let open = Open {
                    callee: callee.clone(),
                    step: step.clone(),
                    at: event.at,
                    limits: *limits,
                };
                self.open.insert(CallId(event.seq), open);
            }
            Body::Answered { call, .. } | Body::Cancelled(call) => {
                if let Some(open) = self.open.remove(call) {
                    self.targets -= usize::from(matches!(open.callee, Callee::Target(_)));
                }
            }
            Body::TimerSet { due, .. } => drop(self.timers.insert(TimerId(event.seq), *due)),
            Body::TimerFired(timer) | Body::TimerCancelled(timer) => drop(self.timers.remove(timer)),
            Body::Signaled(Signal::Message { from, .. }) => {
                if self.unanswered.len() == UNANSWERED_MAX {
                    self.unanswered.pop_front();
                }
                self.unanswered.push_back(from.clone());
            }
            Body::Replied { to, .. } => self.unanswered.retain(|from| from != to),
            Body::Ended(_) => self.ended = true,
            Body::Started { .. } | Body::Signaled(_) | Body::Noted(_) => {}
        }
    }

    /// Whether calls of targets are open.
    pub(crate) fn performing(&self) -> bool {
        self.targets > 0
    }

    /// The time of an event that is decided now: never before the last one, never the same.
    pub(crate) fn next_time(&self, now: Timestamp) -> Timestamp {
        now.max(Timestamp(self.last.nanos().saturating_add(1)))
    }
}
