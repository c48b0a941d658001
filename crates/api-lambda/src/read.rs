//! GetFunction, GetFunctionConfiguration and ListFunctions.

use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    Concurrency, FunctionCodeLocation, FunctionConfiguration, GetFunctionConfigurationRequest, GetFunctionRequest, GetFunctionResponse,
    ListFunctionsRequest, ListFunctionsResponse,
};

use crate::State;
use crate::document::Document;
use crate::fault::exception;
use crate::name::{Name, prefix_of};

/// Functions on a page at most (Lambda API reference, ListFunctions).
const PAGE_MAX: i32 = 50;

/// A function with its tags. There is no address to fetch its code from.
pub(crate) async fn get(state: &State, context: &Context, input: GetFunctionRequest) -> Result<GetFunctionResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let document = state.find_version(&name).await?;
    let (latest, _) = state.find(&name).await?;
    let tags = state.catalog.tags(name.arn.as_str()).await.map_err(exception)?;
    Ok(GetFunctionResponse {
        configuration: Some(document.configuration),
        code: Some(FunctionCodeLocation {
            repository_type: Some("S3".into()),
            ..FunctionCodeLocation::default()
        }),
        tags: (!tags.is_empty()).then_some(tags),
        concurrency: latest.reserved.map(|reserved| Concurrency {
            reserved_concurrent_executions: Some(reserved),
        }),
        ..GetFunctionResponse::default()
    })
}

/// A function's configuration.
pub(crate) async fn get_configuration(
    state: &State,
    context: &Context,
    input: GetFunctionConfigurationRequest,
) -> Result<FunctionConfiguration, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    Ok(state.find_version(&name).await?.configuration)
}

/// Functions by name, a page at a time.
pub(crate) async fn list(state: &State, context: &Context, input: ListFunctionsRequest) -> Result<ListFunctionsResponse, Fault> {
    let limit = usize::try_from(input.max_items.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).unwrap_or(1);
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let page = state
        .catalog
        .list(&prefix_of(&context.place), limit, marker)
        .await
        .map_err(exception)?;
    let functions = page
        .documents
        .iter()
        .map(|stored| Ok(Document::read(stored)?.configuration))
        .collect::<bedplate_base::Result<_>>();
    Ok(ListFunctionsResponse {
        functions: Some(functions.map_err(exception)?),
        next_marker: page.next_token,
    })
}
