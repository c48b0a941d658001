//! SQLite's failures in the store's words.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bedplate_journal::DecodeError;
use bedplate_store::{CommitError, ReadError};
use rusqlite::ErrorCode;

use crate::open::LOG_BYTES;

/// Why a state folder could not be opened. Nothing in it was changed. The text says which file, and what to do; the cause is its source.
#[derive(Debug)]
pub enum OpenError {
    /// Another process works with it.
    Held {
        /// The folder.
        folder: PathBuf,
        /// The process, when it left its number.
        pid: Option<u32>,
    },
    /// The folder or a file in it cannot be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what we wrote: cut off, overwritten or of another program.
    Damaged {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A newer binary wrote it.
    Newer {
        /// Which.
        file: PathBuf,
        /// Its format.
        format: u32,
        /// The newest format that this binary knows.
        known: u32,
    },
    /// Its disk has too little room: SQLite has many words for that, and none is "full".
    NoRoom {
        /// What could not be written.
        file: PathBuf,
        /// Bytes that are free on its disk.
        free: u64,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// SQLite could not open it.
    Sqlite {
        /// Which.
        file: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// What to do about a file that may not be written.
const ADVICE_READ_ONLY: &str = "; let the server's user write it and its folder, or choose another folder with --state";

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { folder, pid } => {
                write!(f, "the state folder {} is in use by ", folder.display())?;
                match pid {
                    Some(pid) => write!(f, "the process {pid}; stop it")?,
                    None => f.write_str("another process; stop it")?,
                }
                f.write_str(" or choose another folder with --state")
            }
            Self::Io { path, source } => {
                write!(f, "{} cannot be read or written", path.display())?;
                match source.kind() {
                    ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => f.write_str(ADVICE_READ_ONLY),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => f.write_str("; free some space on its disk"),
                    _ => Ok(()),
                }
            }
            Self::Damaged { file, what } => write!(
                f,
                "the state file {} is damaged: {what}; restore it from a backup, or move it away to begin with empty state",
                file.display()
            ),
            Self::Newer { file, format, known } => write!(
                f,
                "the state file {} has format {format}, this binary knows formats up to {known}; use the newer binary that wrote it",
                file.display()
            ),
            Self::NoRoom { file, free, .. } => write!(
                f,
                "{} cannot be written: {} KiB are free on its disk, and the state wants {} MiB to begin with; free some space",
                file.display(),
                free / 1024,
                LOG_BYTES.div_ceil(1 << 20)
            ),
            Self::Sqlite { file, source } => {
                write!(f, "the state file {} cannot be opened", file.display())?;
                match source.sqlite_error_code() {
                    Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => f.write_str(ADVICE_READ_ONLY),
                    Some(ErrorCode::DiskFull) => f.write_str("; free some space on its disk"),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Sqlite { source, .. } => Some(source),
            Self::NoRoom { source, .. } => Some(source.as_ref()),
            Self::Held { .. } | Self::Damaged { .. } | Self::Newer { .. } => None,
        }
    }
}

impl OpenError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match room(&path) {
            Some(free)
                if matches!(
                    source.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero
                ) =>
            {
                Self::NoRoom {
                    file: path,
                    free,
                    source: source.into(),
                }
            }
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn sqlite(file: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let file = file.to_owned();
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                file,
                what: source.to_string(),
            },
            code => match room(&file) {
                Some(free) if matches!(code, Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)) => {
                    Self::NoRoom {
                        file,
                        free,
                        source: source.into(),
                    }
                }
                _ => Self::Sqlite { file, source },
            },
        }
    }
}

/// Bytes that are free on the disk of a file that may not be there, when they are fewer than a log takes.
fn room(file: &Path) -> Option<u64> {
    let disk = file.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let writable = !disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    (writable && free < LOG_BYTES as u64).then_some(free)
}

/// A failed write.
pub(crate) enum WriteFailure {
    /// The batch is at fault: what the client is told.
    Refused(CommitError),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl From<CommitError> for WriteFailure {
    fn from(error: CommitError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for WriteFailure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

pub(crate) fn commit_error(error: &rusqlite::Error, file: &Path) -> CommitError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => CommitError::Full,
        Some(ErrorCode::TooBig) => CommitError::TooLarge(error.to_string()),
        _ => CommitError::Unavailable(described(error, file)),
    }
}

pub(crate) fn read_error(error: &rusqlite::Error, file: &Path) -> ReadError {
    ReadError(described(error, file))
}

fn described(error: &rusqlite::Error, file: &Path) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!("the state file {} is damaged: {error}", file.display()),
        Some(ErrorCode::ReadOnly) => format!("{}: {error}{ADVICE_READ_ONLY}", file.display()),
        _ => format!("{}: {error}", file.display()),
    }
}

/// A damaged row, as SQLite's errors carry it.
pub(crate) fn undecodable(error: DecodeError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(error))
}
