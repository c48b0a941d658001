//! The store in memory: tests, `--ephemeral`, express workflows.
//!
//! The same rules as the stores on disk, under one mutex; nothing survives the process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use bedplate_base::{BoxFuture, Hash, Timestamp, random_uuid, sha256};
use bedplate_journal::{Event, ExecId, Raw, TimerId, Value};

use crate::{
    Batch, Change, CommitError, Expect, Head, Letter, LetterId, Page, Position, ReadError, Resource, ResourceWrite, Store, TimerRow, Turn,
    blob_names, prefix_end,
};

/// Commits that are remembered for [`Store::changed`]. Ours: some seconds of the fastest engine.
const CHANGES_MAX: usize = 65_536;

/// Durable as long as the process lives.
pub struct MemoryStore {
    key: [u8; 32],
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    heads: BTreeMap<ExecId, Head>,
    journals: HashMap<ExecId, Vec<Event>>,
    inbox: BTreeMap<(ExecId, LetterId), Letter>,
    letters: u64,
    timers: BTreeSet<(Timestamp, ExecId, TimerId)>,
    due: HashMap<(ExecId, TimerId), Timestamp>,
    blobs: HashMap<Hash, Raw>,
    /// Who names a blob: executions, or nobody that can be deleted.
    uses: HashMap<Hash, BTreeSet<Option<ExecId>>>,
    resources: BTreeMap<String, Resource>,
    /// Blobs that nobody named at the last look.
    unnamed: BTreeSet<Hash>,
    /// The latest commits to executions: which, and its version before.
    changes: VecDeque<(ExecId, u64)>,
    /// The position of the last of them.
    position: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_key(sha256((random_uuid() + &random_uuid()).as_bytes()).0)
    }
}

impl MemoryStore {
    /// An empty store with a fresh server key.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with a given server key, so that tests see the same tokens in every run.
    pub fn with_key(key: [u8; 32]) -> Self {
        Self {
            key,
            rows: Mutex::default(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().expect("invariant: nothing panics while it holds the rows")
    }
}

impl Rows {
    fn commit(&mut self, batch: Batch) -> Result<(), CommitError> {
        batch.check()?;
        if let Some(turn) = &batch.turn {
            self.check_turn(turn)?;
        }
        let mut written = BTreeMap::new();
        for write in batch.resources {
            let row = self.write_of(&written, &write)?;
            written.insert(write.key, row);
        }
        for (key, row) in written {
            match row {
                Some(row) => drop(self.resources.insert(key, row)),
                None => drop(self.resources.remove(&key)),
            }
        }
        let user = batch.turn.as_ref().map(|turn| turn.exec.clone());
        for (hash, raw) in batch.blobs {
            self.uses.entry(hash).or_default().insert(user.clone());
            self.blobs.entry(hash).or_insert(raw);
        }
        if let Some(turn) = batch.turn {
            self.apply_turn(turn);
        }
        for send in batch.sends {
            self.letters += 1;
            self.inbox.insert((send.to, LetterId(self.letters)), send.letter);
        }
        Ok(())
    }

    fn remove(&mut self, exec: &ExecId, version: u64) -> Result<(), CommitError> {
        let kept = |what: &str| Err(CommitError::Conflict(format!("{exec} {what}")));
        match self.heads.get(exec) {
            Some(head) if head.version == version => {
                if head.busy || head.owner.is_some() {
                    return kept("is worked on");
                }
            }
            _ => return kept("has another version"),
        }
        let all = (exec.clone(), LetterId(0))..=(exec.clone(), LetterId(u64::MAX));
        if self.inbox.range(all).next().is_some() || self.due.keys().any(|(of, _)| of == exec) {
            return kept("has letters or timers");
        }
        self.heads.remove(exec);
        self.journals.remove(exec);
        let user = Some(exec.clone());
        self.uses.retain(|hash, users| {
            if users.remove(&user) && users.is_empty() {
                self.blobs.remove(hash);
            }
            !users.is_empty()
        });
        Ok(())
    }

    fn collect(&mut self) -> u64 {
        if !self.inbox.is_empty() {
            return 0;
        }
        let named: BTreeSet<Hash> = self.resources.values().flat_map(|resource| blob_names(&resource.body)).collect();
        let is_unnamed = |users: &BTreeSet<Option<ExecId>>| users.iter().all(Option::is_none);
        let uses = self.uses.iter().filter(|(hash, users)| is_unnamed(users) && !named.contains(hash));
        let unnamed: BTreeSet<Hash> = uses.map(|(hash, _)| *hash).collect();
        let (gone, unnamed) = unnamed.into_iter().partition::<BTreeSet<_>, _>(|hash| self.unnamed.contains(hash));
        for hash in &gone {
            self.uses.remove(hash);
            self.blobs.remove(hash);
        }
        self.unnamed = unnamed;
        gone.len() as u64
    }

    fn check_turn(&self, turn: &Turn) -> Result<(), CommitError> {
        let head = self.heads.get(&turn.exec);
        let version = head.map_or(0, |head| head.version);
        if version != turn.expected {
            return Err(CommitError::Conflict(format!(
                "{} has version {version}, expected was {}",
                turn.exec, turn.expected
            )));
        }
        let owner = head.and_then(|head| head.owner);
        if !turn.steal && owner.is_some_and(|owner| owner != turn.owner) {
            return Err(CommitError::Conflict(format!("{} is worked on by another owner", turn.exec)));
        }
        match turn.consumed.iter().find(|id| !self.inbox.contains_key(&(turn.exec.clone(), **id))) {
            Some(id) => Err(CommitError::Conflict(format!("letter {} of {} is gone", id.0, turn.exec))),
            None => Ok(()),
        }
    }

    fn apply_turn(&mut self, turn: Turn) {
        for id in &turn.consumed {
            self.inbox.remove(&(turn.exec.clone(), *id));
        }
        for timer in turn.timers_cleared {
            if let Some(due) = self.due.remove(&(turn.exec.clone(), timer)) {
                self.timers.remove(&(due, turn.exec.clone(), timer));
            }
        }
        for (timer, due) in turn.timers_set {
            self.due.insert((turn.exec.clone(), timer), due);
            self.timers.insert((due, turn.exec.clone(), timer));
        }
        let times = turn.events.first().zip(turn.events.last()).map(|(first, last)| (first.at, last.at));
        let head = match (self.heads.get_mut(&turn.exec), times) {
            (Some(head), _) => head,
            (None, None) => return,
            (None, Some((first, last))) => self.heads.entry(turn.exec.clone()).or_insert(Head {
                exec: turn.exec.clone(),
                kind: turn.kind,
                version: 0,
                owner: None,
                busy: false,
                ended: false,
                started_at: first,
                updated_at: last,
            }),
        };
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back((turn.exec.clone(), head.version));
        self.position += 1;
        head.version += turn.events.len() as u64;
        head.owner = (!turn.release).then_some(turn.owner);
        head.busy = turn.busy;
        head.ended = turn.ended;
        if let Some((_, last)) = times {
            head.updated_at = last;
        }
        let journal = self.journals.entry(turn.exec).or_default();
        journal.extend(turn.events.iter().map(|event| stored(event)));
    }

    fn changed(&self, position: Position) -> Option<Vec<Change>> {
        let first = self.position - self.changes.len() as u64;
        let skip = usize::try_from(position.0.checked_sub(first)?).ok()?;
        let mut changed: BTreeMap<&ExecId, u64> = BTreeMap::new();
        for (exec, from) in self.changes.iter().skip(skip) {
            let least = changed.entry(exec).or_insert(*from);
            *least = (*least).min(*from);
        }
        let change = |(exec, from): (&ExecId, u64)| Change { exec: exec.clone(), from };
        Some(
            changed
                .into_iter()
                .filter(|(exec, _)| self.heads.contains_key(*exec))
                .map(change)
                .collect(),
        )
    }

    fn write_of(&self, written: &BTreeMap<String, Option<Resource>>, write: &ResourceWrite) -> Result<Option<Resource>, CommitError> {
        let row = written
            .get(&write.key)
            .map_or_else(|| self.resources.get(&write.key), |row| row.as_ref());
        let version = row.map_or(0, |row| row.version);
        let holds = match write.expect {
            Expect::Any => true,
            Expect::Absent => version == 0,
            Expect::Version(expected) => version == expected && version > 0,
        };
        if !holds {
            return Err(CommitError::Conflict(format!(
                "{} has version {version}, expected was {:?}",
                write.key, write.expect
            )));
        }
        Ok(write.body.clone().map(|body| Resource {
            key: write.key.clone(),
            version: version + 1,
            body,
        }))
    }
}

/// The event as a journal on disk keeps it: blobs by name only.
fn stored(event: &Event) -> Event {
    let mut event = event.clone();
    for value in event.body.values_mut() {
        if let Value::Blob(blob) = value {
            blob.raw = None;
        }
    }
    event
}

/// The part of `rows` that `page` asks for among keys that begin with `prefix`.
fn page_of<K, V>(rows: &BTreeMap<K, V>, prefix: &str, page: &Page, key: impl Fn(&str) -> K) -> Vec<V>
where
    K: Ord,
    V: Clone,
{
    let mut low = Bound::Included(key(prefix));
    let mut high = prefix_end(prefix).map_or(Bound::Unbounded, |end| Bound::Excluded(key(&end)));
    if let Some(after) = &page.after {
        let after = after.as_str();
        if page.backwards {
            if prefix_end(prefix).is_none_or(|end| after < end.as_str()) {
                high = Bound::Excluded(key(after));
            }
        } else if after >= prefix {
            low = Bound::Excluded(key(after));
        }
    }
    if let (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) = (&low, &high)
        && a >= b
    {
        return Vec::new();
    }
    let range = rows.range((low, high)).map(|(_, row)| row.clone());
    if page.backwards {
        range.rev().take(page.limit).collect()
    } else {
        range.take(page.limit).collect()
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        ready(self.rows().commit(batch))
    }

    fn remove<'a>(&'a self, exec: &'a ExecId, version: u64) -> BoxFuture<'a, Result<(), CommitError>> {
        ready(self.rows().remove(exec, version))
    }

    fn collect(&self) -> BoxFuture<'_, Result<u64, CommitError>> {
        ready(Ok(self.rows().collect()))
    }

    fn position(&self) -> Position {
        Position(self.rows().position)
    }

    fn changed(&self, position: Position) -> BoxFuture<'_, Result<Option<Vec<Change>>, ReadError>> {
        ready(Ok(self.rows().changed(position)))
    }

    fn server_key(&self) -> [u8; 32] {
        self.key
    }

    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>> {
        ready(Ok(self.rows().heads.get(exec).cloned()))
    }

    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        ready(Ok(self
            .rows()
            .journals
            .get(exec)
            .map(|events| events.iter().skip(skip).take(limit).cloned().collect())
            .unwrap_or_default()))
    }

    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>> {
        let all = (exec.clone(), LetterId(0))..=(exec.clone(), LetterId(u64::MAX));
        ready(Ok(self
            .rows()
            .inbox
            .range(all)
            .take(limit)
            .map(|((_, id), letter)| (*id, letter.clone()))
            .collect()))
    }

    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>> {
        let row = |(due, exec, timer): &(Timestamp, ExecId, TimerId)| TimerRow {
            exec: exec.clone(),
            timer: *timer,
            due: *due,
        };
        ready(Ok(self.rows().timers.iter().take(limit).map(row).collect()))
    }

    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>> {
        let rows = self.rows();
        let busy = rows.heads.values().filter(|head| head.busy).map(|head| head.exec.clone());
        let waiting = rows.inbox.keys().map(|(exec, _)| exec.clone());
        let all: BTreeSet<ExecId> = busy.chain(waiting).collect();
        ready(Ok(all
            .into_iter()
            .filter(|exec| after.is_none_or(|after| exec > after))
            .take(limit)
            .collect()))
    }

    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>> {
        ready(Ok(page_of(&self.rows().heads, prefix, &page, |key| ExecId::new(key))))
    }

    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<Raw>, ReadError>> {
        ready(Ok(self.rows().blobs.get(&hash).cloned()))
    }

    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>> {
        ready(Ok(self.rows().resources.get(key).cloned()))
    }

    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>> {
        ready(Ok(page_of(&self.rows().resources, prefix, &page, str::to_owned)))
    }
}
