//! Time that tests turn by hand, or that jumps to the next sleeper when nothing else goes on.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock, Timestamp};

/// Turns of the runtime without a look at the clock after which nothing else is taken to go on.
const QUIET_TURNS: u32 = 64;

/// A clock for tests; clones share the time. The automatic one is for runtimes with one thread.
#[derive(Clone)]
pub struct VirtualClock {
    time: Arc<Mutex<Time>>,
}

struct Time {
    now: Timestamp,
    automatic: bool,
    sleepers: BTreeMap<(Timestamp, u64), Option<Waker>>,
    count: u64,
    quiet: u32,
    holds: u32,
}

/// While this lives an automatic clock stands still: something outside the runtime is going on.
pub struct Hold {
    time: Arc<Mutex<Time>>,
}

struct Sleep {
    time: Arc<Mutex<Time>>,
    key: (Timestamp, u64),
}

impl VirtualClock {
    /// Stands still until it is advanced.
    pub fn new() -> Self {
        Self::at(false)
    }

    /// Jumps to the next sleeper when nothing else goes on.
    pub fn automatic() -> Self {
        Self::at(true)
    }

    /// Both begin on 2026-01-01 at noon, UTC.
    fn at(automatic: bool) -> Self {
        let time = Time {
            now: Timestamp::from_millis(1_767_268_800_000),
            automatic,
            sleepers: BTreeMap::new(),
            count: 0,
            quiet: 0,
            holds: 0,
        };
        Self {
            time: Arc::new(Mutex::new(time)),
        }
    }

    /// Moves on and wakes whoever is due.
    pub fn advance(&self, by: Duration) {
        let mut time = lock(&self.time);
        time.now = time.now + by;
        time.wake_due();
    }

    /// Stops an automatic clock while something happens that the runtime does not see, such as a write to a disk.
    pub fn hold(&self) -> Hold {
        lock(&self.time).holds += 1;
        Hold { time: self.time.clone() }
    }

    /// How many wait.
    pub fn sleepers(&self) -> usize {
        lock(&self.time).sleepers.len()
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let mut time = lock(&self.time);
        time.quiet = 0;
        time.now
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        let mut time = lock(&self.time);
        time.count += 1;
        time.quiet = 0;
        let key = (due, time.count);
        time.sleepers.insert(key, None);
        // Somebody else may have been first until now and waits for turns that do not come; his turn comes again later.
        Box::pin(Sleep {
            time: self.time.clone(),
            key,
        })
    }
}

impl Time {
    fn wake_due(&mut self) {
        for ((due, _), waker) in &mut self.sleepers {
            if *due > self.now {
                break;
            }
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    fn wake_first(&mut self) {
        if let Some(mut first) = self.sleepers.first_entry()
            && let Some(waker) = first.get_mut().take()
        {
            waker.wake();
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = lock(&self.time);
        if time.now >= self.key.0 {
            return Poll::Ready(());
        }
        let is_first = time.sleepers.first_key_value().is_some_and(|(key, _)| *key == self.key);
        if time.automatic && is_first {
            time.quiet += u32::from(time.holds == 0);
            if time.quiet > QUIET_TURNS {
                time.quiet = 0;
                time.now = self.key.0;
                time.wake_due();
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        time.sleepers.insert(self.key, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut time = lock(&self.time);
        time.sleepers.remove(&self.key);
        time.wake_first();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut time = lock(&self.time);
        time.holds -= 1;
        time.quiet = 0;
    }
}

fn lock(time: &Mutex<Time>) -> MutexGuard<'_, Time> {
    time.lock().expect("invariant: nothing panics while it holds the time")
}
