//! GetFunction, GetFunctionConfiguration, GetFunctionCodeSigningConfig and ListFunctions.

use bedplate_lambda::LATEST;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    Concurrency, FunctionCodeLocation, FunctionConfiguration, FunctionVersion, GetFunctionCodeSigningConfigRequest,
    GetFunctionCodeSigningConfigResponse, GetFunctionConfigurationRequest, GetFunctionRequest, GetFunctionResponse, ListFunctionsRequest,
    ListFunctionsResponse,
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
    let mut document = state.find_version(&name).await?;
    if input.qualifier.as_deref() == Some(LATEST) {
        document.configuration.function_arn = Some(name.arn_of(LATEST)); // as AWS: the ARN as it was asked for
    }
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
    let mut configuration = state.find_version(&name).await?.configuration;
    if input.qualifier.as_deref() == Some(LATEST) {
        configuration.function_arn = Some(name.arn_of(LATEST));
    }
    Ok(configuration)
}

/// No code is signed here, so the ARN is always empty. Terraform asks for every function that it reads.
pub(crate) async fn get_code_signing(
    state: &State,
    context: &Context,
    input: GetFunctionCodeSigningConfigRequest,
) -> Result<GetFunctionCodeSigningConfigResponse, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let (document, _) = state.find(&name).await?;
    Ok(GetFunctionCodeSigningConfigResponse {
        code_signing_config_arn: String::new(),
        function_name: document.configuration.function_name.unwrap_or_default(),
    })
}

/// Functions by name, a page at a time.
pub(crate) async fn list(state: &State, context: &Context, input: ListFunctionsRequest) -> Result<ListFunctionsResponse, Fault> {
    let limit = usize::try_from(input.max_items.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).unwrap_or(1);
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    // `ALL` is every version of every function, page by page of functions.
    let all = input.function_version == Some(FunctionVersion::All);
    let page = state
        .catalog
        .list(&prefix_of(&context.place), limit, marker)
        .await
        .map_err(exception)?;
    let mut functions = Vec::new();
    for stored in &page.documents {
        let mut latest = Document::read(stored).map_err(exception)?.configuration;
        if !all {
            functions.push(latest);
            continue;
        }
        let name = Name::new(&context.place, latest.function_name.as_deref().unwrap_or_default());
        latest.function_arn = Some(name.arn_of(LATEST));
        functions.push(latest);
        for stored in state.catalog.all(&name.versions()).await.map_err(exception)? {
            functions.push(Document::read(&stored).map_err(exception)?.configuration);
        }
    }
    Ok(ListFunctionsResponse {
        functions: Some(functions),
        next_marker: page.next_token,
    })
}
