//! Why a verb failed, and the exit code that goes with it.

use std::fmt;
use std::process::ExitCode;

/// An exit code: 0 ok, 1 failed run, 2 usage; `env -- CMD` passes on the command's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All went well.
    pub const OK: Self = Self(0);
    /// The run failed.
    pub const FAILED: Self = Self(1);
    /// The command line does not make sense.
    pub const USAGE: Self = Self(2);
    /// Nobody reads stdout any more: what shells say of a program that SIGPIPE ended.
    pub const PIPE: Self = Self(141);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// Why a verb failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// The request that the server refused, as it stands in the server's log.
    pub request_id: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// A failed run.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            request_id: None,
            exit: Exit::FAILED,
        }
    }

    /// A command line that does not make sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::USAGE,
            ..Self::new(message)
        }
    }

    /// Whoever read stdout has left: there is nobody to tell, as in `bedplate session show S | head`.
    pub(crate) fn silent() -> Self {
        Self {
            exit: Exit::PIPE,
            ..Self::new("")
        }
    }

    /// Adds what would be right.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, "\n  request id {id}: `bedplate why {id}` tells more")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
