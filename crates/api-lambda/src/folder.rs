//! Functions whose code is a folder of the user's own: templates name those. Nothing is zipped or copied; a change of a file
//! is seen by the next process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bedplate_base::{Arn, Error, Hash, Place, Result, sha256};
use bedplate_catalog::{Change, Tags};
use bedplate_lambda::{Runtime, limits};
use bedplate_wire::Context;
use bedplate_wire_lambda::types::{EnvironmentResponse, Layer};

use crate::State;
use crate::configuration::{defaults, set_code, touch};
use crate::document::{Code, Document};
use crate::name::Name;

/// Files of a folder that are looked at for its hash; more do not change it.
const FILES_MAX: usize = 20_000;

/// A function in a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderFunction {
    /// Its name; unique in its place.
    pub name: String,
    /// `python3.12`, …
    pub runtime: String,
    /// `module.function`.
    pub handler: String,
    /// The folder, an absolute path.
    pub folder: PathBuf,
    /// Its layers: ARNs of published ones, or folders under ARNs of their own.
    pub layers: Vec<FolderLayer>,
    /// Variables of the process.
    pub environment: BTreeMap<String, String>,
    /// 1 to 900.
    pub timeout_s: u32,
    /// Told to the handler.
    pub memory_mb: u32,
    /// For people.
    pub description: Option<String>,
    /// All its tags.
    pub tags: Tags,
}

/// A layer of a function in a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderLayer {
    /// The version's ARN.
    pub arn: String,
    /// The folder that it is, an absolute path; none for one that was published.
    pub folder: Option<PathBuf>,
}

/// Makes or replaces the function of that name; its processes are started afresh, as its files may have changed.
///
/// # Errors
/// `Validation` naming the member that does not do.
pub async fn apply(state: &State, place: &Place, given: FolderFunction) -> Result<Arn> {
    let name = Name::new(place, &given.name);
    let runtime = Runtime::parse(&given.runtime)?.to_string();
    let folder = given.folder.clone();
    let (hash, bytes) = tokio::task::spawn_blocking(move || digest(&folder))
        .await
        .map_err(|error| Error::internal("Reading the function's folder was interrupted").with_source(error))?;
    let mut configuration = defaults(&name);
    configuration.runtime = Some(
        runtime
            .parse()
            .map_err(|_| Error::validation(format!("The runtime `{runtime}` is not one of Lambda's")))?,
    );
    configuration.role = Some(format!("arn:aws:iam::{}:role/{}", place.account, given.name));
    configuration.handler = Some(given.handler);
    configuration.description = given.description.or(configuration.description);
    configuration.timeout = i32::try_from(given.timeout_s).ok();
    configuration.memory_size = i32::try_from(given.memory_mb).ok();
    configuration.environment = (!given.environment.is_empty()).then_some(EnvironmentResponse {
        variables: Some(given.environment),
        error: None,
    });
    set_code(&mut configuration, hash, bytes);
    touch(&mut configuration, state.clock.now());

    let _writing = state.writing.lock().await;
    let (policy, reserved) = match state.catalog.get(&name.key).await? {
        Some(stored) => {
            let before = Document::read(&stored)?;
            (before.policy, before.reserved)
        }
        None => (Vec::new(), None),
    };
    let context = Context {
        place: place.clone(),
        ..Context::default()
    };
    let (mut shown, mut layers) = (Vec::new(), Vec::new());
    for layer in given.layers {
        if let Some(folder) = layer.folder {
            shown.push(Layer {
                arn: Some(layer.arn),
                ..Layer::default()
            });
            layers.push(Code::Folder(folder));
            continue;
        }
        let found = crate::layer::resolve(state, &context, &[layer.arn]).await;
        let (found, packages) = found.map_err(|fault| Error::validation(fault.message))?;
        shown.extend(found);
        layers.extend(packages.into_iter().map(Code::Package));
    }
    if layers.len() > limits::LAYERS_MAX {
        return Err(Error::validation(format!(
            "There are {} layers; {} are allowed",
            layers.len(),
            limits::LAYERS_MAX
        )));
    }
    configuration.layers = (!shown.is_empty()).then_some(shown);
    let document = Document {
        configuration,
        code: Code::Folder(given.folder),
        layers,
        policy,
        reserved,
        fingerprint: None,
    };
    let function = document.function(state.host.packages())?;
    state
        .catalog
        .commit(
            Change::new()
                .put(&name.key, &document.body())
                .tags(name.arn.as_str(), &given.tags)?,
        )
        .await?;
    state.host.replace(function)?;
    state.sweep().await;
    Ok(name.arn)
}

/// A hash over names, sizes and times of the files of a folder, and their size together. Contents are not read.
fn digest(folder: &Path) -> (Hash, u64) {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && entry.file_name() != "__pycache__" {
                folders.push(entry.path());
            } else if meta.is_file() && found.len() < FILES_MAX {
                let time = meta
                    .modified()
                    .ok()
                    .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                    .unwrap_or_default();
                found.push((entry.path(), meta.len(), time));
            }
        }
    }
    found.sort();
    let bytes = found.iter().map(|(_, len, _)| len).sum();
    (sha256(format!("{found:?}").as_bytes()), bytes)
}
