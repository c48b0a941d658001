//! The client's verbs as data: events in, text out; a scripted server in, text and exit code out.
//!
//! Cases lie in `tests/cases`. `UPDATE=1` writes what comes out into them, for review in the diff.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod frames;
mod locating;
mod printing;
mod running;
mod server;

use std::path::{Path, PathBuf};

/// The files of a folder of cases with an ending, in order.
fn cases(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|found| found == ending));
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Compares with the file's content, or writes it.
fn same(path: &Path, got: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, got).unwrap();
        return;
    }
    let want = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(got, want, "{} differs; UPDATE=1 writes what came", path.display());
}
