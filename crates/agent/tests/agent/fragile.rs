//! A store whose process dies: at a chosen commit, before or after it is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedplate_base::{BoxFuture, Hash};
use bedplate_journal::{Event, ExecId, Raw};
use bedplate_store::{Batch, CommitError, Head, Letter, LetterId, Page, ReadError, Resource, Store, TimerRow};
use tokio::sync::Notify;

/// When a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    /// At this commit, counted from 0.
    pub commit: usize,
    /// Whether that commit is durable.
    pub after: bool,
}

/// Passes everything on until it dies; from then on nothing ever returns.
pub(crate) struct Fragile {
    inner: Arc<dyn Store>,
    crash: Option<Crash>,
    commits: AtomicUsize,
    pub died: Arc<Notify>,
}

impl Fragile {
    pub(crate) fn new(inner: Arc<dyn Store>, crash: Option<Crash>) -> Self {
        Self {
            inner,
            crash,
            commits: AtomicUsize::new(0),
            died: Arc::default(),
        }
    }

    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Store for Fragile {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        match self.crash {
            Some(crash) if number >= crash.commit => Box::pin(async move {
                if number == crash.commit && crash.after {
                    let _ = self.inner.commit(batch).await;
                }
                self.died.notify_one();
                std::future::pending().await
            }),
            _ => self.inner.commit(batch),
        }
    }

    fn server_key(&self) -> [u8; 32] {
        self.inner.server_key()
    }

    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>> {
        self.inner.head(exec)
    }

    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>> {
        self.inner.events(exec, after, limit)
    }

    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>> {
        self.inner.inbox(exec, limit)
    }

    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>> {
        self.inner.timers(limit)
    }

    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>> {
        self.inner.work(after, limit)
    }

    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>> {
        self.inner.executions(prefix, page)
    }

    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<Raw>, ReadError>> {
        self.inner.blob(hash)
    }

    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>> {
        self.inner.resource(key)
    }

    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>> {
        self.inner.resources(prefix, page)
    }
}
