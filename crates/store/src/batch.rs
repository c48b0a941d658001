//! A write: everything that must become true together.

use std::sync::Arc;

use bedplate_base::{Hash, Timestamp};
use bedplate_journal::{Event, ExecId, Raw, Signal, TimerId};

use crate::{CommitError, LetterId, Owner};

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
    /// New events, numbered from `expected + 1`. May be empty: then the turn changes the lease, the marks and the inbox only.
    pub events: Vec<Arc<Event>>,
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

impl Batch {
    /// Longest resource key in bytes; ours: keys are ARN-like and AWS's longest ARNs have 1,011 characters.
    pub const KEY_BYTES_MAX: usize = 1024;
    /// Longest text of one blob, letter or document in bytes; ours: ten times AWS's largest payload (25 MB, InvokeModel).
    pub const ROW_BYTES_MAX: usize = 256 * 1024 * 1024;

    /// What every store checks before it looks at its rows: numbering and sizes.
    ///
    /// # Errors
    /// `TooLarge` for ids, keys and texts beyond their limits, `Conflict` for events that are not numbered from `expected + 1`.
    pub fn check(&self) -> Result<(), CommitError> {
        let long = |what: &str, bytes: usize, max: usize| {
            if bytes > max {
                return Err(CommitError::TooLarge(format!("{what} has {bytes} bytes, at most {max} are stored")));
            }
            Ok(())
        };
        if let Some(turn) = &self.turn {
            long("the id of an execution", turn.exec.as_str().len(), ExecId::BYTES_MAX)?;
            for (event, seq) in turn.events.iter().zip(turn.expected + 1..) {
                if event.seq != seq {
                    return Err(CommitError::Conflict(format!(
                        "event {} of {} should be {seq}",
                        event.seq, turn.exec
                    )));
                }
            }
        }
        for send in &self.sends {
            long("the id of an execution", send.to.as_str().len(), ExecId::BYTES_MAX)?;
        }
        for write in &self.resources {
            long("the key of a resource", write.key.len(), Self::KEY_BYTES_MAX)?;
            long("a resource", write.body.as_ref().map_or(0, |body| body.len()), Self::ROW_BYTES_MAX)?;
        }
        self.blobs
            .iter()
            .try_for_each(|(_, raw)| long("a value", raw.as_str().len(), Self::ROW_BYTES_MAX))
    }
}
