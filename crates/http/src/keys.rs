//! Access keys: what the configuration says about them, and how their secrets are found. The configuration names variables and files; a
//! secret itself never stands in it, and no log, error or debug output shows one.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::sigv4::{ACCESS_KEY_MAX, is_name};

/// Keys of one configuration. Ours: they are searched one after the other.
pub const KEYS_MAX: usize = 256;
/// Characters of a secret at least; AWS's have 40. Ours: a shorter one can be guessed from a single signature.
pub const SECRET_MIN: usize = 16;
/// Bytes of a secret, or of its file, at most. Session tokens of STS have below 2,000.
pub const SECRET_MAX: usize = 8 << 10;

/// An access key, ready to verify with.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name in the configuration, for logs and messages.
    pub name: String,
    /// `AKIA…`; empty for a key that is only sent as a bearer token: no signature can name it.
    pub access_key: String,
    /// The secret access key.
    pub secret: Secret,
    /// An API key of Amazon Bedrock: whoever sends it in `Authorization: Bearer` may call `bedrock` and `bedrock-runtime`.
    pub bearer: Option<Secret>,
    /// The session token that must come with it; none when none may come.
    pub session_token: Option<Secret>,
    /// The account that it belongs to: twelve digits; none means the server's.
    pub account: Option<String>,
    /// The regions that it may sign for; empty means any.
    pub regions: Vec<String>,
    /// Whether it opens `/_bedplate/*` from other machines.
    pub admin: bool,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `[keys.NAME]`: the access keys that requests may be signed with. Without any, every request is accepted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct KeysConfig(pub BTreeMap<String, KeyConfig>);

/// One key: an access key, whose secret exactly one of `secret_env` and `secret_file` names, a bearer token, or both.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The access key id, which is no secret: `"AKIA…"`. May be left out when there is a bearer token.
    #[serde(default)]
    pub access_key: String,
    /// The environment variable that holds the secret access key.
    pub secret_env: Option<String>,
    /// The file that holds the secret access key, relative to the configuration's folder. White space at its end does not count.
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds the session token of temporary credentials. Requests without it are refused then.
    pub session_token_env: Option<String>,
    /// The file that holds the session token.
    pub session_token_file: Option<PathBuf>,
    /// The environment variable that holds an API key of Amazon Bedrock: what a client sends as `Authorization: Bearer`, such as the SDKs do that
    /// find `AWS_BEARER_TOKEN_BEDROCK`. It opens `bedrock` and `bedrock-runtime` only.
    pub bearer_env: Option<String>,
    /// The file that holds it.
    pub bearer_file: Option<PathBuf>,
    /// The account that the key belongs to: twelve digits. That of `[server]` by default.
    pub account: Option<String>,
    /// The regions that the key may sign for. Any by default.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Whether the key opens the admin door, `/_bedplate/*`, from other machines. `false` by default; from this machine the door is open.
    #[serde(default)]
    pub admin: bool,
}

impl KeysConfig {
    /// Finds the secrets: variables through `env`, files relative to `folder`.
    ///
    /// # Errors
    /// One text that names the setting.
    pub fn resolve(&self, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Key>, String> {
        if self.0.len() > KEYS_MAX {
            return Err(format!("keys: there are more than {KEYS_MAX}"));
        }
        let mut keys: Vec<Key> = Vec::with_capacity(self.0.len());
        for (name, config) in &self.0 {
            let key = config
                .resolve(name, folder, env)
                .map_err(|(field, problem)| format!("keys.{name}.{field}: {problem}"))?;
            let same = |other: &&Key| !key.access_key.is_empty() && other.access_key == key.access_key;
            if let Some(other) = keys.iter().find(same) {
                return Err(format!(
                    "keys.{name}.access_key: keys.{} has the same; each key needs its own",
                    other.name
                ));
            }
            keys.push(key);
        }
        Ok(keys)
    }
}

type Problem = (&'static str, String);

impl KeyConfig {
    fn resolve(&self, name: &str, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Key, Problem> {
        let bearer = find(("bearer_env", &self.bearer_env), ("bearer_file", &self.bearer_file), folder, env)?;
        if let Some((place, bearer)) = &bearer
            && bearer.0.len() < SECRET_MIN
        {
            return Err((place, format!("the API key is too short: use {SECRET_MIN} characters or more")));
        }
        let bearer = bearer.map(|(_, bearer)| bearer);
        let id = &self.access_key;
        let signs = self.secret_env.is_some() || self.secret_file.is_some() || !id.is_empty();
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b',' | b'=');
        if (id.is_empty() && (signs || bearer.is_none())) || id.len() > ACCESS_KEY_MAX || !id.bytes().all(plain) {
            let right = format!("1 to {ACCESS_KEY_MAX} visible ASCII letters without '/', ',' and '='");
            return Err(("access_key", format!("{id:?} is not an access key id: write {right}")));
        }
        let secret = find(("secret_env", &self.secret_env), ("secret_file", &self.secret_file), folder, env)?;
        let (place, secret) = match (secret, &bearer) {
            (Some(secret), _) => secret,
            (None, Some(bearer)) if !signs => ("bearer_env", bearer.clone()),
            (None, _) => {
                return Err((
                    "secret_env",
                    "is missing: name the environment variable that holds the secret, or a secret_file".to_owned(),
                ));
            }
        };
        if secret.0.chars().count() < SECRET_MIN {
            return Err((place, format!("the secret is too short: use {SECRET_MIN} characters or more")));
        }
        let token = find(
            ("session_token_env", &self.session_token_env),
            ("session_token_file", &self.session_token_file),
            folder,
            env,
        )?;
        if let Some(account) = &self.account
            && (account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(("account", format!("{account:?} is not an account id: write twelve digits")));
        }
        if let Some(region) = self.regions.iter().find(|region| !is_name(region)) {
            return Err(("regions", format!("{region:?} is not a region: write one such as \"us-east-1\"")));
        }
        Ok(Key {
            name: name.to_owned(),
            access_key: id.clone(),
            secret,
            bearer,
            session_token: token.map(|(_, token)| token),
            account: self.account.clone(),
            regions: self.regions.clone(),
            admin: self.admin,
        })
    }
}

/// A secret from one of its two places, with the name of that place; nothing when neither is named.
pub(crate) fn find(
    (env_field, variable): (&'static str, &Option<String>),
    (file_field, file): (&'static str, &Option<PathBuf>),
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(&'static str, Secret)>, Problem> {
    let (place, text) = match (variable, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err((env_field, format!("stands beside {file_field}; name one of the two"))),
        (Some(variable), None) => match env(variable) {
            Some(text) => (env_field, text),
            None => return Err((env_field, format!("the environment variable {variable} is not set"))),
        },
        (None, Some(file)) => {
            let path = folder.join(file);
            (
                file_field,
                read(&path).map_err(|problem| (file_field, format!("{}: {problem}", path.display())))?,
            )
        }
    };
    let text = text.trim_end();
    if text.is_empty() || text.len() > SECRET_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = format!("must hold 1 to {SECRET_MAX} visible ASCII letters without spaces");
        return Err((place, problem));
    }
    Ok(Some((place, Secret::new(text))))
}

/// A small text file. What is wrong with it is said without its content.
fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let most = SECRET_MAX as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > SECRET_MAX {
        return Err(format!("longer than {SECRET_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not a text".to_owned())
}
