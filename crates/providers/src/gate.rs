//! The way to one provider: how many calls it is given at once, how many wait, and when it is left alone because it fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{Failure, Fault};

/// Calls of one provider at once unless the configuration says otherwise. Ours: far above what one machine's turns need.
pub(crate) const CONCURRENCY: usize = 1_000;
/// Calls that wait for one provider unless the configuration says otherwise. Ours.
pub(crate) const QUEUE: usize = 1_000;
/// The longest wait for a place. Ours: an agent's client waits no longer for the first byte.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Calls that fail in a row until the provider is left alone. Ours.
pub(crate) const BREAKER_FAILURES: u32 = 10;
/// How long it is left alone the first time; then twice as long each time, up to `PAUSE_MAX`. Ours.
pub(crate) const BREAKER_PAUSE: Duration = Duration::from_secs(1);
/// The longest that it is left alone. Ours.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a gate lets through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) concurrency: usize,
    pub(crate) queue: usize,
    /// Zero for no breaker.
    pub(crate) breaker_failures: u32,
    pub(crate) breaker_pause: Duration,
}

/// One provider's gate.
#[derive(Debug)]
pub(crate) struct Gate {
    rules: Rules,
    places: Semaphore,
    waiting: AtomicUsize,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    /// Calls that failed in a row.
    failures: u32,
    /// Left alone until then.
    until: Option<Instant>,
    /// How often it was left alone in a row.
    pauses: u32,
    /// A call is on its way to see whether the provider is back.
    is_probed: bool,
}

/// Leave for one call; must be told how the call went. Dropped untold (the call was cancelled) it says nothing of the provider.
#[derive(Debug)]
pub(crate) struct Pass<'g> {
    gate: &'g Gate,
    is_probe: bool,
    is_told: bool,
}

struct Waiting<'g>(&'g AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            places: Semaphore::new(rules.concurrency.min(Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            breaker: Mutex::default(),
        }
    }

    /// Leave for a call, unless the provider is left alone.
    pub(crate) fn enter(&self) -> Result<Pass<'_>, Failure> {
        self.enter_at(now())
    }

    fn enter_at(&self, now: Instant) -> Result<Pass<'_>, Failure> {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_probe = false;
        if let Some(until) = breaker.until {
            let left = until.saturating_duration_since(now);
            if breaker.is_probed || !left.is_zero() {
                return Err(Failure::raw(
                    Fault::Unavailable,
                    format!(
                        "failed {} times in a row and is left alone; the next call that may reach it is in {} ms",
                        breaker.failures,
                        left.as_millis().max(1)
                    ),
                ));
            }
            breaker.is_probed = true;
            is_probe = true;
        }
        Ok(Pass {
            gate: self,
            is_probe,
            is_told: false,
        })
    }

    /// A place among the calls at once; waits for one.
    pub(crate) async fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.rules.queue {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::raw(
                Fault::Throttled,
                format!(
                    "has {} calls at once (concurrency) and {} that wait (queue) already",
                    self.rules.concurrency, self.rules.queue
                ),
            ));
        }
        let _waiting = Waiting(&self.waiting);
        match tokio::time::timeout(WAIT_MAX, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Failure::raw(
                Fault::Throttled,
                format!(
                    "had no place among its {} calls at once (concurrency) for {} s",
                    self.rules.concurrency,
                    WAIT_MAX.as_secs()
                ),
            )),
        }
    }
}

impl Pass<'_> {
    /// The call is over: did the provider itself fail?
    pub(crate) fn tell(self, failed: bool) {
        self.tell_at(failed, now());
    }

    fn tell_at(mut self, failed: bool, now: Instant) {
        self.is_told = true;
        let mut breaker = self.gate.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = &self.gate.rules;
        if self.is_probe {
            breaker.is_probed = false;
        }
        if !failed {
            // A call that began before the provider was left alone may end well meanwhile: that is as good as a probe.
            *breaker = Breaker {
                is_probed: breaker.is_probed,
                ..Breaker::default()
            };
            return;
        }
        breaker.failures = breaker.failures.saturating_add(1);
        let opens = rules.breaker_failures > 0 && breaker.failures >= rules.breaker_failures;
        if opens && (self.is_probe || breaker.until.is_none()) {
            let pause = rules
                .breaker_pause
                .saturating_mul(1 << breaker.pauses.min(16))
                .min(PAUSE_MAX.max(rules.breaker_pause));
            breaker.pauses += 1;
            breaker.until = Some(now + pause);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.is_told {
            self.gate.breaker.lock().unwrap_or_else(PoisonError::into_inner).is_probed = false;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "pauses are about the provider's time, which `clock advance` does not turn"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(concurrency: usize, queue: usize) -> Gate {
        Gate::new(Rules {
            concurrency,
            queue,
            breaker_failures: 2,
            breaker_pause: Duration::from_secs(1),
        })
    }

    #[test]
    fn opens_probes_closes() {
        let gate = gate(1, 0);
        let begin = now();
        let at = |millis| begin + Duration::from_millis(millis);
        gate.enter_at(at(0)).unwrap().tell_at(true, at(0));
        gate.enter_at(at(1)).unwrap().tell_at(true, at(1));
        assert_eq!(gate.enter_at(at(2)).unwrap_err().fault, Fault::Unavailable);
        let probe = gate.enter_at(at(1_002)).unwrap();
        assert!(gate.enter_at(at(1_002)).is_err(), "one probe at a time");
        drop(probe);
        // A probe that was cancelled says nothing; the next one fails: twice the pause.
        gate.enter_at(at(1_003)).unwrap().tell_at(true, at(1_003));
        assert!(gate.enter_at(at(3_000)).is_err());
        gate.enter_at(at(3_004)).unwrap().tell_at(false, at(3_004));
        gate.enter_at(at(3_005)).unwrap().tell_at(true, at(3_005));
        gate.enter_at(at(3_006)).unwrap().tell_at(false, at(3_006));
    }

    #[test]
    fn pauses_have_an_end() {
        let gate = gate(1, 0);
        let mut at = now();
        gate.enter_at(at).unwrap().tell_at(true, at);
        for _ in 0..40 {
            gate.enter_at(at).expect("the pause is over").tell_at(true, at);
            at += PAUSE_MAX;
        }
    }

    #[tokio::test]
    async fn a_queue_has_an_end() {
        let gate = gate(1, 1);
        let held = gate.place().await.unwrap();
        let mut waits = Box::pin(gate.place());
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(waits.as_mut().poll(context).is_ready())).await;
        assert!(!first, "there is a place");
        assert_eq!(gate.place().await.unwrap_err().fault, Fault::Throttled);
        drop(held);
        drop(waits.await.unwrap());
        assert!(gate.place().await.is_ok());
    }
}
