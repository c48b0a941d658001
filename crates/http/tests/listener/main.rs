//! The listener over real sockets on the loopback address, and the verification of signatures by itself.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // tests own their tasks, and a failed unwrap is a failed test

mod crowd;
mod forms;
mod frames;
mod house;
mod http2;
mod keys;
mod life;
mod observed;
mod oracle;
mod raw;
mod signed;
mod stream;
mod upstream;
mod vectors;
