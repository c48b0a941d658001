//! Targets: perform one call now.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bedplate_base::{BoxFuture, Timestamp, uuid_from};

use crate::{CallId, ExecId, Limits, Outcome, Raw, Step};

/// Performs calls: a model, a function. Effects are at least once, with a key that stays the same over attempts and
/// crashes. Dropping the future cancels the call.
pub trait Target: Send + Sync {
    /// Performs `call` with `payload`. Failures of the other side are outcomes.
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, progress: Progress) -> BoxFuture<'a, Outcome>;
}

/// One call, as its target sees it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The execution that calls.
    pub exec: ExecId,
    /// Its number there.
    pub id: CallId,
    /// Where in the program.
    pub step: Step,
    /// When it was decided.
    pub at: Timestamp,
    /// How long it may take; the engine watches over it, targets may use it for their own limits.
    pub limits: Limits,
    /// The W3C `traceparent` that goes with it, where somebody wants to follow it.
    pub trace: Option<Arc<str>>,
}

/// The key under which an effect may happen once: a UUID that follows from execution and step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectKey(pub String);

/// What a target is given.
#[derive(Clone)]
pub enum Payload {
    /// JSON text.
    Raw(Raw),
    /// A value in memory, of the type that decider and target agreed on; never stored.
    Typed(Arc<dyn Any + Send + Sync>),
}

/// A piece of what a target is producing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text of the answer.
    Text(String),
    /// Thoughts; not for the user.
    Thinking(String),
    /// A tool call has begun: what was said before it is not the final answer.
    Tool {
        /// Names the call, as in the whole reply.
        id: String,
        /// The tool.
        name: String,
    },
    /// A piece of a tool call's arguments: JSON text, which is whole only when all pieces are there.
    ToolInput {
        /// The call that it belongs to; it has begun.
        id: String,
        /// The piece.
        json: String,
    },
    /// What proves to the model's provider that the thoughts before it are its own.
    Signature(String),
    /// Thoughts that nobody is shown, in base64.
    Redacted(String),
    /// Where the text before it comes from: a citation, as JSON.
    Citation(Raw),
    /// The block that was being said is over; the next part begins another. Where a provider does not tell, a part of another sort is
    /// the only sign.
    BlockEnd,
}

/// Where parts go while a call runs; cheap to clone, may lead nowhere.
#[derive(Clone)]
pub struct Progress(Option<Arc<dyn Fn(Part) + Send + Sync>>);

impl Call {
    /// The effect's key.
    pub fn key(&self) -> EffectKey {
        EffectKey::of(&self.exec, &self.step)
    }
}

impl EffectKey {
    /// The key of a step of an execution.
    pub fn of(exec: &ExecId, step: &Step) -> Self {
        Self(uuid_from(&["effect", exec.as_str(), &step.0]))
    }
}

impl Progress {
    /// Parts go to `sink`.
    pub fn new(sink: impl Fn(Part) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(sink)))
    }

    /// Parts are dropped.
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether anybody listens.
    pub fn wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Reports a part.
    pub fn part(&self, part: Part) {
        if let Some(sink) = &self.0 {
            sink(part);
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(raw) => raw.fmt(f),
            Self::Typed(_) => f.write_str("Typed"),
        }
    }
}
