//! The archive's form, and writing it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use bedplate_base::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::stage::Staged;
use super::{ABOUT, FORMAT, MANIFEST, STATE};

/// What an archive is: its first entry, one JSON object.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct About {
    /// See [`FORMAT`].
    pub(super) format: u32,
    /// The version that wrote it.
    pub(super) bedplate: String,
    /// The format of the state file in it.
    pub(super) state_format: u32,
    /// When: seconds since 1970.
    pub(super) taken_at: u64,
}

/// One line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct Line {
    /// Below the state folder, with `/`.
    pub(super) path: String,
    /// The permissions.
    pub(super) mode: u32,
    /// When it changed, in nanoseconds since 1970: objects of buckets are known by it.
    pub(super) changed: i64,
    /// None for a folder.
    #[serde(flatten)]
    pub(super) content: Option<Content>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) bytes: u64,
    /// In hexadecimal digits.
    pub(super) sha256: String,
}

/// What an archive came to.
pub(super) struct Sum {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) format: u32,
}

/// Writes the archive of what was staged.
pub(super) fn write(staged: &Staged, out: &mut impl Write) -> Result<Sum, String> {
    let taken_at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let about = About {
        format: FORMAT,
        bedplate: env!("CARGO_PKG_VERSION").to_owned(),
        state_format: staged.format,
        taken_at: taken_at.as_secs(),
    };
    let mut writing = Writing {
        archive: tar::Builder::new(out),
        taken_at: about.taken_at,
        manifest: Vec::new(),
        sum: Sum {
            files: 0,
            bytes: 0,
            format: staged.format,
        },
    };
    let about = serde_json::to_vec(&about).map_err(|error| error.to_string())?;
    writing.text(ABOUT, &about)?;
    writing.folder(staged.folder(), "")?;
    let manifest = std::mem::take(&mut writing.manifest);
    writing.text(MANIFEST, &manifest)?;
    writing.archive.into_inner().map_err(unwritten)?;
    Ok(writing.sum)
}

struct Writing<W: Write> {
    archive: tar::Builder<W>,
    taken_at: u64,
    /// Lines of JSON.
    manifest: Vec<u8>,
    sum: Sum,
}

impl<W: Write> Writing<W> {
    fn folder(&mut self, stage: &Path, below: &str) -> Result<(), String> {
        let folder = stage.join(below);
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            // Others were left out when it was staged.
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        names.sort_unstable();
        for name in names {
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let full = stage.join(&path);
            let failed = |error: std::io::Error| format!("{}: {error}", full.display());
            let found = fs::symlink_metadata(&full).map_err(failed)?;
            if found.is_dir() {
                let mut header = header(&found, 0, tar::EntryType::Directory);
                self.archive
                    .append_data(&mut header, format!("{STATE}/{path}/"), std::io::empty())
                    .map_err(unwritten)?;
                self.line(&path, &found, None)?;
                self.folder(stage, &path)?;
            } else {
                self.file(&full, path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, full: &Path, path: String) -> Result<(), String> {
        let file = File::open(full).map_err(|error| format!("{}: {error}", full.display()))?;
        let found = file.metadata().map_err(|error| format!("{}: {error}", full.display()))?;
        // A log may grow while it is read: what was there is taken.
        let bytes = found.len();
        let mut header = header(&found, bytes, tar::EntryType::Regular);
        let mut read = Reading {
            file: file.take(bytes),
            digest: Sha256::new(),
            missing: bytes,
        };
        self.archive
            .append_data(&mut header, format!("{STATE}/{path}"), &mut read)
            .map_err(|error| format!("{path}: {error}"))?;
        self.sum.files += 1;
        self.sum.bytes += bytes;
        let sha256 = Hash(read.digest.finalize().into()).to_string();
        self.line(&path, &found, Some(Content { bytes, sha256 }))
    }

    fn line(&mut self, path: &str, found: &fs::Metadata, content: Option<Content>) -> Result<(), String> {
        let line = Line {
            path: path.to_owned(),
            mode: found.permissions().mode() & 0o777,
            changed: found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec()),
            content,
        };
        serde_json::to_writer(&mut self.manifest, &line).map_err(|error| error.to_string())?;
        self.manifest.push(b'\n');
        Ok(())
    }

    fn text(&mut self, name: &str, text: &[u8]) -> Result<(), String> {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.taken_at);
        self.archive.append_data(&mut header, name, text).map_err(unwritten)
    }
}

fn header(found: &fs::Metadata, bytes: u64, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(found.permissions().mode() & 0o777);
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or_default());
    header
}

/// Reads a file and sums it up on the way. One that has become shorter fails: the archive's header has told its length.
struct Reading {
    file: std::io::Take<File>,
    digest: Sha256,
    missing: u64,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count == 0 && self.missing > 0 && !buffer.is_empty() {
            return Err(std::io::Error::other("it became shorter while it was read; try again"));
        }
        self.missing = self.missing.saturating_sub(count as u64);
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

fn unwritten(error: std::io::Error) -> String {
    format!("the backup cannot be written: {error}")
}
