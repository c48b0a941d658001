//! Runs executions: lease, inbox, fold, decide, commit, perform; timers, the live feed, admission.
//!
//! It exists so that a decider can be a pure fold and still survive a crash after any commit. It connects the three seams
//! (`Decider`, `Target`, `Store`) and refuses to know what any of them means: no service's noun appears here.
//!
//! On the main path: an API crate calls [`Engine::request`], the actor of that execution journals the signal, asks the
//! decider, commits, performs the calls, and tells the [`Feed`] what was committed.
#![allow(
    clippy::disallowed_methods,
    reason = "the engine owns the tasks of executions, calls and timers: each is aborted when its engine goes"
)]

mod actor;
mod advance;
mod blobs;
mod engine;
mod error;
mod feed;
mod fold;
mod limits;
mod live;
mod mailbox;
mod observer;
mod perform;
mod registry;
mod retention;
mod sabotage;
mod timers;
mod tokens;

pub use engine::{Builder, Engine};
pub use error::SignalError;
pub use feed::{Committed, Feed, Item};
pub use limits::Limits;
pub use observer::{Counts, Observer};
pub use retention::Retention;
#[doc(hidden)]
pub use sabotage::Sabotage;
