//! Somebody who is told what becomes durable: telemetry. Nothing durable depends on it.

use std::sync::Arc;

use bedplate_journal::{Call, Event, ExecId, Payload};

/// Is told what becomes durable, on the way of every commit: it must be quick and never wait.
pub trait Observer: Send + Sync {
    /// An execution was folded from the store; these are all its events, values loaded. Whatever was known of it is void.
    fn folded(&self, exec: &ExecId, events: &[Event]);

    /// These events are committed; `rendered` are payloads of rendered calls, by the numbers of their events.
    fn committed(&self, exec: &ExecId, events: &[Arc<Event>], rendered: &[(u64, Payload)]);

    /// The `traceparent` that goes out with a call; asked after the commit that holds the call.
    fn trace(&self, call: &Call) -> Option<Arc<str>>;
}

/// How many executions are in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that are worked on.
    pub active: usize,
    /// Folded ones that wait.
    pub idle: usize,
    /// Bytes of the events behind those that wait, about.
    pub idle_bytes: usize,
    /// Those that take no more until the restart.
    pub broken: usize,
}
