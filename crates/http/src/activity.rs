//! What runs on one connection, since when nothing does, and what of its answers is not sent yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

use crate::limits::READ_RATE_MIN;

/// How much would be lost if a connection were closed now, from nothing to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It has never sent a whole header.
    Silent,
    /// Its last answer is out.
    Idle,
    /// A body is on its way in.
    Receiving,
    /// A door works for it, or an answer is on its way out.
    Working,
}

/// The answers of all connections that are made and not sent.
#[derive(Debug)]
pub(crate) struct Unread {
    bytes: AtomicUsize,
    max: usize,
    /// Told when there are too many.
    pub(crate) full: Notify,
}

/// What runs on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    state: Arc<Mutex<State>>,
    of_all: Arc<Unread>,
}

/// An answer; it counts until the last byte of it is out.
struct Counted {
    bytes: Bytes,
    activity: Activity,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let bytes = self.bytes.len();
        self.activity.of_all.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let mut state = self.activity.lock();
        state.unread -= bytes;
        state.unread_since = Instant::now();
    }
}

impl Unread {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            max,
            full: Notify::new(),
        })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.max
    }
}

#[derive(Debug)]
struct State {
    /// Requests whose answers are not out.
    running: usize,
    /// Those of them that doors work for.
    working: usize,
    /// Whether it ever had a request.
    served: bool,
    since: Instant,
    /// Bytes of answers that are not sent, and since when the client has read none of them.
    unread: usize,
    unread_since: Instant,
}

/// One request; keeps its connection from being idle.
#[derive(Debug)]
pub(crate) struct Busy {
    activity: Activity,
    working: bool,
    /// A place among the turns, kept until the answer is out.
    pub(crate) place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Activity {
    pub(crate) fn new(of_all: &Arc<Unread>) -> Self {
        let now = Instant::now();
        Self {
            state: Arc::new(Mutex::new(State {
                running: 0,
                working: 0,
                served: false,
                since: now,
                unread: 0,
                unread_since: now,
            })),
            of_all: Arc::clone(of_all),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Since when the client has read nothing of what waits for it; none when nothing does.
    pub(crate) fn unread_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.unread > 0).then_some(state.unread_since)
    }

    /// Whether the client has had an answer for `patience`, and the time that it takes at the least rate, without reading it.
    pub(crate) fn is_stalled(&self, patience: Duration) -> bool {
        let state = self.lock();
        let earned = Duration::from_secs(state.unread as u64 / READ_RATE_MIN);
        state.unread > 0 && state.unread_since.elapsed() > patience + earned
    }

    /// A request has come: its header is whole.
    pub(crate) fn busy(&self) -> Busy {
        self.change(|state| {
            state.running += 1;
            state.served = true;
        });
        Busy {
            activity: self.clone(),
            working: false,
            place: None,
        }
    }

    /// How the connection stands, and since when.
    pub(crate) fn standing(&self) -> (Standing, Instant) {
        let state = self.lock();
        let standing = match (state.working, state.running, state.served) {
            (1.., _, _) => Standing::Working,
            (_, 1.., _) => Standing::Receiving,
            (_, _, true) => Standing::Idle,
            _ => Standing::Silent,
        };
        (standing, state.since)
    }

    /// When this connection will have been idle for `limit`, if nothing happens.
    pub(crate) fn idle_at(&self, limit: Duration) -> Instant {
        match self.standing() {
            (Standing::Silent | Standing::Idle, since) => since + limit,
            _ => Instant::now() + limit,
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.since = Instant::now();
    }
}

impl Busy {
    /// The same answer, counted until it is sent.
    pub(crate) fn counted(&self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        let (activity, length) = (self.activity.clone(), bytes.len());
        let mut state = activity.lock();
        if state.unread == 0 {
            state.unread_since = Instant::now();
        }
        state.unread += length;
        drop(state);
        activity.of_all.bytes.fetch_add(length, Ordering::Relaxed);
        if activity.of_all.is_full() {
            activity.of_all.full.notify_one();
        }
        Bytes::from_owner(Counted { bytes, activity })
    }

    /// The body is here, and work begins.
    pub(crate) fn work(&mut self) {
        if !std::mem::replace(&mut self.working, true) {
            self.activity.change(|state| state.working += 1);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let working = usize::from(self.working);
        self.activity.change(|state| {
            state.running -= 1;
            state.working -= working;
        });
    }
}
