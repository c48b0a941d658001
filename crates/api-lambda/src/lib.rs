//! The part of Lambda's API that tools need: functions with their code, configuration, permissions and tags, and Invoke.
//!
//! Definitions are documents of the catalog, unpacked code lies in the host's folder, and the host runs what stands here.
//! This crate does not start processes, does not check permissions (they are stored for clients that ask) and knows no
//! agents. Versions, aliases, layers and asynchronous invokes are refused by name.

mod configuration;
mod create;
mod document;
mod fault;
mod folder;
mod invoke;
mod name;
mod permission;
mod read;
mod tags;
mod update;

use std::sync::Arc;

use bedplate_base::Clock;
use bedplate_catalog::Catalog;
use bedplate_lambda::Host;
use bedplate_wire::{Fault, Operation};
use bedplate_wire_lambda::ops;

pub use folder::{FolderFunction, apply};

/// What the operations work on.
pub struct State {
    catalog: Catalog,
    host: Host,
    clock: Arc<dyn Clock>,
    /// Definitions change one at a time: document and host must not be written in different orders.
    writing: tokio::sync::Mutex<()>,
}

impl State {
    /// Over a catalog and a host without functions; [`State::restore`] fills it.
    pub fn new(catalog: Catalog, host: Host, clock: Arc<dyn Clock>) -> Self {
        Self {
            catalog,
            host,
            clock,
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Gives the host every stored function; once, at the start. One that cannot run any more (its folder is gone) is
    /// logged and stays stored.
    pub async fn restore(&self) -> bedplate_base::Result<usize> {
        let mut count = 0;
        for document in self.catalog.all(&name::prefix()).await? {
            let function = document::Document::read(&document).and_then(|read| read.function(self.host.packages()));
            match function.and_then(|function| self.host.replace(function)) {
                Ok(()) => count += 1,
                Err(error) => tracing::warn!(target: "lambda", key = document.key, %error, "a stored function cannot run"),
            }
        }
        Ok(count)
    }
}

/// Handlers choose the exception where they know most; see [`fault::exception`].
fn chosen(_: &Operation, fault: Fault) -> Fault {
    fault
}

bedplate_wire::operations! {
    service: "lambda", state: State, ops: ops, fault: chosen,
    AddPermission => permission::add,
    CreateFunction => create::create,
    DeleteFunction => create::delete,
    GetFunction => read::get,
    GetFunctionConfiguration => read::get_configuration,
    GetPolicy => permission::get,
    Invoke => invoke::invoke,
    ListFunctions => read::list,
    ListTags => tags::list,
    RemovePermission => permission::remove,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    UpdateFunctionCode => update::code,
    UpdateFunctionConfiguration => update::configuration,
}
