//! Sums over crashes: whatever was told or not when a process died, the next one knows every call once, and reads only what was not summed up.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock as _, Hash, Timestamp};
use bedplate_cost::{Ledger, Tokens};
use bedplate_journal::{Body, CallId, Event, ExecId, Outcome, Raw, Value};
use bedplate_store::{
    Batch, Change, CommitError, Head, Letter, LetterId, MemoryStore, Owner, Page, Position, ReadError, Resource, Store, TimerRow, Turn,
};
use bedplate_testkit::VirtualClock;

/// Counts what is read of sessions, and may have forgotten what changed.
#[derive(Default)]
struct Counting {
    inner: MemoryStore,
    reads: AtomicUsize,
    forgets: bool,
}

impl Counting {
    fn read(&self) -> &MemoryStore {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

impl Store for Counting {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        self.inner.commit(batch)
    }

    fn position(&self) -> Position {
        self.inner.position()
    }

    fn changed(&self, position: Position) -> BoxFuture<'_, Result<Option<Vec<Change>>, ReadError>> {
        match self.forgets {
            true => Box::pin(async { Ok(None) }),
            false => self.inner.changed(position),
        }
    }

    fn server_key(&self) -> [u8; 32] {
        self.inner.server_key()
    }

    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>> {
        self.read().head(exec)
    }

    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>> {
        self.read().events(exec, after, limit)
    }

    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>> {
        self.inner.inbox(exec, limit)
    }

    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>> {
        self.inner.timers(limit)
    }

    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>> {
        self.inner.work(after, limit)
    }

    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>> {
        self.read().executions(prefix, page)
    }

    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<Raw>, ReadError>> {
        self.inner.blob(hash)
    }

    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>> {
        self.inner.resource(key)
    }

    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>> {
        self.inner.resources(prefix, page)
    }
}

/// Sessions in a store, and the process that sums up.
struct House {
    store: Arc<Counting>,
    clock: VirtualClock,
    ledger: Ledger,
    versions: BTreeMap<u64, u64>,
    /// Replies that are durable and not told yet.
    untold: VecDeque<(u64, u64, Timestamp)>,
    /// Replies that are durable.
    calls: u64,
}

impl House {
    async fn new(forgets: bool) -> Self {
        let store = Arc::new(Counting {
            forgets,
            ..Counting::default()
        });
        let clock = VirtualClock::new();
        clock.advance(Duration::from_secs(1_000_000));
        Self {
            ledger: Ledger::open(store.clone(), Arc::new(clock.clone())).await.unwrap(),
            store,
            clock,
            versions: BTreeMap::new(),
            untold: VecDeque::new(),
            calls: 0,
        }
    }

    /// A commit of a session, with a reply or something else.
    async fn commit(&mut self, session: u64, is_reply: bool) {
        let expected = self.versions.get(&session).copied().unwrap_or(0);
        let at = self.clock.now() + Duration::from_nanos(self.calls + expected);
        let body = match is_reply {
            true => Body::Answered {
                call: CallId(1),
                outcome: Outcome::Success(Value::Inline(Raw::new(
                    r#"{"usage":{"inputTokens":3,"outputTokens":2},"stopReason":"end_turn","model":"m","provider":"p"}"#,
                ))),
            },
            false => Body::Noted(Raw::new("1")),
        };
        let seq = expected + 1;
        let turn = Turn {
            exec: exec(session),
            kind: "agent".into(),
            expected,
            owner: Owner(1),
            steal: false,
            events: vec![Arc::new(Event { seq, at, body })],
            consumed: Vec::new(),
            timers_set: Vec::new(),
            timers_cleared: Vec::new(),
            busy: false,
            ended: false,
            release: true,
        };
        let turn = Some(turn);
        self.store.commit(Batch { turn, ..Batch::default() }).await.unwrap();
        self.versions.insert(session, seq);
        if is_reply {
            self.calls += 1;
            self.untold.push_back((session, seq, at));
        }
    }

    /// The process hears of what is durable.
    fn tell(&mut self, count: usize) {
        for (session, seq, at) in self.untold.drain(..count.min(self.untold.len())) {
            let tokens = Tokens {
                calls: 1,
                input: 3,
                output: 2,
                ..Tokens::default()
            };
            self.ledger.used(&exec(session), seq, at, "p", "m", tokens);
        }
    }

    /// kill -9 and a new process; what it read of sessions.
    async fn crash(&mut self) -> usize {
        self.untold.clear();
        self.store.reads.store(0, Ordering::Relaxed);
        self.ledger = Ledger::open(self.store.clone(), Arc::new(self.clock.clone())).await.unwrap();
        self.store.reads.load(Ordering::Relaxed)
    }

    fn check(&self, what: &str) {
        let mut sum = Tokens::default();
        self.ledger.rows(None, None).iter().for_each(|row| sum.add(&row.tokens));
        assert_eq!((sum.calls, sum.input), (self.calls, 3 * self.calls), "{what}");
    }
}

fn exec(session: u64) -> ExecId {
    ExecId::new(format!("agent/000000000000/us-east-1/A{}/B/s{session}", session % 3))
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn every_call_is_counted_once_over_crashes() {
    for seed in 1..300_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |below: u64| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
        };
        run(async {
            let mut house = House::new(false).await;
            for step in 0..200 {
                match next(12) {
                    0..6 => house.commit(next(8), next(3) > 0).await,
                    6..8 => house.tell(usize::try_from(next(4)).unwrap()),
                    8 => {
                        // Nobody waits for so long to be told.
                        house.tell(usize::MAX);
                        house.clock.advance(Duration::from_secs(next(30)));
                    }
                    9..11 => house.ledger.flush().await.unwrap(),
                    _ => {
                        house.crash().await;
                        house.check(&format!("seed {seed}, step {step}"));
                    }
                }
            }
            for end in 0..2 {
                house.crash().await;
                house.check(&format!("seed {seed}, end {end}"));
            }
        });
    }
}

#[test]
fn a_start_reads_what_was_not_summed_up() {
    run(async {
        let mut house = House::new(false).await;
        for session in 0..3_000 {
            house.commit(session, true).await;
            house.tell(1);
        }
        for _ in 0..3 {
            house.ledger.flush().await.unwrap();
            house.clock.advance(Duration::from_secs(15));
        }
        house.ledger.flush().await.unwrap();
        for session in [5, 2_000, 4_000] {
            house.commit(session, true).await;
        }
        house.tell(1);
        assert_eq!(house.crash().await, 3, "a read for each session that went on");
        house.check("after the crash");
    });
}

#[test]
fn commits_without_calls_move_the_mark() {
    run(async {
        let mut house = House::new(false).await;
        house.commit(0, true).await;
        house.tell(1);
        for round in 0..3 {
            for session in 0..2_500 {
                house.commit(session, false).await;
            }
            house.ledger.flush().await.unwrap();
            house.clock.advance(Duration::from_secs(15 + round));
        }
        house.ledger.flush().await.unwrap();
        assert!(house.crash().await < 2_600, "they are not all read again");
        house.check("after the crash");
    });
}

/// A mark of an older binary, and a store that remembers less: all sessions are looked at.
#[test]
fn without_a_position_nothing_is_lost_or_doubled() {
    run(async {
        for told in [0, 2] {
            let mut house = House::new(true).await;
            for session in 0..5 {
                house.commit(session, true).await;
                house.tell(1);
            }
            house.ledger.flush().await.unwrap();
            house.clock.advance(Duration::from_secs(60));
            house.ledger.flush().await.unwrap();
            for session in [1, 3, 7] {
                house.commit(session, true).await;
            }
            house.tell(told);
            house.ledger.flush().await.unwrap();
            house.crash().await;
            house.check("after the crash");
        }
    });
}
