//! `backup` and `restore`: the state folder in one file, and back.
//!
//! These verbs open the state themselves, because both must work without a server, and `backup` also beside one. They know the folder's names, not
//! what is in it: whatever a later version keeps there is taken along. The file is a tar archive: `bedplate-backup.json` first (what this is), then the
//! folder, then `manifest.jsonl` with bytes, SHA-256, mode and time of every file. Without that end it is cut off, and refused.
//!
//! What makes a backup of a running server one moment: the state file is copied first, within one transaction (what its rows name was there
//! before them), and everything else is linked, not copied, so that a file that is replaced or deleted meanwhile keeps its old bytes.

mod archive;
mod restore;
mod stage;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bedplate_store_sqlite::SqliteStore;
use rustix::fs::{FlockOperation, flock};

use crate::args::{Backup, Restore};
use crate::config::Config;
use crate::serve::chain;

/// What the configuration is called in a backup, and in the state folder after a restore.
const CONFIG: &str = "bedplate.toml";
/// The format of archives; it goes up when their names or the manifest change.
const FORMAT: u32 = 1;
/// Says what the archive is.
const ABOUT: &str = "bedplate-backup.json";
/// What it holds.
const MANIFEST: &str = "manifest.jsonl";
/// Below it lies the state folder.
const STATE: &str = "state";
/// Files of the folder that are of one process and not of the state. (The state file itself is copied in another way.)
const OF_A_PROCESS: [&str; 2] = ["lock", "server.json"];
/// What folders are called that a backup works in, and what a folder is called while it is restored.
const STAGING: &str = ".backup-";
const RESTORING: &str = ".restore-";
/// Files and folders of one backup. Ours: ten times the objects of the largest bucket that was tried.
const ENTRIES_MAX: usize = 10_000_000;
/// Bytes of a manifest and of what says what the archive is: some hundred for each entry.
const MANIFEST_BYTES_MAX: u64 = 4 << 30;
const ABOUT_BYTES_MAX: u64 = 64 << 10;

/// `bedplate backup`.
pub(crate) fn backup(args: &Backup) -> Result<(), String> {
    let state = fs::canonicalize(&args.state).map_err(|error| {
        let folder = args.state.display();
        format!("{folder}: {error}; name the state folder with --state")
    })?;
    if !state.join(SqliteStore::FILE).exists() {
        let (folder, file) = (state.display(), SqliteStore::FILE);
        return Err(format!(
            "there is no state in {folder}: {file} is missing; name the state folder with --state"
        ));
    }
    let config = configuration(args.config.as_deref())?;
    if args.file.as_os_str() == "-" {
        let staged = stage::Staged::take(&state, config.as_deref())?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        let sum = archive::write(&staged, &mut out)?;
        out.flush().map_err(|error| format!("standard output: {error}"))?;
        tell(&sum, "standard output", config.as_deref());
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", args.file.display());
    let file = std::path::absolute(&args.file).map_err(failed)?;
    if file.try_exists().map_err(failed)? {
        return Err(format!("{} is there already; choose another name, or remove it", file.display()));
    }
    let parent = file.parent().unwrap_or(Path::new("/"));
    if fs::canonicalize(parent).map_err(failed)?.starts_with(&state) {
        return Err(format!(
            "{} lies in the state folder; write the backup somewhere else",
            args.file.display()
        ));
    }
    // Under another name until it is whole. Half of one, which a kill left, is written over.
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    let opened = private().write(true).create(true).truncate(false).open(part).map_err(failed)?;
    if flock(&opened, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(format!("another process writes {}", part.display()));
    }
    let written = write_file(&state, config.as_deref(), &opened, &file, part);
    if written.is_err() {
        let _ = fs::remove_file(part);
    }
    tell(&written?, &file.display().to_string(), config.as_deref());
    Ok(())
}

fn write_file(state: &Path, config: Option<&Path>, opened: &File, file: &Path, part: &Path) -> Result<archive::Sum, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", part.display());
    opened.set_len(0).map_err(failed)?;
    let staged = stage::Staged::take(state, config)?;
    let mut out = BufWriter::with_capacity(1 << 20, opened);
    let sum = archive::write(&staged, &mut out)?;
    out.flush().map_err(failed)?;
    drop(out);
    opened.sync_all().map_err(failed)?;
    fs::rename(part, file).map_err(failed)?;
    let parent = file.parent().unwrap_or(Path::new("/"));
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
    Ok(sum)
}

/// The configuration to take along. It names secrets, and holds none.
fn configuration(given: Option<&Path>) -> Result<Option<PathBuf>, String> {
    let path = given.unwrap_or(Path::new(CONFIG));
    match fs::metadata(path) {
        Ok(_) => std::path::absolute(path)
            .map(Some)
            .map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn tell(sum: &archive::Sum, place: &str, config: Option<&Path>) {
    let archive::Sum { files, bytes, format } = sum;
    eprintln!("backed up to {place}: {files} files, {bytes} bytes, state format {format}");
    match config {
        Some(config) => eprintln!("with the configuration {}", config.display()),
        None => eprintln!("without a configuration: there is no {CONFIG} in this folder, and --config names none"),
    }
    let theirs = match config.map(|config| Config::read(Some(config), Path::new("."))) {
        None => String::new(),
        Some(Err(problem)) => format!("; which folders it names cannot be told: {problem}"),
        Some(Ok(config)) => theirs(&config),
    };
    eprintln!("not in it: templates and the folders that they name{theirs}");
}

/// Files and folders that the configuration names. They are their owner's to save.
fn theirs(config: &Config) -> String {
    let base = config.folder(Path::new("."));
    let buckets = config
        .buckets
        .iter()
        .map(|(name, bucket)| (format!("bucket {name}"), bucket.folder.clone()));
    let codes = config.functions.iter();
    let codes = codes.filter_map(|(name, function)| Some((format!("function {name}"), function.code.clone()?)));
    let secrets = config.secret_files().map(|file| ("secret".to_owned(), file));
    let script = config.models.script.clone().map(|file| ("script".to_owned(), file));
    let all = buckets.chain(codes).chain(secrets).chain(script);
    all.map(|(what, path)| {
        let path = std::path::absolute(base.join(&path)).unwrap_or(path);
        format!("; {what}: {}", path.display())
    })
    .collect()
}

/// `bedplate restore`.
pub(crate) fn restore(args: &Restore) -> Result<(), String> {
    let sum = if args.file.as_os_str() == "-" {
        restore::run(std::io::stdin().lock(), &args.state)
    } else {
        let file = File::open(&args.file).map_err(|error| format!("{}: {error}", args.file.display()))?;
        restore::run(std::io::BufReader::with_capacity(1 << 20, file), &args.state)
    }?;
    let archive::Sum { files, bytes, format } = sum;
    eprintln!(
        "restored to {}: {files} files, {bytes} bytes, state format {format}",
        args.state.display()
    );
    let config = args.state.join(CONFIG);
    if config.exists() {
        let config = config.display();
        eprintln!(
            "its configuration is {config}: move it to where the server runs, because paths in it begin at its folder, or name it with --config"
        );
    }
    Ok(())
}

/// A file that only its owner reads: a backup holds what was said, and the server's key.
fn private() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// A folder of our own, held by a lock as long as this lives, and removed then. Those that a kill left are held by nobody: the next one of the
/// same place removes them.
struct Workplace {
    path: std::path::PathBuf,
    _lock: File,
}

impl Workplace {
    /// Makes one in `parent`; its name begins with `prefix`.
    fn make(parent: &Path, prefix: &str) -> Result<Self, String> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| format!("{path}: {error}")
        };
        for entry in fs::read_dir(parent).map_err(failed(parent))? {
            let entry = entry.map_err(failed(parent))?;
            if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes())
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
                && let Ok(left) = File::open(entry.path())
                && flock(&left, FlockOperation::NonBlockingLockExclusive).is_ok()
            {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = parent.join(format!("{prefix}{}", bedplate_base::random_id(8)));
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed(&path))?;
        let lock = File::open(&path).map_err(failed(&path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| failed(&path)(error.into()))?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether a restore into this folder was cut off.
pub(crate) fn is_half_restored(state: &Path) -> bool {
    restore::was_cut_off(state)
}

fn store_error(error: &bedplate_store_sqlite::OpenError) -> String {
    chain(error)
}
