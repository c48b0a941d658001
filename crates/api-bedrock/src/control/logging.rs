//! The configuration of model invocation logging: one for an account in a region, off until it is put.

use bedplate_base::Error;
use bedplate_wire::Context;
use bedplate_wire_bedrock::types;

use crate::State;

pub(crate) async fn put(
    state: &State,
    context: &Context,
    input: types::PutModelInvocationLoggingConfigurationRequest,
) -> Result<types::PutModelInvocationLoggingConfigurationResponse, Error> {
    let config = &input.logging_config;
    if config.s3_config.is_none() && config.cloud_watch_config.is_none() && context.strict {
        return Err(Error::validation(
            "loggingConfig names no destination: give it an s3Config or a cloudWatchConfig.",
        ));
    }
    state.log.configure(&context.place, Some(input.logging_config)).await?;
    Ok(types::PutModelInvocationLoggingConfigurationResponse::default())
}

pub(crate) async fn get(
    state: &State,
    context: &Context,
    _: types::GetModelInvocationLoggingConfigurationRequest,
) -> Result<types::GetModelInvocationLoggingConfigurationResponse, Error> {
    Ok(types::GetModelInvocationLoggingConfigurationResponse {
        logging_config: state.log.config(&context.place).map(|config| types::LoggingConfig::clone(&config)),
    })
}

pub(crate) async fn delete(
    state: &State,
    context: &Context,
    _: types::DeleteModelInvocationLoggingConfigurationRequest,
) -> Result<types::DeleteModelInvocationLoggingConfigurationResponse, Error> {
    state.log.configure(&context.place, None).await?;
    Ok(types::DeleteModelInvocationLoggingConfigurationResponse::default())
}
