//! Layers: packages that functions share, published in versions that never change.
//!
//! A version is a document with the hash of its package. Functions keep the hash themselves, so a version that is deleted goes on in
//! the functions that use it, as on AWS. Layers of other accounts cannot be fetched from AWS: they are refused by name.

use bedplate_base::{Hash, Place};
use bedplate_catalog::Change;
use bedplate_lambda::limits::LAYERS_MAX;
use bedplate_wire::{Context, Empty, Fault, Json as _};
use bedplate_wire_lambda::types::{
    Architecture, DeleteLayerVersionRequest, GetLayerVersionByArnRequest, GetLayerVersionRequest, GetLayerVersionResponse, Layer,
    LayerVersionContentOutput, LayerVersionsListItem, LayersListItem, ListLayerVersionsRequest, ListLayerVersionsResponse,
    ListLayersRequest, ListLayersResponse, PublishLayerVersionRequest, PublishLayerVersionResponse, Runtime,
};
use serde_json::json;

use crate::State;
use crate::configuration::{sha_of, time};
use crate::fault::{exception, invalid};
use crate::source::Source;

/// Layers or versions on a page at most (Lambda API reference, ListLayers).
const PAGE_MAX: i32 = 50;
/// Above every version number: keys count down, so that the newest version comes first.
const COUNTDOWN: u64 = 999_999_999_999_999_999;

/// A layer by its place and name.
struct Name {
    name: String,
    arn: String,
    segments: [String; 3],
}

impl Name {
    fn new(place: &Place, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arn: place.arn("lambda", format_args!("layer:{name}")).to_string(),
            segments: [place.account.clone(), place.region.clone(), name.to_owned()],
        }
    }

    /// Reads `LayerName`: a name, or an ARN of this place.
    fn read(context: &Context, text: &str) -> Result<Self, Fault> {
        let prefix = context.place.arn("lambda", "layer:").to_string();
        let name = match text.strip_prefix(&prefix) {
            Some(name) => name,
            None if text.starts_with("arn:") => return Err(missing()),
            None => text,
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.is_empty() || name.len() > 140 || !name.chars().all(fits) {
            return Err(invalid(format!(
                "LayerName must have 1 to 140 letters, digits, `-` and `_`, or be the ARN of a layer in {}",
                context.place.region
            )));
        }
        Ok(Self::new(&context.place, name))
    }

    /// Reads the ARN of a version.
    fn of_version(context: &Context, arn: &str) -> Result<(Self, u64), Fault> {
        let (layer, number) = arn.rsplit_once(':').ok_or_else(missing)?;
        let number = number.parse().map_err(|_| missing())?;
        Ok((Self::read(context, layer)?, number))
    }

    fn key(&self) -> String {
        key("layer", &self.segments)
    }

    /// The number of the last version; it outlives the layer: numbers are never used again.
    fn counter_key(&self) -> String {
        key("layer-counter", &self.segments)
    }

    fn versions(&self) -> String {
        format!("{}/", key("layer-version", &self.segments))
    }

    fn version_key(&self, number: u64) -> String {
        format!("{}{:018}", self.versions(), COUNTDOWN.saturating_sub(number))
    }
}

fn key(kind: &str, [account, region, name]: &[String; 3]) -> String {
    bedplate_catalog::key(&["lambda", kind, account, region, name])
}

/// A new version, from a zip.
pub(crate) async fn publish(
    state: &State,
    context: &Context,
    input: PublishLayerVersionRequest,
) -> Result<PublishLayerVersionResponse, Fault> {
    let name = Name::read(context, &input.layer_name)?;
    let source = Source {
        zip: input.content.zip_file,
        bucket: input.content.s3_bucket,
        key: input.content.s3_key,
        version: input.content.s3_object_version,
    };
    let zip = source.read(state, "Content.").await?;
    let _writing = state.writing.lock().await;
    let package = state.host.packages().unpack(zip).await.map_err(exception)?;
    let counter = state.catalog.get(&name.counter_key()).await.map_err(exception)?;
    let number = counter.and_then(|counter| counter.body["last"].as_u64()).unwrap_or(0) + 1;
    let version = GetLayerVersionResponse {
        content: Some(LayerVersionContentOutput {
            code_sha256: Some(sha_of(package.sha256)),
            code_size: i64::try_from(package.zip_bytes).ok(),
            ..LayerVersionContentOutput::default()
        }),
        layer_version_arn: Some(format!("{}:{number}", name.arn)),
        layer_arn: Some(name.arn.clone()),
        description: Some(input.description.unwrap_or_default()),
        created_date: Some(time(state.clock.now())),
        version: i64::try_from(number).ok(),
        compatible_architectures: input.compatible_architectures,
        compatible_runtimes: input.compatible_runtimes,
        license_info: input.license_info,
    };
    let change = Change::new()
        .put(name.counter_key(), &json!({"last": number}))
        .put(name.key(), &json!({"name": name.name}))
        .create(
            name.version_key(number),
            &json!({"version": version.to_json(), "package": package.sha256.to_string()}),
        );
    state.catalog.commit(change).await.map_err(exception)?;
    Ok(PublishLayerVersionResponse {
        content: version.content,
        layer_arn: version.layer_arn,
        layer_version_arn: version.layer_version_arn,
        description: version.description,
        created_date: version.created_date,
        version: version.version,
        compatible_architectures: version.compatible_architectures,
        compatible_runtimes: version.compatible_runtimes,
        license_info: version.license_info,
    })
}

/// One version.
pub(crate) async fn get(state: &State, context: &Context, input: GetLayerVersionRequest) -> Result<GetLayerVersionResponse, Fault> {
    let name = Name::read(context, &input.layer_name)?;
    let number = u64::try_from(input.version_number).map_err(|_| missing())?;
    Ok(find(state, &name, number).await?.ok_or_else(missing)?.0)
}

/// One version, by its ARN.
pub(crate) async fn get_by_arn(
    state: &State,
    context: &Context,
    input: GetLayerVersionByArnRequest,
) -> Result<GetLayerVersionResponse, Fault> {
    let (name, number) = Name::of_version(context, &input.arn)?;
    Ok(find(state, &name, number).await?.ok_or_else(missing)?.0)
}

/// Forgets a version; functions that use it go on. One that is not there is deleted already.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteLayerVersionRequest) -> Result<Empty, Fault> {
    let name = Name::read(context, &input.layer_name)?;
    let Ok(number) = u64::try_from(input.version_number) else {
        return Ok(Empty);
    };
    let _writing = state.writing.lock().await;
    let key = name.version_key(number);
    let versions = state.catalog.all(&name.versions()).await.map_err(exception)?;
    if versions.iter().any(|stored| stored.key == key) {
        let mut change = Change::new().delete(key);
        if versions.len() == 1 {
            change = change.delete(name.key());
        }
        state.catalog.commit(change).await.map_err(exception)?;
        state.sweep().await;
    }
    Ok(Empty)
}

/// The versions of a layer, the newest first, a page at a time.
pub(crate) async fn versions(
    state: &State,
    context: &Context,
    input: ListLayerVersionsRequest,
) -> Result<ListLayerVersionsResponse, Fault> {
    let name = Name::read(context, &input.layer_name)?;
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let page = state.catalog.list(&name.versions(), page_of(input.max_items), marker).await;
    let page = page.map_err(exception)?;
    let mut versions = Vec::new();
    for stored in &page.documents {
        let (version, _) = read(stored)?;
        if suits(&version, input.compatible_runtime, input.compatible_architecture) {
            versions.push(item(version));
        }
    }
    Ok(ListLayerVersionsResponse {
        layer_versions: Some(versions),
        next_marker: page.next_token,
    })
}

/// The layers by name, each with its newest version that suits, a page at a time.
pub(crate) async fn list(state: &State, context: &Context, input: ListLayersRequest) -> Result<ListLayersResponse, Fault> {
    let place = &context.place;
    let prefix = format!("{}/", bedplate_catalog::key(&["lambda", "layer", &place.account, &place.region]));
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let page = state
        .catalog
        .list(&prefix, page_of(input.max_items), marker)
        .await
        .map_err(exception)?;
    let mut layers = Vec::new();
    for stored in &page.documents {
        let name = Name::new(place, stored.body["name"].as_str().unwrap_or_default());
        for stored in state.catalog.all(&name.versions()).await.map_err(exception)? {
            let (version, _) = read(&stored)?;
            if suits(&version, input.compatible_runtime, input.compatible_architecture) {
                layers.push(LayersListItem {
                    layer_name: Some(name.name.clone()),
                    layer_arn: Some(name.arn.clone()),
                    latest_matching_version: Some(item(version)),
                });
                break;
            }
        }
    }
    Ok(ListLayersResponse {
        layers: Some(layers),
        next_marker: page.next_token,
    })
}

/// What the `Layers` of a function mean: as they are answered, and the packages in the same order.
pub(crate) async fn resolve(state: &State, context: &Context, arns: &[String]) -> Result<(Vec<Layer>, Vec<Hash>), Fault> {
    if arns.len() > LAYERS_MAX {
        return Err(invalid(format!("You cannot reference more than {LAYERS_MAX} layers.")));
    }
    let (mut layers, mut packages, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for arn in arns {
        let found = match Name::of_version(context, arn) {
            Ok((name, number)) => find(state, &name, number).await?.map(|found| (name, found)),
            Err(_) => None,
        };
        let Some((name, (version, package))) = found else {
            return Err(invalid(format!(
                "Layer version {arn} does not exist. (Layers are those published here: publish its zip with PublishLayerVersion.)"
            )));
        };
        if names.contains(&name.name) {
            return Err(invalid(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. {} is there twice.",
                name.arn
            )));
        }
        names.push(name.name);
        layers.push(Layer {
            arn: version.layer_version_arn,
            code_size: version.content.and_then(|content| content.code_size),
            ..Layer::default()
        });
        packages.push(package);
    }
    Ok((layers, packages))
}

impl State {
    /// The packages of all layers.
    pub(crate) async fn packages_of_layers(&self) -> bedplate_base::Result<Vec<Hash>> {
        let stored = self.catalog.all(&crate::name::prefix("layer-version")).await?;
        Ok(stored
            .iter()
            .filter_map(|stored| Hash::parse(stored.body["package"].as_str()?))
            .collect())
    }
}

/// A version's ARN and document.
pub(crate) async fn stored_version(
    state: &State,
    context: &Context,
    layer: &str,
    number: i64,
) -> Result<(String, bedplate_catalog::Document), Fault> {
    let name = Name::read(context, layer)?;
    let number = u64::try_from(number).map_err(|_| missing())?;
    let stored = state.catalog.get(&name.version_key(number)).await.map_err(exception)?;
    Ok((format!("{}:{number}", name.arn), stored.ok_or_else(missing)?))
}

async fn find(state: &State, name: &Name, number: u64) -> Result<Option<(GetLayerVersionResponse, Hash)>, Fault> {
    let stored = state.catalog.get(&name.version_key(number)).await.map_err(exception)?;
    stored.map(|stored| read(&stored)).transpose()
}

fn read(stored: &bedplate_catalog::Document) -> Result<(GetLayerVersionResponse, Hash), Fault> {
    let damaged = || {
        exception(bedplate_base::Error::internal(format!(
            "The stored layer {} is damaged",
            stored.key
        )))
    };
    let version = GetLayerVersionResponse::from_json(&stored.body["version"]).map_err(|_| damaged())?;
    let package = stored.body["package"].as_str().and_then(Hash::parse).ok_or_else(damaged)?;
    Ok((version, package))
}

fn item(version: GetLayerVersionResponse) -> LayerVersionsListItem {
    LayerVersionsListItem {
        layer_version_arn: version.layer_version_arn,
        version: version.version,
        description: version.description,
        created_date: version.created_date,
        compatible_architectures: version.compatible_architectures,
        compatible_runtimes: version.compatible_runtimes,
        license_info: version.license_info,
    }
}

/// Whether a version is for this runtime and architecture; one that says nothing is not, when it is asked for.
fn suits(version: &GetLayerVersionResponse, runtime: Option<Runtime>, architecture: Option<Architecture>) -> bool {
    let runtimes = version.compatible_runtimes.as_deref().unwrap_or_default();
    let architectures = version.compatible_architectures.as_deref().unwrap_or_default();
    runtime.is_none_or(|runtime| runtimes.contains(&runtime)) && architecture.is_none_or(|one| architectures.contains(&one))
}

fn page_of(max_items: Option<i32>) -> usize {
    usize::try_from(max_items.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).unwrap_or(1)
}

/// No such version, in the service's own words.
fn missing() -> Fault {
    Fault::new("ResourceNotFoundException", "The resource you requested does not exist.")
}
