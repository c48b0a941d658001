//! The listener over real sockets on the loopback address.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // tests own their tasks, and a failed unwrap is a failed test

mod house;
mod http2;
mod life;
mod raw;
mod stream;
