//! The agent: its program, the decider that runs a session, and what happened as neutral steps.
//!
//! A session is one execution, a turn is one message to it. This crate is pure: it reads journal events and answers with
//! commands; models, functions and clients are names to it. It does not know HTTP, the wire or how resources are stored.
//!
//! Main path: `turn::Request` (a message) → `decider` (`apply` folds, `decide` says what follows) → `prompt` (what the model
//! is sent) → `reply` (what it said) → `arguments` and `lambda` (what a tool is sent and answers) → `steps` (what to show).

mod arguments;
mod decide;
mod decider;
pub mod defaults;
mod fold;
mod lambda;
mod program;
mod prompt;
mod reader;
mod reply;
mod session;
pub mod steps;
pub mod turn;

pub use arguments::Argument;
pub use decider::SessionDecider;
pub use program::{Action, Executor, Parameter, ParameterType, Program, Programs};

/// The kind under which the engine knows sessions.
pub const KIND: &str = "agent";
/// The target that answers model calls; its payload is a `converse::Request`.
pub const MODEL: &str = "model";
/// The target that runs functions; its payload is `{"function": ARN, "event": {…}}`.
pub const LAMBDA: &str = "lambda";
