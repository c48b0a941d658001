//! A moment of the state folder: a copy of the state file, and a second name for every other file.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Metadata, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bedplate_store_sqlite::SqliteStore;

use super::{CONFIG, ENTRIES_MAX, OF_A_PROCESS, STAGING, Workplace, store_error};

/// Looks at the folder until one finds nothing that has changed since the one before. An object and what is stored about it are two files; each
/// look but the first costs a `stat` for each file.
const LOOKS_MAX: usize = 10;

/// The folder as it was.
pub(super) struct Staged {
    place: Workplace,
    /// The state file's format.
    pub(super) format: u32,
}

/// What is left out besides [`OF_A_PROCESS`]: files that functions write for the moment, what is made from other things, and what is half done.
fn is_left_out(path: &Path) -> bool {
    let mut names = path.iter().map(|name| name.to_str().unwrap_or_default());
    match (names.next(), names.next()) {
        (Some(name), None) => OF_A_PROCESS.contains(&name) || name.starts_with(SqliteStore::FILE) || name.starts_with(STAGING),
        (Some("functions"), Some(name)) => name == "tmp" || name.starts_with('.'),
        (Some("buckets"), Some(name)) => name == ".drafts",
        _ => false,
    }
}

impl Staged {
    /// Takes it with the configuration, in a folder within the state folder: links cannot lead to another disk.
    pub(super) fn take(state: &Path, config: Option<&Path>) -> Result<Self, String> {
        let place = Workplace::make(state, STAGING)?;
        // Once before: code that the rows name may be deleted while they are copied.
        Round::default().folder(state, &place.path, Path::new(""))?;
        let format = SqliteStore::snapshot(state, &place.path.join(SqliteStore::FILE)).map_err(|error| store_error(&error))?;
        for look in 1.. {
            let mut round = Round::default();
            round.folder(state, &place.path, Path::new(""))?;
            if !round.changed || look == LOOKS_MAX {
                for path in round.skipped {
                    eprintln!(
                        "bedplate: {} is left out: it is neither a file nor a folder with a name in UTF-8",
                        path.display()
                    );
                }
                break;
            }
        }
        if let Some(config) = config {
            let target = place.path.join(CONFIG);
            // It may be a second name of one that an earlier restore left.
            let _ = fs::remove_file(&target);
            let found = fs::metadata(config).map_err(failed(config))?;
            copy(config, &found, &target)?;
        }
        Ok(Self { place, format })
    }

    /// Where it lies.
    pub(super) fn folder(&self) -> &Path {
        &self.place.path
    }
}

#[derive(Default)]
struct Round {
    changed: bool,
    entries: usize,
    skipped: Vec<PathBuf>,
}

impl Round {
    /// Makes `stage`/`below` what `state`/`below` is.
    fn folder(&mut self, state: &Path, stage: &Path, below: &Path) -> Result<(), String> {
        let (from, to) = (state.join(below), stage.join(below));
        let entries = match fs::read_dir(&from) {
            Err(error) if error.kind() == ErrorKind::NotFound && below != Path::new("") => return Ok(()),
            entries => entries.map_err(failed(&from))?,
        };
        let mut seen = HashSet::new();
        for entry in entries {
            let entry = entry.map_err(failed(&from))?;
            let path = below.join(entry.file_name());
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(format!("{}: there are more than {ENTRIES_MAX} files", state.display()));
            }
            if is_left_out(&path) {
                continue;
            }
            // Between the listing and this look it may have gone.
            let Ok(found) = entry.metadata() else { continue };
            if path.to_str().is_none() || !(found.is_dir() || found.is_file()) {
                self.skipped.push(from.join(entry.file_name()));
                continue;
            }
            let target = stage.join(&path);
            let kept = if found.is_dir() {
                if !target.is_dir() {
                    self.changed = true;
                    fs::create_dir(&target).map_err(failed(&target))?;
                    let mode = found.permissions().mode() & 0o777 | 0o700;
                    fs::set_permissions(&target, Permissions::from_mode(mode)).map_err(failed(&target))?;
                }
                self.folder(state, stage, &path)?;
                true
            } else {
                self.file(&from.join(entry.file_name()), &found, &target)?
            };
            if kept {
                seen.insert(entry.file_name());
            }
        }
        self.forget(&to, below, &seen)
    }

    /// Removes from the stage what is gone since the last look. Code stays: it is what its name says, and the rows may name it.
    fn forget(&mut self, to: &Path, below: &Path, seen: &HashSet<OsString>) -> Result<(), String> {
        if below.starts_with("functions") {
            return Ok(());
        }
        for entry in fs::read_dir(to).map_err(failed(to))? {
            let entry = entry.map_err(failed(to))?;
            let name = entry.file_name();
            if seen.contains(&name) || (below == Path::new("") && name == SqliteStore::FILE) {
                continue;
            }
            self.changed = true;
            let path = entry.path();
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(failed(&path))?;
        }
        Ok(())
    }

    /// Whether the file is there still, and then in the stage too.
    fn file(&mut self, from: &Path, found: &Metadata, target: &Path) -> Result<bool, String> {
        match fs::symlink_metadata(target) {
            Ok(staged) if same(&staged, found) => return Ok(true),
            Ok(_) => fs::remove_file(target).map_err(failed(target))?,
            Err(_) => {}
        }
        self.changed = true;
        match fs::hard_link(from, target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            // A file of somebody else, or a disk without links.
            Err(_) => copy(from, found, target),
        }
    }
}

/// Copies a file with its time, by which objects of buckets are known.
fn copy(from: &Path, found: &Metadata, target: &Path) -> Result<bool, String> {
    match fs::copy(from, target) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        copied => copied.map_err(failed(from))?,
    };
    let changed = found.modified().map_err(failed(from))?;
    let file = fs::File::options().write(true).open(target).map_err(failed(target))?;
    file.set_modified(changed).map_err(failed(target))?;
    Ok(true)
}

/// A link has the same number; a copy has the same bytes and time.
fn same(staged: &Metadata, found: &Metadata) -> bool {
    let stamp = |of: &Metadata| (of.len(), of.mtime(), of.mtime_nsec());
    staged.ino() == found.ino() || stamp(staged) == stamp(found)
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{path}: {error}")
}
