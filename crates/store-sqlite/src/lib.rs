//! The embedded default store: one SQLite file (WAL, synchronous=FULL) in a state folder that one process holds.
//!
//! One thread writes, and whatever waits for it shares its next transaction; readers have connections and threads of their own.
//! This crate knows the rows of `bedplate_store` and nothing of what they mean.

mod apply;
mod documents;
mod failure;
mod heads;
mod lock;
mod open;
mod reader;
mod recent;
mod remove;
mod rows;
mod snapshot;
mod writer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bedplate_base::{BoxFuture, Hash};
use bedplate_journal::{Event, ExecId, Raw};
use bedplate_store::{Batch, Change, CommitError, Head, Letter, LetterId, Page, Position, ReadError, Resource, Store, TimerRow};

pub use failure::OpenError;
pub use writer::GroupWatch;

use crate::documents::{Documents, Found};
use crate::lock::FolderLock;
use crate::reader::Readers;
use crate::recent::Recent;
use crate::writer::{Work, Writer};

/// Blobs that one transaction deletes: they are large, and others wait for it.
const BLOBS_A_STEP: usize = 16;

/// Durable state in a folder. Dropping it finishes what was handed to it and frees the folder.
pub struct SqliteStore {
    key: [u8; 32],
    folder: PathBuf,
    documents: Arc<Documents>,
    recent: Arc<Recent>,
    /// Blobs that nobody named at the last look.
    unnamed: Mutex<HashSet<Hash>>,
    // Fields drop in order: the writer closes the file last and tidies its log, then the folder is free.
    readers: Readers,
    writer: Writer,
    _lock: FolderLock,
}

impl SqliteStore {
    /// The name of the file in the state folder.
    pub const FILE: &'static str = "state.db";

    /// Opens the state in `folder`, making both when they are not there.
    ///
    /// # Errors
    /// Another process holds the folder, the folder cannot be written, or its state is damaged, foreign or from a newer binary;
    /// nothing is touched then.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_bounded(folder, None)
    }

    /// As [`SqliteStore::open`], with a file that grows to about `file_bytes_max`; then commits fail as on a full disk.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_bounded(folder: &Path, file_bytes_max: Option<u64>) -> Result<Self, OpenError> {
        let lock = FolderLock::take(folder)?;
        let file = folder.join(Self::FILE);
        let (connection, key) = open::open(&file)?;
        if let Some(bytes) = file_bytes_max {
            open::bound(&connection, bytes).map_err(OpenError::sqlite(&file))?;
        }
        let readers = Readers::start(&file)?;
        let documents = Arc::new(Documents::default());
        let recent = Arc::new(Recent::read(&connection).map_err(OpenError::sqlite(&file))?);
        let writer = Writer::start(connection, &file, documents.clone(), recent.clone())?;
        Ok(Self {
            key,
            folder: folder.to_owned(),
            documents,
            recent,
            unnamed: Mutex::default(),
            writer,
            readers,
            _lock: lock,
        })
    }

    /// Tells `watch`, on the writer's thread, of every group of commits from now on. There is one at most: a later one is dropped.
    pub fn watch(&self, watch: GroupWatch) {
        self.writer.watch(watch);
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Store for SqliteStore {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.writer.commit(batch))
    }

    fn remove<'a>(&'a self, exec: &'a ExecId, version: u64) -> BoxFuture<'a, Result<(), CommitError>> {
        let exec = exec.clone();
        Box::pin(async move { self.writer.write(Work::Remove { exec, version }).await.map(drop) })
    }

    fn sweep(&self, rows: usize) -> BoxFuture<'_, Result<bool, CommitError>> {
        Box::pin(self.writer.write(Work::Sweep { rows }))
    }

    fn collect(&self) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async {
            let looked = self.documents.moment();
            let unnamed = self.readers.read(rows::unnamed_blobs).await;
            let unnamed = unnamed.map_err(|error| CommitError::Unavailable(error.0))?;
            let last = std::mem::take(&mut *self.unnamed.lock().unwrap_or_else(PoisonError::into_inner));
            let (gone, unnamed): (Vec<_>, _) = unnamed.into_iter().partition(|hash| last.contains(hash));
            self.unnamed.lock().unwrap_or_else(PoisonError::into_inner).extend(unnamed);
            for hashes in gone.chunks(BLOBS_A_STEP) {
                let hashes = hashes.to_vec();
                self.writer.write(Work::Collect { hashes, looked }).await?;
            }
            Ok(gone.len() as u64)
        })
    }

    fn position(&self) -> Position {
        Position(self.recent.position())
    }

    fn changed(&self, position: Position) -> BoxFuture<'_, Result<Option<Vec<Change>>, ReadError>> {
        let recent = self.recent.clone();
        Box::pin(self.readers.read(move |connection| rows::changed(connection, &recent, position.0)))
    }

    fn server_key(&self) -> [u8; 32] {
        self.key
    }

    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>> {
        let exec = exec.clone();
        let recent = self.recent.clone();
        Box::pin(self.readers.read(move |connection| rows::head(connection, &recent, &exec)))
    }

    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>> {
        let exec = exec.clone();
        let recent = self.recent.clone();
        Box::pin(
            self.readers
                .read(move |connection| rows::events(connection, &recent, &exec, after, limit)),
        )
    }

    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>> {
        let exec = exec.clone();
        Box::pin(self.readers.read(move |connection| rows::inbox(connection, &exec, limit)))
    }

    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>> {
        Box::pin(self.readers.read(move |connection| rows::timers(connection, limit)))
    }

    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>> {
        let after = after.cloned();
        let recent = self.recent.clone();
        Box::pin(
            self.readers
                .read(move |connection| rows::work(connection, &recent, after.as_ref(), limit)),
        )
    }

    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>> {
        let prefix = prefix.to_owned();
        let recent = self.recent.clone();
        Box::pin(
            self.readers
                .read(move |connection| rows::executions(connection, &recent, &prefix, &page)),
        )
    }

    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<Raw>, ReadError>> {
        Box::pin(self.readers.read(move |connection| rows::blob(connection, hash)))
    }

    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>> {
        Box::pin(async move {
            let looked = match self.documents.get(key) {
                Found::Here(found) => return Ok(found),
                Found::Missing(looked) => looked,
            };
            let wanted = key.to_owned();
            let found = self.readers.read(move |connection| rows::resource(connection, &wanted)).await?;
            self.documents.read(key, found.as_ref(), looked);
            Ok(found)
        })
    }

    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.readers.read(move |connection| rows::resources(connection, &prefix, &page)))
    }
}
