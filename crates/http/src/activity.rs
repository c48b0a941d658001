//! What runs on one connection, and since when nothing does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

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

/// What runs on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Requests whose answers are not out.
    running: usize,
    /// Those of them that doors work for.
    working: usize,
    /// Whether it ever had a request.
    served: bool,
    since: Instant,
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
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            running: 0,
            working: 0,
            served: false,
            since: Instant::now(),
        })))
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
        let state = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
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
        let mut state = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(&mut state);
        state.since = Instant::now();
    }
}

impl Busy {
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
