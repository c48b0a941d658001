//! Agents of all places.

use bedplate_api_agents::browse::{self, AgentEntry, AliasEntry};
use bedplate_base::Result;
use bedplate_wire::Request;
use serde_json::{Value, json};

use crate::State;
use crate::query::Query;

pub(crate) async fn list(state: &State, request: &Request, mut query: Query) -> Result<Value> {
    let wanted = query.take("agent");
    query.finish(&["agent"])?;
    let found = browse::agents(&state.agents, wanted.as_deref()).await?;
    let agents: Vec<Value> = found.iter().map(agent).collect();
    Ok(json!({"region": request.context.place.region, "agents": agents}))
}

fn agent(agent: &AgentEntry) -> Value {
    json!({
        "agentId": agent.id,
        "agentName": agent.name,
        "account": agent.place.account,
        "region": agent.place.region,
        "status": agent.status,
        "foundationModel": agent.model,
        "updatedAt": agent.updated_at.iso_nanos(),
        "aliases": agent.aliases.iter().map(alias).collect::<Vec<_>>(),
    })
}

fn alias(alias: &AliasEntry) -> Value {
    json!({
        "agentAliasId": alias.id,
        "agentAliasName": alias.name,
        "agentVersion": alias.version,
        "createdAt": alias.created_at.iso_nanos(),
    })
}
