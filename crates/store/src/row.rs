//! Rows as readers see them.

use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_journal::{ExecId, TimerId};

/// What is known of an execution without folding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which.
    pub exec: ExecId,
    /// Which decider folds it.
    pub kind: Arc<str>,
    /// Number of its last event: the version that the next commit must name.
    pub version: u64,
    /// Whoever may append; absent when nobody works on it.
    pub owner: Option<Owner>,
    /// Calls of targets are open or `decide` was not exhausted: a restart must fold it.
    pub busy: bool,
    /// It has ended.
    pub ended: bool,
    /// Its first event.
    pub started_at: Timestamp,
    /// Its last event.
    pub updated_at: Timestamp,
}

/// A process that holds leases: random, new at each start. A commit by another owner than the head's takes the lease
/// over when `Batch` says so, which makes every later commit of the old owner a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub u64);

/// A place in the order of all commits to executions: it grows with each of them, over restarts, too. Commits that share a transaction may share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// An execution that was committed to after some position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub exec: ExecId,
    /// Its version at that position: what changed are the events after it.
    pub from: u64,
}

/// A letter's place in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub u64);

/// A timer that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    /// Whose.
    pub exec: ExecId,
    /// Which.
    pub timer: TimerId,
    /// When it fires.
    pub due: Timestamp,
}

/// A named document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `agent/000000000000/us-east-1/ABCDEFGHIJ`; at most 1,024 bytes.
    pub key: String,
    /// Counts writes of this key from 1.
    pub version: u64,
    /// The document: JSON text.
    pub body: Arc<str>,
}

/// A page of a listing in key order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Keys after this one; from the start when absent.
    pub after: Option<String>,
    /// At most so many; zero is none.
    pub limit: usize,
    /// From the last to the first.
    pub backwards: bool,
}

/// The least text that is greater than every text which begins with `prefix`; none when there is no such text. The order is that of bytes.
pub fn prefix_end(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        let next = match last {
            char::MAX => continue,
            '\u{d7ff}' => '\u{e000}',
            other => char::from_u32(u32::from(other) + 1).expect("invariant: neither a surrogate nor beyond the last"),
        };
        end.push(next);
        return Some(end.into_iter().collect());
    }
    None
}
