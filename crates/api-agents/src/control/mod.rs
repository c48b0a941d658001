//! bedrock-agent: agents, action groups, versions, aliases, tags. One file per operation family.

pub mod action_groups;
pub mod agents;
pub mod aliases;
mod compile;
pub(crate) mod documents;
mod prompts;
pub mod quotas;
pub mod tags;
pub mod versions;

use bedplate_base::Error;
use bedplate_wire::{Fault, Operation};
use bedplate_wire_bedrock_agent::ops;

use crate::State;

fn to_wire(_: &Operation, error: Error) -> Fault {
    Fault::from_error(error)
}

bedplate_wire::operations! {
    service: "bedrock-agent", state: State, ops: ops, fault: to_wire,
    CreateAgent => agents::create,
    GetAgent => agents::get,
    UpdateAgent => agents::update,
    DeleteAgent => agents::delete,
    ListAgents => agents::list,
    PrepareAgent => agents::prepare,
    CreateAgentActionGroup => action_groups::create,
    GetAgentActionGroup => action_groups::get,
    UpdateAgentActionGroup => action_groups::update,
    DeleteAgentActionGroup => action_groups::delete,
    ListAgentActionGroups => action_groups::list,
    CreateAgentAlias => aliases::create,
    GetAgentAlias => aliases::get,
    UpdateAgentAlias => aliases::update,
    DeleteAgentAlias => aliases::delete,
    ListAgentAliases => aliases::list,
    GetAgentVersion => versions::get,
    DeleteAgentVersion => versions::delete,
    ListAgentVersions => versions::list,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    ListTagsForResource => tags::list,
}
