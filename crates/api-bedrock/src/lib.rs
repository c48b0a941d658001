//! `bedrock-runtime` and the parts of `bedrock` that go with it: models without an agent around them.
//!
//! A request becomes a Converse request of ours ([`runtime`] submits), whoever the routes name answers it, and the reply goes back in the form
//! that was asked for (encode). There is no session and no journal here: a call that is cut off is gone, and a client that leaves takes its call
//! with it. This crate knows no provider and opens no connection.

mod asked;
pub mod control;
mod log;
mod objects;
pub mod runtime;

use std::sync::{Arc, Mutex};

use bedplate_base::{Clock, Result};
use bedplate_catalog::Catalog;
use bedplate_providers::Models;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use log::Log;

pub use asked::{Asked, Came, Meter, Question};
pub use log::{Gateway, LogSettings, REDACT_MAX};
pub use objects::{Objects, Read, Write};

/// What the operations of both services work on; cheap to clone.
#[derive(Clone)]
pub struct State {
    models: Arc<Models>,
    /// The model ids and patterns of the configuration's routes.
    patterns: Arc<[String]>,
    catalog: Catalog,
    /// The machine's own time: it measures how long models take.
    clock: Arc<dyn Clock>,
    /// Stored profiles change one at a time: their number has a limit.
    writing: Arc<tokio::sync::Mutex<()>>,
    log: Arc<Log>,
    objects: Option<Objects>,
    meter: Option<Arc<dyn Meter>>,
    /// Asynchronous invocations; they end with the last state.
    tasks: Arc<Mutex<JoinSet<()>>>,
    /// How many of them run at once.
    turns: Arc<Semaphore>,
}

impl State {
    /// Over the models of a configuration, whose routes have these patterns, and a catalog.
    pub fn new(
        models: Arc<Models>,
        patterns: impl IntoIterator<Item = String>,
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        log: LogSettings,
    ) -> Self {
        Self {
            models,
            patterns: patterns.into_iter().collect(),
            log: Arc::new(Log::new(log, catalog.clone())),
            catalog,
            clock,
            writing: Arc::default(),
            objects: None,
            meter: None,
            tasks: Arc::default(),
            turns: Arc::new(Semaphore::new(runtime::RUNNING_MAX)),
        }
    }

    /// With buckets: for asynchronous invocations, for what messages point to, for logs.
    #[must_use]
    pub fn with_objects(mut self, objects: Objects) -> Self {
        self.log.deliver_to(objects.write.clone());
        self.objects = Some(objects);
        self
    }

    /// With somebody who is told of every call of a model.
    #[must_use]
    pub fn with_meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.meter = Some(meter);
        self
    }

    /// The same for a task of its own, which must not keep the tasks alive.
    fn detached(&self) -> Self {
        Self {
            tasks: Arc::default(),
            ..self.clone()
        }
    }

    /// Takes up what was configured through the API; once, at the start.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub async fn restore(&self) -> Result<()> {
        self.log.restore().await?;
        self.resume().await
    }
}
