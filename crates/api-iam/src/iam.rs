//! The table of IAM's operations.

use bedplate_wire::{Fault, Operation};
use bedplate_wire_iam::ops;

use crate::{State, attachment, inline, policy, role, tags, version};

/// Handlers choose the exception where they know most; see [`crate::fault`].
fn chosen(_: &Operation, fault: Fault) -> Fault {
    fault
}

bedplate_wire::operations! {
    service: "iam", state: State, ops: ops, fault: chosen,
    AttachRolePolicy => attachment::attach,
    CreatePolicy => policy::create,
    CreatePolicyVersion => version::create,
    CreateRole => role::create,
    DeletePolicy => policy::delete,
    DeletePolicyVersion => version::delete,
    DeleteRole => role::delete,
    DeleteRolePermissionsBoundary => role::delete_boundary,
    DeleteRolePolicy => inline::delete,
    DetachRolePolicy => attachment::detach,
    GetPolicy => policy::get,
    GetPolicyVersion => version::get,
    GetRole => role::get,
    GetRolePolicy => inline::get,
    ListAttachedRolePolicies => attachment::list,
    ListEntitiesForPolicy => attachment::entities,
    ListInstanceProfilesForRole => role::instance_profiles,
    ListPolicies => policy::list,
    ListPolicyTags => tags::list_of_policy,
    ListPolicyVersions => version::list,
    ListRolePolicies => inline::list,
    ListRoleTags => tags::list_of_role,
    ListRoles => role::list,
    PutRolePermissionsBoundary => role::put_boundary,
    PutRolePolicy => inline::put,
    SetDefaultPolicyVersion => version::set_default,
    TagPolicy => tags::tag_policy,
    TagRole => tags::tag_role,
    UntagPolicy => tags::untag_policy,
    UntagRole => tags::untag_role,
    UpdateAssumeRolePolicy => role::update_trust,
    UpdateRole => role::update,
    UpdateRoleDescription => role::update_description,
}
