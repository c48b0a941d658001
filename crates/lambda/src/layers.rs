//! Layers: packages beside a function's code, seen as `/opt`.
//!
//! Where functions are isolated the files are at `/opt`, as on AWS; elsewhere, and where `/opt` is needed for something else, they
//! are in a folder of the state that the search paths name. Of two layers with the same file the later one wins.

use std::fs;
use std::path::{Path, PathBuf};

use bedplate_base::{Error, Result, sha256};

use crate::function::{Function, Runtime};
use crate::limits;

/// Where layers are on AWS (developer guide, "Packaging your layer content").
pub(crate) const OPT: &str = "/opt";

/// The folder that holds all layers of a function together.
pub(crate) fn folder(host: &Path, layers: &[PathBuf]) -> Option<PathBuf> {
    match layers {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let names: Vec<u8> = several
                .iter()
                .flat_map(|layer| [layer.as_os_str().as_encoded_bytes(), b"\n", &stamp(host, layer)].concat())
                .collect();
            Some(host.join(MERGED).join(sha256(&names).to_string()))
        }
    }
}

/// What changes with a folder of the user's own: names, sizes and times of its files. A package never changes.
fn stamp(host: &Path, layer: &Path) -> Vec<u8> {
    let mut found = Vec::new();
    let mut folders = if layer.starts_with(host) {
        Vec::new()
    } else {
        vec![layer.to_path_buf()]
    };
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) if found.len() < limits::ZIP_ENTRIES_MAX => found.push((entry.path(), meta.len(), meta.modified().ok())),
                _ => {}
            }
        }
    }
    found.sort();
    format!("{found:?}").into_bytes()
}

/// Where merged layers are, below the host's folder.
pub(crate) const MERGED: &str = ".opt";

/// Makes [`folder`] when it is not there; it appears whole.
pub(crate) async fn prepare(host: PathBuf, layers: Vec<PathBuf>) -> Result<Option<PathBuf>> {
    let Some(folder) = folder(&host, &layers) else { return Ok(None) };
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    let failed = |error: std::io::Error| Error::internal("A function's layers cannot be put together").with_source(error);
    let target = folder.clone();
    let merged = tokio::task::spawn_blocking(move || {
        let unfinished = host.join(MERGED).join(format!(".unfinished-{}", bedplate_base::random_id(12)));
        fs::create_dir_all(&unfinished)?;
        for layer in &layers {
            lay(layer, &unfinished, layer.starts_with(&host))?;
        }
        match fs::rename(&unfinished, &target) {
            Err(_) if target.is_dir() => fs::remove_dir_all(&unfinished), // another start was faster
            renamed => renamed,
        }
    });
    match merged.await {
        Ok(merged) => merged.map_err(failed)?,
        Err(error) => return Err(failed(std::io::Error::other(error))),
    }
    Ok(Some(folder))
}

/// Puts the files of `from` into `to`, over what is there. Unpacking has bounded how many there are. Those of a package become
/// second names of the same files, which cost nothing; a user's own are copied.
fn lay(from: &Path, to: &Path, link: bool) -> std::io::Result<()> {
    let mut folders = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = folders.pop() {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            let there = fs::symlink_metadata(&target).ok();
            if entry.file_type()?.is_dir() {
                if there.as_ref().is_some_and(|meta| !meta.is_dir()) {
                    fs::remove_file(&target)?;
                }
                fs::create_dir_all(&target)?;
                folders.push((entry.path(), target));
                continue;
            }
            match there {
                Some(meta) if meta.is_dir() => fs::remove_dir_all(&target)?,
                Some(_) => fs::remove_file(&target)?,
                None => {}
            }
            if entry.file_type()?.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)?;
                continue;
            }
            // Not every file system has second names.
            if !link || fs::hard_link(entry.path(), &target).is_err() {
                fs::copy(entry.path(), target)?;
            }
        }
    }
    Ok(())
}

/// Variables by which programs find what is below `root`, each to be added behind a value that is there already (developer guide,
/// "Layer paths for each Lambda runtime").
pub(crate) fn search_paths(function: &Function, root: &Path) -> Vec<(&'static str, PathBuf)> {
    let mut all = vec![("PATH", root.join("bin")), ("LD_LIBRARY_PATH", root.join("lib"))];
    match function.runtime {
        Runtime::Python { minor } => {
            all.push(("PYTHONPATH", root.join("python")));
            all.push(("PYTHONPATH", root.join(format!("python/lib/python3.{minor}/site-packages"))));
        }
        Runtime::Node { major } => {
            all.push(("NODE_PATH", root.join(format!("nodejs/node{major}/node_modules"))));
            all.push(("NODE_PATH", root.join("nodejs/node_modules")));
        }
        Runtime::Provided { .. } => {}
    }
    all
}
