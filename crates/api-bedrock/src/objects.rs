//! Objects in buckets, as far as models need them: what a message points to, what an asynchronous invocation leaves, where a log goes.

use std::sync::Arc;

use bedplate_base::{BoxFuture, Result};
use bytes::Bytes;

/// Reads the object at `s3://bucket/key`, of at most this many bytes.
pub type Read = Arc<dyn Fn(String, u64) -> BoxFuture<'static, Result<Bytes>> + Send + Sync>;
/// Writes a JSON object to `s3://bucket/key`; it is durable afterwards.
pub type Write = Arc<dyn Fn(String, Bytes) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The buckets.
#[derive(Clone)]
pub struct Objects {
    /// Reads.
    pub read: Read,
    /// Writes.
    pub write: Write,
}
