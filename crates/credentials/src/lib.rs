//! Whose credentials calls of AWS are signed with: keys that stay, or a profile of AWS's shared files, whose keys change while we run.
//!
//! It exists because temporary keys end: tools write new ones into the files, and a `credential_process` makes them when it is asked. It refuses
//! to know what is signed, and which keys of a configuration name it. Roles and single sign-on are AWS's own tools' to work out: a profile that
//! needs them names them with `credential_process = aws configure export-credentials …`.

mod files;
mod process;
mod profile;

use std::fmt;
use std::sync::Arc;

use bedplate_base::Timestamp;

pub use profile::Profile;

/// Shorter secrets are placeholders: hiding them would garble plain words.
const SECRET_BYTES_MIN: usize = 8;
/// What stands where a secret stood.
const HIDDEN: &str = "[key]";

/// What one signature needs.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The access key id, which is no secret.
    pub access_key: String,
    /// The secret access key.
    pub secret: String,
    /// The token of temporary keys.
    pub session_token: Option<String>,
    /// When they end, where somebody said so.
    pub expires: Option<Timestamp>,
}

/// Where keys come from; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// They stay as they are.
    Fixed(Arc<Keys>),
    /// They are those of a profile at any time.
    Profile(Arc<Profile>),
}

impl Keys {
    /// Keys that nobody said an end of.
    pub fn new(access_key: impl Into<String>, secret: impl Into<String>, session_token: Option<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret: secret.into(),
            session_token,
            expires: None,
        }
    }

    /// `text` without the secrets: servers like to quote them.
    pub fn hide(&self, text: &str) -> String {
        let secrets = [Some(&self.secret), self.session_token.as_ref()];
        let secrets = secrets.into_iter().flatten().filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }

    /// What is wrong with them, if they can be no keys.
    fn check(&self) -> Result<(), &'static str> {
        let plain = |text: &str, most: usize| !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
        match () {
            () if !plain(&self.access_key, 128) => Err("the access key id is empty, too long or has other letters than visible ASCII"),
            () if !plain(&self.secret, 1024) => Err("the secret access key is empty, too long or has other letters than visible ASCII"),
            () if !self.session_token.as_ref().is_none_or(|token| plain(token, 16 * 1024)) => {
                Err("the session token is empty, too long or has other letters than visible ASCII")
            }
            () => Ok(()),
        }
    }
}

/// Never shows a secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("access_key", &self.access_key)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Those of the profile `name`; without a name, and when no other keys are given, of the one that `AWS_PROFILE` names, or of `default`, if
    /// there is one.
    ///
    /// # Errors
    /// What is wrong with the profile, in words for people.
    pub fn find(name: Option<&str>, others: bool, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        if name.is_none() && others {
            return Ok(None);
        }
        let profile = Profile::new(name, env);
        let is_asked_for = name.is_some() || env("AWS_PROFILE").is_some();
        if !is_asked_for && !profile.exists() {
            return Ok(None);
        }
        profile.check()?;
        Ok(Some(Self::Profile(Arc::new(profile))))
    }

    /// The keys to sign with now.
    ///
    /// # Errors
    /// What is wrong with the profile, in words for people and without its keys.
    pub async fn keys(&self) -> Result<Arc<Keys>, String> {
        match self {
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
            Self::Profile(profile) => profile.keys().await,
        }
    }

    /// The keys that were given last; none before the first time.
    pub fn last(&self) -> Option<Arc<Keys>> {
        match self {
            Self::Fixed(keys) => Some(Arc::clone(keys)),
            Self::Profile(profile) => profile.last(),
        }
    }
}
