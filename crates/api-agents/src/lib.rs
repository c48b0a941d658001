//! Bedrock Agents over the wire: compile (documents → programs), submit (a turn → the engine), encode (steps → events).
//!
//! `control` is bedrock-agent (resources), `runtime` is bedrock-agent-runtime (turns). This is the only place where agents'
//! wire types, documents and programs meet. It does not listen, verify signatures or run anything itself.

pub mod browse;
pub mod control;
pub mod runtime;
mod state;

pub use state::{Settings, State};
