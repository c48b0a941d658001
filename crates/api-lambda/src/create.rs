//! CreateFunction and DeleteFunction.

use bedplate_catalog::Change;
use bedplate_store::CommitError;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    CreateFunctionRequest, DeleteFunctionRequest, DeleteFunctionResponse, FunctionConfiguration, PackageType, TracingConfigResponse,
};
use bytes::Bytes;

use crate::State;
use crate::configuration::{defaults, environment, refuse, set_code, touch};
use crate::document::{Code, Document};
use crate::fault::{exception, invalid, lacking};
use crate::name::Name;

/// A function from a zip. It is active at once.
pub(crate) async fn create(state: &State, context: &Context, input: CreateFunctionRequest) -> Result<FunctionConfiguration, Fault> {
    let name = Name::read(context, &input.function_name, None)?;
    if input.package_type == Some(PackageType::Image) || input.code.image_uri.is_some() {
        return Err(lacking(
            "PackageType Image",
            "send the code as a zip (Code.ZipFile) with a Runtime and a Handler",
        ));
    }
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
    let zip = zip_of(input.code.zip_file, input.code.s3_bucket.is_some(), "Code.")?;
    let mut configuration = defaults(&name);
    configuration.runtime = Some(
        input
            .runtime
            .ok_or_else(|| invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages."))?,
    );
    configuration.handler = Some(
        input
            .handler
            .ok_or_else(|| invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages."))?,
    );
    configuration.role = Some(input.role);
    configuration.description = input.description.or(configuration.description);
    configuration.timeout = input.timeout.or(configuration.timeout);
    configuration.memory_size = input.memory_size.or(configuration.memory_size);
    configuration.environment = input.environment.map(environment).transpose()?.flatten();
    configuration.architectures = input.architectures.or(configuration.architectures);
    configuration.ephemeral_storage = input.ephemeral_storage.or(configuration.ephemeral_storage);
    configuration.logging_config = input.logging_config.or(configuration.logging_config);
    configuration.dead_letter_config = input.dead_letter_config;
    configuration.kms_key_arn = input.kms_key_arn;
    if let Some(tracing) = input.tracing_config {
        configuration.tracing_config = Some(TracingConfigResponse { mode: tracing.mode });
    }
    touch(&mut configuration, state.clock.now());

    let _writing = state.writing.lock().await;
    let package = state.host.packages().unpack(zip).await.map_err(exception)?;
    set_code(&mut configuration, package.sha256, package.zip_bytes);
    let document = Document {
        configuration,
        code: Code::Package(package.sha256),
        policy: Vec::new(),
    };
    let function = document.function(state.host.packages()).map_err(exception)?;
    let change = Change::new()
        .create(&name.key, &document.body())
        .tags(name.arn.as_str(), &input.tags.unwrap_or_default());
    match state.catalog.try_commit(change.map_err(exception)?).await {
        Err(CommitError::Conflict(_)) => {
            return Err(Fault::new(
                "ResourceConflictException",
                format!("Function already exist: {}", name.name),
            ));
        }
        committed => committed.map_err(|error| exception(error.into()))?,
    }
    state.host.replace(function).map_err(exception)?;
    Ok(document.configuration)
}

/// Forgets a function; invokes under way end. Its unpacked code stays: other functions may share it.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteFunctionRequest) -> Result<DeleteFunctionResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let _writing = state.writing.lock().await;
    state.find(&name).await?;
    let change = Change::new()
        .delete(&name.key)
        .tags(name.arn.as_str(), &Default::default())
        .map_err(exception)?;
    state.catalog.commit(change).await.map_err(exception)?;
    if let Err(error) = state.host.delete(name.arn.as_str()) {
        tracing::debug!(target: "lambda", %error, "a deleted function was not running");
    }
    Ok(DeleteFunctionResponse { status_code: Some(204) })
}

/// The zip of a request. `path` stands before the members' names in messages.
pub(crate) fn zip_of(zip: Option<Bytes>, s3: bool, path: &str) -> Result<Bytes, Fault> {
    match zip {
        Some(zip) => Ok(zip),
        None if s3 => Err(lacking(
            &format!("{path}S3Bucket"),
            &format!("there are no buckets here; send the zip itself ({path}ZipFile)"),
        )),
        None => Err(invalid(format!(
            "Please provide a source for function code: {path}ZipFile is missing"
        ))),
    }
}
