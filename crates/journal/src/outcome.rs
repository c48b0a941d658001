//! How a call ended.

use crate::Value;

/// How a call, a reply or an execution ended. Failures of users' tools and models are values, not errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went well.
    Success(Value),
    /// It failed in a way that the caller may look at.
    Failure {
        /// A short name: `Model.Throttled`, `Lambda.Unhandled`.
        error: String,
        /// What happened, for people; holds no secret.
        cause: String,
    },
    /// It was stopped from outside.
    Aborted,
    /// A limit of the call ran out.
    TimedOut(Limit),
}

/// Which limit ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The whole time of the call.
    Total,
    /// The time between two signs of life.
    Heartbeat,
}

impl Outcome {
    /// A failure.
    pub fn failure(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::Failure {
            error: error.into(),
            cause: cause.into(),
        }
    }
}
