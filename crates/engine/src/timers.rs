//! Timers of the near future in memory, in order of time; the rest stays in the store until its time comes near.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use bedplate_base::Timestamp;
use bedplate_journal::{ExecId, TimerId};
use bedplate_store::ReadError;
use futures_util::future::{Either, select};
use tokio::sync::{Notify, Semaphore};

use crate::engine::Inner;
use crate::limits::{BACKOFF_LAST, TIMERS_FIRING, TIMERS_IN_MEMORY};
use crate::mailbox::Input;
use crate::registry::Post;

pub(crate) struct Timers {
    wheel: Mutex<Wheel>,
    changed: Notify,
    firing: Arc<Semaphore>,
}

#[derive(Default)]
struct Wheel {
    due: BTreeSet<(Timestamp, ExecId, TimerId)>,
    /// Timers after this are in the store only; none when all are here.
    horizon: Option<Timestamp>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            wheel: Mutex::default(),
            changed: Notify::new(),
            firing: Arc::new(Semaphore::new(TIMERS_FIRING)),
        }
    }

    /// Follows a commit.
    pub(crate) fn change(&self, exec: &ExecId, set: &[(TimerId, Timestamp)], cleared: &[(TimerId, Timestamp)]) {
        if set.is_empty() && cleared.is_empty() {
            return;
        }
        let mut wheel = self.wheel();
        for (timer, due) in cleared {
            wheel.due.remove(&(*due, exec.clone(), *timer));
        }
        for (timer, due) in set {
            wheel.add(*due, exec, *timer);
        }
        drop(wheel);
        self.changed.notify_one();
    }

    /// Wakes the task: something else that it looks after changed.
    pub(crate) fn nudge(&self) {
        self.changed.notify_one();
    }

    fn next(&self) -> Option<Timestamp> {
        self.wheel().due.first().map(|(due, _, _)| *due)
    }

    fn pop(&self, now: Timestamp) -> Option<(Timestamp, ExecId, TimerId)> {
        let mut wheel = self.wheel();
        wheel
            .due
            .first()
            .is_some_and(|(due, _, _)| *due <= now)
            .then(|| wheel.due.pop_first())
            .flatten()
    }

    fn must_read(&self) -> bool {
        let wheel = self.wheel();
        wheel.due.is_empty() && wheel.horizon.is_some()
    }

    fn wheel(&self) -> MutexGuard<'_, Wheel> {
        self.wheel.lock().expect("invariant: nothing panics while it holds the timers")
    }
}

impl Wheel {
    fn add(&mut self, due: Timestamp, exec: &ExecId, timer: TimerId) {
        if self.horizon.is_some_and(|horizon| due > horizon) {
            return;
        }
        self.due.insert((due, exec.clone(), timer));
        if self.due.len() > 2 * TIMERS_IN_MEMORY
            && let Some((last, _, _)) = self.due.pop_last()
        {
            // Everything from here on is read again; several timers may share this moment, so it lies just before.
            let before = Timestamp(last.nanos().saturating_sub(1));
            self.horizon = Some(self.horizon.map_or(before, |horizon| horizon.min(before)));
            self.due.retain(|(due, _, _)| *due <= before);
        }
    }
}

/// Reads the next timers from the store.
pub(crate) async fn read(inner: &Inner) -> Result<(), ReadError> {
    // While the store is read everything that is set goes into memory: it may be missing from what is read.
    inner.timers.wheel().horizon = None;
    let rows = inner.store.timers(TIMERS_IN_MEMORY).await;
    let mut wheel = inner.timers.wheel();
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            wheel.horizon = Some(Timestamp(i64::MIN));
            return Err(error);
        }
    };
    if rows.len() == TIMERS_IN_MEMORY {
        wheel.horizon = rows.last().map(|row| row.due);
    }
    wheel.due.extend(rows.into_iter().map(|row| (row.due, row.exec, row.timer)));
    drop(wheel);
    inner.timers.nudge();
    Ok(())
}

/// Fires timers until the engine is gone.
pub(crate) async fn run(weak: Weak<Inner>) {
    loop {
        let Some(inner) = weak.upgrade() else { return };
        if inner.timers.must_read()
            && let Err(error) = read(&inner).await
        {
            tracing::error!("timers could not be read: {error}");
            inner.clock.sleep_until(inner.clock.now() + BACKOFF_LAST).await;
            continue;
        }
        fire(&inner).await;
        let idle = inner.registry.evict(inner.clock.now());
        let next = inner.timers.next().into_iter().chain(idle).min();
        let (timers, clock) = (inner.timers.clone(), inner.clock.clone());
        drop(inner);
        let changed = std::pin::pin!(timers.changed.notified());
        match next {
            None => changed.await,
            Some(due) => match select(changed, clock.sleep_until(due)).await {
                Either::Left(_) | Either::Right(_) => {}
            },
        }
    }
}

async fn fire(inner: &Arc<Inner>) {
    while let Some((_, exec, timer)) = inner.timers.pop(inner.clock.now()) {
        let permit = inner.timers.firing.clone().acquire_owned().await.ok();
        let input = Input::Timer { timer, _permit: permit };
        if let Err(error) = inner.post(&exec, Post::Own(input)) {
            // Its row stays: it fires after the next start.
            tracing::debug!(%exec, timer = timer.0, "a timer waits for the next start: {error}");
        }
    }
    // A pause for the others when many fire at once.
    tokio::task::yield_now().await;
}

/// The pause after a failure, doubled each time.
pub(crate) fn backoff(last: Option<Duration>) -> Duration {
    last.map_or(crate::limits::BACKOFF_FIRST, |last| (last * 2).min(BACKOFF_LAST))
}
