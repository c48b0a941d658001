//! One step in memory: inputs become events, the decider is asked until it wants nothing more. Pure but for the clock.

use std::sync::Arc;

use bedplate_base::{Clock, Hash, Timestamp};
use bedplate_journal::{Body, CallId, Callee, Commands, Event, Now, Outcome, Payload, Raw, Signal, TimerId, Value};

use crate::limits::EVENTS_PER_COMMIT;
use crate::live::{Live, is_rendered, payload};
use crate::mailbox::Input;

/// What one commit will say, and what must be done after it.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) blobs: Vec<(Hash, Raw)>,
    /// Payloads of rendered calls, by the number of their events.
    pub(crate) rendered: Vec<(u64, Payload)>,
    pub(crate) timers_set: Vec<(TimerId, Timestamp)>,
    pub(crate) timers_cleared: Vec<(TimerId, Timestamp)>,
    /// Calls that these events close.
    pub(crate) closed: Vec<CallId>,
}

impl Live {
    /// Takes inputs in order and asks the decider what follows.
    pub(crate) fn advance(&mut self, inputs: &[Input], clock: &dyn Clock, plan: &mut Plan) {
        for input in inputs {
            self.take(input, clock, plan);
        }
        self.more = false;
        while !self.standing.ended {
            if plan.events.len() >= EVENTS_PER_COMMIT {
                self.more = true;
                break;
            }
            let at = self.standing.next_time(clock.now());
            let mut commands = Commands::new(self.standing.version + 1);
            self.decider.decide(&Now { at }, &mut commands);
            if commands.is_empty() {
                break;
            }
            for body in commands.into_bodies() {
                if let Body::Ended(outcome) = body {
                    self.end(outcome, at, plan);
                    break;
                }
                self.record(body, at, plan);
            }
        }
    }

    /// Writes down the beginning of a new execution.
    pub(crate) fn start(&mut self, input: Raw, clock: &dyn Clock, plan: &mut Plan) {
        let body = Body::Started {
            kind: self.kind.clone(),
            input: Value::Inline(input),
        };
        self.record(body, clock.now(), plan);
    }

    fn take(&mut self, input: &Input, clock: &dyn Clock, plan: &mut Plan) {
        let now = clock.now();
        match input {
            Input::Letter { letter, .. } => self.take_signal(&letter.signal, now, plan),
            Input::Outcome { call, outcome } => self.answer(*call, outcome, now, plan),
            Input::Timer { timer, .. } => {
                if self.standing.timers.contains_key(timer) {
                    self.record(Body::TimerFired(*timer), now, plan);
                }
            }
        }
    }

    fn take_signal(&mut self, signal: &Signal, now: Timestamp, plan: &mut Plan) {
        match signal {
            Signal::Message { from, .. } => {
                self.record(Body::Signaled(signal.clone()), now, plan);
                if self.standing.ended {
                    let outcome = Outcome::failure("Execution.Ended", "The execution has ended and takes no more messages.");
                    self.record(Body::Replied { to: from.clone(), outcome }, now, plan);
                }
            }
            Signal::Settled { call, outcome } => {
                if let Some(open) = self.standing.open.get(call)
                    && open.callee == Callee::Callback
                {
                    self.answer(*call, outcome, now, plan);
                }
            }
            Signal::Stop => {
                if !self.standing.ended {
                    self.record(Body::Signaled(Signal::Stop), now, plan);
                    self.end(Outcome::Aborted, now, plan);
                }
            }
        }
    }

    fn answer(&mut self, call: CallId, outcome: &Outcome, now: Timestamp, plan: &mut Plan) {
        if self.standing.open.contains_key(&call) {
            let outcome = outcome.clone();
            self.record(Body::Answered { call, outcome }, now, plan);
        }
    }

    /// Closes everything open, then ends.
    fn end(&mut self, outcome: Outcome, at: Timestamp, plan: &mut Plan) {
        let calls: Vec<_> = self.standing.open.keys().copied().collect();
        for call in calls {
            self.record(Body::Cancelled(call), at, plan);
        }
        let timers: Vec<_> = self.standing.timers.keys().copied().collect();
        for timer in timers {
            self.record(Body::TimerCancelled(timer), at, plan);
        }
        while let Some(to) = self.standing.unanswered.front().cloned() {
            let outcome = match &outcome {
                Outcome::Aborted => Outcome::Aborted,
                _ => Outcome::failure("Execution.Ended", "The execution ended before it answered this message."),
            };
            self.record(Body::Replied { to, outcome }, at, plan);
        }
        self.record(Body::Ended(outcome), at, plan);
    }

    /// Makes an event of `body` and folds it.
    fn record(&mut self, mut body: Body, now: Timestamp, plan: &mut Plan) {
        for value in body.values_mut() {
            if let Value::Inline(raw) = value
                && raw.as_str().len() > Value::INLINE_BYTES_MAX
            {
                *value = Value::blob(raw.clone());
            }
            if let Value::Blob(blob) = value
                && let Some(raw) = &blob.raw
                && self.stored.replace(blob.hash) != Some(blob.hash)
            {
                plan.blobs.push((blob.hash, raw.clone()));
            }
        }
        let event = Event {
            seq: self.standing.version + 1,
            at: self.standing.next_time(now),
            body,
        };
        self.note_duties(&event, plan);
        self.standing.apply(&event);
        self.decider.apply(&event);
        if let Some(payload) = payload(&*self.decider, &event) {
            if is_rendered(&event) {
                plan.rendered.push((event.seq, payload.clone()));
            }
            self.to_perform.insert(CallId(event.seq), payload);
        }
        plan.events.push(Arc::new(event));
    }

    /// What must be done in the store and in the world because of `event`, seen before it is folded.
    fn note_duties(&mut self, event: &Event, plan: &mut Plan) {
        match &event.body {
            Body::TimerSet { due, .. } => plan.timers_set.push((TimerId(event.seq), *due)),
            Body::TimerFired(timer) | Body::TimerCancelled(timer) => {
                if let Some(due) = self.standing.timers.get(timer) {
                    plan.timers_set.retain(|(set, _)| set != timer);
                    plan.timers_cleared.push((*timer, *due));
                }
            }
            Body::Answered { call, .. } | Body::Cancelled(call) => {
                self.to_perform.remove(call);
                plan.closed.push(*call);
            }
            _ => {}
        }
    }
}
