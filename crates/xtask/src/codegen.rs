//! `codegen`: writes the generated crates, or with `--check` says whether they are what would be written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use bedplate_codegen::{Exceptions, Model, generate};

use crate::{Outcome, models, read, root, write};

pub(crate) fn run(args: &[String]) -> Outcome {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask codegen [--check]".into()),
    };
    let exceptions = Exceptions::parse(&read(&root().join("service-models/exceptions.toml"))?)?;
    let mut drift = Vec::new();
    for service in models::services()?.service {
        let model = Model::parse(&service.name, &read(&root().join(format!("service-models/{}.json", service.name)))?)?;
        let fresh = formatted(&model, &exceptions)?;
        let folder = root().join(format!("crates/wire-{}/src", service.name));
        let present = files(&folder)?;
        for path in present.keys().filter(|path| !fresh.contains_key(*path)) {
            drift.push(folder.join(path));
            if !check {
                std::fs::remove_file(folder.join(path)).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        for (path, text) in &fresh {
            if present.get(path) != Some(text) {
                drift.push(folder.join(path));
                if !check {
                    write(&folder.join(path), text)?;
                }
            }
        }
    }
    match drift.first() {
        Some(path) if check => Err(format!(
            "{} files differ from their models, first {}: run `cargo xtask codegen`",
            drift.len(),
            path.display()
        )),
        _ => Ok(()),
    }
}

/// The crate's sources by path below `src`, formatted.
fn formatted(model: &Model, exceptions: &Exceptions) -> Result<BTreeMap<PathBuf, String>, String> {
    let folder = root().join("target/codegen").join(&model.name);
    let _ = std::fs::remove_dir_all(&folder);
    for file in generate(model, exceptions)? {
        write(&folder.join(&file.path), &file.text)?;
    }
    let output = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=140"])
        .arg(folder.join("lib.rs"))
        .output()
        .map_err(|error| format!("rustfmt: {error}"))?;
    if !output.status.success() {
        return Err(format!("rustfmt: {}", String::from_utf8_lossy(&output.stderr)));
    }
    files(&folder)
}

fn files(folder: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).map_err(|error| format!("{}: {error}", next.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).map_err(|error| error.to_string())?.to_path_buf();
                found.insert(name, read(&path)?);
            }
        }
    }
    Ok(found)
}
