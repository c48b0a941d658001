//! Managed policies: their documents, and the operations on a policy itself.

use bedplate_base::{Error, random_id};
use bedplate_catalog::{Change, Document, key};
use bedplate_wire::{Context, Empty, Fault, Json as _, Value};
use bedplate_wire_iam::types::*;
use serde_json::json;

use crate::attachment::boundary_of;
use crate::document::{Purpose, check, size};
use crate::fault::{exists, fault, in_use, invalid, missing, over};
use crate::page::page;
use crate::role::Stored as StoredRole;
use crate::{State, tags};

/// What the ARNs of AWS's own policies begin with.
pub(crate) const AWS: &str = "arn:aws:iam::aws:policy/";
/// Customer managed policies of an account (IAM quotas).
const POLICIES_MAX: usize = 1_500;
/// Characters of a managed policy (IAM quotas).
const POLICY_CHARS_MAX: usize = 6_144;

/// A policy as it is stored.
pub(crate) struct Stored {
    /// As it is shown, but for counts and tags.
    pub(crate) policy: Policy,
    /// Its versions, oldest first, with their texts as sent.
    pub(crate) versions: Vec<PolicyVersion>,
    /// The number that the next version gets: numbers are never used again.
    pub(crate) next: u32,
    document: Option<Document>,
}

impl Stored {
    fn read(document: Document) -> Result<Self, Fault> {
        let damaged = |what: String| fault(Error::internal(format!("The stored policy {} is damaged: {what}.", document.key)));
        let policy = Policy::from_json(&document.body["policy"]).map_err(|error| damaged(error.to_string()))?;
        let versions = Vec::from_json(&document.body["versions"]).map_err(|error| damaged(error.to_string()))?;
        let next = document.body["next"].as_u64().and_then(|next| u32::try_from(next).ok());
        Ok(Self {
            policy,
            versions,
            next: next.ok_or_else(|| damaged("it has no next version".into()))?,
            document: Some(document),
        })
    }

    fn body(&self) -> Value {
        json!({"policy": self.policy.to_json(), "versions": self.versions.to_json(), "next": self.next})
    }

    fn arn(&self) -> &str {
        self.policy.arn.as_deref().unwrap_or_default()
    }

    /// The policy with its counts.
    fn shown(self, roles: &[StoredRole]) -> Policy {
        let count = |uses: &dyn Fn(&StoredRole) -> bool| i32::try_from(roles.iter().filter(|role| uses(role)).count()).ok();
        let arn = self.arn().to_owned();
        Policy {
            attachment_count: count(&|role| role.attached.contains(&arn)),
            permissions_boundary_usage_count: count(&|role| boundary_of(role) == Some(arn.as_str())),
            ..self.policy
        }
    }
}

/// The name at the end of a policy's ARN.
pub(crate) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn prefix(context: &Context) -> String {
    format!("{}/", key(&["iam", "policy", &context.place.account]))
}

fn key_of(context: &Context, name: &str) -> String {
    key(&["iam", "policy", &context.place.account, &name.to_lowercase()])
}

/// Whether a text is a managed policy.
pub(crate) fn check_text(text: &str) -> Result<(), Fault> {
    check(text, Purpose::Permissions)?;
    if size(text) > POLICY_CHARS_MAX {
        return Err(over("PolicySize", POLICY_CHARS_MAX));
    }
    Ok(())
}

impl State {
    /// The policy with this ARN.
    pub(crate) async fn policy(&self, context: &Context, arn: &str) -> Result<Stored, Fault> {
        let known = arn.starts_with("arn:") && arn.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with("policy/"));
        if !known {
            return Err(invalid(format!("ARN {arn} is not valid.")));
        }
        if arn.starts_with(AWS) {
            return Err(missing(format!(
                "Policy {arn} was not found. Bedplate does not hold AWS's own policies; they can be attached all the same."
            )));
        }
        let missing = || missing(format!("Policy {arn} was not found."));
        let found = self.catalog.get(&key_of(context, name_of(arn))).await.map_err(fault)?;
        let stored = Stored::read(found.ok_or_else(missing)?)?;
        if stored.arn() == arn { Ok(stored) } else { Err(missing()) }
    }

    /// Writes a policy that was read before.
    pub(crate) async fn write_policy(&self, stored: &mut Stored) -> Result<(), Fault> {
        stored.policy.update_date = Some(self.now());
        let read = stored.document.as_ref().expect("invariant: the policy was read");
        let change = Change::new().replace(read, &stored.body());
        self.catalog.commit(change).await.map_err(fault)
    }
}

/// CreatePolicy.
pub(crate) async fn create(state: &State, context: &Context, input: CreatePolicyRequest) -> Result<CreatePolicyResponse, Fault> {
    check_text(&input.policy_document)?;
    let tags = tags::read(input.tags.as_deref().unwrap_or_default())?;
    let _writing = state.writing.lock().await;
    let name = input.policy_name;
    let key = key_of(context, &name);
    if state.catalog.get(&key).await.map_err(fault)?.is_some() {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(exists(message));
    }
    if state.catalog.all(&prefix(context)).await.map_err(fault)?.len() >= POLICIES_MAX {
        return Err(over("PoliciesPerAccount", POLICIES_MAX));
    }
    let path = input.path.unwrap_or_else(|| "/".into());
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", context.place.account);
    let now = state.now();
    let policy = Policy {
        arn: Some(arn.clone()),
        path: Some(path),
        policy_name: Some(name),
        policy_id: Some(format!("ANPA{}", random_id(17))),
        default_version_id: Some("v1".into()),
        is_attachable: Some(true),
        description: input.description,
        create_date: Some(now),
        update_date: Some(now),
        ..Policy::default()
    };
    let first = PolicyVersion {
        document: Some(input.policy_document),
        version_id: Some("v1".into()),
        is_default_version: Some(true),
        create_date: Some(now),
    };
    let stored = Stored {
        policy,
        versions: vec![first],
        next: 2,
        document: None,
    };
    let change = Change::new().create(key, &stored.body()).tags(&arn, &tags).map_err(fault)?;
    state.catalog.commit(change).await.map_err(fault)?;
    let policy = Policy {
        description: None, // the service tells it in GetPolicy only
        tags: Some(tags::shown(tags)).filter(|tags| !tags.is_empty()),
        ..stored.shown(&[])
    };
    Ok(CreatePolicyResponse { policy: Some(policy) })
}

/// GetPolicy.
pub(crate) async fn get(state: &State, context: &Context, input: GetPolicyRequest) -> Result<GetPolicyResponse, Fault> {
    let stored = state.policy(context, &input.policy_arn).await?;
    let tags = tags::shown(state.catalog.tags(stored.arn()).await.map_err(fault)?);
    let policy = Policy {
        tags: Some(tags).filter(|tags| !tags.is_empty()),
        ..stored.shown(&state.roles(context).await?)
    };
    Ok(GetPolicyResponse { policy: Some(policy) })
}

/// ListPolicies: those of the account. AWS's own are not held here.
pub(crate) async fn list(state: &State, context: &Context, input: ListPoliciesRequest) -> Result<ListPoliciesResponse, Fault> {
    let prefix_of_path = input.path_prefix.unwrap_or_else(|| "/".into());
    let roles = state.roles(context).await?;
    let mut policies = Vec::new();
    if input.scope != Some(PolicyScopeType::Aws) {
        for document in state.catalog.all(&prefix(context)).await.map_err(fault)? {
            policies.push(Policy {
                description: None,
                ..Stored::read(document)?.shown(&roles)
            });
        }
    }
    let counts = |count: Option<i32>| count.unwrap_or_default() > 0;
    policies.retain(|policy| {
        let attached = match input.policy_usage_filter {
            Some(PolicyUsageType::PermissionsBoundary) => counts(policy.permissions_boundary_usage_count),
            _ => counts(policy.attachment_count),
        };
        let wanted = input.only_attached != Some(true) && input.policy_usage_filter.is_none() || attached;
        wanted && policy.path.as_deref().unwrap_or("/").starts_with(&prefix_of_path)
    });
    let page = page(
        policies,
        |policy| policy.policy_name.as_deref().unwrap_or_default().to_lowercase(),
        input.marker.as_deref(),
        input.max_items,
    );
    Ok(ListPoliciesResponse {
        policies: Some(page.items),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// DeletePolicy: refused while a role has it or other versions stand.
pub(crate) async fn delete(state: &State, context: &Context, input: DeletePolicyRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let stored = state.policy(context, &input.policy_arn).await?;
    let roles = state.roles(context).await?;
    let used = |role: &StoredRole| role.attached.contains(&input.policy_arn) || boundary_of(role) == Some(input.policy_arn.as_str());
    if roles.iter().any(used) {
        return Err(in_use("Cannot delete a policy attached to entities."));
    }
    if stored.versions.len() > 1 {
        return Err(in_use(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }
    let change = Change::new().delete(key_of(context, name_of(&input.policy_arn)));
    let change = change.tags(stored.arn(), &Default::default()).map_err(fault)?;
    state.catalog.commit(change).await.map_err(fault)?;
    Ok(Empty)
}
