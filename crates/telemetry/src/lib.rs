//! Seen: metrics, log lines and OpenTelemetry traces of turns, from the journal's events as they become durable.
//!
//! It exists so that nothing on the way of a turn is instrumented: the engine tells an observer what it committed, and everything here follows
//! from that, so a turn that a crash interrupted is told whole by the process that ends it. It refuses to know HTTP servers, agents' documents
//! and stores. It is beside the main path: what fails here costs a span, never a turn.

mod board;
mod config;
mod direct;
mod exporter;
mod metrics;
mod otlp;
mod span;
mod tracer;
mod turns;
mod watch;

pub use board::Board;
pub use config::{Readers, Sample, TelemetryConfig};
pub use direct::{Asks, Came, Direct};
pub use exporter::Exporter;
pub use metrics::SERIES_MAX;
pub use watch::{Ledger, Use, Watch};
