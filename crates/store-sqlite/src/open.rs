//! Makes a state file, or opens one after a look at its header: a file that is cut off, foreign or newer is never touched.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::OpenError;

/// The format of rows and journal that this binary writes; it goes up when either does.
pub(crate) const FORMAT: u32 = 4;
/// Says in the header that the file is ours: "BDPL".
const APPLICATION: u32 = 0x4244_504c;
/// Bytes of a page. Measured with the engine's bench, one session, per turn of four commits: 1024 writes 38 KiB, 2048 52 KiB, 4096 83 KiB at the
/// same speed; rows longer than a page spill, so the middle one.
const PAGE_BYTES: u32 = 2048;
/// Pages in the log after which they are written to the file and the log begins again at its start: the shorter, the sooner a commit
/// overwrites instead of appending, which an fsync takes 0.18 ms for in place of 0.12 (ext4 on a virtual disk).
const LOG_PAGES: i64 = 1_000;
/// Bytes that the log has from the start, written with zeros: twice the pages above, because what moves many commits at once comes on top.
pub(crate) const LOG_BYTES: usize = 2 * LOG_PAGES as usize * (PAGE_BYTES as usize + 24);
/// To what a log that had to grow beyond it is cut when it begins again. Ours.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Statements that a connection keeps prepared: all that there are.
const STATEMENTS: usize = 64;

const SCHEMA: &str = include_str!("schema.sql");
/// What makes a file of one format one of the next, in order; each runs in a transaction of its own.
const STEPS: [(u32, &str); 3] = [
    (1, include_str!("format-2.sql")),
    (2, include_str!("format-3.sql")),
    (3, include_str!("format-4.sql")),
];

/// The writer's connection and the server key.
pub(crate) fn open(file: &Path) -> Result<(Connection, [u8; 32]), OpenError> {
    if !file.try_exists().map_err(OpenError::io(file))? {
        create(file)?;
    }
    check_header(file)?;
    lay_out_log(file);
    let connection = connect(file, false)?;
    upgrade(file, &connection)?;
    let key: Vec<u8> = connection
        .query_row("SELECT value FROM meta WHERE key = 'server_key'", [], |row| row.get(0))
        .map_err(OpenError::sqlite(file))?;
    let key = key.try_into().map_err(|_| OpenError::Damaged {
        file: file.to_owned(),
        what: "its server key is not 32 bytes long".into(),
    })?;
    Ok((connection, key))
}

/// Gives a new log its blocks. SQLite takes a log that does not begin with its number for an empty one (file format, section 4.4).
fn lay_out_log(file: &Path) {
    let log = with_suffix(file, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return;
    }
    // In small writes: a system that keeps what was written in one piece as one piece would count, and some would write, all of it at every commit.
    let zeros = [0; 4096];
    let laid_out = File::create(&log).and_then(|mut log| (0..LOG_BYTES.div_ceil(zeros.len())).try_for_each(|_| log.write_all(&zeros)));
    if let Err(error) = laid_out {
        tracing::debug!("{}: is not laid out beforehand: {error}", log.display());
        // What little space there is may be needed.
        let _ = fs::remove_file(&log);
    }
}

/// Whether there is a log, and something in it.
fn has_log(file: &Path) -> bool {
    let mut begin = [0; 4];
    let read = File::open(with_suffix(file, "-wal")).and_then(|mut log| log.read_exact(&mut begin));
    read.is_ok() && matches!(u32::from_be_bytes(begin), 0x377f_0682 | 0x377f_0683)
}

/// A connection to an existing file.
pub(crate) fn connect(file: &Path, read_only: bool) -> Result<Connection, OpenError> {
    let access = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let set_up = || {
        let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        if !read_only {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
            connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
        }
        connection.pragma_update(None, "busy_timeout", 5_000)?;
        connection.pragma_update(None, "cache_size", -4_000)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    };
    set_up().map_err(OpenError::sqlite(file))
}

/// Brings an older file to the format of this binary. The header is written through at once: an older binary reads it there, and would
/// not know of a format that stands in the log only.
///
/// # Errors
/// The log that a newer binary left holds a newer format than the header said.
fn upgrade(file: &Path, connection: &Connection) -> Result<(), OpenError> {
    let format = || connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    let before = format().map_err(OpenError::sqlite(file))?;
    if before > FORMAT {
        return Err(OpenError::Newer {
            file: file.to_owned(),
            format: before,
            known: FORMAT,
        });
    }
    let bring = || {
        for (from, step) in STEPS.iter().skip_while(|(from, _)| *from < before) {
            tracing::info!(
                "the state file is brought from format {from} to {}; older binaries cannot open it any more",
                from + 1
            );
            connection.execute_batch(step)?;
        }
        if before < FORMAT {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(())
    };
    bring().map_err(OpenError::sqlite(file))
}

/// Lets the file grow to `bytes`, rounded up to pages.
pub(crate) fn bound(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = bytes.div_ceil(page.cast_unsigned()).min(u64::from(u32::MAX) - 1);
    connection.pragma_update(None, "max_page_count", pages.cast_signed())
}

/// Makes the file beside its place and moves it there, so that a crash leaves no half of it.
fn create(file: &Path) -> Result<(), OpenError> {
    for suffix in ["-wal", "-journal"] {
        let left = with_suffix(file, suffix);
        if left.try_exists().map_err(OpenError::io(&left))? {
            let what = format!("it is missing, but its log {} is there", left.display());
            let file = file.to_owned();
            return Err(OpenError::Damaged { file, what });
        }
    }
    let new = with_suffix(file, ".new");
    if new.try_exists().map_err(OpenError::io(&new))? {
        fs::remove_file(&new).map_err(OpenError::io(&new))?;
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| OpenError::io(file)(std::io::Error::other(error.to_string())))?;
    let build = || {
        let connection = Connection::open(&new)?;
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "DELETE")?;
        connection.pragma_update(None, "user_version", FORMAT)?;
        connection.pragma_update(None, "application_id", APPLICATION)?;
        connection.execute_batch(SCHEMA)?;
        connection.execute("INSERT INTO meta (key, value) VALUES ('server_key', ?1)", [key.as_slice()])?;
        // Only now: a log beside a file whose header does not speak of one would leave the header so.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.close().map_err(|(_, error)| error)
    };
    build().map_err(OpenError::sqlite(&new))?;
    File::open(&new).and_then(|new| new.sync_all()).map_err(OpenError::io(&new))?;
    fs::rename(&new, file).map_err(OpenError::io(file))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(OpenError::io(folder))
}

/// Reads what SQLite's file format (section 1.3) says of the file in its first 100 bytes; its format.
pub(crate) fn check_header(file: &Path) -> Result<u32, OpenError> {
    let damaged = |what: &str| OpenError::Damaged {
        file: file.to_owned(),
        what: what.to_owned(),
    };
    let mut header = [0; 100];
    let mut opened = File::open(file).map_err(OpenError::io(file))?;
    let length = opened.metadata().map_err(OpenError::io(file))?.len();
    match opened.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(damaged("it is shorter than its header")),
        Err(error) => return Err(OpenError::io(file)(error)),
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(damaged("it does not begin as an SQLite file does"));
    }
    if number(&header, 68) != APPLICATION {
        return Err(damaged("it is an SQLite file of another program"));
    }
    let format = number(&header, 60);
    if format > FORMAT {
        let file = file.to_owned();
        return Err(OpenError::Newer {
            file,
            format,
            known: FORMAT,
        });
    }
    let page = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        bytes => bytes,
    };
    let expected = page * u64::from(number(&header, 28));
    if length < expected && !has_log(file) {
        return Err(damaged(&format!("it has {length} bytes of {expected}")));
    }
    Ok(format)
}

fn number(header: &[u8; 100], at: usize) -> u32 {
    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
