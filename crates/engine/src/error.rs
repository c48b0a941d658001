//! Why a signal was not taken.

use std::fmt;

use bedplate_base::{Error, Kind};
use bedplate_journal::ExecId;
use bedplate_store::{CommitError, ReadError};

/// Why a signal was not taken: nothing of it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalError {
    /// The execution does not exist and the letter does not say how to start it.
    NotFound(ExecId),
    /// The token of a callback is not one that this server made.
    InvalidToken,
    /// No decider of this kind is known to this engine.
    UnknownKind(String),
    /// Too much is going on; try again later.
    Throttled(&'static str),
    /// The engine stops, or the store cannot be reached.
    Unavailable(String),
    /// The disk of the state is full.
    Full,
    /// The signal, or what follows from it, is larger than the store takes.
    TooLarge(String),
    /// The execution cannot go on: its decider panicked or its journal is damaged.
    Broken(String),
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(exec) => write!(f, "there is no execution {exec}"),
            Self::InvalidToken => f.write_str("the token is not one that this server made"),
            Self::UnknownKind(kind) => write!(f, "no decider of the kind {kind:?} is known to this engine"),
            Self::Throttled(what) => write!(f, "{what}; try again later"),
            Self::Unavailable(what) => write!(f, "the engine takes no signals now: {what}"),
            Self::Full => f.write_str("the disk of the state folder is full; free some space there, and what waits goes on by itself"),
            Self::TooLarge(what) => write!(f, "too large to be stored: {what}"),
            Self::Broken(what) => write!(f, "the execution cannot go on: {what}"),
        }
    }
}

impl std::error::Error for SignalError {}

impl From<ReadError> for SignalError {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<CommitError> for SignalError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full => Self::Full,
            CommitError::TooLarge(what) => Self::TooLarge(what),
            CommitError::Conflict(_) | CommitError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<SignalError> for Error {
    fn from(error: SignalError) -> Self {
        let (kind, message) = match &error {
            SignalError::NotFound(_) => (Kind::NotFound, "The execution does not exist."),
            SignalError::InvalidToken => (Kind::Validation, "The token is not valid."),
            SignalError::UnknownKind(_) | SignalError::Broken(_) => (Kind::Internal, "The execution cannot go on; see the server's log."),
            SignalError::Throttled(_) => (Kind::Throttled, "Too much is going on at the moment; try again later."),
            SignalError::Unavailable(_) => (
                Kind::Unavailable,
                "The server is stopping or its state cannot be reached; try again later.",
            ),
            SignalError::Full => (
                Kind::Unavailable,
                "The disk of the state folder is full; free some space and try again.",
            ),
            SignalError::TooLarge(_) => (Kind::Validation, "The request is larger than can be stored."),
        };
        Self::new(kind, message).with_source(error)
    }
}
