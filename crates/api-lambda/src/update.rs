//! UpdateFunctionCode and UpdateFunctionConfiguration: new invokes run on new processes, invokes under way end on old ones.

use bedplate_catalog::Change;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{FunctionConfiguration, UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest};

use crate::State;
use crate::configuration::{set_code, settings, touch};
use crate::document::{Code, Document};
use crate::fault::{exception, lacking};
use crate::name::Name;
use crate::permission::check_revision;
use crate::source::Source;
use crate::version;

/// Another zip.
pub(crate) async fn code(state: &State, context: &Context, input: UpdateFunctionCodeRequest) -> Result<FunctionConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    if input.image_uri.is_some() {
        return Err(lacking("ImageUri", "send the code as a zip (ZipFile)"));
    }
    let source = Source {
        zip: input.zip_file,
        bucket: input.s3_bucket,
        key: input.s3_key,
        version: input.s3_object_version,
    };
    let zip = source.read(state, "").await?;
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
    let _writing = state.writing.lock().await;
    let (mut document, stored) = state.find(&name).await?;
    check_revision(input.revision_id.as_deref(), document.configuration.revision_id.as_deref())?;
    settings!(input, role: input.role).apply(state, context, &mut document).await?;
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
