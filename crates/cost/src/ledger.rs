//! Tokens by day, agent and model, kept in the store.
//!
//! The journal is the truth; this is a sum of it that outlives deleted sessions and need not be recomputed. Nothing is written on the way of a
//! turn: sums are kept in memory and written every few seconds together with a mark. The mark is a place in the order of all commits, before which
//! everything is counted, and of the sessions that were counted since then the last event that was. After a crash the sessions that were committed to
//! behind that place are read from there, so every call is counted once, and a start costs what was not summed up, however many sessions there are.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bedplate_base::{Clock, Error, Result, Timestamp};
use bedplate_journal::{Event, ExecId, Value};
use bedplate_store::{Batch, Change, Expect, Page, Position, ResourceWrite, Store};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::tokens::{Tokens, reply};

/// What names of agents' sessions begin with.
const SESSIONS: &str = "agent/";
/// What keys of days begin with.
const DAYS: &str = "cost/day/";
/// The key of the mark.
const MARK: &str = "cost/mark";
/// How much later than it is durable a call may be counted here, and still once after a crash. Ours: between the two lies one wake-up of a task.
const WINDOW: Duration = Duration::from_secs(5);
/// Sessions in a mark. Ours: two megabytes; beyond it the window becomes shorter.
const MARKED_MAX: usize = 20_000;
/// Commits after which a mark is written although there is nothing new to sum up, so that the next start does not go through them. Ours.
const COMMITS_MAX: u64 = 4_096;
/// Rows of one day. Ours; what comes after them is summed under the agent `other`.
const ROWS_MAX: usize = 10_000;
/// Rows, heads and events that are read at once.
const PAGE: usize = 1_000;
/// Sessions that are read side by side. Ours: as many as keep the readers of a store at work.
const READS: usize = 32;

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
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    days: BTreeMap<String, Day>,
    /// Of sessions that were counted lately the last event that was, and a position of the store by then.
    recent: HashMap<ExecId, (u64, Position)>,
    /// The latest time of an event that was counted.
    latest: Timestamp,
    /// Up to here everything is counted.
    counted: Moment,
    /// Earlier moments since then, and when they were.
    past: VecDeque<(Timestamp, Moment)>,
    /// Where the mark that was written last stands.
    marked: Option<Position>,
}

/// How far the store and the sums were.
#[derive(Clone, Copy, Default)]
struct Moment {
    position: Position,
    /// The latest time of an event that was counted.
    latest: Timestamp,
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
    /// Everything up to here is counted. Absent in a mark of an older binary.
    position: Option<u64>,
    /// The last events that are counted of sessions with calls after that.
    sessions: HashMap<String, u64>,
    /// Nanoseconds: everything that happened before is counted, about. Asked only where the position says nothing.
    since: i64,
}

/// What is not counted of a session: the replies among its events after `after` and later than `since`.
struct Rest {
    exec: ExecId,
    after: u64,
    since: Timestamp,
}

impl Ledger {
    /// Reads what is kept, and counts what a crash left uncounted. Nothing may be committed meanwhile.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self> {
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
        let position = store.position();
        let ledger = Self {
            store,
            clock,
            state: Mutex::new(State {
                days,
                latest: Timestamp(mark.since),
                counted: Moment {
                    position,
                    latest: Timestamp(mark.since),
                },
                marked: mark.position.map(Position),
                ..State::default()
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
        let rests = self.uncounted(mark).await?;
        let counts = stream::iter(rests.into_iter().map(|rest| self.count(rest))).buffer_unordered(READS);
        counts.try_fold(0, |sum, counted| async move { Ok(sum + counted) }).await
    }

    /// Counts what is not counted of one session.
    async fn count(&self, rest: Rest) -> Result<u64> {
        let (mut counted, mut last) = (0, rest.after);
        loop {
            let events = events(&*self.store, &rest.exec, last, PAGE).await?;
            for event in events.iter().filter(|event| event.at > rest.since) {
                if let Some((provider, model, tokens)) = reply(event) {
                    self.used(&rest.exec, event.seq, event.at, &provider, &model, tokens);
                    counted += 1;
                }
            }
            match events.last() {
                Some(end) if events.len() >= PAGE => last = end.seq,
                _ => return Ok(counted),
            }
        }
    }

    /// The sessions with calls that may not be counted.
    async fn uncounted(&self, mark: &Mark) -> Result<Vec<Rest>> {
        let counted_of = |exec: &ExecId| mark.sessions.get(exec.as_str()).copied().unwrap_or(0);
        let changes = match mark.position {
            Some(position) => self.store.changed(Position(position)).await?,
            None => None,
        };
        if let Some(changes) = changes {
            let sessions = changes.into_iter().filter(|change| change.exec.as_str().starts_with(SESSIONS));
            let rest = |Change { exec, from }| Rest {
                after: from.max(counted_of(&exec)),
                exec,
                since: Timestamp(i64::MIN),
            };
            return Ok(sessions.map(rest).collect());
        }
        // The mark is an older binary's, or the store does not remember so much: all sessions are looked at, once.
        let (since, mut rest, mut after) = (Timestamp(mark.since), Vec::new(), None);
        loop {
            let page = Page {
                after,
                limit: PAGE,
                backwards: false,
            };
            let heads = self.store.executions(SESSIONS, page).await?;
            rest.extend(heads.iter().filter(|head| head.updated_at >= since).map(|head| Rest {
                exec: head.exec.clone(),
                after: counted_of(&head.exec),
                since,
            }));
            if heads.len() < PAGE {
                return Ok(rest);
            }
            after = heads.last().map(|head| head.exec.as_str().to_owned());
        }
    }

    /// Counts one model call of a session: event `seq`, which is durable.
    pub fn used(&self, exec: &ExecId, seq: u64, at: Timestamp, provider: &str, model: &str, tokens: Tokens) {
        let who = who(exec, provider, model);
        // Read before anything else: the commit that holds the event stands at it or before.
        let position = self.store.position();
        let mut state = self.state();
        state.latest = state.latest.max(at);
        // What is no session has no journal to count from again.
        if exec.as_str().starts_with(SESSIONS) {
            state.recent.insert(exec.clone(), (seq, position));
        }
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

    /// Writes what is new. To be called from time to time, whether there is something or not.
    ///
    /// # Errors
    /// The store cannot be written; it stays in memory and is written the next time.
    pub async fn flush(&self) -> Result<()> {
        let (now, position) = (self.clock.now(), self.store.position());
        let (batch, written, counted) = {
            let mut state = self.state();
            state.age(now, position);
            let counted = state.counted.position;
            let written: Vec<String> = state
                .days
                .iter()
                .filter(|(_, day)| day.is_new)
                .map(|(name, _)| name.clone())
                .collect();
            if written.is_empty() && state.is_marked(position) {
                return Ok(());
            }
            let batch = Batch {
                resources: state.documents(&written),
                ..Batch::default()
            };
            (batch, written, counted)
        };
        let committed = self.store.commit(batch).await;
        let mut state = self.state();
        if let Err(error) = committed {
            for name in written {
                state.days.entry(name).or_default().is_new = true;
            }
            return Err(Error::internal("the sums of model calls cannot be written").with_source(error.to_string()));
        }
        state.marked = Some(counted);
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
    /// It is `now`, and the store stands at `position`: what was committed a window ago is counted.
    fn age(&mut self, now: Timestamp, position: Position) {
        while let Some((when, moment)) = self.past.front()
            && *when + WINDOW <= now
        {
            self.counted = *moment;
            self.past.pop_front();
        }
        let moment = Moment {
            position,
            latest: self.latest,
        };
        self.past.push_back((now, moment));
        if self.recent.len() > MARKED_MAX {
            let mut positions: Vec<Position> = self.recent.values().map(|(_, position)| *position).collect();
            let (_, newest, _) = positions.select_nth_unstable(self.recent.len() - MARKED_MAX);
            self.counted.position = self.counted.position.max(*newest);
        }
        let counted = self.counted.position;
        self.recent.retain(|_, (_, position)| *position > counted);
    }

    /// Whether the mark that was written last is good enough for the store at `position`: nothing to go through at the next start, or little while more
    /// is coming.
    fn is_marked(&self, position: Position) -> bool {
        let counted = self.counted.position;
        self.marked
            .is_some_and(|marked| marked == counted || (counted < position && counted.0 < marked.0 + COMMITS_MAX))
    }

    /// The documents of these days and the mark; the days are not new any more.
    fn documents(&mut self, days: &[String]) -> Vec<ResourceWrite> {
        let mark = Mark {
            position: Some(self.counted.position.0),
            since: self.counted.latest.nanos(),
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
