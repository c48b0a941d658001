//! Roles: their documents, and the operations on a role itself.

use bedplate_base::random_id;
use bedplate_catalog::{Change, Document, key};
use bedplate_wire::{Context, Empty, Fault, Json as _, Value};
use bedplate_wire_iam::types::*;
use serde_json::{Map, json};

use crate::document::{Purpose, check, encode, size};
use crate::fault::{exists, fault, in_use, missing, over};
use crate::page::page;
use crate::{State, tags};

/// Roles of an account (IAM quotas).
const ROLES_MAX: usize = 1_000;
/// Characters of a trust policy; IAM's quota is 2,048 and can be raised to this (IAM quotas).
const TRUST_CHARS_MAX: usize = 4_096;
/// Seconds of a session when the role does not say (IAM API reference, CreateRole).
pub(crate) const SESSION_S: i32 = 3_600;

/// A role as it is stored.
pub(crate) struct Stored {
    /// As it is shown, but for its trust policy (as sent) and its tags (a document of their own).
    pub(crate) role: Role,
    /// Policies inside it: names and texts.
    pub(crate) inline: Map<String, Value>,
    /// ARNs of the policies attached to it, in the order in which they were attached.
    pub(crate) attached: Vec<String>,
    document: Option<Document>,
}

impl Stored {
    fn read(document: Document) -> Result<Self, Fault> {
        let damaged = |what: String| {
            fault(bedplate_base::Error::internal(format!(
                "The stored role {} is damaged: {what}.",
                document.key
            )))
        };
        let role = Role::from_json(&document.body["role"]).map_err(|error| damaged(error.to_string()))?;
        let attached = Vec::from_json(&document.body["attached"]).map_err(|error| damaged(error.to_string()))?;
        let inline = document.body["inline"].as_object().cloned().unwrap_or_default();
        Ok(Self {
            role,
            inline,
            attached,
            document: Some(document),
        })
    }

    fn body(&self) -> Value {
        json!({"role": self.role.to_json(), "inline": self.inline, "attached": self.attached})
    }

    /// The role as answers show it.
    fn shown(self) -> Role {
        let trust = self.role.assume_role_policy_document.as_deref().map(encode);
        Role {
            assume_role_policy_document: trust,
            ..self.role
        }
    }
}

/// The prefix of an account's roles.
fn prefix(context: &Context) -> String {
    format!("{}/", key(&["iam", "role", &context.place.account]))
}

/// Names that differ in case only are one name (IAM API reference, CreateRole).
fn key_of(context: &Context, name: &str) -> String {
    key(&["iam", "role", &context.place.account, &name.to_lowercase()])
}

impl State {
    /// The role called `name`.
    pub(crate) async fn role(&self, context: &Context, name: &str) -> Result<Stored, Fault> {
        let missing = || missing(format!("The role with name {name} cannot be found."));
        let document = self.catalog.get(&key_of(context, name)).await.map_err(fault)?.ok_or_else(missing)?;
        let stored = Stored::read(document)?;
        if stored.role.role_name == name {
            Ok(stored)
        } else {
            Err(missing())
        }
    }

    /// All roles of the account, by name.
    pub(crate) async fn roles(&self, context: &Context) -> Result<Vec<Stored>, Fault> {
        let documents = self.catalog.all(&prefix(context)).await.map_err(fault)?;
        documents.into_iter().map(Stored::read).collect()
    }

    /// Writes a role that was read before.
    pub(crate) async fn write_role(&self, stored: &Stored) -> Result<(), Fault> {
        let read = stored.document.as_ref().expect("invariant: the role was read");
        let change = Change::new().replace(read, &stored.body());
        self.catalog.commit(change).await.map_err(fault)
    }
}

/// CreateRole.
pub(crate) async fn create(state: &State, context: &Context, input: CreateRoleRequest) -> Result<CreateRoleResponse, Fault> {
    check_trust(&input.assume_role_policy_document)?;
    let tags = tags::read(input.tags.as_deref().unwrap_or_default())?;
    let _writing = state.writing.lock().await;
    let name = input.role_name;
    let key = key_of(context, &name);
    if state.catalog.get(&key).await.map_err(fault)?.is_some() {
        return Err(exists(format!("Role with name {name} already exists.")));
    }
    if state.catalog.all(&prefix(context)).await.map_err(fault)?.len() >= ROLES_MAX {
        return Err(over("RolesPerAccount", ROLES_MAX));
    }
    let path = input.path.unwrap_or_else(|| "/".into());
    let role = Role {
        arn: format!("arn:aws:iam::{}:role{path}{name}", context.place.account),
        path,
        role_name: name,
        role_id: format!("AROA{}", random_id(17)),
        create_date: state.now(),
        assume_role_policy_document: Some(input.assume_role_policy_document),
        description: input.description,
        max_session_duration: Some(input.max_session_duration.unwrap_or(SESSION_S)),
        permissions_boundary: input.permissions_boundary.map(boundary),
        ..Role::default()
    };
    let arn = role.arn.clone();
    let stored = Stored {
        role,
        inline: Map::new(),
        attached: Vec::new(),
        document: None,
    };
    let change = Change::new().create(key, &stored.body()).tags(&arn, &tags).map_err(fault)?;
    state.catalog.commit(change).await.map_err(fault)?;
    let role = Role {
        tags: Some(tags::shown(tags)).filter(|tags| !tags.is_empty()),
        ..stored.shown()
    };
    Ok(CreateRoleResponse { role })
}

/// GetRole.
pub(crate) async fn get(state: &State, context: &Context, input: GetRoleRequest) -> Result<GetRoleResponse, Fault> {
    let role = state.role(context, &input.role_name).await?.shown();
    let role = with_tags(state, role).await?;
    Ok(GetRoleResponse { role })
}

async fn with_tags(state: &State, role: Role) -> Result<Role, Fault> {
    let tags = tags::shown(state.catalog.tags(&role.arn).await.map_err(fault)?);
    Ok(Role {
        tags: Some(tags).filter(|tags| !tags.is_empty()),
        role_last_used: Some(RoleLastUsed::default()),
        ..role
    })
}

/// ListRoles. It leaves out tags and boundaries, as the service does.
pub(crate) async fn list(state: &State, context: &Context, input: ListRolesRequest) -> Result<ListRolesResponse, Fault> {
    let prefix = input.path_prefix.unwrap_or_else(|| "/".into());
    let roles = state.roles(context).await?.into_iter().map(Stored::shown);
    let roles = roles.filter(|role| role.path.starts_with(&prefix)).map(|role| Role {
        permissions_boundary: None,
        ..role
    });
    let page = page(
        roles.collect(),
        |role| role.role_name.to_lowercase(),
        input.marker.as_deref(),
        input.max_items,
    );
    Ok(ListRolesResponse {
        roles: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// UpdateRole: members that are not sent are emptied, as the service does with a description.
pub(crate) async fn update(state: &State, context: &Context, input: UpdateRoleRequest) -> Result<UpdateRoleResponse, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    stored.role.description = input.description;
    stored.role.max_session_duration = Some(input.max_session_duration.unwrap_or(SESSION_S));
    state.write_role(&stored).await?;
    Ok(UpdateRoleResponse {})
}

/// UpdateRoleDescription.
pub(crate) async fn update_description(
    state: &State,
    context: &Context,
    input: UpdateRoleDescriptionRequest,
) -> Result<UpdateRoleDescriptionResponse, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    stored.role.description = Some(input.description);
    state.write_role(&stored).await?;
    let role = with_tags(state, stored.shown()).await?;
    Ok(UpdateRoleDescriptionResponse { role: Some(role) })
}

/// DeleteRole: refused while it has policies.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteRoleRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let stored = state.role(context, &input.role_name).await?;
    if !stored.attached.is_empty() {
        return Err(in_use("Cannot delete entity, must detach all policies first."));
    }
    if !stored.inline.is_empty() {
        return Err(in_use("Cannot delete entity, must delete policies first."));
    }
    let change = Change::new().delete(key_of(context, &input.role_name));
    let change = change.tags(&stored.role.arn, &Default::default()).map_err(fault)?;
    state.catalog.commit(change).await.map_err(fault)?;
    Ok(Empty)
}

/// UpdateAssumeRolePolicy.
pub(crate) async fn update_trust(state: &State, context: &Context, input: UpdateAssumeRolePolicyRequest) -> Result<Empty, Fault> {
    check_trust(&input.policy_document)?;
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    stored.role.assume_role_policy_document = Some(input.policy_document);
    state.write_role(&stored).await?;
    Ok(Empty)
}

/// PutRolePermissionsBoundary.
pub(crate) async fn put_boundary(state: &State, context: &Context, input: PutRolePermissionsBoundaryRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    stored.role.permissions_boundary = Some(boundary(input.permissions_boundary));
    state.write_role(&stored).await?;
    Ok(Empty)
}

/// DeleteRolePermissionsBoundary.
pub(crate) async fn delete_boundary(state: &State, context: &Context, input: DeleteRolePermissionsBoundaryRequest) -> Result<Empty, Fault> {
    let _writing = state.writing.lock().await;
    let mut stored = state.role(context, &input.role_name).await?;
    if stored.role.permissions_boundary.take().is_none() {
        return Err(missing(format!("The role {} has no permissions boundary.", input.role_name)));
    }
    state.write_role(&stored).await?;
    Ok(Empty)
}

/// ListInstanceProfilesForRole: there are none. Terraform asks before it deletes a role.
pub(crate) async fn instance_profiles(
    state: &State,
    context: &Context,
    input: ListInstanceProfilesForRoleRequest,
) -> Result<ListInstanceProfilesForRoleResponse, Fault> {
    state.role(context, &input.role_name).await?;
    Ok(ListInstanceProfilesForRoleResponse {
        is_truncated: Some(false),
        ..Default::default()
    })
}

fn boundary(arn: String) -> AttachedPermissionsBoundary {
    AttachedPermissionsBoundary {
        permissions_boundary_type: Some(PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy),
        permissions_boundary_arn: Some(arn),
    }
}

fn check_trust(text: &str) -> Result<(), Fault> {
    check(text, Purpose::Trust)?;
    if size(text) > TRUST_CHARS_MAX {
        return Err(over("ACLSizePerRole", TRUST_CHARS_MAX));
    }
    Ok(())
}
