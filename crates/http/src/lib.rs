//! The one port: HTTP/1.1 and HTTP/2, told apart by the preface, limits on everything, graceful shutdown.
//!
//! This crate turns bytes of strangers into a [`bedplate_wire::Request`] with a request id, a region and an access key, finds the door it belongs to,
//! and sends back what the door answers, chunk by chunk. What no door is for goes on to the [`Upstream`], where there is one. It knows
//! addresses, time-outs and sizes; it refuses to know what any
//! operation means, and it never sees the state. On the main path it is the first and the last station.

// This crate is an edge: it measures request times, owns the tasks of its connections, and nothing durable depends on either.
#![allow(clippy::disallowed_methods)]

mod access;
mod activity;
mod body;
mod buckets;
mod connection;
mod door;
mod exchange;
mod gate;
mod keys;
pub mod limits;
mod listener;
mod metrics;
mod observe;
mod origin;
mod outgoing;
mod patient;
mod refusal;
mod seats;
mod sigv4;
mod trace;
mod upstream;

pub use buckets::{BucketDoor, ObjectBody, Objects};
pub use door::{Door, Doors, ServiceDoor};
pub use keys::{KEYS_MAX, Key, KeyConfig, KeysConfig, SECRET_MAX, SECRET_MIN, Secret};
pub use limits::Limits;
pub use listener::{Drained, Server, serve};
pub use metrics::{Finished, Telemetry};
pub use observe::{Observer, Refused};
pub use sigv4::{Credentials, Denied, Head, Proof, Scope, Signer};
pub use upstream::{Upstream, UpstreamConfig};
