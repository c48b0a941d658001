//! The part of Lambda's API that tools need: functions with their code, layers, configuration,
//! permissions and tags, and Invoke.
//!
//! Definitions are documents of the catalog, unpacked code lies in the host's folder, and the host runs what stands here.
//! This crate does not start processes, does not check permissions (they are stored for clients that ask) and knows no
//! agents, and reads code in buckets by a function that it is given. Images are refused by name.

mod alias;
mod concurrency;
mod configuration;
mod create;
mod document;
mod ended;
mod event_config;
mod events;
mod fault;
mod invoke;
mod layer;
mod layer_permission;
mod mapping;
mod name;
mod named;
mod permission;
mod read;
mod source;
mod stream;
mod tags;
mod update;
mod version;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bedplate_base::{Clock, Place};
use bedplate_catalog::Catalog;
use bedplate_lambda::Host;
use bedplate_wire::{Fault, Operation};
use bedplate_wire_lambda::ops;
use tokio::task::JoinSet;

use document::{Code, Document};
use events::Events;
use name::Name;

pub use mapping::map;
pub use named::{NamedCode, NamedFunction, NamedLayer, apply};
pub use source::ReadObject;

/// What the operations work on.
pub struct State {
    catalog: Catalog,
    host: Host,
    clock: Arc<dyn Clock>,
    /// Reads code that lies in buckets.
    objects: Option<ReadObject>,
    /// Whether failures of functions somewhere else say where.
    tells_addresses: bool,
    /// Definitions change one at a time: document and host must not be written in different orders.
    writing: tokio::sync::Mutex<()>,
    /// Asynchronous invokes.
    events: Arc<Events>,
    /// Makes them; ended with this state.
    worker: Mutex<JoinSet<()>>,
}

impl State {
    /// Over a catalog and a host without functions; [`State::restore`] fills it.
    pub fn new(catalog: Catalog, host: Host, clock: Arc<dyn Clock>) -> Self {
        Self {
            events: Events::new(catalog.clone(), host.clone(), clock.clone()),
            catalog,
            host,
            clock,
            objects: None,
            tells_addresses: true,
            writing: tokio::sync::Mutex::default(),
            worker: Mutex::default(),
        }
    }

    /// Takes code from buckets too.
    #[must_use]
    pub fn with_objects(mut self, objects: ReadObject) -> Self {
        self.objects = Some(objects);
        self
    }

    /// With failures of functions somewhere else that do not say where: clients are not those who run this server.
    #[must_use]
    pub fn without_addresses(mut self) -> Self {
        self.tells_addresses = false;
        self
    }

    /// Gives the host every stored function with its versions and aliases, and takes up asynchronous invokes; once, at the
    /// start. One that cannot run any more (its folder is gone) is logged and stays stored. How many functions can run.
    pub async fn restore(&self) -> bedplate_base::Result<usize> {
        let mut count = 0;
        for kind in ["function", "version"] {
            for stored in self.catalog.all(&name::prefix(kind)).await? {
                match self.restore_one(&stored).await {
                    Ok(()) => count += usize::from(kind == "function"),
                    Err(error) => tracing::warn!(target: "lambda", key = stored.key, %error, "a stored function cannot run"),
                }
            }
        }
        self.sweep().await;
        self.events.restore().await?;
        self.begin_events();
        Ok(count)
    }

    async fn restore_one(&self, stored: &bedplate_catalog::Document) -> bedplate_base::Result<()> {
        let document = Document::read(stored)?;
        let function = document.function(self.host.packages())?;
        let place = Place {
            account: function.arn.account().to_owned(),
            region: function.arn.region().to_owned(),
        };
        let latest = function.version == bedplate_lambda::LATEST;
        let name = Name::new(&place, &function.name);
        self.host.replace(function)?;
        if latest {
            self.tell_concurrency(&name, &document);
            let told = self.tell_aliases(&name).await;
            told.map_err(|fault| bedplate_base::Error::internal(fault.message))?;
        }
        Ok(())
    }

    /// Begins to make asynchronous invokes, if that has not begun.
    fn begin_events(&self) {
        let mut worker = self.worker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if worker.is_empty() {
            worker.spawn(Arc::clone(&self.events).work());
        }
    }

    /// Deletes packages that no function and no version names. Nothing is unpacked meanwhile: `writing` is held, or this is
    /// the start. What cannot be deleted now is tried again after the next change.
    async fn sweep(&self) {
        let swept = async {
            let mut kept: BTreeSet<_> = self.packages_of_layers().await?.into_iter().collect();
            for kind in ["function", "version"] {
                for stored in self.catalog.all(&name::prefix(kind)).await? {
                    let document = Document::read(&stored)?;
                    kept.extend(document.layers.iter().chain([&document.code]).filter_map(Code::package));
                }
            }
            self.host.packages().sweep(kept, self.host.in_use()).await
        };
        match swept.await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(target: "lambda", count, "deleted deployment packages that no function uses"),
            Err(error) => tracing::warn!(target: "lambda", %error, "unused deployment packages stay"),
        }
    }
}

/// Handlers choose the exception where they know most; see [`fault::exception`].
fn chosen(_: &Operation, fault: Fault) -> Fault {
    fault
}

bedplate_wire::operations! {
    service: "lambda", state: State, ops: ops, fault: chosen,
    AddLayerVersionPermission => layer_permission::add,
    AddPermission => permission::add,
    CreateAlias => alias::create,
    CreateFunction => create::create,
    DeleteAlias => alias::delete,
    DeleteFunction => create::delete,
    DeleteFunctionConcurrency => concurrency::delete,
    DeleteFunctionEventInvokeConfig => event_config::delete,
    DeleteLayerVersion => layer::delete,
    GetAccountSettings => concurrency::settings,
    GetAlias => alias::get,
    GetFunction => read::get,
    GetFunctionCodeSigningConfig => read::get_code_signing,
    GetFunctionConcurrency => concurrency::get,
    GetFunctionEventInvokeConfig => event_config::get,
    GetFunctionConfiguration => read::get_configuration,
    GetLayerVersion => layer::get,
    GetLayerVersionByArn => layer::get_by_arn,
    GetLayerVersionPolicy => layer_permission::get,
    GetPolicy => permission::get,
    Invoke => invoke::invoke,
    InvokeAsync => invoke::invoke_async,
    InvokeWithResponseStream => stream::invoke,
    ListAliases => alias::list,
    ListFunctionEventInvokeConfigs => event_config::list,
    ListFunctions => read::list,
    ListLayerVersions => layer::versions,
    ListLayers => layer::list,
    ListTags => tags::list,
    ListVersionsByFunction => version::list,
    PublishLayerVersion => layer::publish,
    PublishVersion => version::publish,
    PutFunctionConcurrency => concurrency::put,
    PutFunctionEventInvokeConfig => event_config::put,
    RemoveLayerVersionPermission => layer_permission::remove,
    RemovePermission => permission::remove,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    UpdateAlias => alias::update,
    UpdateFunctionCode => update::code,
    UpdateFunctionConfiguration => update::configuration,
    UpdateFunctionEventInvokeConfig => event_config::update,
}
