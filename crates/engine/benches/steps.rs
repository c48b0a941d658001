//! Durable steps a second of the engine on SQLite against raw append and fsync in the same run.
//!
//! A turn is two rendered calls and two parallel ones, four commits. The floor does as many appends of as many bytes through one
//! writer with group commit: the file grows, as a log does that is never cleared. `cargo bench -p bedplate-engine --bench steps -- [FOLDER [SECONDS [ROUNDS [SESSIONS]]]]`: the folder decides which disk
//! is measured; with SESSIONS only the engine on SQLite runs, once, for a profiler.
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

/// Steps a second, and microseconds of CPU a step.
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
        (self::cpu() - cpu) * 1e6 / (turns * STEPS_PER_TURN as f64),
    )
}

/// Seconds of CPU that this process has used, all threads of it, to the nanosecond.
fn cpu() -> f64 {
    let of = |path: std::path::PathBuf| {
        let stat = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        stat.split(' ')
            .next()
            .and_then(|nanos| nanos.parse::<f64>().ok())
            .unwrap_or_default()
    };
    let threads = std::fs::read_dir("/proc/self/task").expect("proc(5) is there");
    threads.flatten().map(|thread| of(thread.path())).sum::<f64>() / 1e9
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

/// One figure of a row: steps a second and microseconds of CPU a step.
type Figures = (f64, f64);

async fn floor_figures(folder: &Path, sessions: u64, seconds: f64) -> Figures {
    let appends = floor(folder);
    run(sessions, seconds, move |_, _| floor_turn(appends.clone())).await
}

async fn engine_figures(store: Arc<dyn Store>, sessions: u64, seconds: f64) -> Figures {
    let engine = engine(store);
    let figures = run(sessions, seconds, {
        let engine = engine.clone();
        move |session, number| {
            let engine = engine.clone();
            async move { turn(&engine, &session.to_string(), number).await }
        }
    })
    .await;
    engine.shutdown(Duration::from_secs(5)).await;
    figures
}

async fn sqlite_figures(folder: &Path, sessions: u64, seconds: f64) -> Figures {
    let folder = tempfile::tempdir_in(folder).expect("a folder");
    engine_figures(Arc::new(SqliteStore::open(folder.path()).expect("a store")), sessions, seconds).await
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// One line: the floor, the engine on SQLite and in memory, one after the other in each round, so that a noisy minute hits all.
async fn row(folder: &Path, sessions: u64, seconds: f64, rounds: usize) {
    let mut columns: [Vec<f64>; 7] = Default::default();
    for _ in 0..rounds {
        let (raw, raw_cpu) = floor_figures(folder, sessions, seconds).await;
        let (steps, cpu) = sqlite_figures(folder, sessions, seconds).await;
        let (memory, memory_cpu) = engine_figures(Arc::new(MemoryStore::new()), sessions, seconds).await;
        for (column, figure) in columns.iter_mut().zip([raw, raw_cpu, steps, cpu, steps / raw, memory, memory_cpu]) {
            column.push(figure);
        }
    }
    let [raw, raw_cpu, steps, cpu, ratio, memory, memory_cpu] = columns.map(median);
    println!("{sessions:8} {raw:9.0} {raw_cpu:6.1} {steps:10.0} {cpu:6.1} {ratio:6.2} {memory:10.0} {memory_cpu:6.1}");
}

/// Whether a step late in a long execution costs what an early one does.
async fn long_execution(folder: &Path) {
    let folder = tempfile::tempdir_in(folder).expect("a folder");
    let engine = engine(Arc::new(SqliteStore::open(folder.path()).expect("a store")));
    let (mut times, mut cpus) = (Vec::new(), vec![cpu()]);
    let before = written();
    for number in 0..2_500 {
        let begin = Instant::now();
        turn(&engine, "long", number).await;
        times.push(begin.elapsed().as_secs_f64() * 1e6);
        cpus.push(cpu());
    }
    let steps = 200.0 * STEPS_PER_TURN as f64;
    let cost = |from: usize| (cpus[from + 200] - cpus[from]) * 1e6 / steps;
    let wait = |from: usize| median(times[from..from + 200].to_vec()) / STEPS_PER_TURN as f64;
    println!("one execution, per step     CPU µs   median wall µs");
    println!("steps   100 to    900     {:8.1} {:16.0}", cost(25), wait(25));
    println!("steps 9,200 to 10,000     {:8.1} {:16.0}", cost(2_300), wait(2_300));
    println!("written to the device: {:.1} KiB a step", (written() - before) / 10_000.0 / 1024.0);
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let folder = tempfile::tempdir_in(arguments.next().unwrap_or_else(|| ".".into())).expect("a folder");
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    if let Some(sessions) = arguments.next().and_then(|text| text.parse().ok()) {
        // For a profiler: nothing but the engine on SQLite.
        let (steps, cpu) = sqlite_figures(folder.path(), sessions, seconds).await;
        println!("{sessions} sessions: {steps:.0} steps/s, {cpu:.1} CPU µs a step");
        return;
    }
    println!("steps a second and CPU µs a step, medians of {rounds} rounds of {seconds} s");
    println!("sessions     floor    CPU     sqlite    CPU  ratio     memory    CPU");
    for sessions in [1, 32, 128] {
        row(folder.path(), sessions, seconds, rounds).await;
    }
    long_execution(folder.path()).await;
}
