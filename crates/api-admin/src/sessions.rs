//! Sessions: executions of agents, by what their ids say.

use std::collections::BTreeMap;

use bedplate_api_agents::browse;
use bedplate_base::{Error, Place, Result};
use bedplate_engine::Engine;
use bedplate_journal::{Body, Callee, ExecId};
use bedplate_store::{Head, Page};
use serde_json::{Value, json};

use crate::State;
use crate::query::Query;

/// What ids of agents' executions begin with.
pub(crate) const PREFIX: &str = "agent/";
/// Sessions of a page.
const PAGE: usize = 100;
/// Sessions of a page at most. Ours.
const PAGE_MAX: usize = 1_000;
/// Sessions that are searched for one of a given id. Ours: beyond it, the agent has to be named.
const SEARCHED_MAX: usize = 100_000;
/// Last events of a session in which an open question is looked for. Ours: after a question only refused requests follow, with two events each.
const LAST: u32 = 32;
/// Sessions that a message lists.
const SHOWN: usize = 5;

/// What an execution's id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) place: Place,
    pub(crate) agent: String,
    pub(crate) alias: String,
    pub(crate) session: String,
}

impl Name {
    /// Reads `agent/<account>/<region>/<agentId>/<aliasId>/<sessionId>`.
    pub(crate) fn of(exec: &ExecId) -> Option<Self> {
        let segments: Vec<String> = exec
            .as_str()
            .split('/')
            .map(|segment| segment.replace("%2F", "/").replace("%25", "%"))
            .collect();
        let [_, account, region, agent, alias, session] = <[String; 6]>::try_from(segments).ok()?;
        Some(Self {
            place: Place { account, region },
            agent,
            alias,
            session,
        })
    }
}

/// A page of sessions in the order of their ids.
pub(crate) async fn list(state: &State, mut query: Query) -> Result<Value> {
    let agent = query.take("agent");
    let limit = query.count("limit", PAGE, PAGE_MAX)?;
    let mut after = query.take("after");
    query.finish(&["agent", "limit", "after"])?;
    let mut heads = Vec::new();
    for prefix in prefixes(state, agent.as_deref()).await? {
        // One more than asked for tells whether there are more.
        let page = Page {
            after: after.clone().filter(|after| after.starts_with(&prefix)),
            limit: limit + 1 - heads.len(),
            backwards: false,
        };
        if after
            .as_deref()
            .is_some_and(|after| after > prefix.as_str() && !after.starts_with(&prefix))
        {
            continue;
        }
        heads.extend(state.agents.engine.heads(&prefix, page).await?);
        after = None;
        if heads.len() > limit {
            break;
        }
    }
    let more = heads.len() > limit;
    heads.truncate(limit);
    let mut names = BTreeMap::new();
    let mut sessions = Vec::new();
    for head in &heads {
        let Some(name) = Name::of(&head.exec) else { continue };
        let key = (name.place.clone(), name.agent.clone(), name.alias.clone());
        let named = match names.get(&key) {
            Some(known) => Clone::clone(known),
            None => {
                let found = browse::names(&state.agents, &name.place, &name.agent, &name.alias).await?;
                names.insert(key, found.clone());
                found
            }
        };
        let waits = waits(&state.agents.engine, head).await?;
        sessions.push(summary(head, &name, named, waits));
    }
    let next = heads.last().filter(|_| more).map(|head| head.exec.to_string());
    Ok(json!({"sessions": sessions, "next": next}))
}

/// Whether a question to the client is open.
pub(crate) async fn waits(engine: &Engine, head: &Head) -> Result<bool> {
    if head.ended || head.busy {
        return Ok(false);
    }
    let mut open = None;
    for event in engine
        .events(&head.exec, head.version.saturating_sub(LAST.into()), LAST as usize)
        .await?
    {
        match event.body {
            Body::Called { callee: Callee::Asker, .. } => open = Some(event.seq),
            Body::Answered { call, .. } | Body::Cancelled(call) if open == Some(call.0) => open = None,
            _ => {}
        }
    }
    Ok(open.is_some())
}

/// What is known of a session without folding it; `waits` says whether a question of it is open.
pub(crate) fn summary(head: &Head, name: &Name, (agent_name, alias_name): (Option<String>, Option<String>), waits: bool) -> Value {
    let state = match (head.ended, head.busy, waits) {
        (true, ..) => "ended",
        (false, true, _) => "running",
        (false, false, true) => "waiting",
        (false, false, false) => "idle",
    };
    json!({
        "id": head.exec.as_str(),
        "sessionId": name.session,
        "agentId": name.agent,
        "agentName": agent_name,
        "aliasId": name.alias,
        "aliasName": alias_name,
        "account": name.place.account,
        "region": name.place.region,
        "state": state,
        "events": head.version,
        "startedAt": head.started_at.iso_nanos(),
        "updatedAt": head.updated_at.iso_nanos(),
    })
}

/// The session that is meant: by execution id, or by session id and perhaps agent.
///
/// # Errors
/// `NotFound`; `Validation` when several fit or nothing was named.
pub(crate) async fn find(state: &State, id: Option<&str>, agent: Option<&str>, session: Option<&str>) -> Result<Head> {
    let engine = &state.agents.engine;
    let (wanted, prefixes) = match (id, session) {
        (Some(id), None) if agent.is_none() => {
            let exec = ExecId::new(id);
            let head = if id.starts_with(PREFIX) && id.len() <= ExecId::BYTES_MAX {
                engine.head(&exec).await?
            } else {
                None
            };
            return head.ok_or_else(|| Error::not_found(format!("There is no session with the execution id {}.", shown(id))));
        }
        (None, Some(session)) => (session, prefixes(state, agent).await?),
        _ => {
            return Err(Error::validation(
                "Say either id=EXECUTION_ID, or session=SESSION_ID and perhaps agent=NAME.",
            ));
        }
    };
    let ending = format!("/{}", bedplate_catalog::key(&[wanted]));
    let mut found = Vec::new();
    let mut searched = 0;
    for prefix in prefixes {
        let mut after = None;
        loop {
            let heads = engine
                .heads(
                    &prefix,
                    Page {
                        after: after.take(),
                        limit: PAGE_MAX,
                        backwards: false,
                    },
                )
                .await?;
            searched += heads.len();
            let full = heads.len() == PAGE_MAX;
            after = heads.last().map(|head| head.exec.to_string());
            found.extend(heads.into_iter().filter(|head| head.exec.as_str().ends_with(&ending)));
            if searched >= SEARCHED_MAX && found.is_empty() {
                return Err(Error::validation(
                    "There are too many sessions to search them all. Name the agent: agent=NAME.",
                ));
            }
            if !full || searched >= SEARCHED_MAX {
                break;
            }
        }
    }
    match found.len() {
        0 => Err(Error::not_found(format!(
            "There is no session {}. `bedplate session list` shows those that there are.",
            shown(wanted)
        ))),
        1 => Ok(found.remove(0)),
        count => {
            let ids: Vec<&str> = found.iter().take(SHOWN).map(|head| head.exec.as_str()).collect();
            let (wanted, ids) = (shown(wanted), ids.join(", "));
            Err(Error::validation(format!(
                "{count} sessions are called {wanted}; name one by its whole id: {ids}."
            )))
        }
    }
}

/// What ids of the sessions of an agent begin with; of all agents when none is named. In order.
async fn prefixes(state: &State, agent: Option<&str>) -> Result<Vec<String>> {
    let Some(agent) = agent else { return Ok(vec![PREFIX.to_owned()]) };
    let found = browse::agents(&state.agents, Some(agent)).await?;
    if found.is_empty() {
        return Err(Error::not_found(format!("There is no agent {}.", shown(agent))));
    }
    let prefix = |entry: &browse::AgentEntry| {
        let key = bedplate_catalog::key(&[&entry.place.account, &entry.place.region, &entry.id]);
        format!("{PREFIX}{key}/")
    };
    Ok(found.iter().map(prefix).collect())
}

fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
