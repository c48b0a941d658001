//! Asynchronous invokes: stored, then made at least once, and again when the function fails.
//!
//! An event is a document from the moment its 202 is sent until the function has succeeded or has failed for the last time.
//! So a restart loses none; one that was at work when the server ended is made again, with the same request id, as AWS
//! promises no more than "at least once" either. Destinations and dead-letter queues are not built: what fails for the last
//! time is logged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::{Clock, Error, Kind, Result, Timestamp};
use bedplate_catalog::{Catalog, Change};
use bedplate_lambda::{Host, Options};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::name::prefix;

/// Longest payload of an asynchronous invoke: 1 MB (AWS Lambda quotas).
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Events that wait or run (ours); beyond it they are throttled. Their payloads are on disk, not in memory.
const WAITING_MAX: usize = 10_000;
/// Events that run at a time (ours): half of what the host runs, the rest is for callers that wait for an answer.
const RUNNING_MAX: usize = 32;
/// Waits before a function that failed is called again: two more times (developer guide, "How Lambda handles errors and
/// retries with asynchronous invocation").
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// First and longest wait after a call that was refused (throttled, shutting down); doubled each time (same).
const REFUSED_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Age at which an event that is refused again and again is given up: 6 hours (same).
const AGE_MAX: Duration = Duration::from_secs(6 * 3600);

/// The queue. Keys sort by when they came.
pub(crate) struct Events {
    catalog: Catalog,
    host: Host,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    /// By when they are due.
    waiting: BTreeSet<(Timestamp, String)>,
    running: usize,
}

/// A stored event.
struct Event {
    /// The qualified ARN.
    function: String,
    request_id: String,
    payload: String,
    received: Timestamp,
    due: Timestamp,
    /// How often the function has failed.
    failures: u64,
    /// How often the call was refused since.
    refusals: u64,
}

impl Events {
    pub(crate) fn new(catalog: Catalog, host: Host, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            catalog,
            host,
            clock,
            queue: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// Stores an event; it will be made.
    pub(crate) async fn add(&self, function: String, request_id: String, payload: String) -> Result<()> {
        let waiting = {
            let queue = self.queue();
            queue.waiting.len() + queue.running
        };
        if waiting >= WAITING_MAX {
            let message = format!("{WAITING_MAX} asynchronous invokes are waiting already; try again later");
            return Err(Error::new(Kind::Throttled, message));
        }
        let now = self.clock.now();
        let event = Event {
            function,
            request_id,
            payload,
            received: now,
            due: now,
            failures: 0,
            refusals: 0,
        };
        let key = format!("{}{:020}-{}", prefix("event"), now.nanos(), bedplate_base::random_id(8));
        self.catalog.commit(Change::new().create(&key, &event.body())).await?;
        self.wait(now, key);
        Ok(())
    }

    /// Takes up what an earlier process left.
    pub(crate) async fn restore(&self) -> Result<()> {
        for stored in self.catalog.all(&prefix("event")).await? {
            let event = Event::read(&stored.body).ok_or_else(|| Error::internal(format!("The stored event {} is damaged", stored.key)));
            match event {
                Ok(event) => self.wait(event.due, stored.key),
                Err(error) => tracing::warn!(target: "lambda", %error, "a stored asynchronous invoke is not made"),
            }
        }
        Ok(())
    }

    /// Makes what is due, until the task is dropped or the host shuts down.
    pub(crate) async fn work(self: Arc<Self>) {
        let mut running = JoinSet::new();
        while !self.host.is_shut_down() {
            while running.len() < RUNNING_MAX
                && let Some(key) = self.take()
            {
                running.spawn(Arc::clone(&self).make(key));
            }
            let next = match self.queue().waiting.first() {
                Some((due, _)) if running.len() < RUNNING_MAX => Some(*due),
                _ => None,
            };
            let due = async {
                match next {
                    Some(due) => self.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(_) = running.join_next() => {}
                () = self.wake.notified() => {}
                () = due => {}
            }
        }
    }

    /// One call; the event is then gone or waits again.
    async fn make(self: Arc<Self>, key: String) {
        let again = match self.attempt(&key).await {
            Ok(again) => again,
            Err(error) => {
                // The store does not answer: the event is there and is made at the next start.
                tracing::error!(target: "lambda", %error, "an asynchronous invoke could not be read or written");
                None
            }
        };
        self.queue().running -= 1;
        if let Some(due) = again {
            self.wait(due, key);
        }
    }

    /// When to try again, if at all.
    async fn attempt(&self, key: &str) -> Result<Option<Timestamp>> {
        let Some(stored) = self.catalog.get(key).await? else {
            return Ok(None);
        };
        let Some(mut event) = Event::read(&stored.body) else {
            return Ok(None);
        };
        let options = Options {
            request_id: Some(event.request_id.clone()),
            idempotency_key: Some(event.request_id.clone()),
            ..Options::default()
        };
        let payload = Bytes::from(std::mem::take(&mut event.payload));
        let result = self.host.invoke(&event.function, payload.clone(), options).await;
        if self.host.is_shut_down() && !matches!(&result, Ok(invocation) if invocation.result.is_ok()) {
            return Ok(None); // what a shutdown kills has not failed
        }
        let now = self.clock.now();
        let (why, wait) = match result {
            Ok(invocation) => match invocation.result {
                Ok(_) => (None, None),
                Err(error) => {
                    event.failures += 1;
                    event.refusals = 0;
                    let wait = usize::try_from(event.failures)
                        .ok()
                        .and_then(|failures| RETRY_AFTER.get(failures - 1));
                    (Some(format!("{}: {}", error.error_type, error.message)), wait.copied())
                }
            },
            Err(error) => {
                let passing = matches!(error.kind, Kind::Throttled | Kind::Unavailable | Kind::Dependency | Kind::Internal);
                let young = now.since(event.received) < AGE_MAX;
                let (first, longest) = REFUSED_AFTER;
                let wait = first.saturating_mul(1 << event.refusals.min(16)).min(longest);
                event.refusals += 1;
                (Some(error.message), (passing && young).then_some(wait))
            }
        };
        let Some(wait) = wait else {
            if let Some(why) = why {
                let (function, request_id) = (&event.function, &event.request_id);
                tracing::warn!(target: "lambda", function, request_id, why, "an asynchronous invoke failed for the last time");
            }
            self.catalog.commit(Change::new().delete(key)).await?;
            return Ok(None);
        };
        event.due = now + wait;
        event.payload = String::from_utf8_lossy(&payload).into_owned();
        self.catalog.commit(Change::new().replace(&stored, &event.body())).await?;
        Ok(Some(event.due))
    }

    fn wait(&self, due: Timestamp, key: String) {
        self.queue().waiting.insert((due, key));
        self.wake.notify_one();
    }

    fn take(&self) -> Option<String> {
        let now = self.clock.now();
        let mut queue = self.queue();
        if queue.waiting.first()?.0 > now {
            return None;
        }
        queue.running += 1;
        queue.waiting.pop_first().map(|(_, key)| key)
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Event {
    fn body(&self) -> Value {
        json!({
            "function": self.function, "requestId": self.request_id, "payload": self.payload, "received": self.received.millis(),
            "due": self.due.millis(), "failures": self.failures, "refusals": self.refusals,
        })
    }

    fn read(body: &Value) -> Option<Self> {
        let text = |member: &str| body[member].as_str().map(str::to_owned);
        let time = |member: &str| body[member].as_i64().map(Timestamp::from_millis);
        Some(Self {
            function: text("function")?,
            request_id: text("requestId")?,
            payload: text("payload")?,
            received: time("received")?,
            due: time("due")?,
            failures: body["failures"].as_u64()?,
            refusals: body["refusals"].as_u64()?,
        })
    }
}
