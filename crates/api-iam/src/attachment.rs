//! Which policies are attached to which roles. The truth stands with the role; a policy's count is counted.

use bedplate_wire::{Context, Empty, Fault};
use bedplate_wire_iam::types::*;

use crate::State;
use crate::fault::{missing, over};
use crate::page::page;
use crate::policy::{AWS, name_of};

/// Policies attached to one role. IAM's quota is ten and can be raised; ours leaves room for that.
const ATTACHED_MAX: usize = 25;

/// AttachRolePolicy. Policies of AWS's own may be attached although they are not stored here: nothing reads them.
pub(crate) async fn attach(state: &State, context: &Context, input: AttachRolePolicyRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    let arn = input.policy_arn;
    if !arn.starts_with(AWS) && state.policy(context, &arn).await.is_err() {
        return Err(missing(format!("Policy {arn} does not exist or is not attachable.")));
    }
    if stored.attached.contains(&arn) {
        return Ok(Empty);
    }
    if stored.attached.len() >= ATTACHED_MAX {
        return Err(over("PoliciesPerRole", ATTACHED_MAX));
    }
    stored.attached.push(arn);
    state.write_role(&stored).await?;
    Ok(Empty)
}

/// DetachRolePolicy.
pub(crate) async fn detach(state: &State, context: &Context, input: DetachRolePolicyRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    let before = stored.attached.len();
    stored.attached.retain(|arn| *arn != input.policy_arn);
    if stored.attached.len() == before {
        return Err(missing(format!("Policy {} was not found.", input.policy_arn)));
    }
    state.write_role(&stored).await?;
    Ok(Empty)
}

/// ListAttachedRolePolicies.
pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: ListAttachedRolePoliciesRequest,
) -> Result<ListAttachedRolePoliciesResponse, Fault> {
    let stored = state.role(context, &input.role_name).await?;
    let prefix = input.path_prefix.unwrap_or_else(|| "/".into());
    let mut arns = stored.attached;
    arns.retain(|arn| path_of(arn).starts_with(&prefix));
    arns.sort();
    let page = page(arns, String::clone, input.marker.as_deref(), input.max_items);
    let shown = |arn: String| AttachedPolicy {
        policy_name: Some(name_of(&arn).to_owned()),
        policy_arn: Some(arn),
    };
    Ok(ListAttachedRolePoliciesResponse {
        attached_policies: Some(page.items.into_iter().map(shown).collect()),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// ListEntitiesForPolicy: roles only, there is nothing else here.
pub(crate) async fn entities(
    state: &State,
    context: &Context,
    input: ListEntitiesForPolicyRequest,
) -> Result<ListEntitiesForPolicyResponse, Fault> {
    if !input.policy_arn.starts_with(AWS) {
        state.policy(context, &input.policy_arn).await?;
    }
    let prefix = input.path_prefix.unwrap_or_else(|| "/".into());
    let roles = matches!(input.entity_filter, None | Some(EntityType::Role));
    let bounds = input.policy_usage_filter == Some(PolicyUsageType::PermissionsBoundary);
    let names = |stored: &crate::role::Stored| match bounds {
        true => boundary_of(stored) == Some(input.policy_arn.as_str()),
        false => stored.attached.contains(&input.policy_arn),
    };
    let mut found = state.roles(context).await?;
    found.retain(|stored| roles && names(stored) && stored.role.path.starts_with(&prefix));
    let page = page(
        found,
        |stored| stored.role.role_name.to_lowercase(),
        input.marker.as_deref(),
        input.max_items,
    );
    let shown = |stored: crate::role::Stored| PolicyRole {
        role_name: Some(stored.role.role_name),
        role_id: Some(stored.role.role_id),
    };
    Ok(ListEntitiesForPolicyResponse {
        policy_groups: Some(Vec::new()),
        policy_users: Some(Vec::new()),
        policy_roles: Some(page.items.into_iter().map(shown).collect()),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// The policy that bounds a role.
pub(crate) fn boundary_of(stored: &crate::role::Stored) -> Option<&str> {
    stored.role.permissions_boundary.as_ref()?.permissions_boundary_arn.as_deref()
}

/// `/service-role/` of `arn:aws:iam::aws:policy/service-role/Name`.
fn path_of(arn: &str) -> &str {
    let rest = arn.split_once(":policy").map_or("/", |(_, rest)| rest);
    rest.rfind('/').map_or("/", |end| &rest[..=end])
}
