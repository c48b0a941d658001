//! How asynchronous invokes of a function are made: how often, how long, and who hears how they ended.

use bedplate_base::{Place, Result};
use bedplate_catalog::{Catalog, Change};
use bedplate_lambda::{LATEST, Reference};
use bedplate_wire::{Context, Empty, Fault, Json as _};
use bedplate_wire_lambda::types::{
    DeleteFunctionEventInvokeConfigRequest, DestinationConfig, FunctionEventInvokeConfig, GetFunctionEventInvokeConfigRequest,
    ListFunctionEventInvokeConfigsRequest, ListFunctionEventInvokeConfigsResponse, OnFailure, OnSuccess,
    PutFunctionEventInvokeConfigRequest, UpdateFunctionEventInvokeConfigRequest,
};

use crate::State;
use crate::fault::{exception, invalid};
use crate::name::Name;

/// Configurations on a page at most (Lambda API reference, ListFunctionEventInvokeConfigs).
const PAGE_MAX: i32 = 50;

/// Sets a configuration; what it does not say is the default again.
pub(crate) async fn put(
    state: &State,
    context: &Context,
    input: PutFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let config = FunctionEventInvokeConfig {
        maximum_retry_attempts: input.maximum_retry_attempts,
        maximum_event_age_in_seconds: input.maximum_event_age_in_seconds,
        destination_config: input.destination_config,
        ..FunctionEventInvokeConfig::default()
    };
    if config == FunctionEventInvokeConfig::default() {
        return Err(invalid("You must specify at least one of error handling or destination setting."));
    }
    let _writing = state.writing.lock().await;
    store(state, &name, config).await
}

/// Changes a configuration; what it does not say stays.
pub(crate) async fn update(
    state: &State,
    context: &Context,
    input: UpdateFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let _writing = state.writing.lock().await;
    let before = existing(state, &name).await?;
    let config = FunctionEventInvokeConfig {
        maximum_retry_attempts: input.maximum_retry_attempts.or(before.maximum_retry_attempts),
        maximum_event_age_in_seconds: input.maximum_event_age_in_seconds.or(before.maximum_event_age_in_seconds),
        destination_config: input.destination_config.or(before.destination_config),
        ..FunctionEventInvokeConfig::default()
    };
    store(state, &name, config).await
}

/// One configuration.
pub(crate) async fn get(
    state: &State,
    context: &Context,
    input: GetFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    existing(state, &name).await
}

/// Forgets a configuration.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteFunctionEventInvokeConfigRequest) -> Result<Empty, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let _writing = state.writing.lock().await;
    existing(state, &name).await?;
    let change = Change::new().delete(name.event_config_key());
    state.catalog.commit(change).await.map_err(exception)?;
    Ok(Empty)
}

/// The configurations of a function with its versions and aliases, a page at a time.
pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: ListFunctionEventInvokeConfigsRequest,
) -> Result<ListFunctionEventInvokeConfigsResponse, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    state.find(&name).await?;
    let limit = usize::try_from(input.max_items.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).unwrap_or(1);
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let page = state.catalog.list(&name.event_configs(), limit, marker).await.map_err(exception)?;
    let configs = page.documents.iter().map(|stored| read(stored).map_err(exception));
    Ok(ListFunctionEventInvokeConfigsResponse {
        function_event_invoke_configs: Some(configs.collect::<Result<_, _>>()?),
        next_marker: page.next_token,
    })
}

/// The configuration for an invoke of the function with this qualified ARN; everything default when there is none.
pub(crate) async fn in_force(catalog: &Catalog, function: &str) -> Result<FunctionEventInvokeConfig> {
    let reference = Reference::parse(function)?;
    let default = Place::default();
    let place = Place {
        account: reference.account.unwrap_or(default.account),
        region: reference.region.unwrap_or(default.region),
    };
    let mut name = Name::new(&place, &reference.name);
    name.qualifier = reference.qualifier;
    let stored = catalog.get(&name.event_config_key()).await?;
    stored.map_or_else(|| Ok(FunctionEventInvokeConfig::default()), |stored| read(&stored))
}

async fn store(state: &State, name: &Name, mut config: FunctionEventInvokeConfig) -> Result<FunctionEventInvokeConfig, Fault> {
    state.find_version(name).await?;
    if let Some(given) = config.destination_config.take() {
        let (success, failure) = (given.on_success.unwrap_or_default(), given.on_failure.unwrap_or_default());
        let named = |destination: Option<String>| destination.filter(|arn| !arn.is_empty());
        config.destination_config = Some(DestinationConfig {
            on_success: Some(OnSuccess {
                destination: named(success.destination),
            }),
            on_failure: Some(OnFailure {
                destination: named(failure.destination),
            }),
        });
    }
    config.last_modified = Some(state.clock.now());
    config.function_arn = Some(arn_of(name));
    let change = Change::new().put(name.event_config_key(), &config.to_json());
    state.catalog.commit(change).await.map_err(exception)?;
    Ok(config)
}

async fn existing(state: &State, name: &Name) -> Result<FunctionEventInvokeConfig, Fault> {
    let stored = state.catalog.get(&name.event_config_key()).await.map_err(exception)?;
    let missing = || {
        let message = format!("The function {} doesn't have an EventInvokeConfig", arn_of(name));
        Fault::new("ResourceNotFoundException", message)
    };
    read(&stored.ok_or_else(missing)?).map_err(exception)
}

fn arn_of(name: &Name) -> String {
    name.arn_of(name.qualifier.as_deref().unwrap_or(LATEST))
}

fn read(stored: &bedplate_catalog::Document) -> Result<FunctionEventInvokeConfig> {
    FunctionEventInvokeConfig::from_json(&stored.body).map_err(|error| {
        let message = format!("The stored configuration {} is damaged", stored.key);
        bedplate_base::Error::internal(message).with_source(error.to_string())
    })
}
