//! The admin door, `/_bedplate/…`: what `chat`, `session`, `version` and later the console need and no AWS operation gives.
//!
//! Plain JSON over GET, reading only. It shows sessions with the same steps and the same encoding as the public API, so that nobody
//! sees two truths. It refuses to listen, to check who asks (the edge lets only this machine in) and to change anything.
//!
//! | Path | Query | Answer |
//! |---|---|---|
//! | `/_bedplate/version` | | `{version, startedAt, account, region, strict}` |
//! | `/_bedplate/agents` | `agent` (name or id) | `{region, agents: [{agentId, agentName, account, region, status, aliases}]}` |
//! | `/_bedplate/sessions` | `agent`, `limit`, `after` | `{sessions: […], next}` |
//! | `/_bedplate/sessions/show` | `id`, or `session` and perhaps `agent`; `turns` | one session, request by request |
//! | the same | `raw=true`, `after`, `limit` | `{id, events: […], next}`: the journal |

mod agents;
mod answer;
mod query;
mod raw;
mod sessions;
mod show;

use bedplate_base::{Result, Timestamp};
use bedplate_wire::{Request, Response};
use serde_json::{Value, json};

use query::Query;

/// What the door shows.
#[derive(Clone)]
pub struct State {
    /// Agents and their sessions.
    pub agents: bedplate_api_agents::State,
    /// The program's version.
    pub version: &'static str,
    /// When the server began.
    pub started_at: Timestamp,
}

/// Answers one request under `/_bedplate/`. Errors are `{"message": …}` with 400, 404, 405 or 500.
pub async fn dispatch(state: &State, request: Request) -> Response {
    if request.method != "GET" {
        return answer::not_allowed(&request);
    }
    answer::of(route(state, &request).await, &request.context)
}

async fn route(state: &State, request: &Request) -> Result<Value> {
    let query = Query::read(&request.query);
    match request.path.trim_end_matches('/') {
        "/_bedplate/version" => {
            query?.finish(&[])?;
            Ok(version(state, request))
        }
        "/_bedplate/agents" => agents::list(state, request, query?).await,
        "/_bedplate/sessions" => sessions::list(state, query?).await,
        "/_bedplate/sessions/show" => show::show(state, query?).await,
        other => Err(answer::no_such_path(other)),
    }
}

fn version(state: &State, request: &Request) -> Value {
    json!({
        "version": state.version,
        "startedAt": state.started_at.iso(),
        "account": request.context.place.account,
        "region": request.context.place.region,
        "strict": state.agents.settings.strict,
    })
}
