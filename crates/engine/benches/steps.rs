//! Durable steps a second of the engine on SQLite against raw append and fsync in the same run.
//!
//! A turn is two rendered calls and two parallel ones, four commits. The floor does as many appends of as many bytes through one
//! writer with group commit. `cargo bench -p bedplate-engine`; folder and seconds per figure may be given as arguments.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time with tasks of its own")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bedplate_base::{BoxFuture, Clock, Timestamp};
use bedplate_engine::{Engine, Item};
use bedplate_journal::{Call, Outcome, Payload, Progress, Raw, Target, Value};
use bedplate_store::{MemoryStore, Store};
use bedplate_store_sqlite::SqliteStore;
use bedplate_testkit::demo::{KIND, decider, exec, message, reply_of};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

const STEPS_PER_TURN: u64 = 4;
const BYTES_PER_STEP: usize = 250;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(due.since(self.now())))
    }
}

struct Echo;

impl Target for Echo {
    fn call<'a>(&'a self, _: &'a Call, payload: Payload, _: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match payload {
                Payload::Raw(raw) => Outcome::Success(Value::inline(raw)),
                Payload::Typed(_) => Outcome::Success(Value::inline(Raw::new("null"))),
            }
        })
    }
}

fn engine(store: Arc<dyn Store>) -> Engine {
    Engine::builder(store, Arc::new(SystemClock))
        .kind(KIND, decider)
        .target("model", Arc::new(Echo))
        .target("tool", Arc::new(Echo))
        .build()
}

async fn turn(engine: &Engine, name: &str, number: u64) {
    let request = format!("r{number}");
    let steps = json!([{"model": "m"}, {"call": ["2026-11-21T15:00", "court-7"]}, {"model": "m"}]);
    let mut feed = engine
        .request(&exec(name), message(&request, steps))
        .await
        .expect("a request is taken");
    while let Some(item) = feed.next().await {
        if let Item::Committed(events) = item
            && reply_of(events.iter().map(|committed| &*committed.event), &request).is_some()
        {
            return;
        }
    }
    panic!("the feed ended");
}

/// Steps a second, and microseconds of CPU a turn.
async fn run<F: Future<Output = ()> + Send>(
    sessions: u64,
    seconds: f64,
    turn: impl Fn(u64, u64) -> F + Send + Sync + Clone + 'static,
) -> (f64, f64) {
    let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (begin, cpu) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..sessions)
        .map(|session| {
            let (stop, turns, turn) = (stop.clone(), turns.clone(), turn.clone());
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    turn(session, number).await;
                    number += 1;
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a session goes on");
    }
    let turns = turns.load(Ordering::Relaxed) as f64;
    (
        turns * STEPS_PER_TURN as f64 / begin.elapsed().as_secs_f64(),
        (self::cpu() - cpu) * 1e6 / turns,
    )
}

/// Seconds of CPU that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split(' ')
        .filter_map(|field| field.parse().ok())
        .collect();
    // Fields 14 and 15 of proc(5), in ticks of 10 ms; the state before them is no number.
    fields
        .get(10)
        .zip(fields.get(11))
        .map_or(0.0, |(user, system)| (user + system) / 100.0)
}

/// Bytes that this process has sent to the storage layer.
fn written() -> f64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

type Appends = mpsc::Sender<oneshot::Sender<()>>;

fn floor(folder: &Path) -> Appends {
    let (appends, mut queue) = mpsc::channel::<oneshot::Sender<()>>(4_096);
    let mut file = File::create(folder.join("floor")).expect("a file");
    std::thread::spawn(move || {
        let mut group = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            group.push(first);
            while let Ok(next) = queue.try_recv() {
                group.push(next);
            }
            file.write_all(&vec![b'x'; group.len() * BYTES_PER_STEP]).expect("a write");
            file.sync_data().expect("a sync");
            for done in group.drain(..) {
                let _ = done.send(());
            }
        }
    });
    appends
}

async fn floor_turn(appends: Appends) {
    for _ in 0..STEPS_PER_TURN {
        let (done, written) = oneshot::channel();
        appends.send(done).await.expect("a writer");
        written.await.expect("a writer");
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let folder = tempfile::tempdir_in(arguments.next().unwrap_or_else(|| ".".into())).expect("a folder");
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    println!("sessions   floor steps/s   sqlite steps/s  ratio  CPU µs/turn   memory steps/s  CPU µs/turn");
    for sessions in [1, 32, 128] {
        let appends = floor(folder.path());
        let (raw, _) = run(sessions, seconds, move |_, _| floor_turn(appends.clone())).await;
        let path = folder.path().join(sessions.to_string());
        let on_disk = engine(Arc::new(SqliteStore::open(&path).expect("a store")));
        let (steps, cpu) = run(sessions, seconds, move |session, number| {
            let engine = on_disk.clone();
            async move { turn(&engine, &session.to_string(), number).await }
        })
        .await;
        let in_memory = engine(Arc::new(MemoryStore::new()));
        let (memory, memory_cpu) = run(sessions, seconds, move |session, number| {
            let engine = in_memory.clone();
            async move { turn(&engine, &session.to_string(), number).await }
        })
        .await;
        println!(
            "{sessions:8} {raw:15.0} {steps:16.0} {:6.2} {cpu:12.0} {memory:16.0} {memory_cpu:12.0}",
            steps / raw
        );
    }
    let long = engine(Arc::new(SqliteStore::open(&folder.path().join("long")).expect("a store")));
    let mut times = Vec::new();
    let before = written();
    for number in 0..2_500 {
        let begin = Instant::now();
        turn(&long, "long", number).await;
        times.push(begin.elapsed());
    }
    let median = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort();
        times[times.len() / 2]
    };
    println!("written to the device: {:.1} KiB a turn", (written() - before) / 2_500.0 / 1024.0);
    println!(
        "turn 25 (step 100): {:?}, turn 2,500 (step 10,000): {:?}",
        median(&times[20..120]),
        median(&times[2_400..])
    );
}
