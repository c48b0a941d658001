//! What the handlers of both services share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bedplate_base::{Clock, Error, Hash, Result};
use bedplate_catalog::Catalog;
use bedplate_engine::Engine;
use bedplate_journal::{Blob, Raw, Value};

/// How handlers answer.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// AWS's limits, states and refusals exactly.
    pub strict: bool,
    /// Model calls of one turn at most, for agents that are prepared from now on.
    pub steps_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strict: false,
            steps_max: bedplate_agent::defaults::STEPS_MAX,
        }
    }
}

/// What the handlers of both services share; cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Resources.
    pub catalog: Catalog,
    /// Sessions.
    pub engine: Engine,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How to answer.
    pub settings: Settings,
    programs: Arc<Mutex<HashMap<Hash, Raw>>>,
}

/// Programs that are kept at hand; beyond this the cache starts anew.
const PROGRAMS_MAX: usize = 256;

impl State {
    /// State over resources and sessions.
    pub fn new(catalog: Catalog, engine: Engine, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self {
            catalog,
            engine,
            clock,
            settings,
            programs: Arc::default(),
        }
    }

    /// A compiled program as a value that turns pin.
    ///
    /// # Errors
    /// `Internal` when the blob is gone: the state folder is damaged.
    pub(crate) async fn program(&self, hash: Hash) -> Result<Value> {
        let cached = self.cache().get(&hash).cloned();
        let raw = match cached {
            Some(raw) => raw,
            None => {
                let found = self.catalog.store().blob(hash).await?;
                let raw = found.ok_or_else(|| Error::internal("The agent's compiled program is gone; prepare the agent again."))?;
                let mut cache = self.cache();
                if cache.len() >= PROGRAMS_MAX {
                    cache.clear();
                }
                cache.insert(hash, raw.clone());
                raw
            }
        };
        Ok(Value::Blob(Blob { hash, raw: Some(raw) }))
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, Raw>> {
        self.programs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
