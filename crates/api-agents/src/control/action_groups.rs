//! Action groups of DRAFT, and of versions to read.

use bedplate_base::{Error, Place, Result, random_id};
use bedplate_catalog::Change;
use bedplate_wire::{Context, Json as _};
use bedplate_wire_bedrock_agent::types::{
    ActionGroupState, ActionGroupSummary, AgentActionGroup, CreateAgentActionGroupRequest, CreateAgentActionGroupResponse,
    DeleteAgentActionGroupRequest, DeleteAgentActionGroupResponse, FunctionSchema, GetAgentActionGroupRequest, GetAgentActionGroupResponse,
    ListAgentActionGroupsRequest, ListAgentActionGroupsResponse, UpdateAgentActionGroupRequest, UpdateAgentActionGroupResponse,
};

use super::agents::{token, touched};
use super::documents::{DRAFT, Stored, action_group, action_group_key, action_groups_prefix, name_key, not_found, of_agent, page, retry};
use super::quotas;
use crate::State;

/// CreateAgentActionGroup.
pub async fn create(state: &State, context: &Context, input: CreateAgentActionGroupRequest) -> Result<CreateAgentActionGroupResponse> {
    let place = &context.place;
    let plain = CreateAgentActionGroupRequest {
        client_token: None,
        ..input.clone()
    };
    let token = token(place, "CreateAgentActionGroup", &input.client_token, plain.to_json());
    let now = state.clock.now();
    let group = AgentActionGroup {
        agent_id: input.agent_id.clone(),
        agent_version: DRAFT.into(),
        action_group_id: random_id(10),
        action_group_name: input.action_group_name.clone(),
        client_token: input.client_token.clone(),
        description: input.description.clone(),
        created_at: now,
        updated_at: now,
        parent_action_signature: input.parent_action_group_signature,
        parent_action_group_signature_params: input.parent_action_group_signature_params.clone(),
        action_group_executor: input.action_group_executor.clone(),
        api_schema: input.api_schema.clone(),
        function_schema: input.function_schema.clone(),
        action_group_state: input.action_group_state.unwrap_or(ActionGroupState::Enabled),
    };
    check(&group, state.settings.strict)?;
    let group = retry(|| async {
        let name = name_key("action-group-name", place, &input.agent_id, &group.action_group_name);
        // Before the token: both are written at once, so a name that our own token took is never taken for somebody else's.
        let taken = state.catalog.get(&name).await?.is_some();
        if let Some(token) = &token
            && let Some(key) = state.catalog.made_by(token).await?
            && let Some(found) = state.catalog.get(&key).await?
        {
            return Ok(action_group(&found)?);
        }
        let mut stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
        if taken {
            return Err(name_taken(&group.action_group_name).into());
        }
        let names = of_agent("action-group-name", place, &input.agent_id);
        let count = state.catalog.all(&names).await?.len() + 1;
        let agent = format!("Agent {}", input.agent_id);
        quotas::ACTION_GROUPS.check(count, state.settings.strict, &agent, "Delete an action group first.")?;
        let key = action_group_key(place, &input.agent_id, DRAFT, &group.action_group_id);
        touched(state, &mut stored);
        let mut change = stored
            .saved()
            .create(key.clone(), &group.to_json())
            .create(name, &group.action_group_id.clone().into());
        if let Some(token) = &token {
            change = change.token(token, &key);
        }
        state.catalog.try_commit(change).await?;
        Ok(group.clone())
    })
    .await?;
    Ok(CreateAgentActionGroupResponse { agent_action_group: group })
}

/// GetAgentActionGroup.
pub async fn get(state: &State, context: &Context, input: GetAgentActionGroupRequest) -> Result<GetAgentActionGroupResponse> {
    let key = action_group_key(&context.place, &input.agent_id, &input.agent_version, &input.action_group_id);
    let found = state.catalog.get(&key).await?.ok_or_else(not_found)?;
    Ok(GetAgentActionGroupResponse {
        agent_action_group: action_group(&found)?,
    })
}

/// UpdateAgentActionGroup: replaces every field.
pub async fn update(state: &State, context: &Context, input: UpdateAgentActionGroupRequest) -> Result<UpdateAgentActionGroupResponse> {
    let place = &context.place;
    let group = retry(|| async {
        let mut stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
        let key = action_group_key(place, &input.agent_id, DRAFT, &input.action_group_id);
        let found = state.catalog.get(&key).await?.ok_or_else(not_found)?;
        let before = action_group(&found)?;
        let input = input.clone();
        let group = AgentActionGroup {
            action_group_name: input.action_group_name,
            description: input.description,
            updated_at: state.clock.now(),
            parent_action_signature: input.parent_action_group_signature,
            parent_action_group_signature_params: input.parent_action_group_signature_params,
            action_group_executor: input.action_group_executor,
            api_schema: input.api_schema,
            function_schema: input.function_schema,
            action_group_state: input.action_group_state.unwrap_or(ActionGroupState::Enabled),
            agent_id: before.agent_id.clone(),
            agent_version: before.agent_version.clone(),
            action_group_id: before.action_group_id.clone(),
            client_token: before.client_token.clone(),
            created_at: before.created_at,
        };
        check(&group, state.settings.strict)?;
        touched(state, &mut stored);
        let mut change = stored.saved().replace(&found, &group.to_json());
        if group.action_group_name != before.action_group_name {
            change = rename(state, place, &before, &group, change).await?;
        }
        state.catalog.try_commit(change).await?;
        Ok(group)
    })
    .await?;
    Ok(UpdateAgentActionGroupResponse { agent_action_group: group })
}

async fn rename(state: &State, place: &Place, before: &AgentActionGroup, after: &AgentActionGroup, change: Change) -> Result<Change> {
    let name = |group: &AgentActionGroup| name_key("action-group-name", place, &group.agent_id, &group.action_group_name);
    if state.catalog.get(&name(after)).await?.is_some() {
        return Err(name_taken(&after.action_group_name));
    }
    Ok(change
        .delete(name(before))
        .create(name(after), &after.action_group_id.clone().into()))
}

/// DeleteAgentActionGroup: refused while it is enabled, unless the check is skipped.
pub async fn delete(state: &State, context: &Context, input: DeleteAgentActionGroupRequest) -> Result<DeleteAgentActionGroupResponse> {
    let place = &context.place;
    retry(|| async {
        let mut stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
        let key = action_group_key(place, &input.agent_id, DRAFT, &input.action_group_id);
        let group = action_group(&state.catalog.get(&key).await?.ok_or_else(not_found)?)?;
        if group.action_group_state == ActionGroupState::Enabled && input.skip_resource_in_use_check != Some(true) {
            return Err(Error::conflict(format!(
                "ActionGroup with name {} cannot be deleted when it is Enabled. Either use SkipResourceInUseCheckOnDelete flag or mark it as Disabled.",
                group.action_group_name
            ))
            .into());
        }
        touched(state, &mut stored);
        let name = name_key("action-group-name", place, &input.agent_id, &group.action_group_name);
        state.catalog.try_commit(stored.saved().delete(key).delete(name)).await?;
        Ok(())
    })
    .await?;
    Ok(DeleteAgentActionGroupResponse::default())
}

/// ListAgentActionGroups.
pub async fn list(state: &State, context: &Context, input: ListAgentActionGroupsRequest) -> Result<ListAgentActionGroupsResponse> {
    let place = &context.place;
    Stored::load(&state.catalog, place, &input.agent_id).await?;
    let prefix = action_groups_prefix(place, &input.agent_id, &input.agent_version);
    let listing = state
        .catalog
        .list(&prefix, page(input.max_results, state.settings.strict), input.next_token.as_deref())
        .await?;
    let groups = listing.documents.iter().map(action_group).collect::<Result<Vec<_>>>()?;
    let summary = |group: AgentActionGroup| ActionGroupSummary {
        action_group_id: group.action_group_id,
        action_group_name: group.action_group_name,
        action_group_state: group.action_group_state,
        description: group.description,
        updated_at: group.updated_at,
    };
    Ok(ListAgentActionGroupsResponse {
        action_group_summaries: groups.into_iter().map(summary).collect(),
        next_token: listing.next_token,
    })
}

/// What no version of an action group may be: a signature stands alone, and there is one schema; its functions have quotas.
fn check(group: &AgentActionGroup, strict: bool) -> Result<()> {
    if let Some(signature) = group.parent_action_signature {
        let mut extra = Vec::new();
        extra.extend(group.description.is_some().then_some("description"));
        extra.extend(group.api_schema.is_some().then_some("apiSchema"));
        extra.extend(group.action_group_executor.is_some().then_some("actionGroupExecutor"));
        if !extra.is_empty() {
            return Err(Error::validation(format!(
                "With parentActionGroupSignature {signature} leave out {}.",
                extra.join(", ")
            ))
            .with_field(extra[0], "must be blank with a parentActionGroupSignature"));
        }
    }
    if group.api_schema.is_some() && group.function_schema.is_some() {
        return Err(
            Error::validation("An action group has either an apiSchema or a functionSchema, not both.")
                .with_field("functionSchema", "cannot stand beside apiSchema"),
        );
    }
    if let Some(FunctionSchema::Functions(functions)) = &group.function_schema {
        let mut names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::validation(format!(
                "The functionSchema has two functions named {}. Function names are unique within an action group.",
                pair[0]
            ))
            .with_field("functionSchema.functions", "function names are unique"));
        }
        let this = format!("Action group {}", group.action_group_name);
        quotas::FUNCTIONS.check(functions.len(), strict, &this, "Make another action group for the rest.")?;
        for function in functions {
            let count = function.parameters.as_ref().map_or(0, |parameters| parameters.len());
            let this = format!("Function {} of action group {}", function.name, group.action_group_name);
            quotas::PARAMETERS.check(count, strict, &this, "Leave some out, or put several into one.")?;
        }
    }
    Ok(())
}

fn name_taken(name: &str) -> Error {
    Error::conflict(format!(
        "An action group named {name} already exists for this agent. Use another name, or update that one."
    ))
}
