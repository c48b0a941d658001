//! What tests of several crates share: a virtual clock, scripted targets, the store conformance suite, the crash simulator.
//!
//! It stands beside the floors: nothing that runs in the binary may depend on it.

mod clock;
pub mod demo;
mod target;

pub use clock::{Hold, VirtualClock};
pub use target::{Answer, Describe, Effect, Ledger, ScriptedTarget, describe_raw};
