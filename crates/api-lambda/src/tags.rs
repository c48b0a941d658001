//! Tags of functions.

use bedplate_wire::{Context, Empty, Fault};
use bedplate_wire_lambda::types::{ListTagsRequest, ListTagsResponse, TagResourceRequest, UntagResourceRequest};

use crate::State;
use crate::fault::exception;
use crate::name::Name;

/// The tags of a function.
pub(crate) async fn list(state: &State, context: &Context, input: ListTagsRequest) -> Result<ListTagsResponse, Fault> {
    let name = existing(state, context, &input.resource).await?;
    let tags = state.catalog.tags(name.arn.as_str()).await.map_err(exception)?;
    Ok(ListTagsResponse { tags: Some(tags) })
}

/// Adds tags.
pub(crate) async fn tag(state: &State, context: &Context, input: TagResourceRequest) -> Result<Empty, Fault> {
    let name = existing(state, context, &input.resource).await?;
    let _writing = state.writing.lock().await;
    state.catalog.tag(name.arn.as_str(), input.tags).await.map_err(exception)?;
    Ok(Empty)
}

/// Takes tags away.
pub(crate) async fn untag(state: &State, context: &Context, input: UntagResourceRequest) -> Result<Empty, Fault> {
    let name = existing(state, context, &input.resource).await?;
    let _writing = state.writing.lock().await;
    state.catalog.untag(name.arn.as_str(), &input.tag_keys).await.map_err(exception)?;
    Ok(Empty)
}

async fn existing(state: &State, context: &Context, resource: &str) -> Result<Name, Fault> {
    let name = Name::of_resource(context, resource)?;
    state.find(&name).await?;
    Ok(name)
}
