//! The verbs that talk to a running Bedplate: `chat`, `invoke`, `env`, `session`, `clock`, `why`, `doctor`, `version`.
//!
//! It exists so that people see what scripts get: every verb speaks HTTP, to the public API or the admin door, and none ever opens
//! the state. It refuses to know the engine, the journal and the store; what it shows, it was sent. Terminal and environment are
//! touched in `terminal` alone, so that everything else can be tested as text in, text out.
//!
//! Main path of `chat`: `locate` (which server) → `client` (HTTP) → `frames` (event-stream frames) → `event` → `printer` (steps as
//! lines) → `question` (what the agent asks of the client).

mod args;
mod chat;
mod client;
mod clock;
mod cost;
mod directory;
mod doctor;
mod environment;
mod event;
mod failure;
mod frames;
mod invoke;
mod limits;
mod locate;
mod play;
mod printer;
mod question;
mod session;
mod signer;
mod style;
mod terminal;
mod turn;
mod version;
mod why;

pub use args::{
    By, Chat, ClockArgs, ClockVerb, Color, Cost, CostVerb, Doctor, Env, Format, Invoke, Server, Session, SessionVerb, Verb, Version, Why,
};
pub use doctor::{Check, Verdict, doctor};
pub use event::Event;
pub use failure::{Exit, Failure};
pub use frames::{Frame, Frames};
pub use locate::{Location, SERVER_FILE, locate};
pub use play::play;
pub use printer::Printer;
pub use terminal::Terminal;

/// Runs a verb. Errors are told on the terminal; the result is the process's exit code.
pub async fn run(verb: Verb, terminal: &mut Terminal) -> Exit {
    let done = match verb {
        Verb::Chat(args) => chat::run(args, terminal).await,
        Verb::Invoke(args) => invoke::run(args, terminal).await,
        Verb::Env(args) => environment::run(args, terminal).await,
        Verb::Session(args) => session::run(args, terminal).await,
        Verb::Clock(args) => clock::run(args, terminal).await,
        Verb::Cost(args) => cost::run(args, terminal).await,
        Verb::Why(args) => why::run(args, terminal).await,
        Verb::Version(args) => version::run(args, terminal).await,
    };
    match done {
        Ok(exit) => exit,
        Err(failure) => {
            terminal.tell_failure(&failure);
            failure.exit
        }
    }
}
