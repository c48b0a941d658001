//! What happened, in order.

use std::fmt;
use std::sync::Arc;

use bedplate_base::Timestamp;

use crate::{Outcome, Raw, Value};

/// Names an execution for ever: `agent/000000000000/us-east-1/AGENTID/ALIASID/SESSION`. At most 512 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecId(Arc<str>);

/// A call of an execution: the sequence number of its `Called` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// A timer of an execution: the sequence number of its `TimerSet` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// Where in its program an execution is: a path with visit counters, equal over attempts and crashes: `turn.2/model.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step(pub Arc<str>);

/// One thing that happened, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Counts from 1 without gaps within the execution.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The execution began; always event 1.
    Started {
        /// Which decider folds it: `agent`.
        kind: Arc<str>,
        /// What it began with.
        input: Value,
    },
    /// Something came from outside.
    Signaled(Signal),
    /// A call was decided; its id is this event's number.
    Called {
        /// Where in the program.
        step: Step,
        /// Who answers.
        callee: Callee,
        /// With what.
        input: Input,
        /// How long it may take.
        limits: Limits,
    },
    /// A call ended.
    Answered {
        /// Which.
        call: CallId,
        /// How.
        outcome: Outcome,
    },
    /// A call is no longer wanted; a later outcome is dropped.
    Cancelled(CallId),
    /// Somebody who sent a message got his answer.
    Replied {
        /// Who.
        to: Sender,
        /// What.
        outcome: Outcome,
    },
    /// A timer was set; its id is this event's number.
    TimerSet {
        /// Where in the program.
        step: Step,
        /// When it fires.
        due: Timestamp,
    },
    /// A timer fired.
    TimerFired(TimerId),
    /// A timer is no longer wanted.
    TimerCancelled(TimerId),
    /// The decider wrote something down.
    Noted(Raw),
    /// The execution ended.
    Ended(Outcome),
}

/// Something from outside for an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A message that wants an answer: a user's turn.
    Message {
        /// Who gets the answer.
        from: Sender,
        /// The compiled program that it asks for, pinned by hash.
        program: Option<Value>,
        /// What it says.
        payload: Value,
    },
    /// The result of a call that outsiders answer (a callback); ignored when that is closed.
    Settled {
        /// Which call.
        call: CallId,
        /// Its result.
        outcome: Outcome,
    },
    /// Stop: the engine closes what is open and ends the execution as aborted.
    Stop,
}

/// Who sent a message and waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A client, by the id of its request.
    Client(Arc<str>),
}

/// Who answers a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A target in this process, by name: `model`, `lambda`.
    Target(Arc<str>),
    /// Whoever sent the message that is being worked on: return of control, confirmation. The decider closes it with
    /// `Command::Answer` when a later message brings the answer.
    Asker,
    /// Anybody who has the token; arrives as `Signal::Settled`.
    Callback,
}

/// What a call is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A value.
    Value(Value),
    /// Follows from the decider's state as of the call; rendered when needed, never journaled.
    Rendered,
}

/// How long a call may take; absent is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// All of it, in milliseconds.
    pub total_ms: Option<u64>,
    /// Between two signs of life, in milliseconds.
    pub heartbeat_ms: Option<u64>,
}

impl ExecId {
    /// Most bytes of an id.
    pub const BYTES_MAX: usize = 512;

    /// Takes an id; the caller keeps it under `BYTES_MAX`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Step {
    /// A step by its path.
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }
}

impl Body {
    /// The values inside, for hydration and for moving long ones to blobs.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        fn of_outcome(outcome: &mut Outcome) -> Option<&mut Value> {
            if let Outcome::Success(value) = outcome { Some(value) } else { None }
        }
        let (first, second) = match self {
            Self::Started { input, .. } => (Some(input), None),
            Self::Signaled(Signal::Message { program, payload, .. }) => (Some(payload), program.as_mut()),
            Self::Signaled(Signal::Settled { outcome, .. })
            | Self::Answered { outcome, .. }
            | Self::Replied { outcome, .. }
            | Self::Ended(outcome) => (of_outcome(outcome), None),
            Self::Called {
                input: Input::Value(value),
                ..
            } => (Some(value), None),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }
}
