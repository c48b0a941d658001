//! `[functions.NAME]` of `bedplate.toml`: where a Lambda function is that an ARN names.
//!
//! A function is found by its name, whatever account and region the ARN has; a NAME that is itself an ARN (in quotes)
//! maps that one only. One of four things says where it is: `code` (a folder, run here), `url` (an HTTP address that
//! takes the event), `endpoint` (another server of the Lambda API, such as `sam local start-lambda` or `cargo lambda
//! watch`) or `aws` (AWS Lambda of a region, signed).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bedplate_base::{Error, Result, parse_duration};
use bedplate_credentials::{Credentials, Keys};
use serde::{Deserialize, Deserializer};

use crate::limits;
use crate::reference::Reference;
use crate::remote::{Remote, Way};
use crate::signing::Signing;

/// Time-out of a function when the configuration names none. Ours: an agent's user waits; AWS's own default of 3 s is short
/// for code that calls others.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most `retries`. Ours.
const RETRIES_MAX: u32 = 10;
/// Most memory in MB (Lambda quotas).
const MEMORY_MB_MAX: u32 = 10_240;
/// Memory in MB when the configuration names none (Lambda API reference, CreateFunction).
const MEMORY_MB: u32 = 128;
/// Where AWS's tools look for credentials.
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
/// See [`ACCESS_KEY`].
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
/// See [`ACCESS_KEY`].
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// `[functions.NAME]`: where one function is. Paths are relative to the folder of the configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionConfig {
    /// The folder of its code: `"src/tools"`. It runs here; a change of a file is seen by the next process.
    #[serde(default)]
    pub code: Option<PathBuf>,
    /// What runs `code`: `"python3.12"` (default: `"python3.13"`) or `"provided.al2023"` (the executable `bootstrap` in it).
    #[serde(default)]
    pub runtime: Option<String>,
    /// The handler in `code`: `"app.handler"` (default: `"app.lambda_handler"`).
    #[serde(default)]
    pub handler: Option<String>,
    /// Variables of the handler in `code`. Values stand in the file: no place for secrets.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Memory of `code`, told to the handler: `"256MB"` (default: `"128MB"`).
    #[serde(default, deserialize_with = "optional_megabytes")]
    pub memory: Option<u32>,
    /// An HTTP address: the event is sent as the body of a POST, the body of a 2xx answer is what the function returned.
    /// The header `Idempotency-Key` is the same whenever the same call is made again.
    #[serde(default)]
    pub url: Option<String>,
    /// Base address of another server of the Lambda API: `"http://127.0.0.1:3001"` (`sam local start-lambda`),
    /// `"http://127.0.0.1:9000"` (`cargo lambda watch`). Calls are signed only beside `aws`.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// A region: the function is called at AWS Lambda there (or at `endpoint`), signed.
    #[serde(default)]
    pub aws: Option<String>,
    /// The environment variable that holds the access key id for `aws` (default: `"AWS_ACCESS_KEY_ID"`).
    #[serde(default)]
    pub access_key_env: Option<String>,
    /// The environment variable that holds the secret access key (default: `"AWS_SECRET_ACCESS_KEY"`).
    #[serde(default)]
    pub secret_env: Option<String>,
    /// The environment variable that holds the session token (default: `"AWS_SESSION_TOKEN"` when that is set, unless
    /// `access_key_env` names another key). Variables are read once, at the start.
    #[serde(default)]
    pub session_token_env: Option<String>,
    /// A profile of AWS's shared files to sign for `aws` with, whose keys are read again when they change. Without it, and when the variables are
    /// not set, the profile that `AWS_PROFILE` names, or `default`.
    #[serde(default)]
    pub profile: Option<String>,
    /// The function's name or ARN at `endpoint` or `aws`, a version or alias may follow; NAME by default.
    #[serde(default)]
    pub function: Option<String>,
    /// How long one call may take: `"30s"`, at most `"15m"` (default: `"60s"`).
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// How often an agent makes a call again that failed, with the same idempotency key: 0 to 10 (default: 0).
    #[serde(default)]
    pub retries: Option<u32>,
    /// What an agent does when the function fails: `true` shows the error to the model, `false` (default) ends the turn, as
    /// AWS does.
    #[serde(default)]
    pub errors_to_model: Option<bool>,
}

/// Where a configured function is, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapping {
    /// Run here, from a folder.
    Local(LocalFunction),
    /// Somewhere else.
    Remote(Remote),
}

/// A function of the configuration that is run here.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalFunction {
    /// Its name.
    pub name: String,
    /// AWS's identifier.
    pub runtime: String,
    /// `module.function`.
    pub handler: String,
    /// An absolute path.
    pub folder: PathBuf,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// Whole seconds, 1 to 900.
    pub timeout_s: u32,
    /// MB.
    pub memory_mb: u32,
}

impl FunctionConfig {
    /// Where the function `name` (the key of its table) is; relative paths start at `folder`, variables are looked up through
    /// `env`.
    ///
    /// # Errors
    /// `Validation` whose first field is `functions.NAME`; the message says which key is wrong and what would be right.
    pub fn mapping(&self, name: &str, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Mapping> {
        let place = format!("functions.{name}");
        let wrong = |what: String| Error::validation(format!("bedplate.toml: {place}: {what}")).with_field(place.clone(), what);
        let reference = Reference::parse(name).map_err(|error| wrong(error.message))?;
        if reference.qualifier.is_some() {
            return Err(wrong(
                "names a version or alias: name the function, all its versions are mapped".into(),
            ));
        }
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        if timeout > limits::TIMEOUT_MAX {
            return Err(wrong("timeout: at most \"15m\" are allowed".into()));
        }
        if self.retries.is_some_and(|retries| retries > RETRIES_MAX) {
            return Err(wrong(format!("retries: at most {RETRIES_MAX} are allowed")));
        }
        let of_code = [
            ("runtime", self.runtime.is_some()),
            ("handler", self.handler.is_some()),
            ("environment", !self.environment.is_empty()),
            ("memory", self.memory.is_some()),
        ];
        let stray = |allowed: bool, keys: &[(&str, bool)], of: &str| match keys.iter().find(|(_, given)| *given && !allowed) {
            Some((key, _)) => Err(wrong(format!("{key}: belongs to {of}, which is not set"))),
            None => Ok(()),
        };
        stray(self.code.is_some(), &of_code, "code")?;
        let of_aws = [
            ("access_key_env", self.access_key_env.is_some()),
            ("secret_env", self.secret_env.is_some()),
            ("session_token_env", self.session_token_env.is_some()),
            ("profile", self.profile.is_some()),
        ];
        stray(self.aws.is_some(), &of_aws, "aws")?;
        let away = self.endpoint.is_some() || self.aws.is_some();
        stray(away, &[("function", self.function.is_some())], "endpoint or aws")?;
        let signing = self.signing(env).map_err(wrong)?;
        let at_aws = || self.aws.as_ref().map(|region| format!("https://lambda.{region}.amazonaws.com"));
        let way = match (&self.code, &self.url, self.endpoint.clone().or_else(at_aws)) {
            (Some(code), None, None) => {
                let memory_mb = self.memory.unwrap_or(MEMORY_MB);
                let code = std::path::absolute(folder.join(code)).map_err(|error| wrong(format!("code: {error}")))?;
                return Ok(Mapping::Local(LocalFunction {
                    name: reference.name,
                    runtime: self.runtime.clone().unwrap_or_else(|| "python3.13".into()),
                    handler: self.handler.clone().unwrap_or_else(|| "app.lambda_handler".into()),
                    folder: code,
                    environment: self.environment.clone(),
                    timeout_s: u32::try_from(timeout.as_millis().div_ceil(1000)).unwrap_or(900),
                    memory_mb,
                }));
            }
            (None, Some(url), None) => Way::Url(url.clone()),
            (None, None, Some(url)) => Way::Endpoint {
                url,
                function: self.function.clone().unwrap_or(reference.name),
                signing,
            },
            (None, None, None) => {
                let ways = "`code` (a folder), `url` (an HTTP address), `endpoint` (another Lambda API) or `aws` (a region)";
                return Err(wrong(format!("says not where the function is: set one of {ways}")));
            }
            _ => return Err(wrong("set only one of `code`, `url` and `endpoint` (or `aws`)".into())),
        };
        Remote::new(way, timeout).map(Mapping::Remote).map_err(|error| wrong(error.message))
    }

    /// What calls of `aws` are signed with.
    fn signing(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Signing>, String> {
        let Some(region) = &self.aws else { return Ok(None) };
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !plain(region) || !region.contains('-') {
            return Err(format!("aws: {region:?} is not a region: write one such as \"us-east-1\""));
        }
        let named = self.access_key_env.is_some() || self.secret_env.is_some();
        if self.profile.is_some() && named {
            return Err("profile stands beside access_key_env or secret_env; keep one of them".into());
        }
        let others = named || env(ACCESS_KEY).is_some() || env(SECRET).is_some();
        let found = Credentials::find(self.profile.as_deref(), others, env);
        if let Some(credentials) = found.map_err(|problem| format!("profile: {problem}"))? {
            return Ok(Some(Signing {
                region: region.clone(),
                credentials,
            }));
        }
        let find = |key: &str, variable: &str| match env(variable).map(|text| text.trim().to_owned()) {
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text),
            Some(_) => Err(format!(
                "{key}: the environment variable {variable} must hold visible ASCII letters without spaces"
            )),
            None => Err(format!(
                "{key}: the environment variable {variable} is not set; calls of AWS are signed with it"
            )),
        };
        let session_token = match (&self.session_token_env, &self.access_key_env) {
            (Some(variable), _) => Some(find("session_token_env", variable)?),
            (None, None) => env(SESSION_TOKEN).filter(|token| !token.is_empty()),
            (None, Some(_)) => None,
        };
        let keys = Keys::new(
            find("access_key_env", self.access_key_env.as_deref().unwrap_or(ACCESS_KEY))?,
            find("secret_env", self.secret_env.as_deref().unwrap_or(SECRET))?,
            session_token,
        );
        Ok(Some(Signing {
            region: region.clone(),
            credentials: Credentials::Fixed(Arc::new(keys)),
        }))
    }
}

fn optional_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text, &["ms", "s", "m"]).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is not a duration: write a whole number from 1 and a unit of ms, s, m, such as \"30s\""
        ))
    })
}

fn optional_megabytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    let found = text
        .strip_suffix("MB")
        .or_else(|| text.strip_suffix("MiB"))
        .and_then(|number| number.parse().ok());
    match found {
        Some(number @ 128..=MEMORY_MB_MAX) => Ok(Some(number)),
        _ => Err(serde::de::Error::custom(format!(
            "{text:?} is no memory of a function: write \"128MB\" to \"{MEMORY_MB_MAX}MB\""
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FunctionConfig, Mapping};
    use crate::remote::Way;

    fn read(name: &str, text: &str) -> Result<String, String> {
        let config: FunctionConfig = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let env = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "OTHER" => Some(format!("the-{name}")),
            "AWS_SESSION_TOKEN" => Some("token".to_owned()),
            "BAD" => Some("two words".to_owned()),
            _ => None,
        };
        match config.mapping(name, Path::new("/home/x"), &env).map_err(|error| error.message)? {
            Mapping::Local(it) => Ok(format!(
                "{} {} {} {} {}",
                it.name,
                it.runtime,
                it.handler,
                it.folder.display(),
                it.timeout_s
            )),
            Mapping::Remote(it) => Ok(match it.way() {
                Way::Url(url) => format!("{url} {:?}", it.timeout()),
                Way::Endpoint { url, function, signing } => {
                    assert!(!format!("{signing:?}").contains("the-AWS_SECRET"), "no secret is shown");
                    let by = signing.as_ref().map(|it| {
                        let keys = it.credentials.last().expect("given");
                        format!(" {} {} {:?}", it.region, keys.access_key, keys.session_token)
                    });
                    format!("{url} {function} {:?}{}", it.timeout(), by.unwrap_or_default())
                }
            }),
        }
    }

    #[test]
    fn configurations() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:book";
        for (name, text, wanted) in [
            ("book", "code = 'src'", "book python3.13 app.lambda_handler /home/x/src 60"),
            (
                "book",
                "code = '/src'\ntimeout = '1500ms'\nhandler = 'a.b'\nruntime = 'python3.12'",
                "book python3.12 a.b /src 2",
            ),
            (
                "book",
                "url = 'http://127.0.0.1:1/x?y=1'\ntimeout = '2m'\nretries = 2\nerrors_to_model = true",
                "http://127.0.0.1:1/x?y=1 120s",
            ),
            (arn, "endpoint = 'http://127.0.0.1:3001/'", "http://127.0.0.1:3001/ book 60s"),
            (
                "book",
                "endpoint = 'http://127.0.0.1:3001'\nfunction = 'Book'",
                "http://127.0.0.1:3001 Book 60s",
            ),
            (
                "book",
                "aws = 'eu-west-1'",
                "https://lambda.eu-west-1.amazonaws.com book 60s eu-west-1 the-AWS_ACCESS_KEY_ID Some(\"token\")",
            ),
            (
                "book",
                "aws = 'eu-west-1'\nendpoint = 'http://x'\nfunction = 'b:live'\naccess_key_env = 'OTHER'",
                "http://x b:live 60s eu-west-1 the-OTHER None",
            ),
            ("book", "aws = 'Ireland'", "! aws: \"Ireland\" is not a region"),
            (
                "book",
                "aws = 'eu-west-1'\nsecret_env = 'NONE'",
                "! secret_env: the environment variable NONE is not set",
            ),
            ("book", "aws = 'eu-west-1'\nsecret_env = 'BAD'", "! BAD must hold visible ASCII"),
            ("book", "aws = 'eu-west-1'\ncode = 'x'", "! only one of"),
            (
                "book",
                "aws = 'eu-west-1'\nprofile = 'p'\nsecret_env = 'OTHER'",
                "! profile stands beside",
            ),
            ("book", "aws = 'eu-west-1'\nprofile = 'p'", "! there is no profile \"p\""),
            ("book", "url = 'http://x'\nprofile = 'p'", "! profile: belongs to aws"),
            (
                "book",
                "endpoint = 'http://x'\nsecret_env = 'OTHER'",
                "! secret_env: belongs to aws",
            ),
            ("book", "endpoint = 'https://lambda.eu-west-1.amazonaws.com'", "! set `aws`"),
            ("book", "", "! set one of"),
            ("book", "code = 'x'\nurl = 'http://x'", "! only one of"),
            ("book", "url = 'http://x'\nhandler = 'a.b'", "! handler: belongs to code"),
            ("book", "url = 'http://x'\nfunction = 'b'", "! function: belongs to endpoint"),
            ("book", "url = 'ftp://x'", "! url: \"ftp://x\" is not an HTTP address"),
            ("book", "url = 'http://me:secret@x'", "! user name or password"),
            ("book", "endpoint = 'http://x/?a=1'", "! behind ? or #"),
            ("book", "endpoint = 'http://x'\nfunction = 'a b'", "! function: `a b`"),
            ("book:live", "code = 'x'", "! version or alias"),
            ("b ok", "code = 'x'", "! names no function"),
            ("book", "urk = 'x'", "! unknown field `urk`"),
            ("book", "code = 'x'\ntimeout = '3'", "! is not a duration"),
            ("book", "code = 'x'\ntimeout = '16m'", "! at most \"15m\""),
            ("book", "code = 'x'\nmemory = '64MB'", "! no memory of a function"),
            ("book", "code = 'x'\nretries = 11", "! retries"),
        ] {
            match (read(name, text), wanted.strip_prefix("! ")) {
                (Ok(is), None) => assert_eq!(is, wanted, "{text}"),
                (Err(is), Some(part)) => assert!(is.contains(part), "{text}: {is}"),
                (is, _) => panic!("{text}: {is:?}"),
            }
        }
    }
}
