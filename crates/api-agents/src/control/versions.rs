//! Versions: immutable copies of DRAFT, cut when an alias is made or changed without routing.

use bedplate_base::{Error, Place, Result};
use bedplate_catalog::Change;
use bedplate_wire::{Context, Json as _};
use bedplate_wire_bedrock_agent::types::{
    AgentActionGroup, AgentStatus, AgentVersion, AgentVersionSummary, DeleteAgentVersionRequest, DeleteAgentVersionResponse,
    GetAgentVersionRequest, GetAgentVersionResponse, ListAgentVersionsRequest, ListAgentVersionsResponse,
};
use serde_json::json;

use super::documents::{
    DRAFT, Stored, action_group, action_group_key, action_groups_prefix, alias, not_found, of_agent, page, retry, version, version_key,
};
use super::prompts;
use crate::State;

/// Token of a page that held DRAFT only.
const AFTER_DRAFT: &str = "DRAFT";

/// GetAgentVersion.
pub async fn get(state: &State, context: &Context, input: GetAgentVersionRequest) -> Result<GetAgentVersionResponse> {
    let key = version_key(&context.place, &input.agent_id, &input.agent_version);
    let found = state.catalog.get(&key).await?.ok_or_else(not_found)?;
    let mut version = version(&found)?.0;
    let memory = version.memory_configuration.is_some();
    version.prompt_override_configuration = Some(prompts::present(version.prompt_override_configuration.as_ref(), memory));
    Ok(GetAgentVersionResponse { agent_version: version })
}

/// DeleteAgentVersion: refused while an alias points at it, unless the check is skipped.
pub async fn delete(state: &State, context: &Context, input: DeleteAgentVersionRequest) -> Result<DeleteAgentVersionResponse> {
    let place = &context.place;
    let (id, number) = (&input.agent_id, &input.agent_version);
    retry(|| async {
        let stored = Stored::load(&state.catalog, place, id).await?;
        let key = version_key(place, id, number);
        state.catalog.get(&key).await?.ok_or_else(not_found)?;
        for document in state.catalog.all(&of_agent("agent-alias", place, id)).await? {
            let alias = alias(&document)?;
            let uses = alias.routing_configuration.iter().any(|route| route.agent_version.as_ref() == Some(number));
            if uses && input.skip_resource_in_use_check != Some(true) {
                return Err(Error::conflict(format!(
                    "Version {number} of agent {id} cannot be deleted because alias {} points at it. Point the alias elsewhere, or set skipResourceInUseCheck.",
                    alias.agent_alias_name
                ))
                .into());
            }
        }
        let mut change = stored.saved().delete(key);
        for document in state.catalog.all(&action_groups_prefix(place, id, number)).await? {
            change = change.delete(document.key);
        }
        state.catalog.try_commit(change).await?;
        Ok(())
    })
    .await?;
    Ok(DeleteAgentVersionResponse {
        agent_id: input.agent_id,
        agent_version: input.agent_version,
        agent_status: AgentStatus::Deleting,
    })
}

/// ListAgentVersions: the numbered ones and DRAFT.
pub async fn list(state: &State, context: &Context, input: ListAgentVersionsRequest) -> Result<ListAgentVersionsResponse> {
    let place = &context.place;
    let stored = Stored::load(&state.catalog, place, &input.agent_id).await?;
    let prefix = of_agent("agent-version", place, &input.agent_id);
    let limit = page(input.max_results, state.settings.strict);
    let (first, rest) = match input.next_token.as_deref() {
        None => (true, limit.saturating_sub(1)),
        Some(_) => (false, limit),
    };
    let token = input.next_token.as_deref().filter(|token| *token != AFTER_DRAFT);
    let mut listing = state.catalog.list(&prefix, rest.max(1), token).await?;
    if rest == 0 {
        listing.next_token = (!listing.documents.is_empty()).then(|| AFTER_DRAFT.to_owned());
        listing.documents.clear();
    }
    let mut summaries = Vec::new();
    if first {
        let agent = stored.agent;
        summaries.push(AgentVersionSummary {
            agent_name: agent.agent_name,
            agent_status: agent.agent_status,
            agent_version: DRAFT.into(),
            created_at: agent.created_at,
            updated_at: agent.updated_at,
            description: agent.description,
            guardrail_configuration: agent.guardrail_configuration,
        });
    }
    for document in &listing.documents {
        let version = version(document)?.0;
        summaries.push(AgentVersionSummary {
            agent_name: version.agent_name,
            agent_status: version.agent_status,
            agent_version: version.version,
            created_at: version.created_at,
            updated_at: version.updated_at,
            description: version.description,
            guardrail_configuration: version.guardrail_configuration,
        });
    }
    Ok(ListAgentVersionsResponse {
        agent_version_summaries: summaries,
        next_token: listing.next_token,
    })
}

/// Cuts a version of DRAFT: its number, and the writes that make it.
///
/// # Errors
/// `Validation` when DRAFT was changed since it was prepared, or never was.
pub(super) async fn cut(state: &State, place: &Place, stored: &mut Stored) -> Result<(String, Change)> {
    let (AgentStatus::Prepared, Some(prepared)) = (stored.agent.agent_status, stored.prepared) else {
        return Err(Error::validation(
            "A version can't be created from Agent when it is in Not Prepared state. Call PrepareAgent first, then try again.",
        ));
    };
    stored.last_version += 1;
    let number = stored.last_version.to_string();
    let agent = &stored.agent;
    let now = state.clock.now();
    let version = AgentVersion {
        agent_id: agent.agent_id.clone(),
        agent_name: agent.agent_name.clone(),
        agent_arn: agent.agent_arn.clone(),
        version: number.clone(),
        instruction: agent.instruction.clone(),
        agent_status: AgentStatus::Prepared,
        foundation_model: agent.foundation_model.clone(),
        description: agent.description.clone(),
        idle_session_ttl_in_seconds: agent.idle_session_ttl_in_seconds,
        agent_resource_role_arn: agent.agent_resource_role_arn.clone(),
        customer_encryption_key_arn: agent.customer_encryption_key_arn.clone(),
        created_at: now,
        updated_at: now,
        failure_reasons: None,
        recommended_actions: None,
        prompt_override_configuration: agent.prompt_override_configuration.clone(),
        guardrail_configuration: agent.guardrail_configuration.clone(),
        memory_configuration: agent.memory_configuration.clone(),
        agent_collaboration: agent.agent_collaboration,
    };
    let body = json!({"version": version.to_json(), "prepared": prepared.to_string()});
    let mut change = Change::new().create(version_key(place, &agent.agent_id, &number), &body);
    for document in state.catalog.all(&action_groups_prefix(place, &agent.agent_id, DRAFT)).await? {
        let group = AgentActionGroup {
            agent_version: number.clone(),
            ..action_group(&document)?
        };
        change = change.create(
            action_group_key(place, &agent.agent_id, &number, &group.action_group_id),
            &group.to_json(),
        );
    }
    Ok((number, change))
}
