//! The store in memory: tests, `--ephemeral`, express workflows.

/// Durable as long as the process lives.
#[derive(Default)]
pub struct MemoryStore {}
