//! Measures what a turn costs, as a ratio to a floor in the same run.
//!
//! A turn is three model calls, two tool calls and one answer, all over HTTP through InvokeAgent's event stream. The floor is a
//! bare loop (hyper, one SQLite transaction a turn) that does the same turn without being durable at every step. The server
//! under test has one core, the fake model, the tools and the load generator have the other: figures of one run can be
//! compared, those of two machines cannot.
//!
//! `gateway` measures a model call that is passed through, beside one that is asked directly; `session` what a session costs over its life, `start` a start
//! after a crash with many sessions.
//!
//! `cargo run --release -p bedplate-bench -- turn` measures; see docs/performance.md.
#![allow(clippy::disallowed_methods, reason = "a bench reads clocks and starts processes")]

mod client;
mod floor;
mod gateway;
mod model;
mod relay;
mod server;
mod session;
mod starts;
mod tool;
mod turn;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("invariant: a runtime can be made");
    let done = match words.as_slice() {
        ["turn", rest @ ..] => runtime.block_on(turn::run(rest)),
        ["gateway", rest @ ..] => runtime.block_on(gateway::run(rest)),
        ["session", rest @ ..] => runtime.block_on(session::run(rest)),
        ["start", rest @ ..] => runtime.block_on(starts::run(rest)),
        ["relay", folder, model] => runtime.block_on(relay::run(folder, model)),
        ["floor", folder, model] => runtime.block_on(floor::run(folder, model)),
        ["tool"] => runtime.block_on(tool::run()),
        _ => Err(
            "usage: bedplate-bench turn [SERVER_BINARY [SESSIONS [ROUNDS]]] | gateway [SERVER_BINARY] | session [SERVER_BINARY] | \
            start [SERVER_BINARY [SESSIONS]] | floor FOLDER MODEL_URL | relay FOLDER MODEL_URL | tool"
                .into(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bedplate-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What goes wrong in a bench ends it.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
