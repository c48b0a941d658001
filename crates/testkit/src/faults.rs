//! A store that fails on purpose: crashes around commits, refuses them, lies about them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock, Hash};
use bedplate_journal::{Event, ExecId, Raw};
use bedplate_store::{Batch, Change, CommitError, Head, Letter, LetterId, Page, Position, ReadError, Resource, Store, TimerRow};
use tokio::sync::Notify;

use crate::VirtualClock;

/// How late a commit is, and how far the clock jumps.
const DELAY: Duration = Duration::from_millis(20);
const JUMP: Duration = Duration::from_secs(3_600);

/// What happens to one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies before it is written.
    CrashBefore,
    /// The process dies after it was written, before anybody hears of it.
    CrashAfter,
    /// It is not written, and the store says so.
    Refused,
    /// It is written, and the store says that it is not.
    Denied,
    /// Another engine takes up the work first.
    Rival,
    /// It is delivered twice.
    Duplicate,
    /// It is delivered late.
    Delay,
    /// The clock jumps ahead by an hour.
    Jump,
}

/// Which commits fail, by their number in the whole run, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(pub BTreeMap<u64, Fault>);

/// The events of the outer world that a plan causes.
#[derive(Default)]
pub(crate) struct Signals {
    /// The process has died.
    pub(crate) crashed: Notify,
    /// A rival must be started.
    pub(crate) rival: Notify,
    /// It was started.
    pub(crate) rival_started: Notify,
    commits: AtomicU64,
    /// The plan, of which each entry happens once.
    plan: Mutex<Plan>,
}

/// One process' store, under a plan or without one; the clock stands still while it works.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    clock: VirtualClock,
    signals: Option<Arc<Signals>>,
    unchecked: bool,
    /// Its process has died: nothing is written any more, and nobody hears of it.
    dead: AtomicBool,
}

impl Plan {
    /// One fault at one commit.
    pub fn one(commit: u64, fault: Fault) -> Self {
        Self(BTreeMap::from([(commit, fault)]))
    }

    /// Faults at about every fourth of the first `commits` commits, the same for the same seed.
    pub fn seeded(seed: u64, commits: u64) -> Self {
        const FAULTS: [Fault; 5] = [Fault::CrashBefore, Fault::CrashAfter, Fault::Refused, Fault::Denied, Fault::Rival];
        Self::of(&FAULTS, seed, commits)
    }

    /// As [`Plan::seeded`], with faults that only scenarios bear in which no time-out races an answer.
    pub fn wild(seed: u64, commits: u64) -> Self {
        const FAULTS: [Fault; 8] = [
            Fault::CrashBefore,
            Fault::CrashAfter,
            Fault::Refused,
            Fault::Denied,
            Fault::Rival,
            Fault::Duplicate,
            Fault::Delay,
            Fault::Jump,
        ];
        Self::of(&FAULTS, seed, commits)
    }

    fn of(faults: &[Fault], seed: u64, commits: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move || {
            // Xorshift64*: small, and good enough to pick faults.
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
        };
        let plan = (1..=commits).filter_map(|commit| {
            let (hit, which) = (next() % 4 == 0, next());
            hit.then(|| (commit, faults[usize::try_from(which).unwrap_or(0) % faults.len()]))
        });
        Self(plan.collect())
    }
}

impl Signals {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan: Mutex::new(plan),
            ..Self::default()
        }
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    fn next(&self) -> Option<Fault> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        self.plan
            .lock()
            .expect("invariant: nothing panics while it holds the plan")
            .0
            .remove(&number)
    }
}

impl FaultyStore {
    pub(crate) fn new(inner: Arc<dyn Store>, clock: VirtualClock, signals: Option<Arc<Signals>>) -> Self {
        Self {
            inner,
            clock,
            signals,
            unchecked: false,
            dead: AtomicBool::new(false),
        }
    }

    /// The store of a process that fails as `plan` says.
    pub fn under(plan: Plan, inner: Arc<dyn Store>, clock: VirtualClock) -> Self {
        Self::new(inner, clock, Some(Arc::new(Signals::new(plan))))
    }

    /// Commits so far.
    pub fn commits(&self) -> u64 {
        self.signals.as_ref().map_or(0, |signals| signals.commits())
    }

    /// Resolves when the process dies.
    pub async fn died(&self) {
        match &self.signals {
            Some(signals) => signals.crashed.notified().await,
            None => std::future::pending().await,
        }
    }

    async fn die(&self, signals: &Signals) -> Result<(), CommitError> {
        self.dead.store(true, Ordering::Relaxed);
        signals.crashed.notify_one();
        std::future::pending().await
    }

    /// Writes whatever version an execution has: a bug on purpose.
    pub(crate) fn unchecked(mut self, unchecked: bool) -> Self {
        self.unchecked = unchecked;
        self
    }

    /// The batch as it would have been at the version that is there.
    async fn forced(&self, mut batch: Batch) -> Batch {
        let Some(turn) = &mut batch.turn else { return batch };
        let head = self.inner.head(&turn.exec).await.ok().flatten();
        turn.expected = head.map_or(0, |head| head.version);
        turn.steal = true;
        for (event, seq) in turn.events.iter_mut().zip(turn.expected + 1..) {
            Arc::make_mut(event).seq = seq;
        }
        batch
    }

    async fn write(&self, batch: Batch) -> Result<(), CommitError> {
        let Some(signals) = &self.signals else {
            return self.timeless(self.inner.commit(batch)).await;
        };
        if self.dead.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        let batch = if self.unchecked { self.forced(batch).await } else { batch };
        match signals.next() {
            None => self.timeless(self.inner.commit(batch)).await,
            Some(Fault::CrashBefore) => self.die(signals).await,
            Some(Fault::CrashAfter) => {
                // A conflict dies like a success.
                let _ = self.timeless(self.inner.commit(batch)).await;
                self.die(signals).await
            }
            Some(Fault::Refused) => Err(CommitError::Unavailable("a planned fault".into())),
            Some(Fault::Denied) => {
                self.timeless(self.inner.commit(batch)).await?;
                Err(CommitError::Unavailable("a planned fault, and a lie".into()))
            }
            Some(Fault::Rival) => {
                signals.rival.notify_one();
                signals.rival_started.notified().await;
                self.timeless(self.inner.commit(batch)).await
            }
            Some(Fault::Duplicate) => {
                let first = self.timeless(self.inner.commit(batch.clone())).await;
                if batch.turn.as_ref().is_some_and(|turn| !turn.events.is_empty()) {
                    let second = self.timeless(self.inner.commit(batch)).await;
                    debug_assert!(self.unchecked || second.is_err(), "a commit was written twice");
                }
                first
            }
            Some(Fault::Delay) => {
                self.clock.sleep_until(self.clock.now() + DELAY).await;
                self.timeless(self.inner.commit(batch)).await
            }
            Some(Fault::Jump) => {
                self.clock.advance(JUMP);
                self.timeless(self.inner.commit(batch)).await
            }
        }
    }

    /// The clock stands still meanwhile: it cannot see what a disk does.
    fn timeless<'a, T>(&self, work: BoxFuture<'a, T>) -> BoxFuture<'a, T>
    where
        T: Send + 'a,
    {
        let hold = self.clock.hold();
        Box::pin(async move {
            let done = work.await;
            drop(hold);
            done
        })
    }
}

impl Store for FaultyStore {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.write(batch))
    }

    fn remove<'a>(&'a self, exec: &'a ExecId, version: u64) -> BoxFuture<'a, Result<(), CommitError>> {
        self.timeless(self.inner.remove(exec, version))
    }

    fn sweep(&self, rows: usize) -> BoxFuture<'_, Result<bool, CommitError>> {
        self.timeless(self.inner.sweep(rows))
    }

    fn collect(&self) -> BoxFuture<'_, Result<u64, CommitError>> {
        self.timeless(self.inner.collect())
    }

    fn position(&self) -> Position {
        self.inner.position()
    }

    fn changed(&self, position: Position) -> BoxFuture<'_, Result<Option<Vec<Change>>, ReadError>> {
        self.timeless(self.inner.changed(position))
    }

    fn server_key(&self) -> [u8; 32] {
        self.inner.server_key()
    }

    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>> {
        self.timeless(self.inner.head(exec))
    }

    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>> {
        self.timeless(self.inner.events(exec, after, limit))
    }

    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>> {
        self.timeless(self.inner.inbox(exec, limit))
    }

    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>> {
        self.timeless(self.inner.timers(limit))
    }

    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>> {
        self.timeless(self.inner.work(after, limit))
    }

    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>> {
        self.timeless(self.inner.executions(prefix, page))
    }

    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<Raw>, ReadError>> {
        self.timeless(self.inner.blob(hash))
    }

    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>> {
        self.timeless(self.inner.resource(key))
    }

    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>> {
        self.timeless(self.inner.resources(prefix, page))
    }
}
