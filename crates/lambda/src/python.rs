//! Finding the Python interpreters of this machine.
//!
//! A name on the search path is not enough (version managers put scripts there that may fail): a candidate counts when
//! it runs and says where it really is. That path is started later, without the detour.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bedplate_base::{Clock, Error, Kind, Result};
use tokio::process::Command;

/// The oldest Python that the bootstrap runs on (`-X pycache_prefix` came with it).
const OLDEST_MINOR: u32 = 8;
/// How long a candidate may take to say who it is.
const PROBE_TIME_MAX: Duration = Duration::from_secs(20);
const PROBE: &str = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])";

/// The interpreters found so far, by the minor version that was asked for.
#[derive(Default)]
pub(crate) struct Interpreters {
    found: tokio::sync::Mutex<HashMap<u32, PathBuf>>,
}

impl Interpreters {
    /// The interpreter for `python3.minor`: that version when it is there and works, else `python3` with one warning.
    pub(crate) async fn find(&self, minor: u32, clock: &dyn Clock) -> Result<PathBuf> {
        let mut found = self.found.lock().await;
        if let Some(program) = found.get(&minor) {
            return Ok(program.clone());
        }
        let mut tried = Vec::new();
        for candidate in [format!("python3.{minor}"), "python3".into(), "python".into()] {
            match probe(&candidate, clock).await {
                Ok((program, version)) if version >= OLDEST_MINOR => {
                    if version != minor {
                        tracing::warn!(target: "lambda", "no working python3.{minor} here: its functions run on Python 3.{version} ({})", program.display());
                    }
                    found.insert(minor, program.clone());
                    return Ok(program);
                }
                Ok((_, version)) => tried.push(format!("{candidate} is 3.{version}, which is too old")),
                Err(why) => tried.push(format!("{candidate}: {why}")),
            }
        }
        let message = format!(
            "No working Python for the runtime python3.{minor}: install python3 (3.{OLDEST_MINOR} or later) on this machine ({})",
            tried.join("; ")
        );
        Err(Error::new(Kind::Dependency, message).with_resource("python3"))
    }
}

async fn probe(candidate: &str, clock: &dyn Clock) -> Result<(PathBuf, u32), String> {
    // The server's own environment: version managers need it.
    let output = Command::new(candidate)
        .args(["-c", PROBE])
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
    let minor = lines
        .next()
        .and_then(|version| version.strip_prefix("3."))
        .and_then(|minor| minor.parse().ok());
    program.zip(minor).ok_or_else(|| "does not say that it is a Python 3".into())
}
