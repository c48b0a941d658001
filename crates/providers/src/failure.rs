//! Why a model call failed, in words that no provider owns. The agent decides by the name; people read the cause.

use std::fmt;
use std::time::Duration;

use bedplate_converse::Usage;

/// Most characters of a cause. Ours: causes are journaled and shown in one line.
const CAUSE_CHARS_MAX: usize = 600;

/// The names of failures: the `error` of the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests (HTTP 429).
    Throttled,
    /// The key is missing, wrong or may not do this (401, 402, 403).
    AccessDenied,
    /// The provider does not know the model or the address (404).
    NotFound,
    /// The provider refuses the request (400, 422 and the like), or nothing is configured for the model.
    Validation,
    /// No answer in time.
    Timeout,
    /// The provider cannot be reached or fails (5xx).
    Unavailable,
    /// The provider knows the model but has not loaded it yet.
    NotReady,
    /// The answer is garbage, too large or was cut off.
    Malformed,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Throttled,
        Self::AccessDenied,
        Self::NotFound,
        Self::Validation,
        Self::Timeout,
        Self::Unavailable,
        Self::NotReady,
        Self::Malformed,
    ];

    /// `Model.Throttled`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "Model.Throttled",
            Self::AccessDenied => "Model.AccessDenied",
            Self::NotFound => "Model.NotFound",
            Self::Validation => "Model.Validation",
            Self::Timeout => "Model.Timeout",
            Self::Unavailable => "Model.Unavailable",
            Self::NotReady => "Model.NotReady",
            Self::Malformed => "Model.Malformed",
        }
    }

    /// The exception by which Bedrock's runtime reports it: before an answer has begun, or inside its stream (service model of
    /// bedrock-runtime).
    pub fn exception(self, streaming: bool) -> &'static str {
        match self {
            Self::Throttled => "ThrottlingException",
            Self::AccessDenied => "AccessDeniedException",
            Self::NotFound => "ResourceNotFoundException",
            Self::Validation => "ValidationException",
            Self::Timeout => "ModelTimeoutException",
            Self::Unavailable => "ServiceUnavailableException",
            Self::NotReady => "ModelNotReadyException",
            Self::Malformed if streaming => "ModelStreamErrorException",
            Self::Malformed => "ModelErrorException",
        }
    }

    /// Whether another provider may do better: it is the provider that fails, not the request.
    pub fn is_the_providers(self) -> bool {
        match self {
            Self::Throttled | Self::Timeout | Self::Unavailable | Self::NotReady | Self::Malformed => true,
            Self::AccessDenied | Self::NotFound | Self::Validation => false,
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == text)
    }

    /// What an HTTP status other than 2xx means.
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Throttled,
            401..=403 => Self::AccessDenied,
            404 => Self::NotFound,
            408 => Self::Timeout,
            504 => Self::Timeout,
            500.. => Self::Unavailable,
            _ => Self::Validation,
        }
    }
}

/// A failed model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub fault: Fault,
    /// One line for people: who failed, how, and what would help; holds no secret.
    pub cause: String,
    /// Tokens that are known to have been used for nothing.
    pub usage: Usage,
    /// Whether another try may help, and how long the provider asks to wait.
    pub(crate) retry: Retry,
}

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It would fail again, or parts of the answer are out already.
    No,
    /// It may help; the provider may ask for a wait.
    After(Option<Duration>),
}

impl Failure {
    /// A failure that is not tried again.
    pub fn new(fault: Fault, cause: impl AsRef<str>) -> Self {
        Self {
            fault,
            cause: one_line(cause.as_ref()),
            usage: Usage::default(),
            retry: Retry::No,
        }
    }

    /// A failure whose cause is not shortened yet: something must still be taken out of it.
    pub(crate) fn raw(fault: Fault, cause: impl Into<String>) -> Self {
        Self {
            fault,
            cause: cause.into(),
            usage: Usage::default(),
            retry: Retry::No,
        }
    }

    /// This failure, with the one of a provider that was asked before.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let mut usage = self.usage;
        usage.add(&before.usage);
        Self {
            usage,
            retry: self.retry,
            ..Self::new(self.fault, format!("{}; asked before: {before}", self.cause))
        }
    }

    pub(crate) fn retryable(mut self, wait: Option<Duration>) -> Self {
        self.retry = Retry::After(wait);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault.as_str(), self.cause)
    }
}

/// `text` in one line without control characters, shortened.
fn one_line(text: &str) -> String {
    let mut out = String::new();
    for (index, word) in text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > 4 * CAUSE_CHARS_MAX {
            break;
        }
    }
    match out.char_indices().nth(CAUSE_CHARS_MAX) {
        Some((at, _)) => {
            out.truncate(at);
            out.push('…');
            out
        }
        None => out,
    }
}
