//! The one writer: whatever waits shares its next transaction, so that many executions pay for one fsync.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bedplate_base::Hash;
use bedplate_journal::{ExecId, encode_all};
use bedplate_store::{Batch, CommitError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::OpenError;
use crate::apply::{Document, Scene, apply};
use crate::documents::{Documents, Moment};
use crate::failure::{WriteFailure, commit_error};
use crate::heads::Heads;
use crate::recent::{Pending, Recent};
use crate::remove::{collect, remove, sweep};

/// Batches that may wait for the writer; more callers wait for a place.
const WAITING_MAX: usize = 4_096;
/// Batches that share one transaction.
const GROUP_MAX: usize = 512;

/// Is told of every group that was written: how many commits shared its transaction, and how long that took.
pub type GroupWatch = Box<dyn Fn(usize, Duration) + Send + Sync>;

struct Job {
    work: Work,
    /// Whether there is more to do of the same.
    done: oneshot::Sender<Result<bool, CommitError>>,
}

/// What the writer is asked for.
#[allow(clippy::large_enum_variant, reason = "nearly all of them are batches")]
pub(crate) enum Work {
    /// With the bytes of its events: whoever commits encodes them, the writer has enough to do.
    Batch {
        batch: Batch,
        events: Vec<u8>,
    },
    Remove {
        exec: ExecId,
        version: u64,
    },
    Sweep {
        rows: usize,
    },
    Collect {
        hashes: Vec<Hash>,
        looked: Moment,
    },
}

/// What came of it.
#[derive(Default)]
struct Came {
    documents: Vec<Document>,
    more: bool,
}

pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    watch: Arc<OnceLock<GroupWatch>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, file: &Path, documents: Arc<Documents>, recent: Arc<Recent>) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel(WAITING_MAX);
        let path = file.to_owned();
        let watch: Arc<OnceLock<GroupWatch>> = Arc::default();
        let watching = watch.clone();
        let thread = std::thread::Builder::new().name("state-write".into()).spawn(move || {
            let writing = Writing {
                watch: watching,
                documents,
                connection,
                heads: Heads::default(),
                recent,
                inode: inode(&path),
                file: path,
            };
            serve(writing, queue);
        });
        Ok(Self {
            jobs: Some(jobs),
            watch,
            thread: Some(thread.map_err(OpenError::io(file))?),
        })
    }

    /// Tells `watch` of every group from now on; there is one at most.
    pub(crate) fn watch(&self, watch: GroupWatch) {
        drop(self.watch.set(watch));
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        batch.check()?;
        let turn = batch.turn.as_ref();
        let events = turn.map_or_else(Vec::new, |turn| encode_all(turn.events.iter().map(|event| &**event)));
        self.write(Work::Batch { batch, events }).await.map(drop)
    }

    /// Tells whether there is more to do of the same.
    pub(crate) async fn write(&self, work: Work) -> Result<bool, CommitError> {
        let stopped = || CommitError::Unavailable("its writer has stopped".into());
        let (done, written) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job { work, done }).await.map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has told so already.
            let _ = thread.join();
        }
    }
}

/// What a group came to: why each wrote nothing, if it did not.
type Written = Vec<Result<Came, CommitError>>;

/// The writer's thread: the connection, and what it knows.
struct Writing {
    connection: Connection,
    heads: Heads,
    recent: Arc<Recent>,
    documents: Arc<Documents>,
    watch: Arc<OnceLock<GroupWatch>>,
    file: PathBuf,
    /// Which file that is.
    inode: Option<(u64, u64)>,
}

/// The device and the number on it of the file that stands at `path` now.
fn inode(path: &Path) -> Option<(u64, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[allow(clippy::disallowed_methods, reason = "it measures the disk, and nothing durable depends on it")]
fn begin() -> Instant {
    Instant::now()
}

fn serve(mut writing: Writing, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < GROUP_MAX
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let begun = begin();
        let mut results = writing.group(&group);
        if let Some(watch) = writing.watch.get() {
            watch(group.len(), begun.elapsed());
        }
        if !writing.is_there() {
            results.iter_mut().for_each(|result| *result = Err(writing.gone()));
        }
        for (job, result) in group.drain(..).zip(results) {
            let result = result.map(|came| {
                writing.documents.written(came.documents);
                came.more
            });
            // Whoever waited may have gone; the batch counts all the same.
            let _ = job.done.send(result);
        }
    }
    // Left undone, it is done after the next start.
    if let Err(error) = writing.transaction(&[], true) {
        tracing::warn!("{}: what was done lately stays in its log: {error}", writing.file.display());
    }
}

impl Writing {
    /// Whether what was written can be found again: a file that was deleted takes everything, and the next start finds nothing of it.
    fn is_there(&self) -> bool {
        self.inode.is_some() && self.inode == inode(&self.file)
    }

    fn gone(&self) -> CommitError {
        CommitError::Unavailable(format!(
            "the state file {} was deleted or replaced under the running server; end the server, put the state folder back, and start it again",
            self.file.display()
        ))
    }

    /// Writes all in one transaction. A batch that is refused was refused before it wrote anything; when SQLite itself fails in the
    /// middle, each batch is tried again alone, so that one cannot spoil the others.
    fn group(&mut self, group: &[Job]) -> Written {
        let full = self.recent.is_full();
        match self.transaction(group, full) {
            Ok(results) => results,
            Err(error) if group.len() == 1 && !full => vec![Err(commit_error(&error, &self.file))],
            Err(error) => {
                tracing::warn!("a group of {} commits is written one by one: {error}", group.len());
                group.iter().map(|job| self.alone(job)).collect()
            }
        }
    }

    fn alone(&mut self, job: &Job) -> Result<Came, CommitError> {
        let overfull = self.recent.is_overfull();
        match self.transaction(std::slice::from_ref(job), overfull) {
            Ok(mut results) => results.pop().unwrap_or(Ok(Came::default())),
            Err(error) => Err(commit_error(&error, &self.file)),
        }
    }

    /// Writes `group`, and before it moves the recent entries to their places if asked to.
    fn transaction(&mut self, group: &[Job], settle: bool) -> rusqlite::Result<Written> {
        let written = self.begin_and_commit(group, settle);
        if written.is_err() {
            self.heads.clear();
            // SQLite may have rolled back by itself already, or never begun.
            if !self.connection.is_autocommit() {
                let rolled_back = self.connection.execute_batch("ROLLBACK");
                debug_assert!(rolled_back.is_ok(), "{rolled_back:?}");
            }
        }
        written
    }

    fn begin_and_commit(&mut self, group: &[Job], settle: bool) -> rusqlite::Result<Written> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut scene = Scene {
            connection,
            recent: &self.recent,
            heads: &mut self.heads,
            pending: Pending::after(&self.recent),
            documents: &self.documents,
            wrote_documents: false,
        };
        if settle {
            scene.pending.settle(connection, &self.recent)?;
        }
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            results.push(match perform(&mut scene, &job.work) {
                Ok(came) => Ok(came),
                Err(WriteFailure::Refused(error)) => Err(error),
                Err(WriteFailure::Sqlite(error)) => return Err(error),
            });
        }
        let pending = scene.pending;
        pending.write(connection)?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.recent.committed(pending);
        Ok(results)
    }
}

fn perform(scene: &mut Scene<'_>, work: &Work) -> Result<Came, WriteFailure> {
    let mut came = Came::default();
    match work {
        Work::Batch { batch, events } => came.documents = apply(scene, batch, events)?,
        Work::Remove { exec, version } => remove(scene, exec, *version)?,
        Work::Collect { hashes, looked } => collect(scene, hashes, *looked)?,
        Work::Sweep { rows } => came.more = sweep(scene.connection, *rows)?,
    }
    Ok(came)
}
