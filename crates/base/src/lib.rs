//! Words that every floor shares: errors, ids, time, places.
//!
//! No async runtime, no service names, no I/O. Touching this crate rebuilds everything, so it stays small and boring.

mod clock;
mod error;
mod hash;
mod id;
mod place;
mod time;

pub use clock::{BoxFuture, Clock};
pub use error::{Error, Field, Kind, Result};
pub use hash::{Hash, sha256};
pub use id::{id_from, random_id, random_uuid, uuid_from};
pub use place::{Arn, Place};
pub use time::{Timestamp, parse_duration};
