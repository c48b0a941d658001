//! A write: everything that must become true together.

use std::sync::Arc;

use bedplate_base::{Hash, Timestamp};
use bedplate_journal::{Event, ExecId, Raw, Signal, TimerId};

use crate::{LetterId, Owner};

/// Everything that must become true together. An empty batch is allowed and commits nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What happened to one execution.
    pub turn: Option<Turn>,
    /// Signals to executions, this one or others.
    pub sends: Vec<Send>,
    /// Resources.
    pub resources: Vec<ResourceWrite>,
    /// Blobs; those that exist are left alone.
    pub blobs: Vec<(Hash, Raw)>,
}

/// One owner's progress with one execution.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Which execution.
    pub exec: ExecId,
    /// Which decider; written with the first event.
    pub kind: Arc<str>,
    /// The version that is expected: zero for one that must not exist yet.
    pub expected: u64,
    /// Who writes.
    pub owner: Owner,
    /// Take the lease from whoever has it. Without this, a head with another owner is a conflict.
    pub steal: bool,
    /// New events, numbered from `expected + 1`.
    pub events: Vec<Event>,
    /// Letters that these events consume; one that is gone is a conflict.
    pub consumed: Vec<LetterId>,
    /// Timers that are set.
    pub timers_set: Vec<(TimerId, Timestamp)>,
    /// Timers that fired or were cancelled; gone ones are ignored.
    pub timers_cleared: Vec<TimerId>,
    /// See `Head::busy`.
    pub busy: bool,
    /// See `Head::ended`.
    pub ended: bool,
    /// Give the lease back: nobody works on it until something arrives.
    pub release: bool,
}

/// A signal on its way.
#[derive(Clone, Debug)]
pub struct Send {
    /// To whom.
    pub to: ExecId,
    /// What.
    pub letter: Letter,
}

/// A signal in an inbox, with what is needed when its execution does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Which decider to start, and with what, when the execution is not there.
    pub start: Option<(Arc<str>, Raw)>,
    /// The signal.
    pub signal: Signal,
}

/// A write of one resource.
#[derive(Clone, Debug)]
pub struct ResourceWrite {
    /// Which.
    pub key: String,
    /// What must be true before.
    pub expect: Expect,
    /// The new document, or none to delete.
    pub body: Option<Arc<str>>,
}

/// What must be true of a resource before a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// It is not there: unique names are keys that are written so.
    Absent,
    /// It has this version.
    Version(u64),
}
