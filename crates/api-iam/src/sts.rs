//! GetCallerIdentity and AssumeRole. Whoever asks may: credentials that AssumeRole gives are made up, and lead nowhere but here.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bedplate_base::{Timestamp, id_from, random_id};
use bedplate_wire::{Context, Fault, Operation};
use bedplate_wire_sts::ops;
use bedplate_wire_sts::types::*;

use crate::State;
use crate::fault::invalid;
use crate::role::SESSION_S;

/// Sessions of roles that GetCallerIdentity knows; the oldest is forgotten first. Ours.
const SESSIONS_MAX: usize = 1_000;

fn chosen(_: &Operation, fault: Fault) -> Fault {
    fault
}

bedplate_wire::operations! {
    service: "sts", state: State, ops: ops, fault: chosen,
    AssumeRole => assume_role,
    GetCallerIdentity => get_caller_identity,
}

/// Which role is behind which access key, while it lasts.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<VecDeque<Session>>);

#[derive(Clone)]
struct Session {
    access_key: String,
    arn: String,
    user_id: String,
    ends: Timestamp,
}

impl Sessions {
    fn add(&self, session: Session) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            sessions.pop_front();
        }
        sessions.push_back(session);
    }

    fn find(&self, access_key: &str) -> Option<Session> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().find(|session| session.access_key == access_key).cloned()
    }
}

/// GetCallerIdentity: the account's root, or the session of a role whose credentials AssumeRole gave.
async fn get_caller_identity(state: &State, context: &Context, _: GetCallerIdentityRequest) -> Result<GetCallerIdentityResponse, Fault> {
    let account = context.place.account.clone();
    let session = context.access_key.as_deref().and_then(|key| state.sessions.find(key));
    if let Some(session) = &session
        && session.ends <= state.clock.now()
    {
        let message = "The security token included in the request is expired";
        return Err(Fault::new("ExpiredToken", message).with_status(403));
    }
    let (arn, user_id, account) = match session {
        Some(session) => {
            let account = session.arn.split(':').nth(4).unwrap_or(&account).to_owned();
            (session.arn, session.user_id, account)
        }
        None => (format!("arn:aws:iam::{account}:root"), account.clone(), account),
    };
    Ok(GetCallerIdentityResponse {
        user_id: Some(user_id),
        account: Some(account),
        arn: Some(arn),
    })
}

/// AssumeRole. A role that is not stored can be assumed, too, unless answers are to be strict: agents are often made with a made-up one.
async fn assume_role(state: &State, context: &Context, input: AssumeRoleRequest) -> Result<AssumeRoleResponse, Fault> {
    let (account, name) = role_of(&input.role_arn)?;
    let mut owner = context.clone();
    owner.place.account = account.to_owned();
    let stored = state
        .role(&owner, name)
        .await
        .ok()
        .filter(|stored| stored.role.arn == input.role_arn);
    let seconds = input.duration_seconds.unwrap_or(SESSION_S);
    let role_id = match stored {
        Some(stored) if seconds > stored.role.max_session_duration.unwrap_or(SESSION_S) => {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(invalid(message));
        }
        Some(stored) => stored.role.role_id,
        None if context.strict => {
            let message = format!(
                "User: arn:aws:iam::{}:root is not authorized to perform: sts:AssumeRole on resource: {}",
                context.place.account, input.role_arn
            );
            return Err(Fault::new("AccessDenied", message).with_status(403));
        }
        None => format!("AROA{}", id_from(&["role", &input.role_arn], 17)),
    };
    let session = Session {
        access_key: format!("ASIA{}", random_id(16)),
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{}", input.role_session_name),
        user_id: format!("{role_id}:{}", input.role_session_name),
        ends: Timestamp::from_millis(state.now().millis() + i64::from(seconds) * 1_000),
    };
    state.sessions.add(session.clone());
    Ok(AssumeRoleResponse {
        credentials: Some(Credentials {
            access_key_id: session.access_key,
            secret_access_key: random_id(40),
            session_token: random_id(128),
            expiration: session.ends,
        }),
        assumed_role_user: Some(AssumedRoleUser {
            assumed_role_id: session.user_id,
            arn: session.arn,
        }),
        source_identity: input.source_identity,
        ..AssumeRoleResponse::default()
    })
}

/// Account and name of `arn:aws:iam::123456789012:role/path/name`.
fn role_of(arn: &str) -> Result<(&str, &str), Fault> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let name = |resource: &'_ str| {
        resource
            .strip_prefix("role/")
            .map(|rest| rest.rsplit('/').next().unwrap_or(rest).len())
    };
    match parts.as_slice() {
        ["arn", _, "iam", "", account, resource]
            if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) && name(resource).is_some_and(|len| len > 0) =>
        {
            let len = name(resource).unwrap_or_default();
            Ok((account, &resource[resource.len() - len..]))
        }
        _ => Err(invalid(format!(
            "{arn} is invalid: write the ARN of a role, such as arn:aws:iam::123456789012:role/name"
        ))),
    }
}
