//! Why a commit or a read failed.

use std::fmt;

/// Why a commit changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// A version, an owner, a consumed letter or an expectation did not hold; the text says which.
    Conflict(String),
    /// The disk is full.
    Full,
    /// A row is larger than the store takes.
    TooLarge(String),
    /// The store cannot write now: read-only disk, lost connection, shut down.
    Unavailable(String),
}

/// Why a read failed: the store is not to be reached or a row is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(pub String);

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(what) => write!(f, "somebody else wrote first: {what}"),
            Self::Full => f.write_str("the disk of the state folder is full"),
            Self::TooLarge(what) => write!(f, "too large for the store: {what}"),
            Self::Unavailable(what) => write!(f, "the store cannot be written: {what}"),
        }
    }
}

impl std::error::Error for CommitError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store cannot be read: {}", self.0)
    }
}

impl std::error::Error for ReadError {}

impl From<ReadError> for bedplate_base::Error {
    fn from(error: ReadError) -> Self {
        Self::new(
            bedplate_base::Kind::Unavailable,
            "The state cannot be read right now; see the server's log.",
        )
        .with_source(error)
    }
}

impl From<CommitError> for bedplate_base::Error {
    fn from(error: CommitError) -> Self {
        use bedplate_base::Kind;
        let (kind, message) = match &error {
            CommitError::Conflict(_) => (
                Kind::Conflict,
                "The resource was changed by another request at the same time; try again.",
            ),
            CommitError::Full => (
                Kind::Unavailable,
                "The disk of the state folder is full; free some space and try again.",
            ),
            CommitError::TooLarge(_) => (Kind::Validation, "The request is larger than can be stored."),
            CommitError::Unavailable(_) => (Kind::Unavailable, "The state cannot be written right now; see the server's log."),
        };
        Self::new(kind, message).with_source(error)
    }
}
