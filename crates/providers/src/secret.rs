//! API keys: read once at the start, never shown.

use std::fmt;

use bedplate_base::{Error, Result};

use crate::ProviderConfig;

/// Most bytes of a key. Ours: the longest in use are signed tokens of a few KiB.
const KEY_BYTES_MAX: usize = 16 * 1024;
/// Shorter ones are placeholders that servers at home want ("none", "ollama"): hiding them would garble plain words.
const SECRET_BYTES_MIN: usize = 8;
/// What stands where a key stood.
const HIDDEN: &str = "[key]";

/// A key. It has no `Display`, and its `Debug` hides it.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Secret {
    /// The key of provider `name`, from the variable or the file that its configuration names; `None` when it names neither.
    pub(crate) fn load(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let (value, source) = match (&config.api_key_env, &config.api_key_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(Error::validation(format!(
                    "bedplate.toml: [providers.{name}] has both api_key_env and api_key_file; keep one of them"
                )));
            }
            (Some(variable), None) => {
                let value = environment(variable).ok_or_else(|| {
                    Error::validation(format!(
                        "a route of bedplate.toml leads to provider {name:?}, whose key is read from the environment variable {variable}, \
                         which is not set: set it, or change the route"
                    ))
                })?;
                (value, format!("the environment variable {variable}"))
            }
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::validation(format!(
                        "bedplate.toml: the file {} of [providers.{name}] api_key_file cannot be read ({})",
                        path.display(),
                        error.kind()
                    ))
                })?;
                (text, format!("the file {}", path.display()))
            }
        };
        Self::checked(name, &value, &source).map(Some)
    }

    /// The value of a variable of provider `name`; `None` when it is not set.
    pub(crate) fn of_variable(name: &str, variable: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        match environment(variable) {
            Some(value) => Self::checked(name, &value, &format!("the environment variable {variable}")).map(Some),
            None => Ok(None),
        }
    }

    fn checked(name: &str, value: &str, source: &str) -> Result<Self> {
        let value = value.trim();
        if value.is_empty() || value.len() > KEY_BYTES_MAX || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::validation(format!(
                "the key of provider {name:?} from {source} is not usable: it must be one line of up to {KEY_BYTES_MAX} visible ASCII characters"
            )));
        }
        Ok(Self(value.to_owned()))
    }

    /// The value of the `Authorization` header, marked so that it is never logged.
    pub(crate) fn bearer(&self) -> Option<reqwest::header::HeaderValue> {
        let mut value = reqwest::header::HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The value of a header that holds nothing but the key, marked so that it is never logged.
    pub(crate) fn plain(&self) -> Option<reqwest::header::HeaderValue> {
        let mut value = reqwest::header::HeaderValue::from_str(&self.0).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The key itself, to sign with.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with the key taken out: providers like to quote it in their errors.
    pub(crate) fn hide(&self, text: &str) -> String {
        if self.0.len() < SECRET_BYTES_MIN {
            return text.to_owned();
        }
        text.replace(&self.0, HIDDEN)
    }
}
