//! Requests that failed: the last ones in memory, and the turns of the journal. Together they answer `bedplate why`.
//!
//! What is kept is what the log told: no header, no query, no body. It is gone when the server ends; a failed turn stays in its
//! session's journal for as long as the session.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bedplate_agent::steps::{Kind, Steps};
use bedplate_api_agents::browse;
use bedplate_base::{Error, Result, Timestamp};
use bedplate_store::{Head, Page};
use serde_json::{Value, json};

use crate::State;
use crate::query::Query;
use crate::sessions::{Name, PREFIX};

/// Failed requests that are kept. Ours: an hour of a busy day's mistakes, a megabyte or so.
pub const REQUESTS_MAX: usize = 1_000;
/// Characters of an id that is asked for. Ours: ids are UUIDs.
const ID_MAX: usize = 200;
/// Sessions whose age is looked at. Ours.
const HEADS_MAX: usize = 10_000;
/// Sessions of one read.
const HEADS_STEP: usize = 1_000;
/// Sessions whose journals are searched, the latest first. Ours.
const SESSIONS_MAX: usize = 200;
/// Events that are searched altogether. Ours: about a second's work.
const EVENTS_MAX: usize = 50_000;
/// Events of one read.
const EVENTS_STEP: usize = 500;

/// A request that was refused or failed before its answer began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    /// The id that the client was told.
    pub request_id: String,
    /// When it came.
    pub at: Timestamp,
    /// `POST`.
    pub method: String,
    /// Its path without the query.
    pub path: String,
    /// `bedrock-agent:GetAgent`.
    pub operation: String,
    /// The HTTP status.
    pub status: u16,
    /// The exception's name.
    pub code: String,
    /// The exception's message.
    pub message: String,
    /// What caused it, from the nearest to the last.
    pub causes: Vec<String>,
}

/// The last [`REQUESTS_MAX`] requests that failed.
#[derive(Debug, Default)]
pub struct FailedRequests(Mutex<VecDeque<FailedRequest>>);

impl FailedRequests {
    /// Keeps one; the oldest makes room.
    pub fn push(&self, request: FailedRequest) {
        let mut kept = self.lock();
        if kept.len() >= REQUESTS_MAX {
            kept.pop_front();
        }
        kept.push_back(request);
    }

    /// The one of this id.
    pub fn find(&self, id: &str) -> Option<FailedRequest> {
        self.lock().iter().rev().find(|request| request.request_id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<FailedRequest>> {
        // Each change is one push or pop: what a panicking thread left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the request `id` failed, as far as it is known.
pub(crate) async fn show(state: &State, mut query: Query) -> Result<Value> {
    let id = query.take("id");
    query.finish(&["id"])?;
    let id = id.ok_or_else(|| Error::validation("Say which request: id=REQUEST_ID, as errors tell it and the header x-amzn-requestid."))?;
    if id.len() > ID_MAX {
        return Err(Error::validation(format!("A request id has at most {ID_MAX} characters.")));
    }
    let request = state.requests.find(&id);
    let (turn, whole) = match &request {
        // What failed before its answer began has no turn, or one that says the same.
        Some(request) if !request.operation.ends_with(":InvokeAgent") => (None, true),
        _ => turn(state, &id).await?,
    };
    if request.is_none() && turn.is_none() {
        let rest = if whole {
            ""
        } else {
            ", in the latest ones as far as they were searched"
        };
        return Err(Error::not_found(format!(
            "Nothing is known of the request {id}: it is not among the last {REQUESTS_MAX} that failed since the server started, and no turn \
             of a session has this id{rest}. Requests that went well are not kept."
        )));
    }
    Ok(json!({"requestId": id, "request": request.as_ref().map(shown), "turn": turn}))
}

fn shown(request: &FailedRequest) -> Value {
    json!({
        "at": request.at.iso_nanos(),
        "method": request.method,
        "path": request.path,
        "operation": request.operation,
        "status": request.status,
        "code": request.code,
        "message": request.message,
        "causes": request.causes,
    })
}

/// The turn that a request began, and whether all sessions were searched for it.
async fn turn(state: &State, id: &str) -> Result<(Option<Value>, bool)> {
    let (heads, mut whole) = latest(state).await?;
    let mut left = EVENTS_MAX;
    for head in heads {
        let mut seen = Seen::new(&head, id);
        let mut after = 0;
        loop {
            let events = state.agents.engine.events(&head.exec, after, EVENTS_STEP.min(left)).await?;
            left -= events.len().min(left);
            for event in &events {
                after = event.seq;
                for step in seen.steps.push(event, None) {
                    seen.take(step.kind);
                }
            }
            if events.len() < EVENTS_STEP || seen.steps.over() {
                break;
            }
        }
        if seen.steps.request().is_some() {
            return Ok((Some(seen.told(state, &head).await?), true));
        }
        if left == 0 {
            whole = false;
            break;
        }
    }
    Ok((None, whole))
}

/// The sessions that changed last, the latest first, and whether these are all.
async fn latest(state: &State) -> Result<(Vec<Head>, bool)> {
    let mut heads: Vec<Head> = Vec::new();
    let more = loop {
        let page = Page {
            after: heads.last().map(|head| head.exec.to_string()),
            limit: HEADS_STEP,
            backwards: false,
        };
        let found = state.agents.engine.heads(PREFIX, page).await?;
        let full = found.len() == HEADS_STEP;
        heads.extend(found);
        if !full || heads.len() >= HEADS_MAX {
            break full;
        }
    };
    heads.sort_by_key(|head| std::cmp::Reverse(head.updated_at));
    let whole = !more && heads.len() <= SESSIONS_MAX;
    heads.truncate(SESSIONS_MAX);
    Ok((heads, whole))
}

/// What a request's steps came to.
struct Seen {
    steps: Steps,
    /// Steps of the request so far.
    count: usize,
    /// The function that was called last, and what it failed with.
    action: Option<(String, Option<String>)>,
    end: Option<Kind>,
}

impl Seen {
    fn new(head: &Head, id: &str) -> Self {
        Self {
            steps: Steps::new(head.exec.clone(), id),
            count: 0,
            action: None,
            end: None,
        }
    }

    fn take(&mut self, kind: Kind) {
        match kind {
            Kind::Action { invoked, output, .. } => {
                self.count += 1;
                self.action = Some((format!("{}::{}", invoked.group, invoked.function), output.err()));
            }
            Kind::ModelOutput { .. } => {
                self.count += 1;
                self.action = None;
            }
            Kind::Answer(_) | Kind::Question(_) | Kind::Failed { .. } => self.end = Some(kind),
            _ => {}
        }
    }

    async fn told(self, state: &State, head: &Head) -> Result<Value> {
        let name = Name::of(&head.exec).ok_or_else(|| Error::not_found(format!("The session {} is gone.", head.exec)))?;
        let (agent_name, alias_name) = browse::names(&state.agents, &name.place, &name.agent, &name.alias).await?;
        let (outcome, failure) = match self.end {
            None => ("running", Value::Null),
            Some(Kind::Answer(_)) => ("answered", Value::Null),
            Some(Kind::Failed {
                code,
                message,
                detail,
                resource,
                ..
            }) => (
                "failed",
                json!({"code": code, "message": message, "detail": detail, "resource": resource}),
            ),
            Some(_) => ("asked", Value::Null),
        };
        let (function, error) = self.action.unzip();
        Ok(json!({
            "id": head.exec.as_str(),
            "sessionId": name.session,
            "agentId": name.agent,
            "agentName": agent_name,
            "aliasId": name.alias,
            "aliasName": alias_name,
            "outcome": outcome,
            "steps": self.count,
            "function": function,
            "functionError": error.flatten(),
            "failure": failure,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let requests = FailedRequests::default();
        for number in 0..=REQUESTS_MAX {
            requests.push(FailedRequest {
                request_id: format!("r-{number}"),
                at: Timestamp::default(),
                method: "GET".into(),
                path: "/".into(),
                operation: "-".into(),
                status: 404,
                code: "ResourceNotFoundException".into(),
                message: String::new(),
                causes: Vec::new(),
            });
        }
        assert_eq!(requests.find("r-0"), None);
        assert!(requests.find("r-1").is_some());
        assert!(requests.find(&format!("r-{REQUESTS_MAX}")).is_some());
        assert_eq!(requests.lock().len(), REQUESTS_MAX);
    }
}
