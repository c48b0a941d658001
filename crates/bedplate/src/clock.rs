//! The machine's clock, which `dev` can set forward.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bedplate_base::{BoxFuture, Clock, Timestamp};
use tokio::sync::watch;

/// The longest single sleep: a machine's clock that was set forward is noticed at least this often.
const NAP: Duration = Duration::from_secs(60);

/// Wall-clock time that never goes back: when the machine's clock is set back, it stands still until that has caught up.
/// Clones are the same clock.
#[derive(Clone)]
pub(crate) struct SystemClock {
    last: Arc<Mutex<Timestamp>>,
    /// How far it was set forward.
    ahead: watch::Sender<Duration>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            last: Arc::default(),
            ahead: watch::Sender::new(Duration::ZERO),
        }
    }
}

impl SystemClock {
    /// Sets the clock forward for the rest of the process and wakes who slept; tells the new time.
    pub(crate) fn advance(&self, by: Duration) -> Timestamp {
        self.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(by));
        self.now()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = machine() + *self.ahead.borrow();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = now.max(*last);
        *last
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        let mut ahead = self.ahead.subscribe();
        Box::pin(async move {
            loop {
                let left = due.since(machine() + *ahead.borrow_and_update());
                if left.is_zero() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(left.min(NAP)) => {}
                    moved = ahead.changed() => {
                        if moved.is_err() {
                            // Nobody can set it forward any more.
                            tokio::time::sleep(left.min(NAP)).await;
                        }
                    }
                }
            }
        })
    }
}

fn machine() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
