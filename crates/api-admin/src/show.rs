//! One session: what was streamed for each of its requests, or its journal.

use bedplate_api_agents::browse;
use bedplate_api_agents::runtime::encode::Outgoing;
use bedplate_api_agents::runtime::stored::{StoredTurn, stored};
use bedplate_base::{Error, Result};
use serde_json::{Map, Value, json};

use crate::query::Query;
use crate::raw;
use crate::sessions::{self, Name};
use crate::{State, cost};

/// Requests that are shown when the query names no number.
const TURNS: usize = 50;
/// Requests that are shown at most. Ours: each model call repeats the conversation before it.
const TURNS_MAX: usize = 1_000;
/// Events of a page of the journal.
const EVENTS: usize = 500;
/// Events of a page at most. Ours.
const EVENTS_MAX: usize = 2_000;

pub(crate) async fn show(state: &State, mut query: Query) -> Result<Value> {
    let (id, agent, session) = (query.take("id"), query.take("agent"), query.take("session"));
    let raw = query.flag("raw")?;
    let turns = query.count("turns", TURNS, TURNS_MAX)?;
    let (after, limit) = (query.number("after")?, query.count("limit", EVENTS, EVENTS_MAX)?);
    query.finish(&["id", "agent", "session", "turns", "raw", "after", "limit"])?;
    let head = sessions::find(state, id.as_deref(), agent.as_deref(), session.as_deref()).await?;
    let engine = &state.agents.engine;
    if raw {
        return raw::page(engine, &head.exec, after, limit).await;
    }
    let gone = || Error::not_found(format!("The session {} is gone.", head.exec));
    let name = Name::of(&head.exec).ok_or_else(gone)?;
    let session = stored(engine, &head.exec, state.agents.settings.strict, turns)
        .await?
        .ok_or_else(gone)?;
    let names = browse::names(&state.agents, &name.place, &name.agent, &name.alias).await?;
    let waits = sessions::waits(engine, &head).await?;
    let mut out = sessions::summary(&head, &name, names, waits);
    out["earlier"] = json!(session.earlier);
    if let Some(cost) = cost::of_session(state, &head.exec).await? {
        out["cost"] = cost;
    }
    out["turns"] = session.turns.iter().map(turn).collect();
    Ok(out)
}

fn turn(turn: &StoredTurn) -> Value {
    let request = &turn.request;
    let mut out = Map::new();
    out.insert("requestId".into(), json!(turn.request_id));
    out.insert("at".into(), json!(turn.at.iso_nanos()));
    out.insert("agentVersion".into(), json!(request.agent.version));
    out.insert("text".into(), json!(request.text));
    if let Some(answer) = &request.answer {
        out.insert("answer".into(), json!(answer));
    }
    out.insert("outcome".into(), json!(turn.outcome.as_str()));
    let logs = turn
        .logs
        .iter()
        .map(|log| json!({"function": log.function, "initMs": log.init_ms, "text": log.text}));
    out.insert("logs".into(), logs.collect());
    out.insert("events".into(), turn.events.iter().map(Outgoing::to_json).collect());
    out.into()
}
