//! Policies inside a role.

use bedplate_wire::{Context, Empty, Fault, Value};
use bedplate_wire_iam::types::*;

use crate::State;
use crate::document::{Purpose, check, encode, size};
use crate::fault::missing;
use crate::page::page;

/// Characters of all policies inside a role together (IAM quotas).
const INLINE_CHARS_MAX: usize = 10_240;

/// PutRolePolicy.
pub(crate) async fn put(state: &State, context: &Context, input: PutRolePolicyRequest) -> Result<Empty, Fault> {
    check(&input.policy_document, Purpose::Permissions)?;
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    stored.inline.insert(input.policy_name, Value::String(input.policy_document));
    let chars: usize = stored.inline.values().filter_map(Value::as_str).map(size).sum();
    if chars > INLINE_CHARS_MAX {
        let message = format!(
            "Maximum policy size of {INLINE_CHARS_MAX} bytes exceeded for role {}",
            input.role_name
        );
        return Err(Fault::new("LimitExceeded", message));
    }
    state.write_role(&stored).await?;
    Ok(Empty)
}

/// GetRolePolicy.
pub(crate) async fn get(state: &State, context: &Context, input: GetRolePolicyRequest) -> Result<GetRolePolicyResponse, Fault> {
    let stored = state.role(context, &input.role_name).await?;
    let text = stored.inline.get(&input.policy_name).and_then(Value::as_str);
    let text = text.ok_or_else(|| absent(&input.policy_name))?;
    Ok(GetRolePolicyResponse {
        policy_document: encode(text),
        role_name: input.role_name,
        policy_name: input.policy_name,
    })
}

/// ListRolePolicies: the names.
pub(crate) async fn list(state: &State, context: &Context, input: ListRolePoliciesRequest) -> Result<ListRolePoliciesResponse, Fault> {
    let stored = state.role(context, &input.role_name).await?;
    let mut names: Vec<String> = stored.inline.keys().cloned().collect();
    names.sort();
    let page = page(names, String::clone, input.marker.as_deref(), input.max_items);
    Ok(ListRolePoliciesResponse {
        policy_names: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// DeleteRolePolicy.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteRolePolicyRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    if stored.inline.shift_remove(&input.policy_name).is_none() {
        return Err(absent(&input.policy_name));
    }
    state.write_role(&stored).await?;
    Ok(Empty)
}

fn absent(name: &str) -> Fault {
    missing(format!("The role policy with name {name} cannot be found."))
}
