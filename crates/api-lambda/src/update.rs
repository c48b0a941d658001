//! UpdateFunctionCode and UpdateFunctionConfiguration: new invokes run on new processes, invokes under way end on old ones.

use bedplate_catalog::Change;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    FunctionConfiguration, TracingConfigResponse, UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest,
};

use crate::State;
use crate::configuration::{environment, refuse, set_code, touch};
use crate::create::zip_of;
use crate::document::{Code, Document};
use crate::fault::{exception, lacking};
use crate::name::Name;
use crate::permission::check_revision;
use crate::version;

/// Another zip.
pub(crate) async fn code(state: &State, context: &Context, input: UpdateFunctionCodeRequest) -> Result<FunctionConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    if input.image_uri.is_some() {
        return Err(lacking("ImageUri", "send the code as a zip (ZipFile)"));
    }
    let zip = zip_of(input.zip_file, input.s3_bucket.is_some(), "")?;
    let _writing = state.writing.lock().await;
    let (mut document, stored) = state.find(&name).await?;
    check_revision(input.revision_id.as_deref(), document.configuration.revision_id.as_deref())?;
    let package = state.host.packages().unpack(zip).await.map_err(exception)?;
    set_code(&mut document.configuration, package.sha256, package.zip_bytes);
    document.code = Code::Package(package.sha256);
    document.configuration.architectures = input.architectures.or(document.configuration.architectures);
    if input.dry_run == Some(true) {
        document.function(state.host.packages()).map_err(exception)?;
        return Ok(document.configuration);
    }
    put(state, &name, document, &stored, input.publish == Some(true)).await
}

/// Other settings; what a request leaves out stays.
pub(crate) async fn configuration(
    state: &State,
    context: &Context,
    input: UpdateFunctionConfigurationRequest,
) -> Result<FunctionConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    refuse(
        "Layers",
        input.layers.as_ref().filter(|layers| !layers.is_empty()),
        "put their files into the zip",
    )?;
    refuse(
        "FileSystemConfigs",
        input.file_system_configs.as_ref().filter(|configs| !configs.is_empty()),
        "functions see the files of this machine",
    )?;
    refuse("DurableConfig", input.durable_config.as_ref(), "leave it out")?;
    let _writing = state.writing.lock().await;
    let (mut document, stored) = state.find(&name).await?;
    let it = &mut document.configuration;
    check_revision(input.revision_id.as_deref(), it.revision_id.as_deref())?;
    it.role = input.role.or(it.role.take());
    it.handler = input.handler.or(it.handler.take());
    it.description = input.description.or(it.description.take());
    it.timeout = input.timeout.or(it.timeout);
    it.memory_size = input.memory_size.or(it.memory_size);
    it.runtime = input.runtime.or(it.runtime);
    it.dead_letter_config = input.dead_letter_config.or(it.dead_letter_config.take());
    it.kms_key_arn = input.kms_key_arn.or(it.kms_key_arn.take());
    it.ephemeral_storage = input.ephemeral_storage.or(it.ephemeral_storage.take());
    it.logging_config = input.logging_config.or(it.logging_config.take());
    if let Some(given) = input.environment {
        it.environment = environment(given)?;
    }
    if let Some(tracing) = input.tracing_config {
        it.tracing_config = Some(TracingConfigResponse { mode: tracing.mode });
    }
    put(state, &name, document, &stored, false).await
}

/// Stores a changed function and gives it to the host; makes a version of it, when that is wanted, and answers with that.
async fn put(
    state: &State,
    name: &Name,
    mut document: Document,
    stored: &bedplate_catalog::Document,
    publish: bool,
) -> Result<FunctionConfiguration, Fault> {
    touch(&mut document.configuration, state.clock.now());
    let function = document.function(state.host.packages()).map_err(exception)?;
    let change = Change::new().replace(stored, &document.body());
    let answer = if publish {
        version::next(state, name, &document, None).await?.commit(state, change).await?
    } else {
        state.catalog.commit(change).await.map_err(exception)?;
        document.configuration
    };
    state.host.replace(function).map_err(exception)?;
    state.sweep().await;
    Ok(answer)
}
