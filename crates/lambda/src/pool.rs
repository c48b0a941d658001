//! One function's processes: who may start one, which warm one is used next, when they end.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bedplate_base::{Error, Kind, Result, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::function::Function;
use crate::limits;
use crate::process::Process;

/// The field that an error of a function at its reserved concurrency names.
pub const RESERVED: &str = "reservedConcurrentExecutions";

/// A definition with its processes. A changed definition is another slot; this one then retires.
pub(crate) struct Slot {
    /// The definition.
    pub(crate) function: Arc<Function>,
    /// Warm processes, the one used last at the end; none once the slot has retired.
    idle: Mutex<Option<Vec<Warm>>>,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
}

struct Warm {
    process: Process,
    since: Timestamp,
}

/// The right to run one invoke; given back by dropping it.
pub(crate) struct Turn {
    _function: OfFunction,
    _host: OwnedSemaphorePermit,
}

/// The function's half of a turn; held for its end.
enum OfFunction {
    /// Of its processes.
    Room { _permit: OwnedSemaphorePermit },
    /// Of its reserved concurrency.
    Reserved { _running: Running },
}

/// The reserved concurrency of a function over all its versions (Lambda API reference, PutFunctionConcurrency).
pub(crate) struct Reserved {
    /// [`Reserved::NONE`]: nothing is reserved.
    limit: AtomicU32,
    running: AtomicU32,
}

impl Default for Reserved {
    fn default() -> Self {
        Self {
            limit: AtomicU32::new(Self::NONE),
            running: AtomicU32::new(0),
        }
    }
}

impl Reserved {
    const NONE: u32 = u32::MAX;

    /// From now on; invokes under way count.
    pub(crate) fn set(&self, limit: Option<u32>) {
        self.limit.store(limit.unwrap_or(Self::NONE), Ordering::Relaxed);
    }

    /// Room for one more: none when the limit is reached; `Ok(None)` when there is no limit.
    fn enter(self: &Arc<Self>) -> Result<Option<Running>, u32> {
        let running = Running(Arc::clone(self));
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Relaxed);
        match limit {
            Self::NONE => Ok(None), // dropped: uncounted, as it ends under rules that it did not begin under
            limit if before < limit => Ok(Some(running)),
            limit => Err(limit),
        }
    }
}

/// Counts one running invoke while it lives.
struct Running(Arc<Reserved>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    pub(crate) fn new(function: Function) -> Arc<Self> {
        Arc::new(Self {
            function: Arc::new(function),
            idle: Mutex::new(Some(Vec::new())),
            room: Arc::new(Semaphore::new(limits::PROCESSES_PER_FUNCTION)),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Waits for a turn; refuses when too many wait already (unless `patient`) or the host (whose room `host` is) shuts down. With reserved
    /// concurrency nobody waits for others of the function: beyond it invokes are refused, as on AWS.
    pub(crate) async fn admit(&self, host: &Arc<Semaphore>, reserved: &Arc<Reserved>, patient: bool) -> Result<Turn> {
        let too_many = || {
            let message = format!(
                "Function `{}` has {} invokes waiting already; try again later",
                self.function.name,
                limits::WAITING_MAX
            );
            Error::new(Kind::Throttled, message).with_resource(self.function.arn.as_str())
        };
        let _waiting = match patient {
            true => None,
            false => Some(Waiting::enter(&self.waiting).ok_or_else(too_many)?),
        };
        let closed = |_| Error::new(Kind::Unavailable, "The server is shutting down and takes no more invokes");
        let running = reserved.enter().map_err(|limit| {
            let message = format!(
                "Rate Exceeded: function `{}` has a reserved concurrency of {limit}, and as many invokes are running",
                self.function.name
            );
            Error::new(Kind::Throttled, message)
                .with_resource(self.function.arn.as_str())
                .with_field(RESERVED, "all in use")
        })?;
        let function = match running {
            Some(running) => OfFunction::Reserved { _running: running },
            None => OfFunction::Room {
                _permit: Arc::clone(&self.room).acquire_owned().await.map_err(closed)?,
            },
        };
        let host = Arc::clone(host).acquire_owned().await.map_err(closed)?;
        Ok(Turn {
            _function: function,
            _host: host,
        })
    }

    /// The warm process that was used last, when there is one.
    pub(crate) fn take(&self) -> Option<Process> {
        loop {
            let mut warm = self.idle().as_mut()?.pop()?;
            if warm.process.is_alive() {
                return Some(warm.process);
            }
        }
    }

    /// Keeps a process for the next invoke; it ends when the definition has changed meanwhile.
    pub(crate) fn give(&self, process: Process, now: Timestamp) {
        if let Some(idle) = self.idle().as_mut() {
            idle.push(Warm { process, since: now });
        }
    }

    /// Ends the warm processes; the ones at work end after their invoke.
    pub(crate) fn retire(&self) {
        drop(self.idle().take());
    }

    /// Ends warm processes that died or were not used since `before`.
    pub(crate) fn sweep(&self, before: Timestamp) {
        if let Some(idle) = self.idle().as_mut() {
            idle.retain_mut(|warm| warm.since >= before && warm.process.is_alive());
        }
    }

    /// How many processes are warm, and since when the oldest is.
    pub(crate) fn warm(&self) -> (usize, Option<Timestamp>) {
        let idle = self.idle();
        let idle = idle.as_deref().unwrap_or_default();
        (idle.len(), idle.first().map(|warm| warm.since))
    }

    /// Ends the warm process that was used longest ago.
    pub(crate) fn end_oldest(&self) {
        if let Some(idle) = self.idle().as_mut().filter(|idle| !idle.is_empty()) {
            drop(idle.remove(0));
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Warm>>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Counts one waiting invoke while it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < limits::WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
