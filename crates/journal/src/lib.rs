//! The vocabulary of durable executions: what happened (`Event`), what a decider wants (`Command`), who performs it (`Target`).
//!
//! The journal is the truth; everything else is a projection of it. Deciders decide, targets act, the engine connects.
//! This crate knows no service, no store and no runtime.

mod codec;
mod command;
mod decider;
mod event;
mod outcome;
mod target;
mod value;

pub use codec::{DecodeError, FORMAT, decode, decode_all, decode_signal, encode, encode_all, encode_signal};
pub use command::{Command, Commands, Now};
pub use decider::{Decider, Reader};
pub use event::{Body, CallId, Callee, Event, ExecId, Input, Limits, Sender, Signal, Step, TimerId};
pub use outcome::{Limit, Outcome};
pub use target::{Call, EffectKey, Part, Payload, Progress, Target};
pub use value::{Blob, Raw, Value};
