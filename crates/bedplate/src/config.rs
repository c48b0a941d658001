//! `bedplate.toml`: everything that flags do not say. Unknown keys are errors; each error names file, line and key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_api_bedrock::REDACT_MAX;
use bedplate_base::{Error, Place};
use bedplate_bucket::BucketConfig;
use bedplate_cost::{PriceConfig, Prices};
use bedplate_http::{KeyConfig, KeysConfig, UpstreamConfig};
use bedplate_lambda::FunctionConfig;
use bedplate_providers::{ModelsConfig, ProviderConfig, RouteConfig};
use bedplate_telemetry::TelemetryConfig;
use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use crate::limits::LimitsConfig;
use crate::retention::RetentionConfig;

/// Bytes of a configuration file at most.
const BYTES_MAX: u64 = 1024 * 1024;

/// The configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// Where it was read from; none when there is none.
    pub(crate) file: Option<PathBuf>,
    /// Account and default region.
    pub(crate) place: Place,
    /// Providers and routes.
    pub(crate) models: ModelsConfig,
    /// How much may be done at a time.
    pub(crate) limits: LimitsConfig,
    /// How long sessions are kept.
    pub(crate) retention: RetentionConfig,
    /// Metrics and traces.
    pub(crate) telemetry: TelemetryConfig,
    /// What models cost.
    pub(crate) prices: Arc<Prices>,
    /// Where functions are, and how they are called.
    pub(crate) functions: BTreeMap<String, FunctionConfig>,
    /// Folders that are buckets.
    pub(crate) buckets: BTreeMap<String, BucketConfig>,
    /// Where requests to other AWS services go.
    pub(crate) upstream: UpstreamConfig,
    /// What is made unreadable in the log of model invocations.
    pub(crate) redact: Vec<Regex>,
    /// Keys that requests must be signed with; without any, all requests are taken.
    pub(crate) keys: KeysConfig,
    /// The line of each provider (`providers.NAME`) and each route (`route.0`).
    lines: BTreeMap<String, usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    /// `[server]`
    server: Server,
    /// `[providers.NAME]`
    providers: BTreeMap<String, Spanned<ProviderConfig>>,
    /// `[functions.NAME]`
    functions: BTreeMap<String, Spanned<FunctionConfig>>,
    /// `[buckets.NAME]`
    buckets: BTreeMap<String, Spanned<BucketConfig>>,
    /// `[upstream]`
    upstream: UpstreamConfig,
    /// `[limits]`
    limits: LimitsConfig,
    /// `[retention]`
    retention: RetentionConfig,
    /// `[telemetry]`
    telemetry: TelemetryConfig,
    /// `[model_log]`
    model_log: ModelLog,
    /// `[keys.NAME]`
    keys: BTreeMap<String, Spanned<KeyConfig>>,
    /// `[[price]]`
    price: Vec<Spanned<PriceConfig>>,
    /// `[[route]]`
    route: Vec<Spanned<RouteConfig>>,
    /// `script = "answers.yaml"`
    script: Option<PathBuf>,
}

/// `[model_log]`: what stands in the log of model invocations, which PutModelInvocationLoggingConfiguration turns on.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ModelLog {
    /// Regular expressions; what they match is replaced by `[redacted]` in every text of a record.
    redact: Vec<Spanned<String>>,
}

/// `[server]`: who the server says it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Server {
    /// The account of every request: twelve digits; `"000000000000"` by default.
    account: Option<Spanned<String>>,
    /// The region of requests without a signature and of templates; `"us-east-1"` by default.
    region: Option<Spanned<String>>,
}

impl Config {
    /// Reads `given`, or `bedplate.toml` of `folder` when there is one.
    ///
    /// # Errors
    /// One text with file, line and key.
    pub(crate) fn read(given: Option<&Path>, folder: &Path) -> Result<Self, String> {
        let path = given.map_or_else(|| folder.join("bedplate.toml"), Path::to_path_buf);
        let text = match std::fs::metadata(&path) {
            Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
            Ok(found) if found.len() > BYTES_MAX => {
                return Err(format!("{}: larger than {BYTES_MAX} bytes", path.display()));
            }
            Ok(_) => std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let file: File = toml::from_str(&text).map_err(|error| located(&path, &text, &error))?;
        let line = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let wrong = |at: usize, problem: String| format!("{}:{}: {problem}", path.display(), line(at));
        let mut place = Place::default();
        if let Some(account) = file.server.account {
            let (at, account) = (account.span().start, account.into_inner());
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong(
                    at,
                    format!("server.account: {account:?} is not an account id: write twelve digits"),
                ));
            }
            place.account = account;
        }
        if let Some(region) = file.server.region {
            let (at, region) = (region.span().start, region.into_inner());
            if region.is_empty() || region.len() > 32 || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return Err(wrong(
                    at,
                    format!("server.region: {region:?} is not a region: write one such as \"us-east-1\""),
                ));
            }
            place.region = region;
        }
        if file.model_log.redact.len() > REDACT_MAX {
            let at = file.model_log.redact[REDACT_MAX].span().start;
            return Err(wrong(at, format!("model_log.redact: there are more than {REDACT_MAX} expressions")));
        }
        let mut redact = Vec::new();
        for text in file.model_log.redact {
            let (at, text) = (text.span().start, text.into_inner());
            redact.push(
                Regex::new(&text).map_err(|error| wrong(at, format!("model_log.redact: {text:?} is not a regular expression: {error}")))?,
            );
        }
        let (spans, prices): (Vec<_>, Vec<_>) = file.price.into_iter().map(|price| (price.span().start, price.into_inner())).unzip();
        let prices = Prices::new(&prices).map_err(|(number, problem)| {
            let at = spans.get(number).copied().unwrap_or_default();
            wrong(at, format!("price.{problem}"))
        })?;
        let mut lines = BTreeMap::new();
        for (name, provider) in &file.providers {
            lines.insert(format!("providers.{name}"), line(provider.span().start));
        }
        for (index, route) in file.route.iter().enumerate() {
            lines.insert(format!("route.{index}"), line(route.span().start));
        }
        for (name, key) in &file.keys {
            lines.insert(format!("keys.{name}"), line(key.span().start));
        }
        for (name, function) in &file.functions {
            lines.insert(format!("functions.{name}"), line(function.span().start));
        }
        for (name, bucket) in &file.buckets {
            lines.insert(format!("buckets.{name}"), line(bucket.span().start));
        }
        let buckets = file.buckets.into_iter().map(|(name, bucket)| (name, bucket.into_inner())).collect();
        let functions = file
            .functions
            .into_iter()
            .map(|(name, function)| (name, function.into_inner()))
            .collect();
        let keys = KeysConfig(file.keys.into_iter().map(|(name, key)| (name, key.into_inner())).collect());
        let models = ModelsConfig {
            providers: file
                .providers
                .into_iter()
                .map(|(name, provider)| (name, provider.into_inner()))
                .collect(),
            routes: file.route.into_iter().map(Spanned::into_inner).collect(),
            script: file.script,
        };
        Ok(Self {
            file: Some(path),
            place,
            models,
            limits: file.limits,
            retention: file.retention,
            telemetry: file.telemetry,
            prices: Arc::new(prices),
            functions,
            buckets,
            upstream: file.upstream,
            redact,
            keys,
            lines,
        })
    }

    /// An error of what was configured, with file and line.
    pub(crate) fn locate(&self, mut error: Error) -> Error {
        let line = error.fields.first().and_then(|field| self.lines.get(&field.name));
        if let (Some(file), Some(line)) = (&self.file, line) {
            let problem = error.message.strip_prefix("bedplate.toml: ").unwrap_or(&error.message);
            error.message = format!("{}:{line}: {problem}", file.display());
        }
        error
    }

    /// The same for a text that begins with the key: `keys.NAME.secret_env: …`.
    pub(crate) fn at(&self, problem: &str) -> String {
        let key = problem.split(':').next().unwrap_or_default();
        let table: Vec<&str> = key.split('.').take(2).collect();
        match (&self.file, self.lines.get(&table.join("."))) {
            (Some(file), Some(line)) => format!("{}:{line}: {problem}", file.display()),
            _ => problem.to_owned(),
        }
    }

    /// Files that hold secrets.
    pub(crate) fn secret_files(&self) -> impl Iterator<Item = PathBuf> {
        let folder = self.folder(Path::new("."));
        let of_models = self.models.providers.values().filter_map(|provider| provider.api_key_file.as_ref());
        let of_keys = self
            .keys
            .0
            .values()
            .flat_map(|key| [&key.secret_file, &key.session_token_file, &key.bearer_file])
            .flatten();
        let of_upstream = [&self.upstream.secret_file, &self.upstream.session_token_file]
            .into_iter()
            .flatten();
        let files: Vec<PathBuf> = of_models
            .chain(of_keys)
            .chain(of_upstream)
            .filter_map(|file| std::path::absolute(folder.join(file)).ok())
            .collect();
        files.into_iter().filter(|file| file.exists())
    }

    /// The folders of functions that run here.
    pub(crate) fn function_folders(&self) -> Vec<PathBuf> {
        let folder = self.folder(Path::new("."));
        let codes = self.functions.values().filter_map(|function| function.code.as_ref());
        codes.filter_map(|code| std::path::absolute(folder.join(code)).ok()).collect()
    }

    /// The folder that paths in it are relative to.
    pub(crate) fn folder(&self, otherwise: &Path) -> PathBuf {
        let parent = self.file.as_deref().and_then(Path::parent);
        parent
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(otherwise)
            .to_path_buf()
    }
}

fn located(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        None => format!("{}: {}", path.display(), error.message()),
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
            let source = hide(text.lines().nth(line - 1).unwrap_or_default().trim());
            format!("{}:{line}:{column}: {}\n    {source}", path.display(), error.message())
        }
    }
}

/// A line of the file for an error. What is written behind a key such as `api_key` stays unsaid: secrets do not belong into the file, and where
/// one stands there by mistake it must not go on into a log.
fn hide(source: &str) -> String {
    match source.split_once('=') {
        Some((key, _))
            if ["key", "secret", "token", "password"]
                .iter()
                .any(|word| source.to_ascii_lowercase().contains(word)) =>
        {
            format!("{key}= …")
        }
        _ => source.to_owned(),
    }
}
