//! Resources that were read or written lately, in memory: a request reads several by key, and each would cost two thread hops.
//!
//! The writer puts every document here right after the commit that holds it; a reader only when nothing was written since it looked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use bedplate_store::Resource;

use crate::apply::Document;

/// Bytes of one generation, keys and documents; two are kept. Ours: an agent with its versions and aliases is some tens of kilobytes.
const GENERATION_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an entry costs beside its texts, about.
const OVERHEAD_BYTES: usize = 128;

#[derive(Default)]
pub(crate) struct Documents(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    /// None says that there is no such resource.
    young: HashMap<String, Option<Resource>>,
    old: HashMap<String, Option<Resource>>,
    young_bytes: usize,
    /// Counts commits that wrote resources.
    writes: u64,
}

/// A document in memory, or the moment at which it was not there.
pub(crate) enum Found {
    Here(Option<Resource>),
    Missing(Moment),
}

/// When a reader looked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl Documents {
    pub(crate) fn get(&self, key: &str) -> Found {
        let mut all = self.lock();
        if let Some(found) = all.young.get(key) {
            return Found::Here(found.clone());
        }
        match all.old.remove(key) {
            Some(found) => {
                all.put(key, found.clone());
                Found::Here(found)
            }
            None => Found::Missing(Moment(all.writes)),
        }
    }

    /// Now: as long as this stays the same, nothing was written.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.lock().writes)
    }

    /// Keeps what was read from the file, unless something was written since `looked`.
    pub(crate) fn read(&self, key: &str, found: Option<&Resource>, looked: Moment) {
        let mut all = self.lock();
        if all.writes == looked.0 {
            all.put(key, found.cloned());
        }
    }

    /// Keeps what a commit wrote.
    pub(crate) fn written(&self, documents: Vec<Document>) {
        if documents.is_empty() {
            return;
        }
        let mut all = self.lock();
        all.writes += 1;
        for (key, document) in documents {
            all.old.remove(&key);
            all.put(&key, document);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().expect("invariant: nothing panics while it holds the documents")
    }
}

impl Generations {
    fn put(&mut self, key: &str, document: Option<Resource>) {
        let bytes = |document: &Option<Resource>| key.len() + OVERHEAD_BYTES + document.as_ref().map_or(0, |found| found.body.len());
        let added = bytes(&document);
        if added > GENERATION_BYTES_MAX {
            self.young.remove(key);
            self.old.remove(key);
            return;
        }
        if self.young_bytes + added > GENERATION_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += added;
        if let Some(before) = self.young.insert(key.to_owned(), document) {
            self.young_bytes = self.young_bytes.saturating_sub(bytes(&before));
        }
    }
}
