//! AddPermission, GetPolicy and RemovePermission: kept and told, not enforced, because nobody is refused here.

use bedplate_catalog::Change;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    AddPermissionRequest, AddPermissionResponse, GetPolicyRequest, GetPolicyResponse, RemovePermissionRequest,
};
use serde_json::{Map, Value, json};

use crate::State;
use crate::configuration::touch;
use crate::document::Document;
use crate::fault::exception;
use crate::name::Name;

/// Longest policy, in bytes of JSON (Lambda quotas).
pub(crate) const POLICY_BYTES_MAX: usize = 20 * 1024;

/// Adds a statement to a function's policy.
pub(crate) async fn add(state: &State, context: &Context, input: AddPermissionRequest) -> Result<AddPermissionResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let _writing = state.writing.lock().await;
    state.find_version(&name).await?;
    let (mut document, stored) = state.find(&name).await?;
    let resource = name.qualified();
    if statements(&document, &resource).any(|statement| statement["Sid"] == input.statement_id.as_str()) {
        let message = format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            input.statement_id
        );
        return Err(Fault::new("ResourceConflictException", message));
    }
    check_revision(input.revision_id.as_deref(), document.configuration.revision_id.as_deref())?;
    let statement = statement(&name, &input);
    document.policy.push(statement.clone());
    let bytes: usize = statements(&document, &resource)
        .map(|statement| statement.to_string().len() + 1)
        .sum();
    if bytes > POLICY_BYTES_MAX {
        return Err(Fault::new(
            "PolicyLengthExceededException",
            format!("The final policy size is bigger than the limit ({POLICY_BYTES_MAX})."),
        ));
    }
    touch(&mut document.configuration, state.clock.now());
    state
        .catalog
        .commit(Change::new().replace(&stored, &document.body()))
        .await
        .map_err(exception)?;
    Ok(AddPermissionResponse {
        statement: Some(statement.to_string()),
    })
}

/// A function's policy; not found when it has none.
pub(crate) async fn get(state: &State, context: &Context, input: GetPolicyRequest) -> Result<GetPolicyResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    state.find_version(&name).await?;
    let (document, _) = state.find(&name).await?;
    let resource = name.qualified();
    let statements: Vec<&Value> = statements(&document, &resource).collect();
    if statements.is_empty() {
        return Err(Fault::new(
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        ));
    }
    let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
    Ok(GetPolicyResponse {
        policy: Some(policy.to_string()),
        revision_id: document.configuration.revision_id,
    })
}

/// Takes a statement away.
pub(crate) async fn remove(state: &State, context: &Context, input: RemovePermissionRequest) -> Result<bedplate_wire::Empty, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let _writing = state.writing.lock().await;
    let (mut document, stored) = state.find(&name).await?;
    check_revision(input.revision_id.as_deref(), document.configuration.revision_id.as_deref())?;
    let before = document.policy.len();
    let resource = name.qualified();
    document
        .policy
        .retain(|statement| statement["Sid"] != input.statement_id.as_str() || statement["Resource"] != resource.as_str());
    if document.policy.len() == before {
        return Err(Fault::new(
            "ResourceNotFoundException",
            format!("Statement {} is not found in resource policy.", input.statement_id),
        ));
    }
    touch(&mut document.configuration, state.clock.now());
    state
        .catalog
        .commit(Change::new().replace(&stored, &document.body()))
        .await
        .map_err(exception)?;
    Ok(bedplate_wire::Empty)
}

/// The statements about one of: the function, a version, an alias. Each has a policy of its own.
fn statements<'a>(document: &'a Document, resource: &'a str) -> impl Iterator<Item = &'a Value> {
    document.policy.iter().filter(move |statement| statement["Resource"] == resource)
}

/// A change that names the revision it was made for must find it.
pub(crate) fn check_revision(wanted: Option<&str>, is: Option<&str>) -> Result<(), Fault> {
    if wanted.is_some() && wanted != is {
        let message = "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId";
        return Err(Fault::new("PreconditionFailedException", message));
    }
    Ok(())
}

/// A `Principal` as a policy has it: everybody, a service, an ARN or an account.
pub(crate) fn principal(text: &str) -> Value {
    match text {
        "*" => json!("*"),
        arn if arn.starts_with("arn:") => json!({"AWS": arn}),
        service if service.contains('.') => json!({"Service": service}),
        account => json!({"AWS": format!("arn:aws:iam::{account}:root")}),
    }
}

fn statement(name: &Name, input: &AddPermissionRequest) -> Value {
    let principal = principal(&input.principal);
    let mut conditions = Map::new();
    let mut condition = |operator: &str, key: &str, value: &Option<String>| {
        if let Some(value) = value {
            let of_operator = conditions.entry(operator).or_insert_with(|| json!({}));
            of_operator[key] = value.as_str().into();
        }
    };
    condition("StringEquals", "AWS:SourceAccount", &input.source_account);
    condition("StringEquals", "aws:PrincipalOrgID", &input.principal_org_id);
    condition("StringEquals", "lambda:EventSourceToken", &input.event_source_token);
    condition("ArnLike", "AWS:SourceArn", &input.source_arn);
    let mut statement = json!({
        "Sid": input.statement_id, "Effect": "Allow", "Principal": principal, "Action": input.action, "Resource": name.qualified(),
    });
    if !conditions.is_empty() {
        statement["Condition"] = conditions.into();
    }
    statement
}
