//! The clock as a value, so that tests turn it by hand.

use std::future::Future;
use std::pin::Pin;

use crate::Timestamp;

/// A boxed future, the shape of async at crate seams.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where time comes from: the system's in the binary, a virtual one in tests.
pub trait Clock: Send + Sync {
    /// Now. Never goes back within a process.
    fn now(&self) -> Timestamp;
    /// Resolves at `due`, at once when that is past.
    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()>;
}
