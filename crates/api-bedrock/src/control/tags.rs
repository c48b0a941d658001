//! Tags of inference profiles.

use bedplate_base::{Arn, Error};
use bedplate_wire::Context;
use bedplate_wire_bedrock::types;

use crate::State;

pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: types::ListTagsForResourceRequest,
) -> Result<types::ListTagsForResourceResponse, Error> {
    there(state, context, &input.resource_arn).await?;
    let tags = state.catalog.tags(&input.resource_arn).await?;
    Ok(types::ListTagsForResourceResponse {
        tags: Some(tags.into_iter().map(|(key, value)| types::Tag { key, value }).collect()),
    })
}

pub(crate) async fn tag(state: &State, context: &Context, input: types::TagResourceRequest) -> Result<types::TagResourceResponse, Error> {
    there(state, context, &input.resource_arn).await?;
    let added = input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    state.catalog.tag(&input.resource_arn, added).await?;
    Ok(types::TagResourceResponse::default())
}

pub(crate) async fn untag(
    state: &State,
    context: &Context,
    input: types::UntagResourceRequest,
) -> Result<types::UntagResourceResponse, Error> {
    there(state, context, &input.resource_arn).await?;
    state.catalog.untag(&input.resource_arn, &input.tag_keys).await?;
    Ok(types::UntagResourceResponse::default())
}

/// Whether there is such a thing here: of what has tags in `bedrock`, that is profiles of applications, and asynchronous invocations.
async fn there(state: &State, context: &Context, arn: &str) -> Result<(), Error> {
    let missing = || Error::not_found(format!("The resource {arn} could not be found.")).with_resource(arn);
    let resource = Arn::parse(arn).ok_or_else(missing)?;
    if resource.resource().starts_with("async-invoke/") {
        return state.invocation(arn).await.map(|_| ()).map_err(|_| missing());
    }
    if !resource.resource().starts_with("application-inference-profile/") {
        return Err(missing());
    }
    state.application(&context.place, arn).await.map(|_| ())
}
