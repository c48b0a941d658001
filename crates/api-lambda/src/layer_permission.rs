//! AddLayerVersionPermission, GetLayerVersionPolicy and RemoveLayerVersionPermission: kept beside the version and told, not enforced, because
//! nobody is refused here. They go with their version.

use bedplate_catalog::{Change, Document};
use bedplate_wire::{Context, Empty, Fault, Value};
use bedplate_wire_lambda::types::{
    AddLayerVersionPermissionRequest, AddLayerVersionPermissionResponse, GetLayerVersionPolicyRequest, GetLayerVersionPolicyResponse,
    RemoveLayerVersionPermissionRequest,
};
use serde_json::json;

use crate::State;
use crate::fault::exception;
use crate::layer::stored_version;
use crate::permission::{POLICY_BYTES_MAX, check_revision, principal};

/// Adds a statement to a version's policy.
pub(crate) async fn add(
    state: &State,
    context: &Context,
    input: AddLayerVersionPermissionRequest,
) -> Result<AddLayerVersionPermissionResponse, Fault> {
    let _writing = state.writing.lock().await;
    let (arn, stored) = stored_version(state, context, &input.layer_name, input.version_number).await?;
    let mut statements = statements(&stored);
    if statements.iter().any(|statement| statement["Sid"] == input.statement_id.as_str()) {
        let message = format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            input.statement_id
        );
        return Err(Fault::new("ResourceConflictException", message));
    }
    check_revision(input.revision_id.as_deref(), revision(&stored))?;
    let mut statement = json!({
        "Sid": input.statement_id, "Effect": "Allow", "Principal": principal(&input.principal), "Action": input.action, "Resource": arn,
    });
    if let Some(organization) = &input.organization_id {
        statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": organization}});
    }
    statements.push(statement.clone());
    if statements.iter().map(|one| one.to_string().len() + 1).sum::<usize>() > POLICY_BYTES_MAX {
        return Err(Fault::new(
            "PolicyLengthExceededException",
            format!("The final policy size is bigger than the limit ({POLICY_BYTES_MAX})."),
        ));
    }
    let revision = write(state, &stored, statements).await?;
    Ok(AddLayerVersionPermissionResponse {
        statement: Some(statement.to_string()),
        revision_id: Some(revision),
    })
}

/// A version's policy; not found when it has none.
pub(crate) async fn get(
    state: &State,
    context: &Context,
    input: GetLayerVersionPolicyRequest,
) -> Result<GetLayerVersionPolicyResponse, Fault> {
    let (_, stored) = stored_version(state, context, &input.layer_name, input.version_number).await?;
    let statements = statements(&stored);
    if statements.is_empty() {
        let message = "No policy is associated with the given resource.";
        return Err(Fault::new("ResourceNotFoundException", message));
    }
    let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
    Ok(GetLayerVersionPolicyResponse {
        policy: Some(policy.to_string()),
        revision_id: revision(&stored).map(str::to_owned),
    })
}

/// Takes a statement away.
pub(crate) async fn remove(state: &State, context: &Context, input: RemoveLayerVersionPermissionRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let (_, stored) = stored_version(state, context, &input.layer_name, input.version_number).await?;
    check_revision(input.revision_id.as_deref(), revision(&stored))?;
    let mut statements = statements(&stored);
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != input.statement_id.as_str());
    if statements.len() == before {
        return Err(Fault::new(
            "ResourceNotFoundException",
            format!("Statement {} is not found in resource policy.", input.statement_id),
        ));
    }
    write(state, &stored, statements).await?;
    Ok(Empty)
}

fn statements(stored: &Document) -> Vec<Value> {
    stored.body["policy"]["statements"].as_array().cloned().unwrap_or_default()
}

fn revision(stored: &Document) -> Option<&str> {
    stored.body["policy"]["revision"].as_str()
}

/// Writes the policy; its new revision.
async fn write(state: &State, stored: &Document, statements: Vec<Value>) -> Result<String, Fault> {
    let revision = bedplate_base::random_uuid();
    let mut body = stored.body.clone();
    body["policy"] = json!({"revision": revision, "statements": statements});
    state
        .catalog
        .commit(Change::new().replace(stored, &body))
        .await
        .map_err(exception)?;
    Ok(revision)
}
