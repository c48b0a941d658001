//! Tags of agents and aliases.

use bedplate_base::{Arn, Error, Result};
use bedplate_wire::Context;
use bedplate_wire_bedrock_agent::types::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest, TagResourceResponse, UntagResourceRequest,
    UntagResourceResponse,
};

use super::documents::{agent_key, alias_key, not_found};
use crate::State;

/// TagResource.
pub async fn tag(state: &State, context: &Context, input: TagResourceRequest) -> Result<TagResourceResponse> {
    known(state, context, &input.resource_arn).await?;
    state.catalog.tag(&input.resource_arn, input.tags).await?;
    Ok(TagResourceResponse::default())
}

/// UntagResource.
pub async fn untag(state: &State, context: &Context, input: UntagResourceRequest) -> Result<UntagResourceResponse> {
    known(state, context, &input.resource_arn).await?;
    state.catalog.untag(&input.resource_arn, &input.tag_keys).await?;
    Ok(UntagResourceResponse::default())
}

/// ListTagsForResource.
pub async fn list(state: &State, context: &Context, input: ListTagsForResourceRequest) -> Result<ListTagsForResourceResponse> {
    known(state, context, &input.resource_arn).await?;
    Ok(ListTagsForResourceResponse {
        tags: Some(state.catalog.tags(&input.resource_arn).await?),
    })
}

/// Only what exists has tags.
async fn known(state: &State, context: &Context, arn: &str) -> Result<()> {
    let invalid = || Error::validation(format!("{arn} is not the ARN of an agent or an agent alias."));
    let parsed = Arn::parse(arn).ok_or_else(invalid)?;
    let parts: Vec<&str> = parsed.resource().split('/').collect();
    let key = match parts.as_slice() {
        ["agent", id] => agent_key(&context.place, id),
        ["agent-alias", agent, id] => alias_key(&context.place, agent, id),
        _ => return Err(invalid()),
    };
    let here = parsed.service() == "bedrock" && parsed.region() == context.place.region && parsed.account() == context.place.account;
    if !here || state.catalog.get(&key).await?.is_none() {
        return Err(not_found());
    }
    Ok(())
}
