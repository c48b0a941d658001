//! The one error type. User failures are values, mistakes in definitions are diagnostics; this is for requests that
//! cannot be served and for our own failures.

use std::fmt;

/// What kind of failure; each service maps these to its own exception names in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request does not make sense (HTTP 400).
    Validation,
    /// The caller may not do this (403).
    AccessDenied,
    /// What the request names is not there (404).
    NotFound,
    /// The state of the resource forbids it (409).
    Conflict,
    /// A limit on how much may exist (402 or 400 by service).
    Quota,
    /// Too much at once; try later (429).
    Throttled,
    /// Something that we call failed (424).
    Dependency,
    /// Known, but not built yet (501).
    NotImplemented,
    /// We are starting, stopping, full or our disk is (503).
    Unavailable,
    /// Our own mistake (500).
    Internal,
}

/// One violation of a request: which field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Path of the member, in the request's own names: `functionSchema.functions.1.member.name`.
    pub name: String,
    /// What is wrong, one sentence.
    pub message: String,
}

/// A failure: `message` is safe to show to the client, `source` is only logged.
#[derive(Debug)]
pub struct Error {
    /// Decides the exception and the HTTP status.
    pub kind: Kind,
    /// Safe to show: says what is wrong and what would be right; holds no secret.
    pub message: String,
    /// Fields at fault, when the request was invalid.
    pub fields: Vec<Field>,
    /// The name of the dependency at fault, when one is.
    pub resource: Option<String>,
    /// The cause; logged once at the edge, never sent.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Shorthand of this workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind` with a message that is safe to show.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            fields: Vec::new(),
            resource: None,
            source: None,
        }
    }

    /// The request does not make sense.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(Kind::Validation, message)
    }

    /// What the request names is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// The state of the resource forbids it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// Our own mistake; the message is shown, so it stays general.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Adds the cause that is logged and never sent.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the field at fault.
    pub fn with_field(mut self, name: impl Into<String>, message: impl Into<String>) -> Self {
        self.fields.push(Field {
            name: name.into(),
            message: message.into(),
        });
        self
    }

    /// Names the dependency at fault.
    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
