//! How many of one kind of work run at once, and how many wait for that: more are told to come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::refusal::Refusal;

/// A limit with a queue.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
    wait: Duration,
    /// `turns`, for messages.
    what: &'static str,
}

/// Somebody in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(what: &'static str, max: usize, waiting_max: usize, wait: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max)),
            max,
            waiting: AtomicUsize::new(0),
            waiting_max,
            wait,
            what,
        }
    }

    /// How many have a place.
    pub(crate) fn running(&self) -> usize {
        self.max.saturating_sub(self.places.available_permits())
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A place, at once or after a while in the queue.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(self.full());
        }
        match timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.full()),
        }
    }

    /// Refuses what could not even wait, before anything is done for it.
    pub(crate) fn peek(&self) -> Result<(), Refusal> {
        let full = self.places.available_permits() == 0 && self.waiting.load(Ordering::Relaxed) >= self.waiting_max;
        if full { Err(self.full()) } else { Ok(()) }
    }

    fn full(&self) -> Refusal {
        let (max, what) = (self.max, self.what);
        Refusal::throttled(format!("The server works on {max} {what} already; try again in a moment."))
    }
}
