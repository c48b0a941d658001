//! Asynchronous invokes: stored, then made at least once, and again when the function fails.
//!
//! An event is a document from the moment its 202 is sent until the function has succeeded or has failed for the last time.
//! So a restart loses none; one that was at work when the server ended is made again, with the same request id, as AWS
//! promises no more than "at least once" either. What fails for the last time is written to a file before it is forgotten.
//! Destinations that are functions get their records; queues, topics and buckets are not here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::{Clock, Error, Kind, Result, Timestamp};
use bedplate_catalog::{Catalog, Change};
use bedplate_lambda::{Host, Options};
use bedplate_wire_lambda::types::DestinationConfig;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::ended::{Condition, End, bury};
use crate::event_config::in_force;
use crate::name::prefix;

/// Longest payload of an asynchronous invoke: 1 MB (AWS Lambda quotas).
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Events that wait or run (ours); beyond it they are throttled. Their payloads are on disk, not in memory.
const WAITING_MAX: usize = 10_000;
/// Events that run at a time (ours): half of what the host runs, the rest is for callers that wait for an answer.
const RUNNING_MAX: usize = 32;
/// Functions that call one another through destinations, at most (developer guide, "Recursive loop detection").
const HOPS_MAX: u64 = 16;
/// Where dead letters go, below the host's folder.
const DEAD_LETTERS: &str = "dead-letters";
/// Waits before a function that failed is called again: two more times, unless its configuration says less (developer guide,
/// "How Lambda handles errors and retries with asynchronous invocation").
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// First and longest wait after a call that was refused (throttled, shutting down); doubled each time (same).
const REFUSED_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Events that are read at once when a server starts (ours): each may have a payload of a megabyte.
const PAGE: usize = 32;
/// Wait before an event is looked at again that could not be read (ours).
const UNREADABLE_AFTER: Duration = Duration::from_secs(60);
/// Age at which an event is given up, unless the function's configuration says less: 6 hours (same).
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
    /// How many destinations it has come through.
    hops: u64,
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
        let (key, event) = Event::new(function, request_id, payload, now);
        self.catalog.commit(Change::new().create(&key, &event.body())).await?;
        self.wait(now, key);
        Ok(())
    }

    /// Takes up what an earlier process left.
    pub(crate) async fn restore(&self) -> Result<()> {
        let mut next = None;
        loop {
            let page = self.catalog.list(&prefix("event"), PAGE, next.as_deref()).await?;
            for stored in page.documents {
                match Event::read(&stored.body) {
                    Some(event) => self.wait(event.due, stored.key),
                    None => tracing::warn!(target: "lambda", key = stored.key, "a stored asynchronous invoke is damaged and is not made"),
                }
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(());
            }
        }
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
        let running = Running(&self);
        let again = self.attempt(&key).await.unwrap_or_else(|error| {
            tracing::error!(target: "lambda", %error, "an asynchronous invoke could not be read; it is tried again");
            Some(self.clock.now() + UNREADABLE_AFTER)
        });
        drop(running);
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
        let config = in_force(&self.catalog, &event.function).await?;
        let age_max = config.maximum_event_age_in_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let age_max = age_max.map_or(AGE_MAX, Duration::from_secs);
        let retries = config.maximum_retry_attempts.and_then(|retries| usize::try_from(retries).ok());
        let waits = &RETRY_AFTER[..retries.unwrap_or(RETRY_AFTER.len()).min(RETRY_AFTER.len())];
        let options = Options {
            request_id: Some(event.request_id.clone()),
            idempotency_key: Some(event.request_id.clone()),
            ..Options::default()
        };
        let payload = Bytes::from(event.payload.clone());
        let result = self.host.invoke(&event.function, payload, options).await;
        if self.host.is_shut_down() && !matches!(&result, Ok(invocation) if invocation.result.is_ok()) {
            return Ok(None); // what a shutdown kills has not failed
        }
        let now = self.clock.now();
        let mut end = End {
            condition: Condition::RetriesExhausted,
            function: &event.function,
            request_id: &event.request_id,
            count: event.failures + 1,
            request: &event.payload,
            response: None,
            refusal: None,
        };
        let wait = match &result {
            Ok(invocation) => {
                let version = invocation.version.clone();
                match &invocation.result {
                    Ok(answer) => {
                        end.condition = Condition::Success;
                        end.response = Some((version, answer));
                        None
                    }
                    Err(error) => {
                        event.refusals = 0;
                        event.failures += 1;
                        end.response = Some((version, &error.payload));
                        waits.get(usize::try_from(event.failures - 1).unwrap_or(usize::MAX)).copied()
                    }
                }
            }
            Err(error) => {
                let passing = matches!(error.kind, Kind::Throttled | Kind::Unavailable | Kind::Dependency | Kind::Internal);
                let (first, longest) = REFUSED_AFTER;
                let wait = first.saturating_mul(1 << event.refusals.min(16)).min(longest);
                event.refusals += 1;
                end.count = event.failures;
                end.refusal = Some(&error.message);
                passing.then_some(wait)
            }
        };
        let age_then = wait.map(|wait| (now + wait).since(event.received));
        if age_then.is_some_and(|age| age >= age_max) {
            end.condition = Condition::EventAgeExceeded;
        } else if let Some(wait) = wait {
            event.due = now + wait;
            if let Err(error) = self.catalog.commit(Change::new().replace(&stored, &event.body())).await {
                // It is stored as it was, and waits here as it should.
                tracing::error!(target: "lambda", %error, "the failure of an asynchronous invoke could not be written");
            }
            return Ok(Some(event.due));
        }
        // A disk that is full now is not full for ever, and a function that has ended is not called again for it.
        let (mut is_buried, mut wait) = (false, REFUSED_AFTER.0);
        while let Err(error) = self.end(key, &end, &event, config.destination_config.clone(), &mut is_buried).await {
            tracing::error!(target: "lambda", %error, "the end of an asynchronous invoke could not be written; it is tried again");
            self.clock.sleep_until(self.clock.now() + wait).await;
            wait = wait.saturating_mul(2).min(REFUSED_AFTER.1);
        }
        Ok(None)
    }

    /// Forgets an event that is over, when whoever has to know of it does.
    async fn end(
        &self,
        key: &str,
        end: &End<'_>,
        event: &Event,
        destinations: Option<DestinationConfig>,
        is_buried: &mut bool,
    ) -> Result<()> {
        let (now, hops) = (self.clock.now(), event.hops);
        let success = end.condition == Condition::Success;
        let destination = destinations.and_then(|config| match success {
            true => config.on_success?.destination,
            false => config.on_failure?.destination,
        });
        let mut change = Change::new().delete(key);
        if success && destination.is_none() {
            return self.catalog.commit(change).await;
        }
        let record = end.record(now);
        let (function, request_id) = (end.function, end.request_id);
        if !success && !*is_buried {
            bury(self.host.folder().join(DEAD_LETTERS), function, record.clone()).await?;
            *is_buried = true;
            tracing::warn!(target: "lambda", function, request_id, "an asynchronous invoke failed for the last time");
        }
        let mut next = None;
        match destination {
            Some(arn) if arn.split(':').nth(2) == Some("lambda") && record.len() <= PAYLOAD_BYTES_MAX && hops < HOPS_MAX => {
                let (key, mut event) = Event::new(arn, bedplate_base::random_uuid(), record, now);
                event.hops = hops + 1;
                change = change.create(&key, &event.body());
                next = Some(key);
            }
            Some(destination) => {
                tracing::warn!(target: "lambda", function, request_id, destination, "the record of an asynchronous invoke has no way to its destination");
            }
            None => {}
        }
        self.catalog.commit(change).await?;
        if let Some(key) = next {
            self.wait(now, key);
        }
        Ok(())
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

/// Counts one event at work while it lives, also when the work panics.
struct Running<'a>(&'a Events);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.queue().running -= 1;
    }
}

impl Event {
    /// One that is due now, with its key. Keys sort by when they came.
    fn new(function: String, request_id: String, payload: String, now: Timestamp) -> (String, Self) {
        let event = Self {
            function,
            request_id,
            payload,
            received: now,
            due: now,
            failures: 0,
            refusals: 0,
            hops: 0,
        };
        let key = format!("{}{:020}-{}", prefix("event"), now.nanos(), bedplate_base::random_id(8));
        (key, event)
    }

    fn body(&self) -> Value {
        json!({
            "function": self.function, "requestId": self.request_id, "payload": self.payload, "received": self.received.millis(),
            "due": self.due.millis(), "failures": self.failures, "refusals": self.refusals, "hops": self.hops,
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
            hops: body["hops"].as_u64().unwrap_or(0),
        })
    }
}
