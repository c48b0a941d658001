//! The admin door, `/_bedplate/…`: what `chat`, `session`, `version` and later the console need and no AWS operation gives.
//!
//! Plain JSON over GET, reading only; POST is for the clock of `dev` alone. It shows sessions with the same steps and the same encoding as the public API, so that nobody
//! sees two truths. It refuses to listen, to check who asks (the edge lets only this machine in) and to change anything.
//!
//! | Path | Query | Answer |
//! |---|---|---|
//! | `/_bedplate/version` | | `{version, startedAt, account, region, keys, strict}` |
//! | `/_bedplate/agents` | `agent` (name or id) | `{region, agents: [{agentId, agentName, account, region, status, aliases}]}` |
//! | `/_bedplate/sessions` | `agent`, `limit`, `after` | `{sessions: […], next}` |
//! | `/_bedplate/sessions/show` | `id`, or `session` and perhaps `agent`; `turns` | one session, request by request |
//! | the same | `raw=true`, `after`, `limit` | `{id, events: […], next}`: the journal |
//! | `/_bedplate/requests/show` | `id` | `{requestId, request, turn}`: why a request failed |
//! | `/_bedplate/cost` | `by` (agent, model, day, session), `since`, `until`, `id`, `session`, `limit` | `{rows: [{key, calls, …, usd}], total}` |
//! | `POST /_bedplate/clock` | `advanceMs` | `{now}` |

mod agents;
mod answer;
mod clock;
mod cost;
mod query;
mod raw;
mod requests;
mod sessions;
mod show;

use std::sync::Arc;
use std::time::Duration;

use bedplate_base::{Result, Timestamp};
use bedplate_wire::{Request, Response};
use serde_json::{Value, json};

use query::Query;

pub use cost::Cost;
pub use requests::{FailedRequest, FailedRequests, REQUESTS_MAX};

/// The one path that changes something.
const CLOCK: &str = "/_bedplate/clock";

/// What the door shows.
#[derive(Clone)]
pub struct State {
    /// Agents and their sessions.
    pub agents: bedplate_api_agents::State,
    /// The program's version.
    pub version: &'static str,
    /// Whether requests must be signed with a key of the configuration.
    pub keys: bool,
    /// When the server began.
    pub started_at: Timestamp,
    /// Requests that failed.
    pub requests: Arc<FailedRequests>,
    /// What model calls cost; none where nobody sums it up.
    pub cost: Option<Cost>,
    /// Sets the server's clock forward and tells its new time; none where time must not be played with.
    pub advance: Option<Advance>,
}

/// Sets a clock forward and tells its new time.
pub type Advance = Arc<dyn Fn(Duration) -> Timestamp + Send + Sync>;

/// Answers one request under `/_bedplate/`. Errors are `{"message": …}` with 400, 404, 405 or 500.
pub async fn dispatch(state: &State, request: Request) -> Response {
    let changes = request.path.trim_end_matches('/') == CLOCK;
    if request.method != if changes { "POST" } else { "GET" } {
        return answer::not_allowed(&request, changes);
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
        "/_bedplate/requests/show" => requests::show(state, query?).await,
        "/_bedplate/cost" => cost::sums(state, query?).await,
        CLOCK => clock::advance(state, query?),
        other => Err(answer::no_such_path(other)),
    }
}

fn version(state: &State, request: &Request) -> Value {
    json!({
        "version": state.version,
        "startedAt": state.started_at.iso(),
        "account": request.context.place.account,
        "region": request.context.place.region,
        "keys": state.keys,
        "strict": state.agents.settings.strict,
    })
}
