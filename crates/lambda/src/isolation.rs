//! Where bubblewrap works, functions see neither what the server keeps nor the machine's other processes.
//!
//! What this is not: a sandbox for code of strangers. The network is shared and so are all files but the hidden ones. It
//! keeps a tool that was talked into reading files from finding keys, sessions and other functions' code, and nothing that
//! a function started outlives it, whatever session or group it moved to.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bedplate_base::{Clock, Error, Kind, Result};
use tokio::process::Command;

use crate::layers::OPT;

/// How long bubblewrap may take to show that it works (ours).
const PROBE_TIME_MAX: Duration = Duration::from_secs(10);
/// Everything as it is, but devices, processes and what else is hidden. The Runtime API needs the loopback interface.
/// What runs ends with the server, however that ends.
const ARGUMENTS: [&str; 10] = [
    "--bind",
    "/",
    "/",
    "--dev-bind",
    "/dev",
    "/dev",
    "--proc",
    "/proc",
    "--unshare-pid",
    "--die-with-parent",
];

/// How processes are started where it works.
pub(crate) struct Isolation {
    program: PathBuf,
    /// Real paths.
    hidden: Vec<PathBuf>,
}

/// What of the hidden folders one function needs.
pub(crate) struct Needs<'a> {
    /// Its code, to read; the working directory.
    pub(crate) folder: &'a Path,
    /// More to read.
    pub(crate) read: &'a [&'a Path],
    /// To read and write; they exist.
    pub(crate) write: &'a [&'a Path],
    /// Its layers, to read.
    pub(crate) opt: Option<&'a Path>,
    /// Whether they are seen as `/opt`, which exists.
    pub(crate) opt_is_mounted: bool,
}

impl Isolation {
    /// Tries bubblewrap; the error says why it does not do.
    pub(crate) async fn find(search: &OsStr, hidden: &[PathBuf], clock: &dyn Clock) -> Result<Self> {
        let failed = |what: String| Err(Error::new(Kind::Dependency, format!("functions are not isolated: {what}")));
        let candidates = std::env::split_paths(search).map(|folder| folder.join("bwrap"));
        let Some(program) = candidates.into_iter().find(|program| program.is_file()) else {
            return failed("bubblewrap (`bwrap`) is not installed".into());
        };
        let mut real = Vec::new();
        for path in hidden {
            match std::fs::canonicalize(path) {
                Ok(path) => real.push(path),
                Err(error) => return failed(format!("{} cannot be hidden: {error}", path.display())),
            }
        }
        let output = Command::new(&program)
            .args(ARGUMENTS)
            .arg("true")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::select! {
            output = output => output,
            () = clock.sleep_until(clock.now() + PROBE_TIME_MAX) => return failed(format!("{} does not end", program.display())),
        };
        match output {
            Ok(output) if output.status.success() => Ok(Self { program, hidden: real }),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                failed(format!(
                    "{} does not work here: {}",
                    program.display(),
                    crate::function::shorten(said.trim(), 300)
                ))
            }
            Err(error) => failed(format!("{} cannot be started: {error}", program.display())),
        }
    }

    /// The command that runs `program` so.
    pub(crate) fn command(&self, needs: &Needs<'_>, program: &Path, arguments: &[OsString]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(ARGUMENTS);
        for path in &self.hidden {
            if path.is_dir() {
                command.arg("--tmpfs").arg(path);
            } else {
                command.args(["--ro-bind", "/dev/null"]).arg(path);
            }
        }
        let real = |path: &Path| {
            std::fs::canonicalize(path).map_err(|error| {
                let message = format!("{} cannot be shown to the function: {error}", path.display());
                Error::new(Kind::Dependency, message)
            })
        };
        let layers = needs.opt.filter(|_| !needs.opt_is_mounted);
        let read = [Some(needs.folder), layers].into_iter().flatten().chain(needs.read.iter().copied());
        let binds = read
            .map(|path| ("--ro-bind", path))
            .chain(needs.write.iter().map(|path| ("--bind", *path)));
        for (how, path) in binds {
            let real = real(path)?;
            if self.hidden.iter().any(|hidden| real.starts_with(hidden)) {
                command.arg(how).arg(&real).arg(&real);
            }
        }
        if let Some(opt) = needs.opt.filter(|_| needs.opt_is_mounted) {
            command.arg("--ro-bind").arg(real(opt)?).arg(OPT);
        }
        command.arg("--chdir").arg(needs.folder).arg("--").arg(program).args(arguments);
        Ok(command)
    }
}
