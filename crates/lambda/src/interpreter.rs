//! Finding the interpreters of this machine: Python and Node.
//!
//! A name on the search path is not enough (version managers put scripts there that may fail): a candidate counts when
//! it runs and says where it really is. That path is started later, without the detour.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bedplate_base::{Clock, Error, Kind, Result};
use tokio::process::Command;

use crate::function::Runtime;

/// How long a candidate may take to say who it is.
const PROBE_TIME_MAX: Duration = Duration::from_secs(20);

/// A language whose interpreter is the machine's.
struct Language {
    /// For people: `Python 3.`, then the version.
    name: &'static str,
    /// The oldest version that the bootstrap runs on.
    oldest: u32,
    /// Names to try when there is none with the version in it.
    programs: &'static [&'static str],
    /// Prints where it is and, on a line of its own, which version, after `prefix`.
    probe: [&'static str; 2],
    prefix: &'static str,
    /// What is to be installed.
    advice: &'static str,
}

/// `-X pycache_prefix` came with 3.8.
const PYTHON: Language = Language {
    name: "Python 3.",
    oldest: 8,
    programs: &["python3", "python"],
    probe: ["-c", "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])"],
    prefix: "3.",
    advice: "install python3 (3.8 or later) on this machine",
};

/// 18 is the oldest that the bootstrap is tested with.
const NODE: Language = Language {
    name: "Node.js ",
    oldest: 18,
    programs: &["node", "nodejs"],
    probe: ["-p", "process.execPath + '\\n' + process.versions.node"],
    prefix: "",
    advice: "install Node.js (18 or later, https://nodejs.org) on this machine",
};

/// The interpreters found so far, by what was asked for.
#[derive(Default)]
pub(crate) struct Interpreters {
    found: tokio::sync::Mutex<HashMap<Runtime, PathBuf>>,
}

impl Interpreters {
    /// The interpreter for a runtime, when it needs one: of that version when it is there and works, else another with one
    /// warning.
    pub(crate) async fn find(&self, runtime: Runtime, clock: &dyn Clock) -> Result<Option<PathBuf>> {
        let (language, wanted, versioned) = match runtime {
            Runtime::Python { minor } => (PYTHON, minor, Some(format!("python3.{minor}"))),
            Runtime::Node { major } => (NODE, major, None),
            Runtime::Provided { .. } => return Ok(None),
        };
        let mut found = self.found.lock().await;
        if let Some(program) = found.get(&runtime) {
            return Ok(Some(program.clone()));
        }
        let mut tried = Vec::new();
        let names = language.programs.iter().map(|name| (*name).to_owned());
        for candidate in versioned.into_iter().chain(names) {
            match probe(&language, &candidate, clock).await {
                Ok((program, version)) if version >= language.oldest => {
                    if version != wanted {
                        let (name, program) = (language.name, program.display());
                        tracing::warn!(target: "lambda", "no {name}{wanted} here: functions of the runtime {runtime} run on {name}{version} ({program})");
                    }
                    found.insert(runtime, program.clone());
                    return Ok(Some(program));
                }
                Ok((_, version)) => tried.push(format!("{candidate} is {}{version}, which is too old", language.name)),
                Err(why) => tried.push(format!("{candidate}: {why}")),
            }
        }
        let message = format!(
            "No working interpreter for the runtime {runtime}: {} ({})",
            language.advice,
            tried.join("; ")
        );
        Err(Error::new(Kind::Dependency, message).with_resource(language.programs[0]))
    }
}

async fn probe(language: &Language, candidate: &str, clock: &dyn Clock) -> Result<(PathBuf, u32), String> {
    // The server's own environment: version managers need it.
    let output = Command::new(candidate)
        .args(language.probe)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::select! {
        output = output => output,
        () = clock.sleep_until(clock.now() + PROBE_TIME_MAX) => return Err("does not answer".into()),
    };
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("fails ({})", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let program = lines.next().map(PathBuf::from).filter(|program| program.is_absolute());
    let version = lines.next().and_then(|version| version.strip_prefix(language.prefix));
    let version = version.and_then(|version| version.split('.').next()?.parse().ok());
    program
        .zip(version)
        .ok_or_else(|| format!("does not say which {} it is", language.name.trim_end_matches("3.").trim()))
}
