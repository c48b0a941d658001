//! One profile: its keys are read again when a file changed, and made again before they end.

// Keys end by the machine's own time, whatever a turned clock says.
#![allow(clippy::disallowed_methods)]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bedplate_base::Timestamp;

use crate::files::{Files, Settings, Stamp};
use crate::{Keys, process};

/// How long before their end keys are made again. AWS's SDKs take five to fifteen minutes.
const BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// How long after a try the command is left alone while its keys are near their end, or when it failed. Ours.
const PAUSE: Duration = Duration::from_secs(10);

/// A profile of AWS's shared files.
#[derive(Debug)]
pub struct Profile {
    name: String,
    files: Files,
    last: Mutex<Option<Known>>,
    /// Whoever reads or asks; the others wait for what comes of it.
    asking: tokio::sync::Mutex<()>,
}

/// What was found out last.
#[derive(Clone, Debug)]
struct Known {
    keys: Arc<Keys>,
    stamps: [Stamp; 2],
    /// Made by a command: made again before their end.
    made: bool,
    tried: SystemTime,
}

/// Where keys are.
#[derive(Debug)]
enum Way {
    Written(Keys),
    Process(String),
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.files) == (&other.name, &other.files)
    }
}

impl Eq for Profile {}

impl Profile {
    /// The profile of this name, or the one that `AWS_PROFILE` names, or `default`, in the files of the environment. Nothing is read yet.
    pub fn new(name: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let named = name.map(str::to_owned);
        let named = named.or_else(|| {
            ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
                .iter()
                .find_map(|variable| env(variable).filter(|name| !name.is_empty()))
        });
        Self {
            name: named.unwrap_or_else(|| "default".to_owned()),
            files: Files::of(env),
            last: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// Whether a file knows it.
    pub fn exists(&self) -> bool {
        self.files.read(&self.name).is_ok_and(|settings| settings.is_some())
    }

    /// Its region, if it names one.
    pub fn region(&self) -> Option<String> {
        self.files
            .read(&self.name)
            .ok()??
            .remove("region")
            .filter(|region| !region.is_empty())
    }

    /// Looks whether there are keys, or a command that makes them, without asking it.
    ///
    /// # Errors
    /// What is wrong, in words for people.
    pub fn check(&self) -> Result<(), String> {
        self.way().map(drop)
    }

    /// The keys that were given last.
    pub(crate) fn last(&self) -> Option<Arc<Keys>> {
        self.known().map(|known| known.keys)
    }

    /// The keys to sign with now.
    pub(crate) async fn keys(&self) -> Result<Arc<Keys>, String> {
        if let Some(keys) = self.fresh() {
            return Ok(keys);
        }
        let _asking = self.asking.lock().await;
        if let Some(keys) = self.fresh() {
            return Ok(keys);
        }
        let stamps = self.files.stamps();
        let found = match self.way() {
            Ok(Way::Written(keys)) => Ok((keys, false)),
            Ok(Way::Process(command)) => process::ask(&command)
                .await
                .map(|keys| (keys, true))
                .map_err(|what| self.wrong(&what)),
            Err(problem) => Err(problem),
        };
        let tried = SystemTime::now();
        let known = match (found, self.known()) {
            (Ok((keys, made)), before) => {
                if before.is_some_and(|before| *before.keys != keys) {
                    tracing::info!(target: "credentials", profile = self.name, access_key = keys.access_key, "new keys");
                }
                Known {
                    keys: Arc::new(keys),
                    stamps,
                    made,
                    tried,
                }
            }
            // The old ones may do for a while; a file may be half written.
            (Err(problem), Some(before)) if !before.is_over() => {
                tracing::warn!(target: "credentials", profile = self.name, "the keys before go on: {problem}");
                Known { stamps, tried, ..before }
            }
            (Err(problem), _) => return Err(problem),
        };
        let keys = Arc::clone(&known.keys);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(keys)
    }

    fn known(&self) -> Option<Known> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The known keys, when nothing says that others must be found. Two files are looked at, none is read.
    fn fresh(&self) -> Option<Arc<Keys>> {
        let known = self.known()?;
        let tried_lately = known.tried.elapsed().is_ok_and(|since| since < PAUSE);
        let same = known.stamps == self.files.stamps();
        let lasts = !known.made || !known.ends_within(BEFORE_END);
        let fresh = match (same, lasts) {
            (true, true) => true,
            // It was asked, and gave what it has.
            (true, false) => tried_lately && !known.is_over(),
            (false, _) => false,
        };
        fresh.then_some(known.keys)
    }

    fn way(&self) -> Result<Way, String> {
        let settings = self.files.read(&self.name)?;
        let settings = settings.ok_or_else(|| {
            format!(
                "there is no profile {:?} in {} and {}",
                self.name,
                self.files.credentials.display(),
                self.files.config.display()
            )
        })?;
        way(&settings).map_err(|what| self.wrong(&what))
    }

    fn wrong(&self, what: &str) -> String {
        format!("profile {:?}: {what}", self.name)
    }
}

fn way(settings: &Settings) -> Result<Way, String> {
    let value = |key: &str| settings.get(key).filter(|value| !value.is_empty()).cloned();
    match (
        value("aws_access_key_id"),
        value("aws_secret_access_key"),
        value("credential_process"),
    ) {
        (Some(access_key), Some(secret), _) => {
            let keys = Keys::new(access_key, secret, value("aws_session_token"));
            keys.check()?;
            Ok(Way::Written(keys))
        }
        (None, None, Some(command)) => Ok(Way::Process(command)),
        (Some(_), None, _) => Err("aws_secret_access_key is missing beside aws_access_key_id".into()),
        (None, Some(_), _) => Err("aws_access_key_id is missing beside aws_secret_access_key".into()),
        (None, None, None) => {
            const OTHERS: [&str; 6] = [
                "role_arn",
                "sso_session",
                "sso_start_url",
                "source_profile",
                "credential_source",
                "web_identity_token_file",
            ];
            Err(match OTHERS.iter().find(|key| settings.contains_key(**key)) {
                Some(key) => format!(
                    "{key} is not worked out here: make another profile with `credential_process = aws configure export-credentials --profile NAME --format process`"
                ),
                None => "it has no aws_access_key_id and no credential_process".into(),
            })
        }
    }
}

impl Known {
    fn ends_within(&self, time: Duration) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from((now + time).as_nanos()).unwrap_or(i64::MAX));
        self.keys.expires.is_some_and(|expires| expires <= now)
    }

    fn is_over(&self) -> bool {
        self.ends_within(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct House(tempfile::TempDir);

    impl House {
        fn profile(&self, name: Option<&str>) -> Profile {
            let folder = self.0.path().to_string_lossy().into_owned();
            Profile::new(name, &|variable| match variable {
                "AWS_SHARED_CREDENTIALS_FILE" => Some(format!("{folder}/keys")),
                "AWS_CONFIG_FILE" => Some(format!("{folder}/config")),
                "AWS_PROFILE" => Some("work".into()),
                _ => None,
            })
        }

        fn write(&self, file: &str, text: &str) {
            std::fs::write(self.0.path().join(file), text).unwrap();
        }
    }

    fn house() -> House {
        House(tempfile::tempdir().unwrap())
    }

    #[tokio::test]
    async fn keys_that_a_tool_writes_anew_are_seen() {
        let house = house();
        let profile = house.profile(None);
        assert!(!profile.exists() && profile.check().unwrap_err().contains("no profile \"work\""));
        house.write(
            "keys",
            "[work]\naws_access_key_id = A\naws_secret_access_key = hush-secret\naws_session_token = one\n",
        );
        house.write("config", "[profile work]\nregion = eu-west-1\n");
        assert_eq!(profile.region().as_deref(), Some("eu-west-1"));
        let first = profile.keys().await.unwrap();
        assert_eq!((first.access_key.as_str(), first.session_token.as_deref()), ("A", Some("one")));
        assert!(Arc::ptr_eq(&first, &profile.keys().await.unwrap()), "nothing is read twice");
        house.write(
            "keys",
            "[work]\naws_access_key_id = Bee\naws_secret_access_key = hush-secret\naws_session_token = other\n",
        );
        assert_eq!(profile.keys().await.unwrap().access_key, "Bee");
        house.write("keys", "[work]\naws_access_key_id = Cee\n");
        assert_eq!(profile.keys().await.unwrap().access_key, "Bee", "a file that is half written");
        assert!(!format!("{profile:?}").contains("hush"));
        assert_eq!(first.hide("with hush-secret in it"), "with [key] in it");
    }

    #[tokio::test]
    async fn a_command_is_asked_again_before_its_keys_end() {
        let house = house();
        let count = house.0.path().join("count");
        // The first keys have ended, the second never do.
        let script = format!(
            "echo x >> {0}; if [ $(wc -l < {0}) = 1 ]; then E=',\"Expiration\":\"2020-01-01T00:00:00Z\"'; fi; echo \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"A$(wc -l < {0})\\\",\\\"SecretAccessKey\\\":\\\"S\\\"$E}}\"",
            count.display()
        );
        house.write("script", &script);
        house.write(
            "config",
            &format!("[profile work]\ncredential_process = sh {}/script\n", house.0.path().display()),
        );
        let profile = house.profile(None);
        profile.check().unwrap();
        let asked = || std::fs::read_to_string(&count).unwrap_or_default().lines().count();
        assert_eq!(asked(), 0);
        assert_eq!(profile.keys().await.unwrap().access_key, "A1");
        assert_eq!(profile.keys().await.unwrap().access_key, "A2");
        assert_eq!(profile.keys().await.unwrap().access_key, "A2");
        assert_eq!(asked(), 2);
    }

    #[test]
    fn what_is_not_worked_out_says_what_to_do() {
        let house = house();
        for (text, told) in [
            ("role_arn = arn:aws:iam::1:role/x\nsource_profile = default\n", "export-credentials"),
            ("sso_session = x\n", "export-credentials"),
            ("region = eu-west-1\n", "no aws_access_key_id"),
            ("aws_access_key_id = A\n", "aws_secret_access_key is missing"),
            ("aws_access_key_id = A\naws_secret_access_key = \u{fc}hush\n", "visible ASCII"),
        ] {
            house.write("config", &format!("[profile mine]\n{text}"));
            let error = house.profile(Some("mine")).check().unwrap_err();
            assert!(
                error.contains(told) && error.contains("\"mine\"") && !error.contains("hush"),
                "{error}"
            );
        }
    }
}
