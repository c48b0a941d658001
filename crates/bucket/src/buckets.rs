//! All buckets: those of the configuration, and those that clients made, which are folders under the state.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bedplate_base::{Clock, Error};
use s3s::path::check_bucket_name;
use s3s::{S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Locks};
use crate::fault::{disk, fault, no_bucket};
use crate::layout::{Layout, TEMPORARY};
use crate::limits::BUCKETS_MAX;
use crate::list;
use crate::record::{self, Sheets};
use crate::tree;
use crate::upload;

/// Folder of the metadata. Names of buckets never begin with a dot.
const SHEETS: &str = ".sheets";
/// Folder of what is being written.
const DRAFTS: &str = ".drafts";
/// Folder of uploads in parts.
const UPLOADS: &str = ".uploads";
/// File with what is known of a bucket.
const ABOUT: &str = "bucket.json";

/// `[buckets.NAME]`: a folder of yours as a bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketConfig {
    /// The folder, relative to the configuration's: each file below it is an object, and its path the key. It must be there.
    pub folder: PathBuf,
    /// Whether clients may only read. `false` by default.
    #[serde(default)]
    pub read_only: bool,
}

/// The buckets of one server.
#[derive(Clone)]
pub struct Buckets(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    folder: PathBuf,
    pub(crate) uploads: PathBuf,
    clock: Arc<dyn Clock>,
    fold: bool,
    all: RwLock<BTreeMap<String, Arc<Bucket>>>,
    /// Buckets are made and deleted one at a time.
    changing: Mutex<()>,
}

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buckets").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

/// What is stored about a bucket.
#[derive(Serialize, Deserialize)]
struct About {
    created: i64,
    region: String,
}

impl Buckets {
    /// Those of the state folder `folder` (each a folder in it) and those of the configuration, whose folders are relative to `beside`. Throws away
    /// what a process before this one left half written.
    ///
    /// # Errors
    /// A name is none, a folder is missing or cannot be read; the field says which.
    pub fn open(
        folder: &Path,
        mapped: &BTreeMap<String, BucketConfig>,
        beside: &Path,
        region: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::internal(format!("{}: {error}", folder.display())).with_source(error);
        let drafts = folder.join(DRAFTS);
        // Drafts of a process that is gone: nobody can finish them.
        let _ = std::fs::remove_dir_all(&drafts);
        for made in [&drafts, &folder.join(SHEETS), &folder.join(UPLOADS)] {
            std::fs::create_dir_all(made).map_err(failed)?;
        }
        let inner = Inner {
            fold: folds(&drafts).map_err(failed)?,
            uploads: folder.join(UPLOADS),
            folder: folder.to_path_buf(),
            clock,
            all: RwLock::default(),
            changing: Mutex::default(),
        };
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if check_bucket_name(&name) && entry.file_type().map_err(failed)?.is_dir() {
                all.insert(name.clone(), Arc::new(inner.own(&name).map_err(failed)?));
            }
        }
        for (name, config) in mapped {
            let bucket = inner.mapped(name, config, beside, region)?;
            if all.insert(name.clone(), Arc::new(bucket)).is_some() {
                let message = format!(
                    "a bucket of this name is in the state folder already: {}",
                    folder.join(name).display()
                );
                return Err(wrong(name, &message));
            }
        }
        inner.all.write().unwrap_or_else(PoisonError::into_inner).extend(all);
        let buckets = Self(Arc::new(inner));
        upload::sweep(&buckets).map_err(failed)?;
        Ok(buckets)
    }

    /// Whether there is a bucket of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.all.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// Whether there is no bucket.
    pub fn is_empty(&self) -> bool {
        self.0.all.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn find(&self, name: &str) -> S3Result<Arc<Bucket>> {
        let all = self.0.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(name).cloned().ok_or_else(|| no_bucket(name))
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Bucket>> {
        self.0
            .all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Nanoseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.0.clock.now().nanos()
    }

    /// Makes a bucket; the region it has then, and whether it is new.
    pub(crate) fn create(&self, name: &str, region: &str) -> S3Result<(Arc<Bucket>, bool)> {
        let inner = &self.0;
        let _turn = inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(bucket) = self.find(name) {
            return Ok((bucket, false));
        }
        if inner.all.read().unwrap_or_else(PoisonError::into_inner).len() >= BUCKETS_MAX {
            let message = format!("There are {BUCKETS_MAX} buckets, which is the most; delete one first.");
            return Err(fault(S3ErrorCode::TooManyBuckets, message));
        }
        let about = About {
            created: self.now(),
            region: region.to_owned(),
        };
        let bucket = inner.make(name, &about).map_err(disk)?;
        let bucket = Arc::new(bucket);
        let mut all = inner.all.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), Arc::clone(&bucket));
        Ok((bucket, true))
    }

    /// Deletes a bucket that has no objects.
    pub(crate) fn delete(&self, name: &str) -> S3Result<()> {
        let inner = &self.0;
        let _turn = inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = self.find(name)?;
        if bucket.drafts.is_none() {
            let message = format!("The bucket {name} stands in bedplate.toml; take [buckets.{name}] out of it instead.");
            return Err(fault(S3ErrorCode::AccessDenied, message));
        }
        let full = || fault(S3ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty");
        if !list::is_empty(&bucket)? {
            return Err(full());
        }
        // Only folders without files go: an object that is put just now stops this.
        match remove_empty(&bucket.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => return Err(full()),
            Err(error) => return Err(disk(error)),
        }
        inner.all.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        upload::forget(self, name);
        if let Err(error) = std::fs::remove_dir_all(inner.folder.join(SHEETS).join(name)) {
            tracing::debug!(target: "bucket", %error, name, "metadata of a deleted bucket stays");
        }
        Ok(())
    }
}

impl Inner {
    /// A bucket whose folder is under the state.
    fn own(&self, name: &str) -> io::Result<Bucket> {
        let sheets = self.folder.join(SHEETS).join(name);
        let known = std::fs::read(sheets.join(ABOUT)).ok();
        let about = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(About {
            created: 0,
            region: "us-east-1".to_owned(),
        });
        self.with(name, &sheets, about)
    }

    fn make(&self, name: &str, about: &About) -> io::Result<Bucket> {
        let sheets = self.folder.join(SHEETS).join(name);
        std::fs::create_dir_all(&sheets)?;
        let text = serde_json::to_vec(about).map_err(io::Error::other)?;
        record::write(&tree::open_root(&sheets)?, ABOUT, &text)?;
        let root = tree::open_root(&self.folder)?;
        tree::make(root.as_fd(), &[name.to_owned()])?;
        self.with(
            name,
            &sheets,
            About {
                created: about.created,
                region: about.region.clone(),
            },
        )
    }

    fn with(&self, name: &str, sheets: &Path, about: About) -> io::Result<Bucket> {
        Ok(Bucket {
            name: name.to_owned(),
            path: self.folder.join(name),
            layout: Layout::Own { fold: self.fold },
            read_only: false,
            created: about.created,
            region: about.region,
            sheets: Sheets::open(sheets, true)?,
            drafts: Some(self.folder.join(DRAFTS)),
            locks: Locks::default(),
        })
    }

    /// A bucket whose folder somebody named.
    fn mapped(&self, name: &str, config: &BucketConfig, beside: &Path, region: &str) -> Result<Bucket, Error> {
        if !check_bucket_name(name) {
            return Err(wrong(
                name,
                "is no name of a bucket: write 3 to 63 small letters, digits, hyphens and dots, with a letter or digit at both ends",
            ));
        }
        let path = std::path::absolute(beside.join(&config.folder)).map_err(|error| wrong(name, &error.to_string()))?;
        let unreadable = |error: io::Error| wrong(name, &format!("folder: {}: {error}", path.display()));
        let root = tree::open_root(&path).map_err(unreadable)?;
        let created = rustix::fs::fstat(&root).map_err(|error| unreadable(error.into()))?;
        let mut left = Vec::new();
        tree::each(root.as_fd(), |file, is_folder| {
            if !is_folder && file.starts_with(TEMPORARY) && !config.read_only {
                left.push(file.to_owned());
            }
            Ok(true)
        })
        .map_err(unreadable)?;
        for file in left {
            let _ = rustix::fs::unlinkat(&root, file.as_str(), rustix::fs::AtFlags::empty());
        }
        let sheets = self.folder.join(SHEETS).join(name);
        Ok(Bucket {
            name: name.to_owned(),
            layout: Layout::Plain,
            read_only: config.read_only,
            created: seconds(&created).saturating_mul(1_000_000_000),
            region: region.to_owned(),
            sheets: Sheets::open(&sheets, false).map_err(|error| wrong(name, &format!("{}: {error}", sheets.display())))?,
            drafts: None,
            locks: Locks::default(),
            path,
        })
    }
}

// The width of the field is the system's.
#[allow(clippy::unnecessary_cast)]
fn seconds(found: &rustix::fs::Stat) -> i64 {
    found.st_mtime as i64
}

fn wrong(name: &str, problem: &str) -> Error {
    let field = format!("buckets.{name}");
    Error::validation(format!("bedplate.toml: {field}: {problem}")).with_field(field, problem)
}

/// Whether the volume takes names that differ in their case for one.
fn folds(folder: &Path) -> io::Result<bool> {
    let probe = folder.join("probe");
    std::fs::write(&probe, b"")?;
    let folds = folder.join("PROBE").exists();
    std::fs::remove_file(&probe)?;
    Ok(folds)
}

/// Removes a folder in which there are only folders.
fn remove_empty(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_empty(&entry.path())?;
    }
    std::fs::remove_dir(path)
}
