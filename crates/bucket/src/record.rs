//! What S3 keeps about an object beside its bytes: content type, metadata, ETag, checksum. It lies in a folder of its own, so that a mapped folder
//! holds nothing but its files.
//!
//! A sheet has two records when it is being changed: that of the file that is there, and that of the file that will be there after the next
//! rename. Which one is true is seen from the file itself (bytes and time of change), so a crash between the two renames loses nothing. A file
//! that somebody edited in a mapped folder fits no record and is shown without one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use bedplate_base::{random_id, sha256};
use rustix::fs::AtFlags;
use serde::{Deserialize, Serialize};

use crate::layout::TEMPORARY;
use crate::limits::SHEET_BYTES_MAX;
use crate::tree::{self, Stamp};

/// The number of this format.
const FORMAT: u32 = 1;

/// Everything about one object but its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Bytes of the file that this is about.
    pub(crate) size: u64,
    /// When that file changed, in nanoseconds since 1970.
    pub(crate) changed: i64,
    /// Without quotes.
    pub(crate) etag: String,
    #[serde(flatten)]
    pub(crate) about: About,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<Sum>,
    /// Bytes of each part of an object that came in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<u64>,
}

/// What the client says about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    /// As S3 sends it, an HTTP date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// A checksum of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) algorithm: Algorithm,
    /// As S3 writes it: base64, with `-N` behind it when it is one of the checksums of N parts.
    pub(crate) value: String,
}

/// S3's checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// Its name in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// By its name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

#[derive(Serialize, Deserialize)]
struct Sheet {
    format: u32,
    /// For people: the file's name is a hash.
    key: String,
    records: Vec<Record>,
}

/// The sheets of one bucket.
#[derive(Debug)]
pub(crate) struct Sheets {
    folder: OwnedFd,
    /// Whether nobody but us writes the files: then a record is believed that differs in the time of change only, as after a copy.
    own: bool,
}

impl Sheets {
    /// Those in a folder, which is made when it is missing.
    pub(crate) fn open(path: &Path, own: bool) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self {
            folder: tree::open_root(path)?,
            own,
        })
    }

    /// The record of the file that has this stamp.
    pub(crate) fn find(&self, key: &str, stamp: Stamp) -> io::Result<Option<Record>> {
        let records = self.read(key)?;
        let exact = records
            .iter()
            .rposition(|record| record.size == stamp.size && record.changed == stamp.changed);
        // After a copy of the state folder that kept no times the last one is true: only a crash leaves the one before, and with it its time.
        let copied = || records.iter().rposition(|record| self.own && record.size == stamp.size);
        let found = exact.or_else(copied);
        Ok(found.and_then(|index| records.into_iter().nth(index)))
    }

    /// Writes what is true of the files of a key, before and after a rename; durable when it returns.
    pub(crate) fn put(&self, key: &str, records: Vec<Record>) -> io::Result<()> {
        let (shelf, name) = names(key);
        let shelf = tree::make(self.folder.as_fd(), &[shelf])?;
        let sheet = Sheet {
            format: FORMAT,
            key: key.to_owned(),
            records,
        };
        let text = serde_json::to_vec(&sheet).map_err(io::Error::other)?;
        write(&shelf, &name, &text)
    }

    /// Forgets a key.
    pub(crate) fn remove(&self, key: &str) -> io::Result<()> {
        let (shelf, name) = names(key);
        // The shelf stays: another key may be on its way into it.
        tree::remove(self.folder.as_fd(), &[shelf], &name, false).map(drop)
    }

    fn read(&self, key: &str) -> io::Result<Vec<Record>> {
        let (shelf, name) = names(key);
        let Some(shelf) = tree::folder(self.folder.as_fd(), &shelf)? else {
            return Ok(Vec::new());
        };
        let Some(bytes) = read(&shelf, &name)? else {
            return Ok(Vec::new());
        };
        match serde_json::from_slice::<Sheet>(&bytes) {
            Ok(sheet) if sheet.format == FORMAT => Ok(sheet.records),
            // A sheet that cannot be read costs the metadata, not the object.
            Ok(_) | Err(_) => {
                tracing::warn!(target: "bucket", key, "the metadata of an object cannot be read and is left out");
                Ok(Vec::new())
            }
        }
    }
}

/// A small file that we wrote; nothing when it is not there.
pub(crate) fn read(folder: &OwnedFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = tree::file(folder.as_fd(), name)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(SHEET_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a small file, all or nothing; durable when it returns.
pub(crate) fn write(folder: &OwnedFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{TEMPORARY}{}", random_id(10));
    let mut file = tree::create(folder.as_fd(), &temporary)?;
    let written = store(&mut file, bytes).and_then(|()| Ok(rustix::fs::renameat(folder, temporary.as_str(), folder, name)?));
    if written.is_err() {
        let _ = rustix::fs::unlinkat(folder, temporary.as_str(), AtFlags::empty());
    }
    written?;
    Ok(rustix::fs::fsync(folder)?)
}

fn store(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Folder and file of a key's sheet.
fn names(key: &str) -> (String, String) {
    let hash = sha256(key.as_bytes()).to_string();
    let (shelf, name) = hash.split_at(2);
    (shelf.to_owned(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u64, changed: i64, etag: &str) -> Record {
        Record {
            size,
            changed,
            etag: etag.to_owned(),
            ..Record::default()
        }
    }

    fn stamp(size: u64, changed: i64) -> Stamp {
        Stamp { size, changed, inode: 1 }
    }

    #[test]
    fn the_file_says_which_record_is_true() {
        let folder = tempfile::tempdir().unwrap();
        let etag = |sheets: &Sheets, stamp| sheets.find("k", stamp).unwrap().map(|record| record.etag);
        let sheets = Sheets::open(folder.path(), true).unwrap();
        assert_eq!(etag(&sheets, stamp(1, 1)), None);
        sheets.put("k", vec![record(1, 1, "old"), record(1, 2, "new")]).unwrap();
        assert_eq!(etag(&sheets, stamp(1, 1)).as_deref(), Some("old"));
        assert_eq!(etag(&sheets, stamp(1, 2)).as_deref(), Some("new"));
        assert_eq!(etag(&sheets, stamp(1, 3)).as_deref(), Some("new"), "a copy of the state folder");
        assert_eq!(etag(&sheets, stamp(2, 3)), None);
        let mapped = Sheets::open(folder.path(), false).unwrap();
        assert_eq!(etag(&mapped, stamp(1, 3)), None, "somebody edited the file");
        sheets.remove("k").unwrap();
        assert_eq!(etag(&sheets, stamp(1, 2)), None);
    }

    #[test]
    fn a_broken_sheet_costs_the_metadata_only() {
        let folder = tempfile::tempdir().unwrap();
        let sheets = Sheets::open(folder.path(), true).unwrap();
        sheets.put("k", vec![record(1, 1, "e")]).unwrap();
        let (shelf, name) = names("k");
        std::fs::write(folder.path().join(shelf).join(name), "{").unwrap();
        assert_eq!(sheets.find("k", stamp(1, 1)).unwrap(), None);
    }
}
