//! Functions of the configuration: run from folders, or found somewhere else.

use std::collections::BTreeMap;
use std::path::Path;

use bedplate_base::{Error, Place, Result};
use bedplate_catalog::Tags;
use bedplate_lambda::{FunctionConfig, Mapping};

use crate::State;
use crate::named::{NamedCode, NamedFunction, apply};

/// Makes what `[functions.NAME]` says true: `code` becomes a function of `place` as if it had been created, `url` and
/// `endpoint` win over functions of that name. Relative paths start at `folder`, variables are looked up through `env`. Once,
/// after [`State::restore`].
///
/// # Errors
/// `Validation` whose first field is `functions.NAME`.
pub async fn map(
    state: &State,
    place: &Place,
    folder: &Path,
    functions: &BTreeMap<String, FunctionConfig>,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<()> {
    for (name, config) in functions {
        match config.mapping(name, folder, env)? {
            Mapping::Remote(remote) if state.tells_addresses => state.host.map(name, remote)?,
            Mapping::Remote(remote) => state.host.map(name, remote.without_address())?,
            Mapping::Local(local) => {
                let given = NamedFunction {
                    name: local.name,
                    runtime: local.runtime,
                    handler: local.handler,
                    code: NamedCode::Folder(local.folder),
                    layers: Vec::new(),
                    environment: local.environment,
                    timeout_s: local.timeout_s,
                    memory_mb: local.memory_mb,
                    description: None,
                    tags: Tags::default(),
                };
                apply(state, place, given).await.map_err(|error| {
                    let what = error.message;
                    Error::validation(format!("bedplate.toml: functions.{name}: {what}")).with_field(format!("functions.{name}"), what)
                })?;
            }
        }
    }
    Ok(())
}
