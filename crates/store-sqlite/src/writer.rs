//! The one writer: whatever waits shares its next transaction, so that many executions pay for one fsync.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bedplate_journal::{ExecId, encode_all};
use bedplate_store::{Batch, CommitError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::OpenError;
use crate::apply::{Document, apply};
use crate::documents::Documents;
use crate::failure::{WriteFailure, commit_error};
use crate::heads::Heads;
use crate::remove::{remove, sweep};

/// Batches that may wait for the writer; more callers wait for a place.
const WAITING_MAX: usize = 4_096;
/// Batches that share one transaction.
const GROUP_MAX: usize = 512;

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
}

/// What came of it.
#[derive(Default)]
struct Came {
    documents: Vec<Document>,
    more: bool,
}

pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, file: &Path, documents: Arc<Documents>) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel(WAITING_MAX);
        let path = file.to_owned();
        let thread = std::thread::Builder::new()
            .name("state-write".into())
            .spawn(move || serve(&connection, queue, &path, &documents));
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread.map_err(OpenError::io(file))?),
        })
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

fn serve(connection: &Connection, mut queue: mpsc::Receiver<Job>, file: &Path, documents: &Documents) {
    let mut heads = Heads::default();
    let mut group = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < GROUP_MAX
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let results = write_group(connection, &mut heads, &group, file);
        for (job, result) in group.drain(..).zip(results) {
            let result = result.map(|came| {
                documents.written(came.documents);
                came.more
            });
            // Whoever waited may have gone; the batch counts all the same.
            let _ = job.done.send(result);
        }
    }
}

/// Writes all in one transaction. A batch that is refused was refused before it wrote anything; when SQLite itself fails in the
/// middle, each batch is tried again alone, so that one cannot spoil the others.
fn write_group(connection: &Connection, heads: &mut Heads, group: &[Job], file: &Path) -> Written {
    match transaction(connection, heads, group) {
        Ok(results) => results,
        Err(error) if group.len() == 1 => vec![Err(commit_error(&error, file))],
        Err(error) => {
            tracing::warn!("a group of {} commits is written one by one: {error}", group.len());
            let alone = |job| match transaction(connection, heads, std::slice::from_ref(job)) {
                Ok(mut results) => results.pop().unwrap_or(Ok(Came::default())),
                Err(error) => Err(commit_error(&error, file)),
            };
            group.iter().map(alone).collect()
        }
    }
}

fn transaction(connection: &Connection, heads: &mut Heads, group: &[Job]) -> rusqlite::Result<Written> {
    let written = begin_and_commit(connection, heads, group);
    if written.is_err() {
        heads.clear();
        // SQLite may have rolled back by itself already, or never begun.
        if !connection.is_autocommit() {
            let rolled_back = connection.execute_batch("ROLLBACK");
            debug_assert!(rolled_back.is_ok(), "{rolled_back:?}");
        }
    }
    written
}

fn begin_and_commit(connection: &Connection, heads: &mut Heads, group: &[Job]) -> rusqlite::Result<Written> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut results = Vec::with_capacity(group.len());
    for job in group {
        results.push(match perform(connection, heads, &job.work) {
            Ok(came) => Ok(came),
            Err(WriteFailure::Refused(error)) => Err(error),
            Err(WriteFailure::Sqlite(error)) => return Err(error),
        });
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(results)
}

fn perform(connection: &Connection, heads: &mut Heads, work: &Work) -> Result<Came, WriteFailure> {
    let mut came = Came::default();
    match work {
        Work::Batch { batch, events } => came.documents = apply(connection, heads, batch, events)?,
        Work::Remove { exec, version } => remove(connection, heads, exec, *version)?,
        Work::Sweep { rows } => came.more = sweep(connection, *rows)?,
    }
    Ok(came)
}
