//! What leads handlers that call AWS back to this server: its address, and keys that it accepts.

use std::collections::BTreeMap;
use std::fmt;

/// Temporary credentials as handlers get them: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
#[derive(Clone, PartialEq, Eq)]
pub struct HandlerKey {
    /// The access key id, which is no secret.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The session token; a role's credentials always have one, and handlers may rely on it.
    pub session_token: String,
}

/// Never shows a secret.
impl fmt::Debug for HandlerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerKey")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// Where handlers' AWS SDKs go, and as whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callback {
    /// `http://127.0.0.1:7780`; nothing is set when absent.
    pub(crate) endpoint: Option<String>,
    /// By the account of the function.
    pub(crate) keys: BTreeMap<String, HandlerKey>,
}

impl Callback {
    /// The variables for a function of `account`. SDKs insist on having credentials, also where any are accepted.
    pub(crate) fn variables(&self, account: &str) -> Vec<(&'static str, String)> {
        let Some(endpoint) = &self.endpoint else { return Vec::new() };
        let any = || "local".to_owned();
        let (access_key, secret, session_token) = match self.keys.get(account) {
            Some(key) => (key.access_key.clone(), key.secret.clone(), key.session_token.clone()),
            None => (any(), any(), any()),
        };
        vec![
            ("AWS_ENDPOINT_URL", endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_SESSION_TOKEN", session_token),
            ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ]
    }
}
