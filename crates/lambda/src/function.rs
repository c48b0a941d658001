//! What a function is: its definition, checked before a process is started for it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bedplate_base::{Arn, Error, Result};

use crate::limits;

/// Variables that describe the runtime itself; a definition must not set them. (AWS reserves some more: regions and
/// credentials. Those may be set here, so that a handler can be given real ones.)
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The definition of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Letters, digits, `-` and `_`, at most 64.
    pub name: String,
    /// Unqualified: `arn:aws:lambda:us-east-1:000000000000:function:name`. Its region becomes the handler's.
    pub arn: Arn,
    /// Which version this is: [`LATEST`] or a number.
    pub version: String,
    /// What runs the code.
    pub runtime: Runtime,
    /// `module.function`, nested modules as `folder/module.function`; custom runtimes read it as they like.
    pub handler: String,
    /// The folder that holds the code: the user's own or an unpacked package. Becomes `LAMBDA_TASK_ROOT` and the
    /// working directory.
    pub code: PathBuf,
    /// Folders of its layers, each seen as `/opt`; of two files with one name the later layer's wins.
    pub layers: Vec<PathBuf>,
    /// Variables of the handler; they win over the endpoint and credentials that we set.
    pub environment: BTreeMap<String, String>,
    /// How long one invoke may take, without loading.
    pub timeout: Duration,
    /// Told to the handler. Python functions get a limit on address space that grows with it (see `spawn`); it is no
    /// exact limit on memory.
    pub memory_mb: u32,
    /// Largest file that the function may write, in MB: AWS's `EphemeralStorage`.
    pub storage_mb: u32,
}

/// The version that changes.
pub const LATEST: &str = "$LATEST";

/// What runs the code of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// `python3.N`: our bootstrap under that interpreter when there is one, else under `python3`.
    Python {
        /// The N.
        minor: u32,
    },
    /// `nodejsN.x`: our bootstrap under the `node` of this machine, whichever it is.
    Node {
        /// The N.
        major: u32,
    },
    /// `provided.al2023`, …: the executable `bootstrap` in the code folder, which speaks the Runtime API itself.
    Provided {
        /// Amazon Linux 2023, 2 or 1; told to the handler only.
        os: Os,
    },
}

/// The operating system in the name of a custom runtime; everything runs on this machine's anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Os {
    /// `provided.al2023`
    Al2023,
    /// `provided.al2`
    Al2,
    /// `provided`
    Al1,
}

impl Runtime {
    /// Reads AWS's identifier; the error says which ones run here.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "provided.al2023" => return Ok(Self::Provided { os: Os::Al2023 }),
            "provided.al2" => return Ok(Self::Provided { os: Os::Al2 }),
            "provided" => return Ok(Self::Provided { os: Os::Al1 }),
            _ => {}
        }
        let major = text.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x")?.parse().ok());
        if let Some(major @ 12..100) = major {
            return Ok(Self::Node { major });
        }
        let minor = text.strip_prefix("python3.").and_then(|minor| minor.parse().ok());
        match minor {
            Some(minor @ 6..100) => Ok(Self::Python { minor }),
            _ => Err(Error::validation(format!(
                "The runtime `{}` does not run here; these do: python3.8 and later, nodejs18.x and later (with the interpreters of this machine), provided.al2023, provided.al2",
                shorten(text, 64)
            ))
            .with_field("runtime", "not a runtime of this server")),
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python { minor } => write!(f, "python3.{minor}"),
            Self::Node { major } => write!(f, "nodejs{major}.x"),
            Self::Provided { os: Os::Al2023 } => f.write_str("provided.al2023"),
            Self::Provided { os: Os::Al2 } => f.write_str("provided.al2"),
            Self::Provided { os: Os::Al1 } => f.write_str("provided"),
        }
    }
}

impl Function {
    /// Whether a process could be started for it; the error names the member at fault.
    pub fn check(&self) -> Result<()> {
        let invalid = |member: &str, what: String| {
            Err(Error::validation(format!("Function `{}`: {member}: {what}", shorten(&self.name, 80))).with_field(member, what))
        };
        if !is_name(&self.name) {
            return invalid("name", "must be 1 to 64 letters, digits, `-` or `_`".into());
        }
        if self.arn.service() != "lambda" || self.arn.resource() != format!("function:{}", self.name) {
            return invalid("arn", format!("`{}` is not the unqualified ARN of this function", self.arn));
        }
        if !self.arn.as_str().bytes().all(|byte| byte.is_ascii_graphic()) {
            return invalid("arn", "must be visible ASCII".into());
        }
        if self.version != LATEST && !is_number(&self.version) {
            return invalid("version", format!("`{}` must be a number or {LATEST}", shorten(&self.version, 80)));
        }
        if self.handler.len() > 128 || self.handler.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return invalid(
                "handler",
                "must be at most 128 characters without white space and control characters, such as `app.lambda_handler`".into(),
            );
        }
        if !matches!(self.runtime, Runtime::Provided { .. }) && !self.handler.contains('.') {
            return invalid(
                "handler",
                format!("`{}` must be `file.function`, such as `app.lambda_handler`", self.handler),
            );
        }
        if !self.code.is_absolute() || !self.code.is_dir() {
            return invalid(
                "code",
                format!("{} must be the absolute path of an existing folder", self.code.display()),
            );
        }
        if self.timeout.is_zero() || self.timeout > limits::TIMEOUT_MAX {
            return invalid("timeout", "must be more than zero and at most 900 seconds".into());
        }
        let bytes: usize = self.environment.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > limits::ENVIRONMENT_BYTES_MAX {
            return invalid(
                "environment",
                format!("{bytes} bytes of variables; at most {} are allowed", limits::ENVIRONMENT_BYTES_MAX),
            );
        }
        for (key, value) in &self.environment {
            if RESERVED.contains(&key.as_str()) {
                return invalid("environment", format!("`{key}` is set by the runtime and cannot be given"));
            }
            let name = key
                .chars()
                .enumerate()
                .all(|(index, c)| c.is_ascii_alphabetic() || c == '_' || (index > 0 && c.is_ascii_digit()));
            if key.is_empty() || !name || value.contains('\0') {
                return invalid(
                    "environment",
                    format!(
                        "`{}` must be a name of letters, digits and `_` with a value without NUL",
                        shorten(key, 80)
                    ),
                );
            }
        }
        Ok(())
    }
}

/// Whether `text` can be a published version.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` can be a function's name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= limits::NAME_CHARS_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The beginning of `text`, for messages.
pub(crate) fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
