//! Versions of managed policies.

use bedplate_wire::{Context, Empty, Fault};
use bedplate_wire_iam::types::*;

use crate::State;
use crate::document::encode;
use crate::fault::{in_use, missing};
use crate::page::page;
use crate::policy::{Stored, check_text};

/// Versions of a policy (IAM quotas).
const VERSIONS_MAX: usize = 5;

/// CreatePolicyVersion.
pub(crate) async fn create(
    state: &State,
    context: &Context,
    input: CreatePolicyVersionRequest,
) -> Result<CreatePolicyVersionResponse, Fault> {
    check_text(&input.policy_document)?;
    let _writing = state.writing.lock().await;
    let mut stored = state.policy(context, &input.policy_arn).await?;
    if stored.versions.len() >= VERSIONS_MAX {
        let message = format!(
            "A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new version, you must delete an existing version."
        );
        return Err(Fault::new("LimitExceeded", message));
    }
    let version = PolicyVersion {
        document: Some(input.policy_document),
        version_id: Some(format!("v{}", stored.next)),
        is_default_version: Some(false),
        create_date: Some(state.now()),
    };
    stored.next += 1;
    stored.versions.push(version.clone());
    if input.set_as_default == Some(true) {
        make_default(&mut stored, version.version_id.as_deref().unwrap_or_default());
    }
    state.write_policy(&mut stored).await?;
    let shown = PolicyVersion {
        document: None,
        is_default_version: input.set_as_default.or(Some(false)),
        ..version
    };
    Ok(CreatePolicyVersionResponse {
        policy_version: Some(shown),
    })
}

/// GetPolicyVersion.
pub(crate) async fn get(state: &State, context: &Context, input: GetPolicyVersionRequest) -> Result<GetPolicyVersionResponse, Fault> {
    let stored = state.policy(context, &input.policy_arn).await?;
    let mut version = stored.versions[find(&stored, &input.version_id)?].clone();
    version.document = version.document.as_deref().map(encode);
    Ok(GetPolicyVersionResponse {
        policy_version: Some(version),
    })
}

/// ListPolicyVersions: newest first, without their texts.
pub(crate) async fn list(state: &State, context: &Context, input: ListPolicyVersionsRequest) -> Result<ListPolicyVersionsResponse, Fault> {
    let stored = state.policy(context, &input.policy_arn).await?;
    let bare = |(index, version): (usize, &PolicyVersion)| {
        let bare = PolicyVersion {
            document: None,
            ..version.clone()
        };
        (index, bare)
    };
    let versions = stored.versions.iter().rev().enumerate().map(bare).collect();
    let page = page(versions, |(index, _)| index.to_string(), input.marker.as_deref(), input.max_items);
    Ok(ListPolicyVersionsResponse {
        versions: Some(page.items.into_iter().map(|(_, version)| version).collect()),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// SetDefaultPolicyVersion.
pub(crate) async fn set_default(state: &State, context: &Context, input: SetDefaultPolicyVersionRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.policy(context, &input.policy_arn).await?;
    find(&stored, &input.version_id)?;
    make_default(&mut stored, &input.version_id);
    state.write_policy(&mut stored).await?;
    Ok(Empty)
}

/// DeletePolicyVersion: any but the default one.
pub(crate) async fn delete(state: &State, context: &Context, input: DeletePolicyVersionRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.policy(context, &input.policy_arn).await?;
    let index = find(&stored, &input.version_id)?;
    if stored.versions[index].is_default_version == Some(true) {
        return Err(in_use("Cannot delete the default version of a policy."));
    }
    stored.versions.remove(index);
    state.write_policy(&mut stored).await?;
    Ok(Empty)
}

fn find(stored: &Stored, id: &str) -> Result<usize, Fault> {
    let found = stored.versions.iter().position(|version| version.version_id.as_deref() == Some(id));
    found.ok_or_else(|| {
        let arn = stored.policy.arn.as_deref().unwrap_or_default();
        missing(format!("Policy {arn} version {id} does not exist or is not attachable."))
    })
}

fn make_default(stored: &mut Stored, id: &str) {
    for version in &mut stored.versions {
        version.is_default_version = Some(version.version_id.as_deref() == Some(id));
    }
    stored.policy.default_version_id = Some(id.to_owned());
}
