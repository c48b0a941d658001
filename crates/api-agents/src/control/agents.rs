//! Agents: create, get, update, delete, list, prepare.
//!
//! Transitions are instant: the answer of a changing call shows the state that AWS shows (`CREATING`, `UPDATING`, …), what is
//! stored is the state in which it ends. Clients poll until the state does not end in `ING`.

use bedplate_agent::{Program, defaults};
use bedplate_base::{Error, Place, Result, random_id};
use bedplate_catalog::{Change, Token};
use bedplate_wire::{Context, Json as _};
use bedplate_wire_bedrock_agent::types::{
    Agent, AgentCollaboration, AgentStatus, AgentSummary, CreateAgentRequest, CreateAgentResponse, DeleteAgentRequest, DeleteAgentResponse,
    GetAgentRequest, GetAgentResponse, ListAgentsRequest, ListAgentsResponse, OrchestrationType, PrepareAgentRequest, PrepareAgentResponse,
    UpdateAgentRequest, UpdateAgentResponse,
};

use super::documents::{
    DRAFT, Stored, action_group, action_groups_prefix, agent_name_key, agent_names_prefix, agents_prefix, of_agent, page, retry,
};
use super::{compile, prompts, quotas};
use crate::State;

/// What an agent has as role when the request names none: the field is there in every answer.
const NO_ROLE: &str = "arn:aws:iam::000000000000:role/AmazonBedrockExecutionRoleForAgents_none";

/// CreateAgent.
pub async fn create(state: &State, context: &Context, input: CreateAgentRequest) -> Result<CreateAgentResponse> {
    create_as(state, context, input, None).await
}

/// CreateAgent with an id of our choice: template resources keep theirs over runs.
pub async fn create_as(state: &State, context: &Context, input: CreateAgentRequest, id: Option<&str>) -> Result<CreateAgentResponse> {
    let place = &context.place;
    let token = token(
        place,
        "CreateAgent",
        &input.client_token,
        CreateAgentRequest {
            client_token: None,
            ..input.clone()
        }
        .to_json(),
    );
    let agent = retry(|| async {
        let name_key = agent_name_key(place, &input.agent_name);
        // Before the token: both are written at once, so a name that our own token took is never taken for somebody else's.
        let taken = state.catalog.get(&name_key).await?.is_some();
        if let Some(token) = &token
            && let Some(key) = state.catalog.made_by(token).await?
            && let Some(found) = state.catalog.get(&key).await?
        {
            return Ok(Stored::of(found)?.agent);
        }
        if taken {
            return Err(name_taken().into());
        }
        let count = state.catalog.all(&agent_names_prefix(place)).await?.len() + 1;
        let region = format!("Account {} in {}", place.account, place.region);
        quotas::AGENTS.check(count, state.settings.strict, &region, "Delete an agent first.")?;
        let id = id.map_or_else(|| random_id(10), str::to_owned);
        let stored = Stored::new(new_agent(state, context, &input, &id), place);
        let mut change = stored.created().create(name_key, &id.clone().into());
        change = change.tags(&stored.agent.agent_arn, &input.tags.clone().unwrap_or_default())?;
        if let Some(token) = &token {
            change = change.token(token, stored.key());
        }
        state.catalog.try_commit(change).await?;
        Ok(stored.agent)
    })
    .await?;
    Ok(CreateAgentResponse {
        agent: shown(agent, Some(AgentStatus::Creating), false),
    })
}

fn new_agent(state: &State, context: &Context, input: &CreateAgentRequest, id: &str) -> Agent {
    let now = state.clock.now();
    Agent {
        agent_id: id.to_owned(),
        agent_name: input.agent_name.clone(),
        agent_arn: context.place.arn("bedrock", format_args!("agent/{id}")).to_string(),
        agent_version: DRAFT.into(),
        client_token: input.client_token.clone(),
        instruction: input.instruction.clone(),
        agent_status: AgentStatus::NotPrepared,
        foundation_model: input.foundation_model.clone(),
        description: input.description.clone(),
        orchestration_type: Some(input.orchestration_type.unwrap_or(OrchestrationType::Default)),
        custom_orchestration: input.custom_orchestration.clone(),
        idle_session_ttl_in_seconds: ttl(input.idle_session_ttl_in_seconds),
        agent_resource_role_arn: input.agent_resource_role_arn.clone().unwrap_or_else(|| NO_ROLE.into()),
        customer_encryption_key_arn: input.customer_encryption_key_arn.clone(),
        created_at: now,
        updated_at: now,
        prompt_override_configuration: input.prompt_override_configuration.clone(),
        guardrail_configuration: input.guardrail_configuration.clone(),
        memory_configuration: input.memory_configuration.clone(),
        agent_collaboration: Some(input.agent_collaboration.unwrap_or(AgentCollaboration::Disabled)),
        ..Agent::default()
    }
}

/// GetAgent.
pub async fn get(state: &State, context: &Context, input: GetAgentRequest) -> Result<GetAgentResponse> {
    let stored = Stored::load(&state.catalog, &context.place, &input.agent_id).await?;
    Ok(GetAgentResponse {
        agent: shown(stored.agent, None, true),
    })
}

/// UpdateAgent: replaces every field; what is left out is cleared.
pub async fn update(state: &State, context: &Context, input: UpdateAgentRequest) -> Result<UpdateAgentResponse> {
    let place = &context.place;
    let agent = retry(|| async {
        let mut stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
        let mut change = Change::new();
        if stored.agent.agent_name != input.agent_name {
            let name_key = agent_name_key(place, &input.agent_name);
            if state.catalog.get(&name_key).await?.is_some() {
                return Err(name_taken().into());
            }
            change = change
                .create(name_key, &input.agent_id.clone().into())
                .delete(agent_name_key(place, &stored.agent.agent_name));
        }
        let input = input.clone();
        stored.agent = Agent {
            agent_name: input.agent_name,
            instruction: input.instruction,
            agent_status: AgentStatus::NotPrepared,
            foundation_model: Some(input.foundation_model),
            description: input.description,
            orchestration_type: Some(input.orchestration_type.unwrap_or(OrchestrationType::Default)),
            custom_orchestration: input.custom_orchestration,
            idle_session_ttl_in_seconds: ttl(input.idle_session_ttl_in_seconds),
            agent_resource_role_arn: input.agent_resource_role_arn,
            customer_encryption_key_arn: input.customer_encryption_key_arn,
            updated_at: state.clock.now(),
            prompt_override_configuration: input.prompt_override_configuration,
            guardrail_configuration: input.guardrail_configuration,
            memory_configuration: input.memory_configuration,
            agent_collaboration: Some(input.agent_collaboration.unwrap_or(AgentCollaboration::Disabled)),
            ..stored.agent
        };
        state.catalog.try_commit(change.and(stored.saved())).await?;
        Ok(stored.agent)
    })
    .await?;
    Ok(UpdateAgentResponse {
        agent: shown(agent, Some(AgentStatus::Updating), false),
    })
}

/// DeleteAgent: refused while aliases of the user point at it, unless the check is skipped.
pub async fn delete(state: &State, context: &Context, input: DeleteAgentRequest) -> Result<DeleteAgentResponse> {
    let place = &context.place;
    let id = &input.agent_id;
    retry(|| async {
        let stored = Stored::load(&state.catalog, place, id).await?;
        let aliases = state.catalog.all(&of_agent("agent-alias", place, id)).await?;
        if !aliases.is_empty() && input.skip_resource_in_use_check != Some(true) {
            let names: Vec<String> = aliases
                .iter()
                .filter_map(|one| one.body["agentAliasName"].as_str().map(str::to_owned))
                .collect();
            return Err(Error::conflict(format!(
                "Agent {id} cannot be deleted because it has aliases: {}. Delete them first, or set skipResourceInUseCheck.",
                names.join(", ")
            ))
            .into());
        }
        let mut change = stored
            .saved()
            .delete(stored.key())
            .delete(agent_name_key(place, &stored.agent.agent_name));
        for kind in ["agent-alias", "alias-name", "agent-version", "action-group", "action-group-name"] {
            for document in state.catalog.all(&of_agent(kind, place, id)).await? {
                change = change.delete(document.key);
            }
        }
        for alias in &aliases {
            change = change.tags(alias.body["agentAliasArn"].as_str().unwrap_or_default(), &Default::default())?;
        }
        change = change.tags(&stored.agent.agent_arn, &Default::default())?;
        state.catalog.try_commit(change).await?;
        Ok(())
    })
    .await?;
    Ok(DeleteAgentResponse {
        agent_id: input.agent_id,
        agent_status: AgentStatus::Deleting,
    })
}

/// ListAgents.
pub async fn list(state: &State, context: &Context, input: ListAgentsRequest) -> Result<ListAgentsResponse> {
    let listing = state
        .catalog
        .list(
            &agents_prefix(&context.place),
            page(input.max_results, state.settings.strict),
            input.next_token.as_deref(),
        )
        .await?;
    let mut agent_summaries = Vec::with_capacity(listing.documents.len());
    for document in listing.documents {
        let stored = Stored::of(document)?;
        let latest = if stored.last_version == 0 {
            DRAFT.to_owned()
        } else {
            stored.last_version.to_string()
        };
        let agent = stored.agent;
        agent_summaries.push(AgentSummary {
            agent_id: agent.agent_id,
            agent_name: agent.agent_name,
            agent_status: agent.agent_status,
            description: agent.description,
            updated_at: agent.updated_at,
            latest_agent_version: Some(latest),
            guardrail_configuration: agent.guardrail_configuration,
        });
    }
    Ok(ListAgentsResponse {
        agent_summaries,
        next_token: listing.next_token,
    })
}

/// PrepareAgent: compiles DRAFT. When that fails, the last prepared program goes on serving.
pub async fn prepare(state: &State, context: &Context, input: PrepareAgentRequest) -> Result<PrepareAgentResponse> {
    let place = &context.place;
    let agent = retry(|| async {
        let mut stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
        let program = compile_draft(state, place, &stored).await?;
        let bedplate_journal::Value::Blob(blob) = program.to_value() else {
            return Err(Error::internal("A program must be a blob.").into());
        };
        let now = state.clock.now();
        stored.prepared = Some(blob.hash);
        stored.agent.agent_status = AgentStatus::Prepared;
        stored.agent.prepared_at = Some(now);
        stored.agent.updated_at = now;
        let raw = blob.raw.expect("invariant: a fresh blob holds its text");
        state.catalog.try_commit(stored.saved().blob(raw)).await?;
        Ok(stored.agent)
    })
    .await?;
    Ok(PrepareAgentResponse {
        agent_id: agent.agent_id,
        agent_status: AgentStatus::Preparing,
        agent_version: DRAFT.into(),
        prepared_at: agent.prepared_at.unwrap_or(agent.updated_at),
    })
}

async fn compile_draft(state: &State, place: &Place, stored: &Stored) -> Result<Program> {
    let documents = state
        .catalog
        .all(&action_groups_prefix(place, &stored.agent.agent_id, DRAFT))
        .await?;
    let groups = documents.iter().map(action_group).collect::<Result<Vec<_>>>()?;
    compile::compile(&stored.agent, &groups, state.settings.steps_max)
}

/// An agent whose DRAFT was changed has to be prepared again.
pub(super) fn touched(state: &State, stored: &mut Stored) {
    stored.agent.agent_status = AgentStatus::NotPrepared;
    stored.agent.updated_at = state.clock.now();
}

/// An agent as answers show it: in a passing state, with the default prompts when asked for all of it.
fn shown(mut agent: Agent, status: Option<AgentStatus>, prompts: bool) -> Agent {
    if let Some(status) = status {
        agent.agent_status = status;
    }
    if prompts {
        let memory = agent.memory_configuration.is_some();
        agent.prompt_override_configuration = Some(prompts::present(agent.prompt_override_configuration.as_ref(), memory));
    }
    agent
}

pub(super) fn token(place: &Place, operation: &str, token: &Option<String>, request: serde_json::Value) -> Option<Token> {
    token
        .as_ref()
        .map(|token| Token::new(&place.to_string(), operation, token, &request))
}

fn ttl(given: Option<i32>) -> i32 {
    given.unwrap_or_else(|| i32::try_from(defaults::IDLE_TTL_S).unwrap_or(600))
}

fn name_taken() -> Error {
    Error::conflict("Cannot create a new agent as an agent with the same name already exists.")
}
