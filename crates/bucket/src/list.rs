//! Pages of keys, in S3's order (that of the keys' bytes), straight from the folders.
//!
//! One page holds in memory what is on it: of a folder with a million files only the names of the next page are kept while its names are read, and
//! only their files are looked at. Folders that cannot have a key of the page are not opened.

use std::collections::BinaryHeap;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use s3s::S3Result;

use crate::bucket::Bucket;
use crate::fault::disk;
use crate::layout::{Entry, Layout};
use crate::limits::{DEPTH_MAX, KEY_BYTES_MAX};
use crate::record::Record;
use crate::tree::{self, Stamp};

/// Names of one folder that are read ahead at least: small pages would read it again and again.
const BATCH_MIN: usize = 32;
/// Folders that may lie in one another: those of a key, and those that go on with long names.
const FOLDERS_MAX: usize = DEPTH_MAX + 2 * KEY_BYTES_MAX / 100;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    /// Keys that have it behind the prefix are shown as one group.
    pub(crate) delimiter: Option<String>,
    pub(crate) after: After,
    pub(crate) max: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// Behind this key.
    Key(String),
    /// Behind all keys that begin with this.
    Group(String),
}

/// One object of a page.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) stamp: Stamp,
    pub(crate) record: Option<Record>,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) groups: Vec<String>,
    /// Where the next one begins; none when this is the last.
    pub(crate) next: Option<After>,
}

/// One page of a bucket.
pub(crate) fn page(bucket: &Bucket, query: &Query) -> S3Result<Page> {
    if query.max == 0 {
        return Ok(Page::default());
    }
    let root = bucket.root()?;
    let mut walk = Walk {
        bucket,
        query,
        page: Page::default(),
        last: query.after.clone(),
    };
    let ended = walk.folder(root.as_fd(), &mut String::new(), 0).map_err(disk)?;
    if ended.is_break() {
        walk.page.next = Some(walk.last);
    }
    Ok(walk.page)
}

/// Whether a bucket has no object at all.
pub(crate) fn is_empty(bucket: &Bucket) -> S3Result<bool> {
    let root = bucket.root()?;
    Ok(!has_object(bucket, root.as_fd(), 0).map_err(disk)?)
}

struct Walk<'a> {
    bucket: &'a Bucket,
    query: &'a Query,
    page: Page,
    /// Behind what the walk is.
    last: After,
}

/// A name of a folder that matters; ordered by its piece of the key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    piece: String,
    is_folder: bool,
    /// Folders between, for pieces that are too long for one name.
    between: Vec<String>,
    name: String,
}

impl Walk<'_> {
    /// Walks through a folder whose keys begin with `base`; breaks when the page is full and there is more.
    fn folder(&mut self, folder: BorrowedFd<'_>, base: &mut String, depth: usize) -> io::Result<ControlFlow<()>> {
        if depth > FOLDERS_MAX {
            return Ok(ControlFlow::Continue(()));
        }
        let mut after: Option<(String, bool)> = None;
        loop {
            let room = self.query.max - self.page.items.len() - self.page.groups.len();
            let most = (room + 1).max(BATCH_MIN);
            let mut batch = BinaryHeap::new();
            self.gather(folder, base, "", &mut Vec::new(), after.as_ref(), most, &mut batch)?;
            let whole = batch.len() < most;
            for node in batch.into_sorted_vec() {
                let length = base.len();
                base.push_str(&node.piece);
                let flow = match node.is_folder {
                    true => self.subfolder(folder, &node, base, depth)?,
                    false => self.file(folder, &node, base)?,
                };
                base.truncate(length);
                if flow.is_break() {
                    return Ok(flow);
                }
                after = Some((node.piece, node.is_folder));
            }
            if whole {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    /// The first names of a folder behind `after` that matter, `most` of them.
    #[allow(clippy::too_many_arguments)]
    fn gather(
        &self,
        folder: BorrowedFd<'_>,
        base: &str,
        begun: &str,
        between: &mut Vec<String>,
        after: Option<&(String, bool)>,
        most: usize,
        batch: &mut BinaryHeap<Node>,
    ) -> io::Result<()> {
        let mut longer: Vec<(String, String)> = Vec::new();
        tree::each(folder, |name, is_folder| {
            // Most names of a huge folder are not of this page; those are passed over without a copy.
            let verbatim = !is_folder && begun.is_empty() && (self.bucket.layout == Layout::Plain || !name.contains('%'));
            let beyond = batch.len() == most && batch.peek().is_some_and(|largest| name > largest.piece.as_str());
            if verbatim && (beyond || self.is_past(base, name)) {
                return Ok(true);
            }
            let (piece, is_folder) = match self.bucket.layout.read(name, is_folder) {
                Some(Entry::File(piece)) => (piece, false),
                Some(Entry::Folder(piece)) => (piece, true),
                Some(Entry::Longer(piece)) => {
                    longer.push((piece, name.to_owned()));
                    return Ok(true);
                }
                None => return Ok(true),
            };
            let piece = format!("{begun}{piece}");
            let past = after.is_some_and(|(last, kind)| (piece.as_str(), is_folder) <= (last.as_str(), *kind));
            if past || !self.matters(&format!("{base}{piece}"), is_folder) {
                return Ok(true);
            }
            let node = Node {
                piece,
                is_folder,
                between: between.clone(),
                name: name.to_owned(),
            };
            if batch.len() < most {
                batch.push(node);
            } else if batch.peek().is_some_and(|largest| node < *largest) {
                batch.pop();
                batch.push(node);
            }
            Ok(true)
        })?;
        for (piece, name) in longer {
            let Some(inner) = tree::folder(folder, &name)? else { continue };
            if between.len() > FOLDERS_MAX {
                continue;
            }
            between.push(name);
            self.gather(inner.as_fd(), base, &format!("{begun}{piece}"), between, after, most, batch)?;
            between.pop();
        }
        Ok(())
    }

    /// Whether the key of `base` and `name` was on an earlier page.
    fn is_past(&self, base: &str, name: &str) -> bool {
        match &self.last {
            After::Key(last) => last.strip_prefix(base).is_some_and(|rest| name <= rest),
            After::Nothing | After::Group(_) => false,
        }
    }

    /// Whether a key, or keys of a folder, can be on what is left of the page.
    fn matters(&self, key: &str, is_folder: bool) -> bool {
        let prefix = &self.query.prefix;
        let fits = key.starts_with(prefix.as_str()) || (is_folder && prefix.starts_with(key));
        fits && match &self.last {
            After::Nothing => true,
            After::Key(last) if is_folder => key > last.as_str() || last.starts_with(key),
            After::Key(last) => key > last.as_str(),
            After::Group(last) if key.starts_with(last.as_str()) => false,
            After::Group(last) => key > last.as_str() || (is_folder && last.starts_with(key)),
        }
    }

    fn subfolder(&mut self, folder: BorrowedFd<'_>, node: &Node, key: &mut String, depth: usize) -> io::Result<ControlFlow<()>> {
        // A group may have ended in the folder before.
        if !self.matters(key, true) {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(inner) = inside(folder, node)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let Some(inner) = tree::folder(inner.as_fd(), &node.name)? else {
            return Ok(ControlFlow::Continue(()));
        };
        match self.group(key) {
            // All keys of the folder are of one group: its first object is enough.
            Some(group) => match has_object(self.bucket, inner.as_fd(), depth + 1)? {
                true => Ok(self.put_group(group)),
                false => Ok(ControlFlow::Continue(())),
            },
            None => self.folder(inner.as_fd(), key, depth + 1),
        }
    }

    fn file(&mut self, folder: BorrowedFd<'_>, node: &Node, key: &str) -> io::Result<ControlFlow<()>> {
        if key.len() > KEY_BYTES_MAX || !self.matters(key, false) {
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(group) = self.group(key) {
            return Ok(self.put_group(group));
        }
        let stamp = match inside(folder, node)? {
            Some(inner) => Stamp::at(inner.as_fd(), &node.name)?,
            None => None,
        };
        // It may be gone by now.
        let Some(stamp) = stamp else { return Ok(ControlFlow::Continue(())) };
        if self.is_full() {
            return Ok(ControlFlow::Break(()));
        }
        self.page.items.push(Item {
            key: key.to_owned(),
            stamp,
            record: self.bucket.sheets.find(key, stamp)?,
        });
        self.last = After::Key(key.to_owned());
        Ok(ControlFlow::Continue(()))
    }

    /// The group of a key, or of all keys of a folder.
    fn group(&self, key: &str) -> Option<String> {
        let delimiter = self.query.delimiter.as_deref()?;
        let rest = key.strip_prefix(self.query.prefix.as_str())?;
        let at = rest.find(delimiter)?;
        Some(key[..self.query.prefix.len() + at + delimiter.len()].to_owned())
    }

    fn put_group(&mut self, group: String) -> ControlFlow<()> {
        if self.is_full() {
            return ControlFlow::Break(());
        }
        self.page.groups.push(group.clone());
        self.last = After::Group(group);
        ControlFlow::Continue(())
    }

    fn is_full(&self) -> bool {
        self.page.items.len() + self.page.groups.len() >= self.query.max
    }
}

/// The folder that a node's name is in.
fn inside(folder: BorrowedFd<'_>, node: &Node) -> io::Result<Option<OwnedFd>> {
    tree::find(folder, &node.between)
}

/// Whether there is an object in a folder, however deep.
fn has_object(bucket: &Bucket, folder: BorrowedFd<'_>, depth: usize) -> io::Result<bool> {
    if depth > FOLDERS_MAX {
        return Ok(false);
    }
    let (mut found, mut folders) = (false, Vec::new());
    tree::each(folder, |name, is_folder| {
        match bucket.layout.read(name, is_folder) {
            Some(Entry::File(_)) => found = true,
            Some(Entry::Folder(_) | Entry::Longer(_)) => folders.push(name.to_owned()),
            None => {}
        }
        Ok(!found)
    })?;
    for name in folders {
        if found {
            break;
        }
        if let Some(inner) = tree::folder(folder, &name)? {
            found = has_object(bucket, inner.as_fd(), depth + 1)?;
        }
    }
    Ok(found)
}
