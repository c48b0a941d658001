//! How much an engine takes on.

use std::time::Duration;

use crate::Retention;

/// Bounds of one engine. Beyond them requests are throttled, never queued without end.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Executions that may be worked on at once before new signals are throttled. Ours: a session costs a task and its folded state.
    pub active_executions_max: usize,
    /// Signals that may wait for one execution in memory. Ours: a queue of turns that nobody would wait through.
    pub waiting_signals_max: usize,
    /// Folded executions without work that stay in memory. Ours: design's "bounded cache".
    pub idle_executions_max: usize,
    /// Bytes (about) of the events behind them; a session may hold many answers of megabytes. Ours.
    pub idle_bytes_max: usize,
    /// How long a folded execution without work stays in memory. Ours: as long as somebody may be writing the next message; later it
    /// is folded again from the store.
    pub idle_time: Duration,
    /// Items that one subscriber may be behind.
    pub feed_items_max: usize,
    /// Bytes (about) that one subscriber may be behind.
    pub feed_bytes_max: usize,
    /// Bytes of blobs that are kept in memory after reading them.
    pub blob_cache_bytes_max: usize,
    /// Longest value that a target may return, in bytes. AWS: 25 MB is the largest payload of a model invocation; Lambda's is 6 MB.
    pub outcome_bytes_max: usize,
    /// Rounds of `decide` without any input after which a decider is taken to be in an endless loop. Ours.
    pub rounds_max: u32,
    /// How long executions are kept. Ours: for ever, as long as nobody says otherwise.
    pub retention: Retention,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            active_executions_max: 4_096,
            waiting_signals_max: 256,
            idle_executions_max: 1_024,
            idle_bytes_max: 256 * 1024 * 1024,
            idle_time: Duration::from_secs(60),
            feed_items_max: 100_000,
            feed_bytes_max: 32 * 1024 * 1024,
            blob_cache_bytes_max: 32 * 1024 * 1024,
            outcome_bytes_max: 64 * 1024 * 1024,
            rounds_max: 1_000_000,
            retention: Retention::default(),
        }
    }
}

/// Inputs that one commit takes: keeps a commit small while a flood waits.
pub(crate) const INPUTS_PER_COMMIT: usize = 64;
/// Events after which one commit is closed, if the decider wants more it is asked again after it.
pub(crate) const EVENTS_PER_COMMIT: usize = 256;
/// Events that are read from the store at once.
pub(crate) const EVENTS_PER_READ: usize = 1_000;
/// Letters that are read from the store at once.
pub(crate) const LETTERS_PER_READ: usize = 64;
/// Executions that are folded from the store at once: bounds memory after a restart with much work.
pub(crate) const FOLDS_AT_ONCE: usize = 64;
/// Conflicts in a row after which an execution's requests are told so.
pub(crate) const CONFLICTS_MAX: u32 = 16;
/// Timers that may be on their way to executions at once; the rest waits its turn.
pub(crate) const TIMERS_FIRING: usize = 256;
/// Timers that are held in memory; later ones are read when these are done.
pub(crate) const TIMERS_IN_MEMORY: usize = 10_000;
/// First and last pause between tries of a commit that the store could not take.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(50);
pub(crate) const BACKOFF_LAST: Duration = Duration::from_secs(5);
/// Messages without an answer that the engine's fold remembers per execution, to answer them when it ends.
pub(crate) const UNANSWERED_MAX: usize = 1_024;
/// Heads that one step of retention looks at.
pub(crate) const HEADS_PER_PASS: usize = 256;
/// The pause before the next ones, so that a look at all of them, the first right after the start, takes little of what requests need. Ours: 50,000 of
/// them in ten seconds.
pub(crate) const HEADS_PAUSE: Duration = Duration::from_millis(50);
/// Rows that one transaction of retention deletes. Measured: about a millisecond.
pub(crate) const SWEEP_ROWS: usize = 256;
/// How often retention looks at all executions.
pub(crate) const RETENTION_PAUSE: Duration = Duration::from_secs(3_600);
/// Executions whose decider panicked that are remembered until the restart.
pub(crate) const BROKEN_MAX: usize = 10_000;
