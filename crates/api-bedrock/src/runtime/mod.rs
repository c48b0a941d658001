//! `bedrock-runtime`: one call of a model, in Converse's form or in the model's own.

mod background;
mod checks;
mod converse;
mod count;
mod encode;
mod fault;
mod invoke;
mod live;
mod sources;
mod submit;

use bedplate_wire::{Fault, Operation};
use bedplate_wire_bedrock_runtime::ops;

use crate::State;

pub(crate) use background::RUNNING_MAX;

/// Handlers choose the exception where they know most; see `fault`.
fn chosen(_: &Operation, fault: Fault) -> Fault {
    fault
}

bedplate_wire::operations! {
    service: "bedrock-runtime", state: State, ops: ops, fault: chosen,
    Converse => converse::converse,
    ConverseStream => converse::stream,
    CountTokens => count::count,
    GetAsyncInvoke => background::get,
    InvokeModel => invoke::invoke,
    InvokeModelWithResponseStream => invoke::stream,
    ListAsyncInvokes => background::list,
    StartAsyncInvoke => background::start,
}
