//! Aliases: names that point at versions, and the test alias that every agent has.

use bedplate_base::{Error, Hash, Kind, Place, Result, Timestamp, random_id};
use bedplate_catalog::Change;
use bedplate_wire::{Context, Json as _};
use bedplate_wire_bedrock_agent::types::{
    AgentAlias, AgentAliasHistoryEvent, AgentAliasRoutingConfigurationListItem, AgentAliasStatus, AgentAliasSummary, AliasInvocationState,
    CreateAgentAliasRequest, CreateAgentAliasResponse, DeleteAgentAliasRequest, DeleteAgentAliasResponse, GetAgentAliasRequest,
    GetAgentAliasResponse, ListAgentAliasesRequest, ListAgentAliasesResponse, UpdateAgentAliasRequest, UpdateAgentAliasResponse,
};

use super::agents::token;
use super::documents::{
    DRAFT, Stored, TEST_ALIAS_ID, TEST_ALIAS_NAME, alias, alias_key, name_key, not_found, of_agent, page, retry, version, version_key,
};
use super::{quotas, versions};
use crate::State;

/// Past routings that an alias remembers (the API model's maximum).
const HISTORY_MAX: usize = 10;

/// CreateAgentAlias: without routing it cuts a version of DRAFT and points at that.
pub async fn create(state: &State, context: &Context, input: CreateAgentAliasRequest) -> Result<CreateAgentAliasResponse> {
    create_as(state, context, input, None).await
}

/// CreateAgentAlias with an id of our choice: template resources keep theirs over runs.
pub async fn create_as(
    state: &State,
    context: &Context,
    input: CreateAgentAliasRequest,
    id: Option<&str>,
) -> Result<CreateAgentAliasResponse> {
    let place = &context.place;
    let plain = CreateAgentAliasRequest {
        client_token: None,
        ..input.clone()
    };
    let token = token(place, "CreateAgentAlias", &input.client_token, plain.to_json());
    let agent_id = &input.agent_id;
    let alias = retry(|| async {
        let name = name_key("alias-name", place, agent_id, &input.agent_alias_name);
        // Before the token: both are written at once, so a name that our own token took is never taken for somebody else's.
        let taken = state.catalog.get(&name).await?.is_some();
        if let Some(token) = &token
            && let Some(key) = state.catalog.made_by(token).await?
            && let Some(found) = state.catalog.get(&key).await?
        {
            return Ok(alias(&found)?);
        }
        let mut stored = Stored::load(&state.catalog, place, agent_id).await?;
        if taken || input.agent_alias_name == TEST_ALIAS_NAME {
            return Err(name_taken(&input.agent_alias_name).into());
        }
        let count = state.catalog.all(&of_agent("alias-name", place, agent_id)).await?.len() + 1;
        quotas::ALIASES.check(count, state.settings.strict, &format!("Agent {agent_id}"), "Delete an alias first.")?;
        let (routing, change) = route(state, place, &mut stored, input.routing_configuration.clone()).await?;
        let now = state.clock.now();
        let id = id.map_or_else(|| random_id(10), str::to_owned);
        let made = AgentAlias {
            agent_id: agent_id.clone(),
            agent_alias_arn: place.arn("bedrock", format_args!("agent-alias/{agent_id}/{id}")).to_string(),
            agent_alias_id: id.clone(),
            agent_alias_name: input.agent_alias_name.clone(),
            client_token: input.client_token.clone(),
            description: input.description.clone(),
            agent_alias_history_events: Some(vec![history(&routing, now)]),
            routing_configuration: routing,
            created_at: now,
            updated_at: now,
            agent_alias_status: AgentAliasStatus::Prepared,
            failure_reasons: None,
            alias_invocation_state: Some(AliasInvocationState::AcceptInvocations),
        };
        let key = alias_key(place, agent_id, &id);
        let mut change = change
            .and(stored.saved())
            .create(key.clone(), &made.to_json())
            .create(name, &id.into());
        change = change.tags(&made.agent_alias_arn, &input.tags.clone().unwrap_or_default())?;
        if let Some(token) = &token {
            change = change.token(token, &key);
        }
        state.catalog.try_commit(change).await?;
        Ok(made)
    })
    .await?;
    Ok(CreateAgentAliasResponse {
        agent_alias: AgentAlias {
            agent_alias_status: AgentAliasStatus::Creating,
            ..alias
        },
    })
}

/// GetAgentAlias.
pub async fn get(state: &State, context: &Context, input: GetAgentAliasRequest) -> Result<GetAgentAliasResponse> {
    let stored = Stored::load(&state.catalog, &context.place, &input.agent_id).await?;
    let agent_alias = match find(state, &context.place, &stored, &input.agent_alias_id).await? {
        Found::Test => test_alias(&context.place, &stored),
        Found::Alias(alias) => *alias,
    };
    Ok(GetAgentAliasResponse { agent_alias })
}

/// UpdateAgentAlias: replaces every field; without routing it cuts a version, as create does.
pub async fn update(state: &State, context: &Context, input: UpdateAgentAliasRequest) -> Result<UpdateAgentAliasResponse> {
    let place = &context.place;
    let agent_id = &input.agent_id;
    let updated = retry(|| async {
        let mut stored = Stored::load(&state.catalog, place, agent_id).await?;
        let Found::Alias(before) = find(state, place, &stored, &input.agent_alias_id).await? else {
            return Err(immutable().into());
        };
        let key = alias_key(place, agent_id, &before.agent_alias_id);
        let document = state.catalog.get(&key).await?.ok_or_else(not_found)?;
        let before = alias(&document)?;
        let (routing, mut change) = route(state, place, &mut stored, input.routing_configuration.clone()).await?;
        if input.agent_alias_name != before.agent_alias_name {
            let name = name_key("alias-name", place, agent_id, &input.agent_alias_name);
            if input.agent_alias_name == TEST_ALIAS_NAME || state.catalog.get(&name).await?.is_some() {
                return Err(name_taken(&input.agent_alias_name).into());
            }
            let old = name_key("alias-name", place, agent_id, &before.agent_alias_name);
            change = change.delete(old).create(name, &before.agent_alias_id.clone().into());
        }
        let now = state.clock.now();
        let mut events = before.agent_alias_history_events.clone().unwrap_or_default();
        if routing != before.routing_configuration {
            if let Some(last) = events.last_mut() {
                last.end_date = Some(now);
            }
            events.push(history(&routing, now));
            let extra = events.len().saturating_sub(HISTORY_MAX);
            events.drain(..extra);
        }
        let updated = AgentAlias {
            agent_alias_name: input.agent_alias_name.clone(),
            description: input.description.clone(),
            routing_configuration: routing,
            agent_alias_history_events: Some(events),
            updated_at: now,
            alias_invocation_state: input.alias_invocation_state.or(before.alias_invocation_state),
            ..before
        };
        let change = change.and(stored.saved()).replace(&document, &updated.to_json());
        state.catalog.try_commit(change).await?;
        Ok(updated)
    })
    .await?;
    Ok(UpdateAgentAliasResponse {
        agent_alias: AgentAlias {
            agent_alias_status: AgentAliasStatus::Updating,
            ..updated
        },
    })
}

/// DeleteAgentAlias.
pub async fn delete(state: &State, context: &Context, input: DeleteAgentAliasRequest) -> Result<DeleteAgentAliasResponse> {
    let place = &context.place;
    let agent_id = &input.agent_id;
    let id = retry(|| async {
        let stored = Stored::load(&state.catalog, place, agent_id).await?;
        let Found::Alias(found) = find(state, place, &stored, &input.agent_alias_id).await? else {
            return Err(immutable().into());
        };
        let change = stored
            .saved()
            .delete(alias_key(place, agent_id, &found.agent_alias_id))
            .delete(name_key("alias-name", place, agent_id, &found.agent_alias_name))
            .tags(&found.agent_alias_arn, &Default::default())?;
        state.catalog.try_commit(change).await?;
        Ok(found.agent_alias_id)
    })
    .await?;
    Ok(DeleteAgentAliasResponse {
        agent_id: input.agent_id,
        agent_alias_id: id,
        agent_alias_status: AgentAliasStatus::Deleting,
    })
}

/// ListAgentAliases: the test alias is listed, too.
pub async fn list(state: &State, context: &Context, input: ListAgentAliasesRequest) -> Result<ListAgentAliasesResponse> {
    let place = &context.place;
    let stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
    let prefix = of_agent("agent-alias", place, &input.agent_id);
    let limit = page(input.max_results, state.settings.strict);
    let (mut aliases, mut next_token) = (Vec::new(), None);
    if input.next_token.as_deref() != Some(TEST_ALIAS_ID) {
        let listing = state.catalog.list(&prefix, limit, input.next_token.as_deref()).await?;
        aliases = listing.documents.iter().map(alias).collect::<Result<Vec<_>>>()?;
        next_token = listing.next_token;
    }
    // It comes last; when the page is full it has one of its own, whose token is its id.
    match next_token {
        None if aliases.len() < limit => aliases.push(test_alias(place, &stored)),
        None => next_token = Some(TEST_ALIAS_ID.to_owned()),
        Some(_) => {}
    }
    let summary = |alias: AgentAlias| AgentAliasSummary {
        agent_alias_id: alias.agent_alias_id,
        agent_alias_name: alias.agent_alias_name,
        description: alias.description,
        routing_configuration: Some(alias.routing_configuration),
        agent_alias_status: alias.agent_alias_status,
        created_at: alias.created_at,
        updated_at: alias.updated_at,
        alias_invocation_state: alias.alias_invocation_state,
    };
    Ok(ListAgentAliasesResponse {
        agent_alias_summaries: aliases.into_iter().map(summary).collect(),
        next_token,
    })
}

/// What a turn runs: resolved at the moment of the request.
#[derive(Debug)]
pub(crate) struct Target {
    pub alias_id: String,
    pub version: String,
    pub agent_name: String,
    pub program: Hash,
}

/// Resolves an alias, by id or (outside strict mode) by name, to the program that it points at.
///
/// # Errors
/// `NotFound` for unknown agents, aliases and versions; `Validation` when there is nothing prepared to run or the alias
/// rejects invocations.
pub(crate) async fn resolve(state: &State, place: &Place, agent_id: &str, alias: &str) -> Result<Target> {
    let stored = Stored::load(&state.catalog, place, agent_id).await?;
    match find(state, place, &stored, alias).await? {
        Found::Test => {
            let program = stored.prepared.ok_or_else(|| {
                Error::validation(format!(
                    "Agent {agent_id} was never prepared. Call PrepareAgent, then invoke {TEST_ALIAS_ID} again."
                ))
            })?;
            Ok(Target {
                alias_id: TEST_ALIAS_ID.into(),
                version: DRAFT.into(),
                agent_name: stored.agent.agent_name,
                program,
            })
        }
        Found::Alias(alias) => {
            if alias.alias_invocation_state == Some(AliasInvocationState::RejectInvocations) {
                return Err(Error::new(
                    Kind::Validation,
                    format!(
                        "Alias {} rejects invocations. Set aliasInvocationState to ACCEPT_INVOCATIONS with UpdateAgentAlias.",
                        alias.agent_alias_name
                    ),
                ));
            }
            let number = alias
                .routing_configuration
                .first()
                .and_then(|route| route.agent_version.clone())
                .ok_or_else(not_found)?;
            if number == DRAFT {
                let program = stored.prepared.ok_or_else(not_found)?;
                return Ok(Target {
                    alias_id: alias.agent_alias_id,
                    version: number,
                    agent_name: stored.agent.agent_name,
                    program,
                });
            }
            let document = state
                .catalog
                .get(&version_key(place, agent_id, &number))
                .await?
                .ok_or_else(not_found)?;
            let (version, program) = version(&document)?;
            let program = program.ok_or_else(not_found)?;
            Ok(Target {
                alias_id: alias.agent_alias_id,
                version: number,
                agent_name: version.agent_name,
                program,
            })
        }
    }
}

enum Found {
    Test,
    Alias(Box<AgentAlias>),
}

async fn find(state: &State, place: &Place, stored: &Stored, id: &str) -> Result<Found> {
    if id == TEST_ALIAS_ID || (!state.settings.strict && id == TEST_ALIAS_NAME) {
        return Ok(Found::Test);
    }
    let agent = &stored.agent.agent_id;
    if let Some(document) = state.catalog.get(&alias_key(place, agent, id)).await? {
        return Ok(Found::Alias(Box::new(alias(&document)?)));
    }
    if !state.settings.strict
        && let Some(named) = state.catalog.get(&name_key("alias-name", place, agent, id)).await?
        && let Some(id) = named.body.as_str()
        && let Some(document) = state.catalog.get(&alias_key(place, agent, id)).await?
    {
        return Ok(Found::Alias(Box::new(alias(&document)?)));
    }
    Err(not_found())
}

/// Where an alias points: at the version that is asked for, or at a new one.
async fn route(
    state: &State,
    place: &Place,
    stored: &mut Stored,
    routing: Option<Vec<AgentAliasRoutingConfigurationListItem>>,
) -> Result<(Vec<AgentAliasRoutingConfigurationListItem>, Change)> {
    let asked = routing.filter(|routing| !routing.is_empty());
    if let Some(number) = asked.as_ref().and_then(|routing| routing[0].agent_version.clone()) {
        if number != DRAFT
            && state
                .catalog
                .get(&version_key(place, &stored.agent.agent_id, &number))
                .await?
                .is_none()
        {
            return Err(not_found());
        }
        if number == DRAFT {
            return Err(Error::validation(
                "An alias cannot point at DRAFT. Leave routingConfiguration out to make a version, or use TSTALIASID.",
            )
            .with_field("routingConfiguration.1.member.agentVersion", "must be the number of a version"));
        }
        return Ok((asked.unwrap_or_default(), Change::new()));
    }
    let (number, change) = versions::cut(state, place, stored).await?;
    let throughput = asked
        .and_then(|routing| routing.into_iter().next())
        .and_then(|route| route.provisioned_throughput);
    Ok((
        vec![AgentAliasRoutingConfigurationListItem {
            agent_version: Some(number),
            provisioned_throughput: throughput,
        }],
        change,
    ))
}

fn history(routing: &[AgentAliasRoutingConfigurationListItem], now: Timestamp) -> AgentAliasHistoryEvent {
    AgentAliasHistoryEvent {
        routing_configuration: Some(routing.to_vec()),
        end_date: None,
        start_date: Some(now),
    }
}

fn test_alias(place: &Place, stored: &Stored) -> AgentAlias {
    let agent = &stored.agent;
    let id = &agent.agent_id;
    AgentAlias {
        agent_id: id.clone(),
        agent_alias_id: TEST_ALIAS_ID.into(),
        agent_alias_name: TEST_ALIAS_NAME.into(),
        agent_alias_arn: place.arn("bedrock", format_args!("agent-alias/{id}/{TEST_ALIAS_ID}")).to_string(),
        description: Some("Test alias: the last prepared DRAFT".into()),
        routing_configuration: vec![AgentAliasRoutingConfigurationListItem {
            agent_version: Some(DRAFT.into()),
            provisioned_throughput: None,
        }],
        created_at: agent.created_at,
        updated_at: agent.prepared_at.unwrap_or(agent.created_at),
        agent_alias_status: AgentAliasStatus::Prepared,
        alias_invocation_state: Some(AliasInvocationState::AcceptInvocations),
        ..AgentAlias::default()
    }
}

fn immutable() -> Error {
    Error::validation(format!("{TEST_ALIAS_ID} belongs to the service; it cannot be changed or deleted."))
}

fn name_taken(name: &str) -> Error {
    Error::conflict(format!(
        "An alias named {name} already exists for this agent. Use another name, or update that one."
    ))
}
