//! `bedrock`: which models there are, under which names they answer, and what is logged of their calls.

mod foundation;
mod known;
mod logging;
mod profiles;
mod tags;

use bedplate_base::Error;
use bedplate_wire::{Fault, Operation};
use bedplate_wire_bedrock::ops;

use crate::State;

pub(crate) use foundation::arn as foundation_arn;

fn to_wire(_: &Operation, error: Error) -> Fault {
    Fault::from_error(error)
}

bedplate_wire::operations! {
    service: "bedrock", state: State, ops: ops, fault: to_wire,
    CreateInferenceProfile => profiles::create,
    DeleteInferenceProfile => profiles::delete,
    DeleteModelInvocationLoggingConfiguration => logging::delete,
    GetFoundationModel => foundation::get,
    GetFoundationModelAvailability => foundation::availability,
    GetInferenceProfile => profiles::get,
    GetModelInvocationLoggingConfiguration => logging::get,
    ListFoundationModels => foundation::list,
    ListInferenceProfiles => profiles::list,
    ListTagsForResource => tags::list,
    PutModelInvocationLoggingConfiguration => logging::put,
    TagResource => tags::tag,
    UntagResource => tags::untag,
}
