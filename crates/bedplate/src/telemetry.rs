//! Wires what is counted: the engine's events, the listener's requests, the store's groups, and the process itself.

use std::sync::Arc;

use bedplate_engine::Engine;
use bedplate_http::Telemetry;
use bedplate_telemetry::{Board, Readers};

use crate::config::Config;

/// What the listener tells and shows.
pub(crate) fn of_listener(board: &Arc<Board>, config: &Config) -> Telemetry {
    let (requests, text) = (Arc::clone(board), Arc::clone(board));
    Telemetry {
        finished: Some(Arc::new(move |operation, status, time| requests.request(operation, status, time))),
        metrics: Some(Arc::new(move || text.text())),
        is_public: config.telemetry.metrics == Readers::Public,
    }
}

/// Numbers that are read when somebody looks.
pub(crate) fn gauges(board: &Board, engine: &Engine) {
    const EXECUTIONS: &str = "bedplate_executions";
    const EXECUTIONS_HELP: &str = "Sessions in memory: worked on, folded and waiting, broken until the restart.";
    let count = |read: fn(bedplate_engine::Counts) -> usize| {
        let engine = engine.clone();
        move || read(engine.counts()) as f64
    };
    board.gauge(EXECUTIONS, EXECUTIONS_HELP, &[("state", "active")], count(|counts| counts.active));
    board.gauge(EXECUTIONS, EXECUTIONS_HELP, &[("state", "idle")], count(|counts| counts.idle));
    board.gauge(EXECUTIONS, EXECUTIONS_HELP, &[("state", "broken")], count(|counts| counts.broken));
    board.gauge(
        "bedplate_idle_bytes",
        "Bytes of the events behind sessions that wait in memory, about.",
        &[],
        count(|counts| counts.idle_bytes),
    );
    board.gauge(
        "bedplate_build_info",
        "1, with the program's version.",
        &[("version", env!("CARGO_PKG_VERSION"))],
        || 1.0,
    );
    board.gauge(
        "process_resident_memory_bytes",
        "Memory of the server itself, without its functions.",
        &[],
        || process().map_or(0.0, |process| process.memory),
    );
    board.count("process_cpu_seconds_total", "Processor time of the server itself.", || {
        process().map_or(0.0, |process| process.cpu)
    });
    board.gauge("process_open_fds", "Open files and connections.", &[], || {
        std::fs::read_dir("/proc/self/fd").map_or(0.0, |files| files.count() as f64)
    });
}

struct Process {
    cpu: f64,
    memory: f64,
}

/// What the kernel says of this process; none where there is no `/proc`.
fn process() -> Option<Process> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name may hold anything, but ends with the last parenthesis.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    Some(Process {
        cpu: (number(11)? + number(12)?) / ticks,
        memory: number(21)? * rustix::param::page_size() as f64,
    })
}
