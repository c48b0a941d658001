//! One bucket: a folder of files, and their records.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bedplate_base::{random_id, sha256};
use rustix::fs::AtFlags;
use s3s::dto::ETagCondition;
use s3s::{S3ErrorCode, S3Result};

use crate::fault::{disk, fault, no_bucket, no_key, precondition, unfit};
use crate::layout::{Layout, Place, TEMPORARY};
use crate::record::{Record, Sheets};
use crate::tree::{self, Stamp};

/// Locks over all keys of a bucket: two writers of one key take turns, writers of others seldom wait.
const LOCKS: usize = 64;
/// Readings of an object that is being replaced, before it is shown without its record.
const READINGS: usize = 8;

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// The folder with its objects.
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) read_only: bool,
    /// When it was made, in nanoseconds since 1970.
    pub(crate) created: i64,
    pub(crate) region: String,
    pub(crate) sheets: Sheets,
    /// Where files are written before they are objects: on the same volume. None: in the folder itself.
    pub(crate) drafts: Option<PathBuf>,
    pub(crate) locks: Locks,
}

/// See [`LOCKS`].
#[derive(Debug)]
pub(crate) struct Locks([Mutex<()>; LOCKS]);

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Locks {
    fn take(&self, key: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default();
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object that is open: it stays what it is, whatever becomes of its key.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) file: File,
    pub(crate) stamp: Stamp,
    pub(crate) record: Option<Record>,
}

/// A file that is not an object yet; it is gone when this is dropped before it became one.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: OwnedFd,
    name: String,
    pub(crate) file: File,
    kept: bool,
}

/// When an object may be written or removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl Bucket {
    /// The folder, open.
    pub(crate) fn root(&self) -> S3Result<OwnedFd> {
        tree::open_root(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if self.drafts.is_some() => no_bucket(&self.name),
            _ => disk(error),
        })
    }

    /// Refuses to change what may only be read.
    pub(crate) fn writable(&self) -> S3Result<()> {
        match self.read_only {
            true => Err(fault(
                S3ErrorCode::AccessDenied,
                format!(
                    "The bucket {0} may only be read: read_only = true stands under [buckets.{0}].",
                    self.name
                ),
            )),
            false => Ok(()),
        }
    }

    /// Where a key's file is.
    pub(crate) fn place(&self, key: &str) -> S3Result<Place> {
        if key.len() > crate::limits::KEY_BYTES_MAX {
            return Err(fault(S3ErrorCode::KeyTooLongError, "Your key is too long"));
        }
        self.layout.place(key).map_err(unfit)
    }

    /// An object; nothing when there is none, or when the key can be none here.
    pub(crate) fn open(&self, key: &str) -> S3Result<Option<Object>> {
        let Ok(place) = self.place(key) else { return Ok(None) };
        let root = self.root()?;
        for _ in 0..READINGS {
            let Some(folder) = tree::find(root.as_fd(), &place.folders).map_err(disk)? else {
                return Ok(None);
            };
            let Some(file) = tree::file(folder.as_fd(), &place.file).map_err(disk)? else {
                return Ok(None);
            };
            let stamp = Stamp::of(&file).map_err(disk)?;
            let record = self.sheets.find(key, stamp).map_err(disk)?;
            // Without a record the file is not ours, or it was replaced between the two readings.
            if record.is_some() || Stamp::at(folder.as_fd(), &place.file).map_err(disk)? == Some(stamp) {
                return Ok(Some(Object { file, stamp, record }));
            }
        }
        Err(fault(
            S3ErrorCode::SlowDown,
            "The object is being replaced again and again; try again in a moment.",
        ))
    }

    /// The same, for whom there must be one.
    pub(crate) fn demand(&self, key: &str) -> S3Result<Object> {
        self.open(key)?.ok_or_else(|| no_key(key))
    }

    /// A file for what is coming.
    pub(crate) fn draft(&self) -> S3Result<Draft> {
        let folder = match &self.drafts {
            Some(path) => tree::open_root(path).map_err(disk)?,
            None => self.root()?,
        };
        Draft::new(folder).map_err(disk)
    }

    /// Makes a draft the object of a key, at once or not at all; durable when it returns. `record` still lacks what the file itself says.
    pub(crate) fn publish(&self, key: &str, mut draft: Draft, mut record: Record, conditions: &Conditions, now: i64) -> S3Result<Record> {
        let place = self.place(key)?;
        let root = self.root()?;
        let _turn = self.locks.take(key);
        let before = self.open(key)?;
        conditions.judge(key, before.as_ref())?;
        // No two files of one key have the same time: that is how records are told apart.
        let after = before.as_ref().map_or(i64::MIN, |before| before.stamp.changed.saturating_add(1));
        let changed = Duration::from_nanos(u64::try_from(now.max(after)).unwrap_or_default());
        draft.file.set_modified(SystemTime::UNIX_EPOCH + changed).map_err(disk)?;
        draft.file.sync_all().map_err(disk)?;
        let stamp = Stamp::of(&draft.file).map_err(disk)?;
        (record.size, record.changed) = (stamp.size, stamp.changed);
        let records = before
            .and_then(|before| before.record)
            .into_iter()
            .chain([record.clone()])
            .collect();
        self.sheets.put(key, records).map_err(disk)?;
        tree::publish(draft.folder.as_fd(), &draft.name, root.as_fd(), &place.folders, &place.file).map_err(disk)?;
        draft.kept = true;
        Ok(record)
    }

    /// Removes an object; whether there was one.
    pub(crate) fn remove(&self, key: &str, conditions: &Conditions) -> S3Result<bool> {
        self.writable()?;
        let Ok(place) = self.place(key) else { return Ok(false) };
        let root = self.root()?;
        let _turn = self.locks.take(key);
        if conditions.if_match.is_some() {
            conditions.judge(key, self.open(key)?.as_ref())?;
        }
        let prune = self.layout != Layout::Plain;
        let removed = tree::remove(root.as_fd(), &place.folders, &place.file, prune).map_err(disk)?;
        if removed {
            self.sheets.remove(key).map_err(disk)?;
        }
        Ok(removed)
    }
}

impl Object {
    /// The ETag, without quotes. A file that did not come through S3 gets one in the form of objects in parts, which nobody takes for the MD5 of
    /// its bytes: it changes with the file, and costs no reading of it.
    pub(crate) fn etag(&self) -> String {
        etag(self.record.as_ref(), self.stamp)
    }
}

/// See [`Object::etag`].
pub(crate) fn etag(record: Option<&Record>, stamp: Stamp) -> String {
    match record {
        Some(record) => record.etag.clone(),
        None => {
            let text = format!("{}:{}:{}", stamp.size, stamp.changed, stamp.inode);
            format!("{}-1", &sha256(text.as_bytes()).to_string()[..32])
        }
    }
}

impl Conditions {
    fn judge(&self, key: &str, object: Option<&Object>) -> S3Result<()> {
        let fits = |condition: &ETagCondition, object: &Object| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == object.etag(),
        };
        if let Some(condition) = &self.if_match {
            match object {
                None => return Err(no_key(key)),
                Some(object) if !fits(condition, object) => return Err(precondition()),
                Some(_) => {}
            }
        }
        match (&self.if_none_match, object) {
            (Some(condition), Some(object)) if fits(condition, object) => Err(precondition()),
            _ => Ok(()),
        }
    }
}

impl Draft {
    pub(crate) fn new(folder: OwnedFd) -> io::Result<Self> {
        let name = format!("{TEMPORARY}{}", random_id(20));
        let file = tree::create(folder.as_fd(), &name)?;
        Ok(Self {
            folder,
            name,
            file,
            kept: false,
        })
    }

    /// Gives the file a name beside it; durable when it returns.
    pub(crate) fn keep(mut self, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        rustix::fs::renameat(&self.folder, self.name.as_str(), &self.folder, name)?;
        self.kept = true;
        Ok(rustix::fs::fsync(&self.folder)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = rustix::fs::unlinkat(&self.folder, self.name.as_str(), AtFlags::empty());
        }
    }
}
