//! Model providers against scripted servers. Cases are data: `tests/cases/*.yaml`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod fallback;
mod models;
mod pure;
mod server;
mod wire;

use std::path::PathBuf;

use serde::de::DeserializeOwned;

/// The folder of the cases.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// The cases of one file.
fn cases<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let cases: Vec<T> = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!cases.is_empty(), "{file} has no cases");
    cases
}
