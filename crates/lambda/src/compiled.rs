//! Compiled modules of isolated Python functions: each has a cache of its own, so that none changes what another one loads.
//!
//! An empty cache would make the first start of every function compile the standard library again, so a new one begins as
//! a copy of a seed that the host fills itself, before any function could touch it.

use std::ffi::OsString;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bedplate_base::Clock;
use tokio::process::Command;

/// What the bootstrap and many handlers import.
const MODULES: &str = "import asyncio, base64, concurrent.futures, csv, dataclasses, datetime, decimal, email.message, hashlib, \
hmac, http.client, importlib, json, logging, random, re, resource, socket, ssl, subprocess, tempfile, threading, traceback, typing, \
urllib.request, uuid, xml.etree.ElementTree";
/// How long filling the seed may take (ours); without it the first start of a function takes longer, that is all.
const SEED_TIME_MAX: Duration = Duration::from_secs(20);
/// Files of a seed at most (ours; those modules are about 200).
const FILES_MAX: usize = 2_000;

/// The cache of the function `name`.
pub(crate) fn cache(folder: &Path, name: &str) -> PathBuf {
    folder.join(".compiled").join(name)
}

/// Fills the seed; what it has is kept.
pub(crate) async fn fill_seed(folder: &Path, python: &Path, clock: &dyn Clock) {
    let mut prefix = OsString::from("pycache_prefix=");
    prefix.push(seed(folder));
    let filled = Command::new(python)
        .args(["-I", "-X"])
        .arg(prefix)
        .args(["-c", MODULES])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    tokio::select! {
        filled = filled => tracing::debug!(target: "lambda", ?filled, "compiled the standard library for isolated functions"),
        () = clock.sleep_until(clock.now() + SEED_TIME_MAX) => {}
    }
}

/// Makes the cache of a function from the seed, when it has none. It appears whole: half a file would not load.
pub(crate) fn plant(folder: &Path, name: &str) -> Result<()> {
    let cache = cache(folder, name);
    if cache.is_dir() {
        return Ok(());
    }
    let unfinished = folder
        .join(".compiled")
        .join(format!(".unfinished-{}", bedplate_base::random_id(12)));
    std::fs::create_dir_all(&unfinished)?;
    let mut folders = vec![(seed(folder), unfinished.clone())];
    let mut files = 0;
    while let Some((from, to)) = folders.pop() {
        for entry in std::fs::read_dir(from).into_iter().flatten() {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                std::fs::create_dir(&target)?;
                folders.push((entry.path(), target));
            } else if files < FILES_MAX {
                std::fs::copy(entry.path(), target)?;
                files += 1;
            }
        }
    }
    match std::fs::rename(&unfinished, &cache) {
        Err(_) if cache.is_dir() => std::fs::remove_dir_all(unfinished), // another start was faster
        renamed => renamed,
    }
}

fn seed(folder: &Path) -> PathBuf {
    folder.join(".seed")
}
