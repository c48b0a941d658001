//! The machine's clock.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bedplate_base::{BoxFuture, Clock, Timestamp};

/// Wall-clock time that never goes back: when the machine's clock is set back, it stands still until that has caught up.
#[derive(Default)]
pub(crate) struct SystemClock(Mutex<Timestamp>);

/// The longest single sleep: a clock that was set forward is noticed at least this often.
const NAP: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = machine();
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = now.max(*last);
        *last
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let left = due.since(machine());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(NAP)).await;
            }
        })
    }
}

fn machine() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
