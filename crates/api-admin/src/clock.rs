//! `POST /_bedplate/clock`: sets the clock of `dev` forward, so that a wait of days takes a moment.

use std::time::Duration;

use bedplate_base::{Error, Kind, Result};
use serde_json::{Value, json};

use crate::State;
use crate::query::Query;

/// At most so far at once: ten years. Ours: timestamps stay far from their end.
const ADVANCE_MS_MAX: usize = 10 * 366 * 24 * 3_600 * 1_000;

pub(crate) fn advance(state: &State, mut query: Query) -> Result<Value> {
    let by = query.count("advanceMs", 0, ADVANCE_MS_MAX)?;
    query.finish(&["advanceMs"])?;
    let Some(advance) = &state.advance else {
        let text = "The clock of this server cannot be set: only `bedplate dev` lets tests play with time.";
        return Err(Error::new(Kind::AccessDenied, text));
    };
    let by = Duration::from_millis(u64::try_from(by).unwrap_or(u64::MAX));
    Ok(json!({"now": advance(by).iso()}))
}
