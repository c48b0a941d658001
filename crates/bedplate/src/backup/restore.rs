//! An archive becomes a state folder: unpacked beside its place, compared with the manifest, and moved there in one step.
//!
//! An archive is untrusted: names stay inside, nothing but files and folders is made, every number has a limit.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use bedplate_base::Hash;
use bedplate_store_sqlite::SqliteStore;
use sha2::{Digest as _, Sha256};

use super::archive::{About, Content, Line, Sum};
use super::{ABOUT, ABOUT_BYTES_MAX, ENTRIES_MAX, FORMAT, MANIFEST, MANIFEST_BYTES_MAX, RESTORING, STATE, Workplace, store_error};

/// What a file system has in an empty volume.
const OF_A_VOLUME: &str = "lost+found";

const NOT_OURS: &str = "this is no backup: `bedplate backup` did not write it";

/// Restores the archive that `from` reads to the folder `state`, which must be missing or empty.
pub(super) fn run(from: impl Read, state: &Path) -> Result<Sum, String> {
    let state = std::path::absolute(state).map_err(failed(state))?;
    let parent = state.parent().ok_or("the root of the file system is no state folder")?;
    let is_there = is_there_and_empty(&state)?;
    // A folder that is a volume's root cannot be replaced: its content is made in it.
    let within = is_there && is_mount(&state, parent);
    let place = if within {
        Workplace::make(&state, RESTORING)?
    } else {
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let name = state.file_name().unwrap_or_default().to_string_lossy();
        Workplace::make(parent, &format!(".{name}{RESTORING}"))?
    };
    let sum = unpack(from, &place.path)?;
    if let Err(error) = SqliteStore::format_of(&place.path) {
        return Err(store_error(&error));
    }
    sync(&place.path)?;
    if within {
        move_into(&place.path, &state)?;
    } else {
        fs::rename(&place.path, &state).map_err(failed(&state))?;
        sync_folder(parent)?;
    }
    Ok(sum)
}

/// Whether there was a restore into this folder that did not come to its end.
pub(super) fn was_cut_off(state: &Path) -> bool {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .any(|name| name.as_encoded_bytes().starts_with(RESTORING.as_bytes()))
}

fn is_there_and_empty(state: &Path) -> Result<bool, String> {
    let entries = match fs::read_dir(state) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        entries => entries.map_err(failed(state))?,
    };
    for entry in entries {
        let name = entry.map_err(failed(state))?.file_name();
        if name != OF_A_VOLUME && !name.as_encoded_bytes().starts_with(RESTORING.as_bytes()) {
            let (folder, name) = (state.display(), name.to_string_lossy().into_owned());
            return Err(format!(
                "{folder} is not empty ({name} is in it); nothing is ever restored over a state: name an empty or a new folder with --state"
            ));
        }
    }
    Ok(true)
}

#[cfg(target_os = "linux")]
fn is_mount(state: &Path, parent: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let mount = |path: &Path| statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).map(|found| found.stx_mnt_id);
    // Where it cannot be known, the way that always works.
    !matches!((mount(state), mount(parent)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(target_os = "linux"))]
fn is_mount(state: &Path, parent: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    device(state) != device(parent)
}

fn unpack(from: impl Read, place: &Path) -> Result<Sum, String> {
    let mut archive = tar::Archive::new(from);
    let mut entries = archive.entries().map_err(damaged)?;
    let mut found: HashMap<String, Option<Content>> = HashMap::new();
    let first = entries.next().ok_or("this is no backup: it is empty")?.map_err(|_| NOT_OURS)?;
    let about = about(first)?;
    loop {
        let cut = "the backup is cut off: its manifest is missing";
        let mut entry = entries.next().ok_or(cut)?.map_err(damaged)?;
        let name = name(&entry)?;
        if name == MANIFEST {
            let mut sum = Sum {
                files: 0,
                bytes: 0,
                format: about.state_format,
            };
            settle(&mut entry, found, place, &mut sum)?;
            return match entries.next() {
                None => Ok(sum),
                Some(_) => Err(wrong("there is something behind its manifest")),
            };
        }
        if found.len() >= ENTRIES_MAX {
            return Err(wrong(&format!("it has more than {ENTRIES_MAX} entries")));
        }
        let path = inside(&name).ok_or_else(|| wrong(&format!("the entry {name:?} leads out of the state folder")))?;
        let target = place.join(&path);
        let content = match entry.header().entry_type() {
            tar::EntryType::Directory => {
                fs::create_dir(&target).map_err(failed(&target))?;
                None
            }
            tar::EntryType::Regular => Some(file(&mut entry, &target)?),
            _ => return Err(wrong(&format!("the entry {name:?} is neither a file nor a folder"))),
        };
        if found.insert(path, content).is_some() {
            return Err(wrong(&format!("the entry {name:?} comes twice")));
        }
    }
}

/// Reads what the archive is, and refuses what this version does not know.
fn about(mut entry: tar::Entry<'_, impl Read>) -> Result<About, String> {
    let not_ours = || NOT_OURS.to_owned();
    if name(&entry)? != ABOUT {
        return Err(not_ours());
    }
    let mut text = String::new();
    (&mut entry).take(ABOUT_BYTES_MAX).read_to_string(&mut text).map_err(damaged)?;
    let about: serde_json::Value = serde_json::from_str(&text).map_err(|_| not_ours())?;
    let newer = |what: &str, format: &serde_json::Value, known: u32| {
        let by = about["bedplate"].as_str().unwrap_or("?").chars().take(40).collect::<String>();
        format!("{what} has format {format}, this binary knows formats up to {known}; use bedplate {by}, which wrote it, or a newer one")
    };
    if about["format"].as_u64().is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(newer("the backup", &about["format"], FORMAT));
    }
    if about["state_format"]
        .as_u64()
        .is_some_and(|format| format > u64::from(SqliteStore::FORMAT))
    {
        return Err(newer("the state in the backup", &about["state_format"], SqliteStore::FORMAT));
    }
    serde_json::from_value(about).map_err(|_| not_ours())
}

fn file(entry: &mut impl Read, target: &Path) -> Result<Content, String> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target)
        .map_err(failed(target))?;
    let (mut bytes, mut digest, mut buffer) = (0_u64, Sha256::new(), vec![0; 64 << 10]);
    loop {
        let count = entry.read(&mut buffer).map_err(damaged)?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count]).map_err(failed(target))?;
        digest.update(&buffer[..count]);
        bytes += count as u64;
    }
    let sha256 = Hash(digest.finalize().into()).to_string();
    Ok(Content { bytes, sha256 })
}

/// Compares what was unpacked with the manifest, and gives every file its time and permissions.
fn settle(manifest: impl Read, mut found: HashMap<String, Option<Content>>, place: &Path, sum: &mut Sum) -> Result<(), String> {
    let mut folders = Vec::new();
    for text in BufReader::new(manifest.take(MANIFEST_BYTES_MAX)).lines() {
        let line: Line = serde_json::from_str(&text.map_err(damaged)?).map_err(|error| wrong(&format!("its manifest: {error}")))?;
        let path = &line.path;
        let target = place.join(path);
        match (found.remove(path), line.content) {
            (None, _) => return Err(wrong(&format!("{path} is missing"))),
            (Some(None), None) => folders.push((target, line.mode)),
            (Some(Some(found)), Some(told)) if found == told => {
                let file = File::options().write(true).open(&target).map_err(failed(&target))?;
                file.set_modified(time(line.changed)).map_err(failed(&target))?;
                file.set_permissions(fs::Permissions::from_mode(line.mode & 0o777))
                    .map_err(failed(&target))?;
                sum.files += 1;
                sum.bytes += told.bytes;
            }
            _ => return Err(wrong(&format!("{path} is not what the manifest says"))),
        }
    }
    if let Some(path) = found.keys().min() {
        return Err(wrong(&format!("{path} is not in its manifest")));
    }
    for (folder, mode) in folders {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode & 0o777 | 0o700)).map_err(failed(&folder))?;
    }
    Ok(())
}

fn time(nanoseconds: i64) -> SystemTime {
    let far = Duration::from_nanos(nanoseconds.unsigned_abs());
    let time = match nanoseconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(far),
        false => SystemTime::UNIX_EPOCH.checked_add(far),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Moves what was restored to its place in the same folder: the state file last, because without it nothing else counts.
fn move_into(place: &Path, state: &Path) -> Result<(), String> {
    let mut names: Vec<_> = Vec::new();
    for entry in fs::read_dir(place).map_err(failed(place))? {
        names.push(entry.map_err(failed(place))?.file_name());
    }
    names.sort_by_key(|name| name == SqliteStore::FILE);
    for name in names {
        fs::rename(place.join(&name), state.join(&name)).map_err(failed(&state.join(&name)))?;
    }
    sync_folder(state)
}

/// The name of an entry.
fn name(entry: &tar::Entry<'_, impl Read>) -> Result<String, String> {
    let name = entry.path_bytes();
    let name = std::str::from_utf8(&name).map_err(|_| wrong("a name in it is no UTF-8"))?;
    Ok(name.to_owned())
}

/// The path below the state folder, when it stays there.
fn inside(name: &str) -> Option<String> {
    let path = name.strip_prefix(STATE)?.strip_prefix('/')?.trim_end_matches('/');
    let stays = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    (stays && !path.is_empty() && !path.contains("//") && !path.contains('\0')).then(|| path.to_owned())
}

/// Everything unpacked is on the disk before it gets its name.
fn sync(folder: &Path) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        let opened = File::open(folder).map_err(failed(folder))?;
        rustix::fs::syncfs(opened).map_err(|error| failed(folder)(error.into()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        rustix::fs::sync();
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> Result<(), String> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed(folder))
}

fn wrong(what: &str) -> String {
    format!("the backup is damaged: {what}; nothing was restored")
}

fn damaged(error: std::io::Error) -> String {
    wrong(&error.to_string())
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> String {
    let path = PathBuf::from(path);
    move |error| format!("{}: {error}", path.display())
}
