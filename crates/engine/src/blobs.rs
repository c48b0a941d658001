//! Loads the values that stand outside events, with a small memory of those that were loaded lately.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use bedplate_base::Hash;
use bedplate_journal::{Event, Raw, Value};
use bedplate_store::{ReadError, Store};

pub(crate) struct Blobs {
    recent: Mutex<Recent>,
    bytes_max: usize,
}

#[derive(Default)]
struct Recent {
    texts: HashMap<Hash, (u64, Raw)>,
    order: BTreeMap<u64, Hash>,
    bytes: usize,
    uses: u64,
}

impl Blobs {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            recent: Mutex::default(),
            bytes_max,
        }
    }

    /// Loads what is missing in `event`.
    ///
    /// # Errors
    /// The store cannot be read, or does not have a blob that the event names.
    pub(crate) async fn hydrate(&self, store: &dyn Store, event: &mut Event) -> Result<(), ReadError> {
        for value in event.body.values_mut() {
            let Value::Blob(blob) = value else { continue };
            if blob.raw.is_some() {
                continue;
            }
            if let Some(raw) = self.recent().get(blob.hash) {
                blob.raw = Some(raw);
                continue;
            }
            let raw = store.blob(blob.hash).await?;
            let raw = raw.ok_or_else(|| ReadError(format!("the value {} is missing", blob.hash)))?;
            self.recent().put(blob.hash, raw.clone(), self.bytes_max);
            blob.raw = Some(raw);
        }
        Ok(())
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent
            .lock()
            .expect("invariant: nothing panics while it holds the recent blobs")
    }
}

impl Recent {
    fn get(&mut self, hash: Hash) -> Option<Raw> {
        self.uses += 1;
        let (used, raw) = self.texts.get_mut(&hash)?;
        self.order.remove(used);
        *used = self.uses;
        self.order.insert(self.uses, hash);
        Some(raw.clone())
    }

    fn put(&mut self, hash: Hash, raw: Raw, bytes_max: usize) {
        self.uses += 1;
        self.bytes += raw.as_str().len();
        self.order.insert(self.uses, hash);
        if let Some((used, old)) = self.texts.insert(hash, (self.uses, raw)) {
            self.order.remove(&used);
            self.bytes -= old.as_str().len();
        }
        while self.bytes > bytes_max {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((_, old)) = self.texts.remove(&oldest) {
                self.bytes -= old.as_str().len();
            }
        }
    }
}
