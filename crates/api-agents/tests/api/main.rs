//! Both services as clients see them, without a port: control requests as files, turns through InvokeAgent, events byte for byte.

#![allow(clippy::unwrap_used, reason = "a test that fails has failed")]

mod control;
mod failures;
mod fields;
mod fields_table;
mod house;
mod quotas;
mod races;
mod tries;
mod turns;

/// The agent's own scenarios: the same files are played through the API here.
#[path = "../../../agent/tests/agent/scenario.rs"]
#[allow(dead_code, reason = "the agent's tests use the rest")]
mod scenario;
