//! The command line and the environment of a function's process: nothing of the server's own environment gets in.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use bedplate_base::{Error, Kind, Result, Timestamp};
use tokio::process::Command;

use crate::callback::Callback;
use crate::compiled;
use crate::function::{Function, Runtime};
use crate::isolation::{Isolation, Needs};
use crate::limits;
use crate::{environment, layers};

/// The bootstraps of Python and Node functions.
const BOOTSTRAPS: [(&str, &str); 2] = [
    ("bootstrap.py", include_str!("bootstrap.py")),
    ("bootstrap.mjs", include_str!("bootstrap.mjs")),
];

/// A shell's part that ends the whole process group when the writing end of standard input closes: with the server, however
/// that ends. Bubblewrap does the same by itself.
const WATCHED: &str = "exec 3<&0 </dev/null; (read -r _ <&3; kill -9 0) >/dev/null 2>&1 & exec 3<&-; ";
/// A shell's part that limits it to so many open files and so long files. Address space stays: V8, the JVM and others reserve
/// more than any limit that would help. What this system does not limit is not limited.
const LIMITED: &str = "ulimit -c 0; ulimit -n \"$1\"; ulimit -f \"$2\"; shift 2; ";
/// A shell's end: it becomes the program.
const RUN: &str = "exec \"$0\" \"$@\"";

/// What a process is started with, beside the function's definition.
pub(crate) struct Surroundings {
    /// Search path of the process.
    pub(crate) path: OsString,
    /// Where AWS SDKs in the handler go.
    pub(crate) callback: Callback,
    /// The interpreter, for runtimes that have one.
    pub(crate) interpreter: Option<PathBuf>,
    /// The folder with all its layers.
    pub(crate) layers: Option<PathBuf>,
    /// Where the bootstraps and compiled modules are kept.
    pub(crate) folder: PathBuf,
    /// How it is kept from what it must not see, where that works.
    pub(crate) isolation: Option<Arc<Isolation>>,
    /// When the process starts.
    pub(crate) now: Timestamp,
}

/// The command that runs `function` against the Runtime API at `api`.
pub(crate) fn command(function: &Function, around: &Surroundings, api: SocketAddr) -> Result<Command> {
    let scratch = environment::scratch(function, around);
    let python = matches!(function.runtime, Runtime::Python { .. });
    let compiled = match &around.isolation {
        // Shared, one function could change what another one loads.
        Some(_) => compiled::cache(&around.folder, &function.name),
        None => around.folder.join(".pycache"),
    };
    let written: &[&Path] = if python { &[&scratch, &compiled] } else { &[&scratch] };
    for folder in written {
        let unusable = |error| Error::new(Kind::Dependency, format!("{} cannot be made: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(unusable)?;
    }
    let bootstrap = match function.runtime {
        Runtime::Python { .. } => around.folder.join(BOOTSTRAPS[0].0),
        Runtime::Node { .. } => around.folder.join(BOOTSTRAPS[1].0),
        Runtime::Provided { .. } => custom_bootstrap(function, around)?,
    };
    let (program, mut arguments): (PathBuf, Vec<OsString>) = match (&function.runtime, &around.interpreter) {
        (Runtime::Provided { .. }, _) => (bootstrap.clone(), Vec::new()),
        (_, None) => return Err(Error::internal("The function needs an interpreter")),
        (Runtime::Python { .. }, Some(python)) => {
            // Compiled modules go aside: the code folder is the user's, and watched.
            let mut cache = OsString::from("pycache_prefix=");
            cache.push(&compiled);
            let arguments = vec!["-X".into(), cache, bootstrap.clone().into(), limits_of(function).into()];
            (python.clone(), arguments)
        }
        (Runtime::Node { .. }, Some(node)) => {
            // On AWS the heap has less than the function's memory, and nothing else would stop it here.
            let heap = format!("--max-old-space-size={}", function.memory_mb);
            (node.clone(), vec![heap.into(), bootstrap.clone().into()])
        }
    };
    let watched = around.isolation.is_none();
    let mut script = String::new();
    if watched {
        script.push_str(WATCHED);
    }
    if !python {
        // The Python bootstrap limits itself, more closely.
        script.push_str(LIMITED);
        let blocks = u64::from(function.storage_mb) * 2048; // of 512 bytes
        arguments.splice(0..0, [limits::OPEN_FILES_MAX.to_string().into(), blocks.to_string().into()]);
    }
    let (program, arguments) = match script.is_empty() {
        true => (program, arguments),
        false => {
            script.push_str(RUN);
            let all = ["-c".into(), script.into(), program.into()].into_iter().chain(arguments).collect();
            ("/bin/sh".into(), all)
        }
    };
    let mut command = match &around.isolation {
        None => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        Some(isolation) => {
            let needs = Needs {
                folder: &function.code,
                read: &[&bootstrap],
                write: written,
                opt: around.layers.as_deref(),
                opt_is_mounted: opt_is_mounted(function, around),
            };
            isolation.command(&needs, &program, &arguments)?
        }
    };
    command.stdin(if watched { Stdio::piped() } else { Stdio::null() });
    command
        .current_dir(&function.code)
        .env_clear()
        .envs(environment::variables(function, around, api));
    Ok(command)
}

/// What the bootstrap limits itself to before it loads the handler: bytes of address space, bytes of a file, open files.
///
/// Address space is not memory: libraries reserve far more than they use. So the limit stops a handler that grows without
/// end, long before the machine suffers, and no handler that works in AWS within its memory.
fn limits_of(function: &Function) -> String {
    const MB: u64 = 1024 * 1024;
    let space = (u64::from(function.memory_mb) * limits::SPACE_PER_MEMORY).max(limits::SPACE_MB_MIN) * MB;
    format!("{space},{},{}", u64::from(function.storage_mb) * MB, limits::OPEN_FILES_MAX)
}

/// Writes the bootstraps; a process that runs an old file is not disturbed.
pub(crate) fn write_bootstraps(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in BOOTSTRAPS {
        let unfinished = folder.join(format!(".bootstrap-{}", bedplate_base::random_id(12)));
        std::fs::write(&unfinished, text)?;
        std::fs::rename(&unfinished, folder.join(name))?;
    }
    Ok(())
}

/// Whether the function sees its layers at `/opt`. It does not where nothing is isolated, where this machine has no such place, or
/// where something that it needs is there.
fn opt_is_mounted(function: &Function, around: &Surroundings) -> bool {
    let needed = [Some(&function.code), around.interpreter.as_ref(), Some(&around.folder)];
    let hidden = needed.into_iter().flatten().any(|path| path.starts_with(layers::OPT));
    around.isolation.is_some() && around.layers.is_some() && Path::new(layers::OPT).is_dir() && !hidden
}

/// Where a function finds its layers.
pub(crate) fn opt<'a>(function: &Function, around: &'a Surroundings) -> Option<&'a Path> {
    let folder = around.layers.as_deref()?;
    Some(if opt_is_mounted(function, around) {
        Path::new(layers::OPT)
    } else {
        folder
    })
}

/// The executable `bootstrap` of the code or, as on AWS, of a layer.
fn custom_bootstrap(function: &Function, around: &Surroundings) -> Result<PathBuf> {
    let look = |folder: &Path| match std::fs::metadata(folder.join("bootstrap")) {
        Err(_) => Err("there is none"),
        Ok(meta) if !meta.is_file() => Err("it is not a file"),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err("it is not executable (chmod +x)"),
        Ok(_) => Ok(folder.join("bootstrap")),
    };
    let found = match (look(&function.code), &around.layers) {
        (Err("there is none"), Some(layers)) => look(layers),
        (found, _) => found,
    };
    found.map_err(|wrong| {
        let message = format!("A custom runtime needs an executable file `bootstrap` at the top of its code: {wrong}");
        Error::new(Kind::Dependency, message)
    })
}
