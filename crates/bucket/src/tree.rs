//! Files below a folder that is held open. Every step is one name relative to an open folder and follows no symbolic link, so nothing that
//! happens in the folder meanwhile can lead out of it. What is no regular file or folder is not seen.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Who may read what we write: the owner's group and others as the umask says.
const FILE: Mode = Mode::from_raw_mode(0o666);
const FOLDER: Mode = Mode::from_raw_mode(0o777);
/// Folders that are made again when somebody removes them at the same moment.
const ATTEMPTS: usize = 8;

/// Opens the folder at a path; this one may be a symbolic link, because the configuration names it.
pub(crate) fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// A folder in a folder; nothing when there is none of this name.
pub(crate) fn folder(parent: BorrowedFd<'_>, name: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    absent(rustix::fs::openat(parent, name, flags, Mode::empty()))
}

/// The folder at the end of `names`; nothing when one is missing.
pub(crate) fn find(root: BorrowedFd<'_>, names: &[String]) -> io::Result<Option<OwnedFd>> {
    let mut at = root.try_clone_to_owned()?;
    for name in names {
        match folder(at.as_fd(), name)? {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// The same, making those that are missing. A new folder is durable when this returns.
pub(crate) fn make(root: BorrowedFd<'_>, names: &[String]) -> io::Result<OwnedFd> {
    let mut at = root.try_clone_to_owned()?;
    for name in names {
        let next = match folder(at.as_fd(), name)? {
            Some(next) => next,
            None => {
                match rustix::fs::mkdirat(&at, name.as_str(), FOLDER) {
                    Ok(()) => rustix::fs::fsync(&at)?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                // A file of this name, or a link, is in the way when there is still no folder.
                folder(at.as_fd(), name)?.ok_or(Errno::NOTDIR)?
            }
        };
        at = next;
    }
    Ok(at)
}

/// A regular file; nothing when there is none of this name.
pub(crate) fn file(parent: BorrowedFd<'_>, name: &str) -> io::Result<Option<File>> {
    // A pipe of this name must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Some(found) = absent(rustix::fs::openat(parent, name, flags, Mode::empty()))? else {
        return Ok(None);
    };
    let file = File::from(found);
    Ok(file.metadata()?.is_file().then_some(file))
}

/// A new file that is not there yet.
pub(crate) fn create(parent: BorrowedFd<'_>, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, FILE)?))
}

/// Moves `name` of `from` to the place below `root`, over a file that may be there. It is durable when this returns.
pub(crate) fn publish(from: BorrowedFd<'_>, name: &str, root: BorrowedFd<'_>, folders: &[String], file: &str) -> io::Result<()> {
    let mut attempt = 0;
    loop {
        let parent = make(root, folders)?;
        match rustix::fs::renameat(from, name, &parent, file) {
            Ok(()) => return Ok(rustix::fs::fsync(&parent)?),
            // Somebody deleted the last object of the folder just now, and the folder with it.
            Err(Errno::NOENT) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes a file; whether there was one. Folders that are empty then go too when `prune` says so.
pub(crate) fn remove(root: BorrowedFd<'_>, folders: &[String], file: &str, prune: bool) -> io::Result<bool> {
    let mut open = Vec::with_capacity(folders.len() + 1);
    open.push(root.try_clone_to_owned()?);
    for name in folders {
        let at = open.last().map(AsFd::as_fd).unwrap_or(root);
        match folder(at, name)? {
            Some(next) => open.push(next),
            None => return Ok(false),
        }
    }
    let Some(parent) = open.last() else { return Ok(false) };
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    match rustix::fs::statat(parent, file, flags) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => {}
        Ok(_) => return Ok(false),
        Err(error) if is_absent(error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    match rustix::fs::unlinkat(parent, file, AtFlags::empty()) {
        Ok(()) => rustix::fs::fsync(parent)?,
        Err(error) if is_absent(error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    if prune {
        for (index, name) in folders.iter().enumerate().rev() {
            // One that is not empty, or not ours to remove, stays, and all above it.
            if rustix::fs::unlinkat(&open[index], name.as_str(), AtFlags::REMOVEDIR).is_err() {
                break;
            }
        }
    }
    Ok(true)
}

/// Calls `see` with every name of a folder, and whether it is one itself, until it says no. Links, pipes and names that are no text are left out.
pub(crate) fn each(parent: BorrowedFd<'_>, mut see: impl FnMut(&str, bool) -> io::Result<bool>) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(parent)? {
        let entry = entry?;
        let Some(name) = OsStr::from_bytes(entry.file_name().to_bytes()).to_str() else {
            continue;
        };
        if matches!(name, "." | "..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => FileType::from_raw_mode(found.st_mode),
                Err(error) if is_absent(error) => continue,
                Err(error) => return Err(error.into()),
            },
            kind => kind,
        };
        let folder = match kind {
            FileType::RegularFile => false,
            FileType::Directory => true,
            _ => continue,
        };
        if !see(name, folder)? {
            break;
        }
    }
    Ok(())
}

/// Bytes of a file and when it changed, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) changed: i64,
    /// Tells files apart that have the other two in common.
    pub(crate) inode: u64,
}

impl Stamp {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::read(&rustix::fs::fstat(file)?))
    }

    /// The stamp of a file by its name; nothing when it is gone.
    pub(crate) fn at(parent: BorrowedFd<'_>, name: &str) -> io::Result<Option<Self>> {
        let found = absent(rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW))?;
        Ok(found
            .filter(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
            .map(|found| Self::read(&found)))
    }

    // The widths of these fields are the system's: i64 and u32, or u64.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    fn read(found: &rustix::fs::Stat) -> Self {
        let seconds = found.st_mtime as i64;
        Self {
            size: u64::try_from(found.st_size).unwrap_or_default(),
            changed: seconds.saturating_mul(1_000_000_000).saturating_add(found.st_mtime_nsec as i64),
            inode: found.st_ino as u64,
        }
    }
}

fn absent<T>(result: Result<T, Errno>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// There is nothing of this name, or a link, a socket or a device where something of ours should be.
fn is_absent(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::NAMETOOLONG)
}
