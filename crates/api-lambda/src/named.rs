//! Functions that a file of the user's names, a template or the configuration. Their code is a folder, of which nothing is zipped or copied, so
//! that a change of a file is seen by the next process; or a zip in a bucket, which is read whenever the file is applied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bedplate_base::{Arn, Error, Hash, Place, Result, sha256};
use bedplate_catalog::{Change, Tags};
use bedplate_lambda::{Runtime, limits};
use bedplate_wire::Context;
use bedplate_wire_lambda::types::{EnvironmentResponse, Layer};
use bytes::Bytes;

use crate::State;
use crate::configuration::{defaults, set_code, touch};
use crate::document::{Code, Document};
use crate::name::Name;
use crate::source::Source;

/// Files of a folder that are looked at for its hash; more do not change it.
const FILES_MAX: usize = 20_000;

/// A function that a file names.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFunction {
    /// Its name; unique in its place.
    pub name: String,
    /// `python3.12`, …
    pub runtime: String,
    /// `module.function`.
    pub handler: String,
    /// Where its code is.
    pub code: NamedCode,
    /// Its layers: ARNs of published ones, or code of their own under ARNs of their own.
    pub layers: Vec<NamedLayer>,
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

/// A layer of such a function.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedLayer {
    /// The version's ARN.
    pub arn: String,
    /// What it is; none for one that was published.
    pub code: Option<NamedCode>,
}

/// Where files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedCode {
    /// A folder, an absolute path.
    Folder(PathBuf),
    /// A zip in a bucket.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
}

/// Files that were looked at.
enum Found {
    Folder(PathBuf, Hash, u64),
    Zip(Bytes),
}

/// Makes or replaces the function of that name; its processes are started afresh, as its files may have changed.
///
/// # Errors
/// `Validation` naming the member that does not do.
pub async fn apply(state: &State, place: &Place, given: NamedFunction) -> Result<Arn> {
    let name = Name::new(place, &given.name);
    let runtime = Runtime::parse(&given.runtime)?.to_string();
    // Buckets may be far away: they are asked before anything is held.
    let code = look(state, given.code).await?;
    let mut own = Vec::new();
    for layer in given.layers {
        let code = match layer.code {
            Some(code) => Some(look(state, code).await?),
            None => None,
        };
        own.push((layer.arn, code));
    }
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
    touch(&mut configuration, state.clock.now());

    let _writing = state.writing.lock().await;
    let (code, hash, bytes) = keep(state, code).await?;
    set_code(&mut configuration, hash, bytes);
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
    for (arn, code) in own {
        if let Some(code) = code {
            shown.push(Layer {
                arn: Some(arn),
                ..Layer::default()
            });
            layers.push(keep(state, code).await?.0);
            continue;
        }
        let found = crate::layer::resolve(state, &context, &[arn]).await;
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
        code,
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

/// Reads what is needed to keep the code; of a folder its hash, of a bucket the zip.
async fn look(state: &State, code: NamedCode) -> Result<Found> {
    match code {
        NamedCode::Folder(folder) => {
            let looked = tokio::task::spawn_blocking(move || {
                let (hash, bytes) = digest(&folder);
                Found::Folder(folder, hash, bytes)
            });
            looked
                .await
                .map_err(|error| Error::internal("Reading the function's folder was interrupted").with_source(error))
        }
        NamedCode::Object { bucket, key } => {
            let address = format!("s3://{bucket}/{key}");
            let source = Source {
                bucket: Some(bucket),
                key: Some(key),
                ..Source::default()
            };
            let read = source.read(state, "").await;
            read.map(Found::Zip)
                .map_err(|fault| Error::validation(format!("{address}: {}", fault.message)))
        }
    }
}

/// Where the code is from now on, its hash and its bytes. `writing` is held.
async fn keep(state: &State, found: Found) -> Result<(Code, Hash, u64)> {
    match found {
        Found::Folder(folder, hash, bytes) => Ok((Code::Folder(folder), hash, bytes)),
        Found::Zip(zip) => {
            let package = state.host.packages().unpack(zip).await?;
            Ok((Code::Package(package.sha256), package.sha256, package.zip_bytes))
        }
    }
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
