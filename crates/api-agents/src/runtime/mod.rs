//! bedrock-agent-runtime: turns.

pub mod encode;
pub mod invoke_agent;
mod part;
pub mod stored;
mod submit;

use bedplate_base::Error;
use bedplate_wire::{Fault, Operation};
use bedplate_wire_bedrock_agent_runtime::ops;

use crate::State;

fn to_wire(_: &Operation, error: Error) -> Fault {
    Fault::from_error(error)
}

bedplate_wire::operations! {
    service: "bedrock-agent-runtime", state: State, ops: ops, fault: to_wire,
    InvokeAgent => invoke_agent::invoke,
}
