//! Tokens by day, agent and model, kept in the store.
//!
//! The journal is the truth; this is a sum of it that outlives deleted sessions and need not be recomputed. Nothing is written on the way of a
//! turn: sums are kept in memory and written every few seconds together with a mark that says up to which event of which session they
//! reach. After a crash the events behind the mark are counted from the journal, so every call is counted once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bedplate_base::{Error, Result, Timestamp};
use bedplate_journal::{Event, ExecId, Value};
use bedplate_store::{Batch, Expect, Page, ResourceWrite, Store};
use serde::{Deserialize, Serialize};

use crate::tokens::{Tokens, reply};

/// What keys of days begin with.
const DAYS: &str = "cost/day/";
/// The key of the mark.
const MARK: &str = "cost/mark";
/// How much later than its time an event may become durable and still be counted once after a crash. Ours: a disk that stands still for
/// longer stops the server in practice.
const WINDOW: Duration = Duration::from_secs(30);
/// Sessions in a mark. Ours: two megabytes; beyond it the window becomes shorter.
const MARKED_MAX: usize = 20_000;
/// Rows of one day. Ours; what comes after them is summed under the agent `other`.
const ROWS_MAX: usize = 10_000;
/// Rows, heads and events that are read at once.
const PAGE: usize = 1_000;

/// Who used tokens. The session is not in it: its journal tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Who {
    account: String,
    region: String,
    agent: String,
    provider: String,
    model: String,
}

/// One sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `2026-11-21`, UTC.
    pub day: String,
    /// The agent's account.
    pub account: String,
    /// The agent's region.
    pub region: String,
    /// The agent's id.
    pub agent: String,
    /// The provider as configured; `builtin` for what is built in.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// What was used.
    pub tokens: Tokens,
}

/// What one session used, by day, provider and model.
pub type SessionRows = Vec<Row>;

/// The sums.
pub struct Ledger {
    store: Arc<dyn Store>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    days: BTreeMap<String, Day>,
    /// The last event that was counted, of sessions that were counted lately.
    recent: HashMap<ExecId, (u64, Timestamp)>,
    /// The latest time of an event that was counted.
    latest: Timestamp,
    /// Before this nothing of `recent` is known.
    since: Timestamp,
}

#[derive(Default)]
struct Day {
    rows: BTreeMap<Who, Tokens>,
    is_new: bool,
}

#[derive(Deserialize, Serialize)]
struct DayDocument {
    rows: Vec<(Who, Tokens)>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Mark {
    /// Nanoseconds: everything before is counted.
    since: i64,
    /// What is counted of sessions with calls after that.
    sessions: HashMap<String, u64>,
    /// Nanoseconds: the latest call that is counted.
    latest: i64,
}

impl Ledger {
    /// Reads what is kept, and counts what a crash left uncounted. Nothing may be committed meanwhile.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self> {
        let mut days = BTreeMap::new();
        let mut after = None;
        loop {
            let page = Page {
                after,
                limit: PAGE,
                backwards: false,
            };
            let found = store.resources(DAYS, page).await?;
            for resource in &found {
                let document: DayDocument = serde_json::from_str(&resource.body)
                    .map_err(|error| Error::internal(format!("the sums at {} cannot be read", resource.key)).with_source(error))?;
                let day = Day {
                    rows: document.rows.into_iter().collect(),
                    is_new: false,
                };
                days.insert(resource.key[DAYS.len()..].to_owned(), day);
            }
            if found.len() < PAGE {
                break;
            }
            after = found.last().map(|resource| resource.key.clone());
        }
        let mark = store.resource(MARK).await?;
        let mark: Mark = mark.map_or_else(Mark::default, |mark| serde_json::from_str(&mark.body).unwrap_or_default());
        let ledger = Self {
            store,
            state: Mutex::new(State {
                days,
                since: Timestamp(mark.since),
                latest: Timestamp(mark.latest),
                recent: mark
                    .sessions
                    .iter()
                    .map(|(exec, seq)| (ExecId::new(exec.as_str()), (*seq, Timestamp(mark.latest))))
                    .collect(),
            }),
        };
        let counted = ledger.catch_up(&mark).await?;
        if counted > 0 {
            tracing::info!(target: "bedplate", calls = counted, "model calls were counted that the last process had not summed up");
        }
        Ok(ledger)
    }

    /// Counts what is behind the mark.
    async fn catch_up(&self, mark: &Mark) -> Result<u64> {
        let since = Timestamp(mark.since);
        let (mut counted, mut after) = (0, None);
        loop {
            let page = Page {
                after,
                limit: PAGE,
                backwards: false,
            };
            let heads = self.store.executions("agent/", page).await?;
            for head in heads.iter().filter(|head| head.updated_at >= since) {
                let done = mark.sessions.get(head.exec.as_str()).copied().unwrap_or(0);
                let mut last = done;
                while last < head.version {
                    let events = events(&*self.store, &head.exec, last, PAGE).await?;
                    let Some(end) = events.last() else { break };
                    last = end.seq;
                    for event in events.iter().filter(|event| event.at > since) {
                        if let Some((provider, model, tokens)) = reply(event) {
                            self.used(&head.exec, event.seq, event.at, &provider, &model, tokens);
                            counted += 1;
                        }
                    }
                }
            }
            if heads.len() < PAGE {
                return Ok(counted);
            }
            after = heads.last().map(|head| head.exec.as_str().to_owned());
        }
    }

    /// Counts one model call of a session: event `seq`, which is durable.
    pub fn used(&self, exec: &ExecId, seq: u64, at: Timestamp, provider: &str, model: &str, tokens: Tokens) {
        let who = who(exec, provider, model);
        let mut state = self.state();
        state.latest = state.latest.max(at);
        state.recent.insert(exec.clone(), (seq, at));
        let day = state.days.entry(day(at)).or_default();
        day.is_new = true;
        let who = match day.rows.len() >= ROWS_MAX && !day.rows.contains_key(&who) {
            true => Who {
                agent: "other".into(),
                model: "other".into(),
                ..who
            },
            false => who,
        };
        day.rows.entry(who).or_default().add(&tokens);
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// The store cannot be written; it stays in memory and is written the next time.
    pub async fn flush(&self) -> Result<()> {
        let (batch, written) = {
            let mut state = self.state();
            let written: Vec<String> = state
                .days
                .iter()
                .filter(|(_, day)| day.is_new)
                .map(|(name, _)| name.clone())
                .collect();
            if written.is_empty() {
                return Ok(());
            }
            let batch = Batch {
                resources: state.documents(&written),
                ..Batch::default()
            };
            (batch, written)
        };
        if let Err(error) = self.store.commit(batch).await {
            let mut state = self.state();
            for name in written {
                state.days.entry(name).or_default().is_new = true;
            }
            return Err(Error::internal("the sums of model calls cannot be written").with_source(error.to_string()));
        }
        Ok(())
    }

    /// All sums of days from `since` to `until`, both included where given.
    pub fn rows(&self, since: Option<&str>, until: Option<&str>) -> Vec<Row> {
        let state = self.state();
        let within = |day: &str| since.is_none_or(|since| day >= since) && until.is_none_or(|until| day <= until);
        let days = state.days.iter().filter(|(day, _)| within(day));
        days.flat_map(|(day, sums)| sums.rows.iter().map(|(who, tokens)| row(day, who, *tokens)))
            .collect()
    }

    /// What one session used, from its journal.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session(&self, exec: &ExecId) -> Result<SessionRows> {
        let mut sums: BTreeMap<(String, Who), Tokens> = BTreeMap::new();
        let mut last = 0;
        loop {
            let events = events(&*self.store, exec, last, PAGE).await?;
            for event in &events {
                if let Some((provider, model, tokens)) = reply(event) {
                    let key = (day(event.at), who(exec, &provider, &model));
                    sums.entry(key).or_default().add(&tokens);
                }
            }
            match events.last() {
                Some(end) if events.len() >= PAGE => last = end.seq,
                _ => break,
            }
        }
        Ok(sums.into_iter().map(|((day, who), tokens)| row(&day, &who, tokens)).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The documents of these days and the mark; the days are not new any more.
    fn documents(&mut self, days: &[String]) -> Vec<ResourceWrite> {
        let since = Timestamp(
            self.latest
                .nanos()
                .saturating_sub(i64::try_from(WINDOW.as_nanos()).unwrap_or(i64::MAX)),
        );
        self.since = self.since.max(since);
        if self.recent.len() > MARKED_MAX {
            let mut times: Vec<Timestamp> = self.recent.values().map(|(_, at)| *at).collect();
            let (_, newest, _) = times.select_nth_unstable(self.recent.len() - MARKED_MAX);
            self.since = self.since.max(*newest);
        }
        let since = self.since;
        self.recent.retain(|_, (_, at)| *at > since);
        let mark = Mark {
            since: since.nanos(),
            latest: self.latest.nanos(),
            sessions: self.recent.iter().map(|(exec, (seq, _))| (exec.to_string(), *seq)).collect(),
        };
        let mut writes = vec![write(MARK.to_owned(), &mark)];
        for name in days {
            if let Some(day) = self.days.get_mut(name) {
                day.is_new = false;
                let rows = day.rows.iter().map(|(who, tokens)| (who.clone(), *tokens)).collect();
                writes.push(write(format!("{DAYS}{name}"), &DayDocument { rows }));
            }
        }
        writes
    }
}

fn write(key: String, document: &impl Serialize) -> ResourceWrite {
    let body = serde_json::to_string(document).expect("invariant: sums are plain data");
    ResourceWrite {
        key,
        expect: Expect::Any,
        body: Some(body.into()),
    }
}

/// Events after `after`, their values loaded.
async fn events(store: &dyn Store, exec: &ExecId, after: u64, limit: usize) -> Result<Vec<Event>> {
    let mut events = store.events(exec, after, limit).await?;
    for event in &mut events {
        for value in event.body.values_mut() {
            if let Value::Blob(blob) = value
                && blob.raw.is_none()
            {
                blob.raw = Some(store.blob(blob.hash).await?.unwrap_or_else(|| bedplate_journal::Raw::new("null")));
            }
        }
    }
    Ok(events)
}

fn who(exec: &ExecId, provider: &str, model: &str) -> Who {
    // Agents' sessions are named `agent/ACCOUNT/REGION/AGENT/ALIAS/SESSION`.
    let mut parts = exec.as_str().split('/').skip(1);
    let mut next = || parts.next().unwrap_or_default().to_owned();
    Who {
        account: next(),
        region: next(),
        agent: next(),
        provider: provider.to_owned(),
        model: model.to_owned(),
    }
}

/// The day of a moment, in UTC: `2026-11-21`.
pub fn day(at: Timestamp) -> String {
    at.iso().chars().take(10).collect()
}

fn row(day: &str, who: &Who, tokens: Tokens) -> Row {
    Row {
        day: day.to_owned(),
        account: who.account.clone(),
        region: who.region.clone(),
        agent: who.agent.clone(),
        provider: who.provider.clone(),
        model: who.model.clone(),
        tokens,
    }
}
