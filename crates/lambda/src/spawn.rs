//! The command line and the environment of a function's process: nothing of the server's own environment gets in.

use std::collections::BTreeMap;
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

/// The bootstrap of Python functions.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

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
    /// The interpreter, for Python.
    pub(crate) python: Option<PathBuf>,
    /// Where the bootstrap and compiled modules are kept.
    pub(crate) folder: PathBuf,
    /// How it is kept from what it must not see, where that works.
    pub(crate) isolation: Option<Arc<Isolation>>,
    /// When the process starts.
    pub(crate) now: Timestamp,
}

/// The command that runs `function` against the Runtime API at `api`.
pub(crate) fn command(function: &Function, around: &Surroundings, api: SocketAddr) -> Result<Command> {
    let scratch = scratch(function, around);
    let compiled = match &around.isolation {
        // Shared, one function could change what another one loads.
        Some(_) => compiled::cache(&around.folder, &function.name),
        None => around.folder.join(".pycache"),
    };
    for folder in [&scratch, &compiled] {
        let unusable = |error| Error::new(Kind::Dependency, format!("{} cannot be made: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(unusable)?;
    }
    let bootstrap = bootstrap_file(&around.folder);
    let python = matches!(function.runtime, Runtime::Python { .. });
    let (program, mut arguments): (PathBuf, Vec<OsString>) = match (&function.runtime, &around.python) {
        (Runtime::Python { .. }, Some(python)) => {
            // Compiled modules go aside: the code folder is the user's, and watched.
            let mut cache = OsString::from("pycache_prefix=");
            cache.push(&compiled);
            let arguments = vec!["-X".into(), cache, bootstrap.clone().into(), limits_of(function).into()];
            (python.clone(), arguments)
        }
        (Runtime::Python { .. }, None) => return Err(Error::internal("A Python function needs an interpreter")),
        (Runtime::Provided { .. }, _) => (custom_bootstrap(&function.code)?, Vec::new()),
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
                read: [&function.code, if python { &bootstrap } else { &function.code }],
                write: [&scratch, &compiled],
            };
            isolation.command(&needs, &program, &arguments)?
        }
    };
    command.stdin(if watched { Stdio::piped() } else { Stdio::null() });
    command
        .current_dir(&function.code)
        .env_clear()
        .envs(environment(function, around, api));
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

/// Writes the bootstrap; a process that runs the old file is not disturbed.
pub(crate) fn write_bootstrap(folder: &Path) -> std::io::Result<()> {
    let file = bootstrap_file(folder);
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".bootstrap-{}", bedplate_base::random_id(12)));
    std::fs::write(&unfinished, BOOTSTRAP)?;
    std::fs::rename(&unfinished, file)
}

fn bootstrap_file(folder: &Path) -> PathBuf {
    folder.join("bootstrap.py")
}

fn custom_bootstrap(code: &Path) -> Result<PathBuf> {
    let file = code.join("bootstrap");
    let wrong = match std::fs::metadata(&file) {
        Err(_) => "there is none",
        Ok(meta) if !meta.is_file() => "it is not a file",
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => "it is not executable (chmod +x)",
        Ok(_) => return Ok(file),
    };
    Err(Error::new(
        Kind::Dependency,
        format!("A custom runtime needs an executable file `bootstrap` at the top of its code: {wrong}"),
    ))
}

/// Where a function's temporary files go: one folder for all its processes, kept between them as in a warm start.
fn scratch(function: &Function, around: &Surroundings) -> PathBuf {
    around.folder.join("tmp").join(&function.name)
}

fn environment(function: &Function, around: &Surroundings, api: SocketAddr) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |key: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        all.insert(key.into(), value.as_ref().into());
    };
    // What a definition may change.
    set("PATH", &around.path);
    set("LANG", &"en_US.UTF-8");
    set("TZ", &":UTC");
    // A place that belongs to the state: what a handler keeps there is forgotten with it.
    set("TMPDIR", &scratch(function, around));
    set("AWS_REGION", &function.arn.region());
    set("AWS_DEFAULT_REGION", &function.arn.region());
    // Somebody else's key comes without our token.
    let theirs = function.environment.contains_key("AWS_ACCESS_KEY_ID");
    for (key, value) in around.callback.variables(function.arn.account()) {
        if !(theirs && key == "AWS_SESSION_TOKEN") {
            set(key, &value);
        }
    }
    for (key, value) in &function.environment {
        set(key, value);
    }
    // What it may not.
    let date = around
        .now
        .iso()
        .chars()
        .take(10)
        .map(|c| if c == '-' { '/' } else { c })
        .collect::<String>();
    let stream = format!("{date}/[{}]{}", function.version, bedplate_base::random_uuid().replace('-', ""));
    set("_HANDLER", &function.handler);
    set("AWS_LAMBDA_RUNTIME_API", &api.to_string());
    set("AWS_LAMBDA_FUNCTION_NAME", &function.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &function.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", &"on-demand");
    set("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", function.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", &stream);
    set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", function.runtime));
    set("LAMBDA_TASK_ROOT", &function.code);
    set("PWD", &function.code);
    set("LAMBDA_RUNTIME_DIR", &around.folder);
    all
}
