//! Tags of roles and policies.

use bedplate_catalog::Tags;
use bedplate_wire::{Context, Empty, Fault};
use bedplate_wire_iam::types::*;

use crate::State;
use crate::fault::fault;
use crate::page::{Page, page};

/// The tags of a request; a key may come once (its case does not matter).
pub(crate) fn read(tags: &[Tag]) -> Result<Tags, Fault> {
    let mut read = Tags::new();
    for tag in tags {
        if read.keys().any(|key| key.eq_ignore_ascii_case(&tag.key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Fault::new("InvalidInput", message));
        }
        read.insert(tag.key.clone(), tag.value.clone());
    }
    Ok(read)
}

/// Tags as answers show them.
pub(crate) fn shown(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

async fn tag(state: &State, arn: &str, tags: &[Tag]) -> Result<Empty, Fault> {
    state.catalog.tag(arn, read(tags)?).await.map_err(limit)?;
    Ok(Empty)
}

/// Too many tags are a quota here.
fn limit(error: bedplate_base::Error) -> Fault {
    match error.kind {
        bedplate_base::Kind::Validation => Fault::new("LimitExceeded", error.message),
        _ => fault(error),
    }
}

async fn listed(state: &State, arn: &str, marker: Option<&str>, max_items: Option<i32>) -> Result<Page<Tag>, Fault> {
    let tags = shown(state.catalog.tags(arn).await.map_err(fault)?);
    Ok(page(tags, |tag| tag.key.clone(), marker, max_items))
}

/// TagRole.
pub(crate) async fn tag_role(state: &State, context: &Context, input: TagRoleRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let arn = state.role(context, &input.role_name).await?.role.arn;
    tag(state, &arn, &input.tags).await
}

/// UntagRole.
pub(crate) async fn untag_role(state: &State, context: &Context, input: UntagRoleRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let arn = state.role(context, &input.role_name).await?.role.arn;
    state.catalog.untag(&arn, &input.tag_keys).await.map_err(fault)?;
    Ok(Empty)
}

/// ListRoleTags.
pub(crate) async fn list_of_role(state: &State, context: &Context, input: ListRoleTagsRequest) -> Result<ListRoleTagsResponse, Fault> {
    let arn = state.role(context, &input.role_name).await?.role.arn;
    let page = listed(state, &arn, input.marker.as_deref(), input.max_items).await?;
    Ok(ListRoleTagsResponse {
        tags: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// TagPolicy.
pub(crate) async fn tag_policy(state: &State, context: &Context, input: TagPolicyRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    state.policy(context, &input.policy_arn).await?;
    tag(state, &input.policy_arn, &input.tags).await
}

/// UntagPolicy.
pub(crate) async fn untag_policy(state: &State, context: &Context, input: UntagPolicyRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    state.policy(context, &input.policy_arn).await?;
    state.catalog.untag(&input.policy_arn, &input.tag_keys).await.map_err(fault)?;
    Ok(Empty)
}

/// ListPolicyTags.
pub(crate) async fn list_of_policy(
    state: &State,
    context: &Context,
    input: ListPolicyTagsRequest,
) -> Result<ListPolicyTagsResponse, Fault> {
    state.policy(context, &input.policy_arn).await?;
    let page = listed(state, &input.policy_arn, input.marker.as_deref(), input.max_items).await?;
    Ok(ListPolicyTagsResponse {
        tags: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}
