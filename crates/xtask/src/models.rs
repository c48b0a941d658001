//! `models`: fetches the pinned botocore into a virtual environment under `target/` and reduces its models to facts.

use std::process::Command;

use bedplate_codegen::{Selection, reduce};
use serde::Deserialize;

use crate::{Outcome, read, root, write};

/// `service-models/services.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Services {
    botocore: String,
    pub(crate) service: Vec<Service>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: String,
    version: String,
    full: Option<Vec<String>>,
}

pub(crate) fn services() -> Result<Services, String> {
    let text = read(&root().join("service-models/services.toml"))?;
    toml::from_str(&text).map_err(|error| format!("services.toml: {error}"))
}

pub(crate) fn run(_: &[String]) -> Outcome {
    let services = services()?;
    let venv = root().join("target/models-venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        execute(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let package = format!("botocore=={}", services.botocore);
    execute(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]))?;
    for service in &services.service {
        let script = "import botocore.loaders, json, sys; print(json.dumps(botocore.loaders.Loader().load_service_model(sys.argv[1], 'service-2', sys.argv[2])))";
        let text = execute(Command::new(&python).args(["-c", script, &service.name, &service.version]))?;
        let model = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", service.name))?;
        let selection = service.full.as_deref().map_or(Selection::All, Selection::Only);
        let facts = reduce(&model, &selection).map_err(|error| format!("{}: {error}", service.name))?;
        write(&root().join(format!("service-models/{}.json", service.name)), &facts)?;
    }
    Ok(())
}

fn execute(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|error| format!("{command:?}: {error}"))
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
