//! What tests of several crates share: a virtual clock, scripted targets, the store conformance suite, the crash simulator.
//!
//! It stands beside the floors: nothing that runs in the binary may depend on it.

mod clock;
mod conformance;
pub mod demo;
mod faults;
mod simulate;
mod target;

pub use bedplate_engine::Sabotage;
pub use clock::{Hold, VirtualClock};
pub use conformance::store_conformance;
pub use faults::{Fault, FaultyStore, Plan};
pub use simulate::{Report, Rest, Scenario, crash_everywhere, same, seeds, shake, simulate, simulate_on, storm};
pub use target::{Answer, Describe, Effect, Ledger, ScriptedTarget, describe_raw};
