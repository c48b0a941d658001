//! CreateFunction and DeleteFunction.

use bedplate_catalog::Change;
use bedplate_lambda::LATEST;
use bedplate_store::CommitError;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    CreateFunctionRequest, DeleteFunctionRequest, DeleteFunctionResponse, FunctionConfiguration, PackageType,
};

use crate::State;
use crate::configuration::{defaults, set_code, settings, touch};
use crate::document::{Code, Document};
use crate::fault::{exception, invalid, lacking};
use crate::name::Name;
use crate::source::Source;
use crate::version;

/// A function from a zip. It is active at once.
pub(crate) async fn create(state: &State, context: &Context, input: CreateFunctionRequest) -> Result<FunctionConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    if input.package_type == Some(PackageType::Image) || input.code.image_uri.is_some() {
        return Err(lacking(
            "PackageType Image",
            "send the code as a zip (Code.ZipFile) with a Runtime and a Handler",
        ));
    }
    let source = Source {
        zip: input.code.zip_file,
        bucket: input.code.s3_bucket,
        key: input.code.s3_key,
        version: input.code.s3_object_version,
    };
    let zip = source.read(state, "Code.").await?;
    if input.runtime.is_none() || input.handler.is_none() {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    let mut configuration = defaults(&name);
    configuration.architectures = input.architectures.or(configuration.architectures);
    let (tags, publish) = (input.tags.unwrap_or_default(), input.publish == Some(true));
    let settings = settings!(input, role: Some(input.role));

    let _writing = state.writing.lock().await;
    let package = state.host.packages().unpack(zip).await.map_err(exception)?;
    set_code(&mut configuration, package.sha256, package.zip_bytes);
    touch(&mut configuration, state.clock.now());
    let mut document = Document {
        configuration,
        code: Code::Package(package.sha256),
        layers: Vec::new(),
        policy: Vec::new(),
        reserved: None,
        fingerprint: None,
    };
    settings.apply(state, context, &mut document).await?;
    let function = document.function(state.host.packages()).map_err(exception)?;
    let change = Change::new()
        .create(&name.key, &document.body())
        .tags(name.arn.as_str(), &tags)
        .map_err(exception)?;
    match state.catalog.try_commit(change).await {
        Err(CommitError::Conflict(_)) => {
            return Err(Fault::new(
                "ResourceConflictException",
                format!("Function already exist: {}", name.name),
            ));
        }
        committed => committed.map_err(|error| exception(error.into()))?,
    }
    state.host.replace(function).map_err(exception)?;
    if !publish {
        return Ok(document.configuration);
    }
    let next = version::next(state, &name, &document, None).await?;
    let mut configuration = next.commit(state, Change::new()).await?;
    // As AWS: the version, under the function's own ARN.
    configuration.function_arn = Some(name.arn.to_string());
    Ok(configuration)
}

/// Forgets a function with its versions and aliases, or one version; invokes under way end.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteFunctionRequest) -> Result<DeleteFunctionResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    if input.qualifier.as_deref() == Some(LATEST) {
        return Err(invalid(format!(
            "{LATEST} version cannot be deleted without deleting the function."
        )));
    }
    let _writing = state.writing.lock().await;
    if let Some(qualifier) = &name.qualifier {
        version::delete(state, &name, qualifier).await?;
        state.sweep().await;
        return Ok(DeleteFunctionResponse { status_code: Some(204) });
    }
    state.find(&name).await?;
    let mut change = Change::new()
        .delete(&name.key)
        .tags(name.arn.as_str(), &Default::default())
        .map_err(exception)?;
    for prefix in [name.versions(), name.aliases(), name.event_configs()] {
        for stored in state.catalog.all(&prefix).await.map_err(exception)? {
            change = change.delete(stored.key);
        }
    }
    state.catalog.commit(change).await.map_err(exception)?;
    if let Err(error) = state.host.delete(name.arn.as_str()) {
        tracing::debug!(target: "lambda", %error, "a deleted function was not running");
    }
    state.sweep().await;
    Ok(DeleteFunctionResponse { status_code: Some(204) })
}
