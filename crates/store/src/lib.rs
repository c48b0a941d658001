//! The one seam to durable state: a write (`commit`) and a few reads. No query language, no service's noun.
//!
//! Rows: meta (format, server key), resource, execution (head, lease), journal, inbox, timer, blob. Every implementation
//! passes the conformance suite of `testkit`.

mod batch;
mod error;
mod memory;
mod names;
mod row;

use bedplate_base::{BoxFuture, Hash};
use bedplate_journal::{Event, ExecId};

pub use batch::{Batch, Expect, Letter, ResourceWrite, Send, Turn};
pub use error::{CommitError, ReadError};
pub use memory::MemoryStore;
pub use names::blob_names;
pub use row::{Change, Head, LetterId, Owner, Page, Position, Resource, TimerRow, prefix_end};

/// Durable state. Clones of an `Arc<dyn Store>` share it.
///
/// Correctness rests on versions alone: a commit that names a stale version or a lost lease fails with `Conflict` and
/// changes nothing.
pub trait Store: std::marker::Send + Sync {
    /// Writes a batch, all of it or nothing; durable when it returns. Many callers' batches share one transaction
    /// (group commit), a conflict of one leaves the others untouched.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Deletes an execution: it is gone when this returns, with its timers; what else it leaves behind (events, blobs that nobody else names) is
    /// for [`Store::sweep`]. One with another version, an owner, work, letters or timers is a conflict. A store may keep everything: then
    /// this is unavailable.
    fn remove<'a>(&'a self, exec: &'a ExecId, version: u64) -> BoxFuture<'a, Result<(), CommitError>> {
        let _ = (exec, version);
        Box::pin(async { Err(CommitError::Unavailable("this store deletes nothing".into())) })
    }

    /// Deletes about `rows` rows that removed executions left behind, in one small transaction. False when there are no more.
    fn sweep(&self, rows: usize) -> BoxFuture<'_, Result<bool, CommitError>> {
        let _ = rows;
        Box::pin(async { Ok(false) })
    }

    /// Deletes blobs that nobody needs: no execution uses them, and their names, in 64 hexadecimal digits, stand in no resource, neither now nor
    /// when this was called last (whoever read a name meanwhile has read the blob since). Tells how many. Does nothing while letters wait:
    /// they may name blobs.
    fn collect(&self) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async { Ok(0) })
    }

    /// The place of the last commit in the order of all commits to executions. Whoever hears of a commit finds at least that commit's place here.
    fn position(&self) -> Position {
        Position::default()
    }

    /// Which executions were committed to after `position`, each once: work that grows with what came after it, not with all that there is. None when
    /// the store does not remember back so far.
    fn changed(&self, position: Position) -> BoxFuture<'_, Result<Option<Vec<Change>>, ReadError>> {
        let _ = position;
        Box::pin(async { Ok(None) })
    }

    /// The key that tokens are derived from: made once, with the state.
    fn server_key(&self) -> [u8; 32];

    /// An execution's head, when it was started.
    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>>;

    /// Events after `after` in order, at most `limit`; blobs are not hydrated.
    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>>;

    /// Letters that wait for an execution, oldest first.
    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>>;

    /// Timers in order of time, at most `limit`.
    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>>;

    /// Executions with work to do (busy, or letters waiting) after `after` in id order: what a restart folds.
    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>>;

    /// Heads of executions whose id begins with `prefix`.
    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>>;

    /// A blob's text.
    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<bedplate_journal::Raw>, ReadError>>;

    /// A resource by key.
    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>>;

    /// Resources whose key begins with `prefix`, in key order.
    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>>;
}
