//! The part of `bedplate.toml` that is about models: `[providers.NAME]`, `[[route]]` and `script`.
//!
//! These types are filled by the configuration reader; each key is documented here once. Values of keys (secrets) never
//! stand in the configuration, only the name of the variable or file that holds them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bedplate_base::parse_duration;
use serde::{Deserialize, Deserializer};

/// Name of the built-in models' provider: `builtin/planner`, `builtin/script`, `builtin/echo`.
pub const BUILTIN: &str = "builtin";
/// Most routes and most providers of one configuration. Ours: far above what people write by hand.
pub const ROUTES_MAX: usize = 1_000;
/// Most entries of one route's `to`. Ours: each costs its tries before the next is asked.
pub const TO_MAX: usize = 10;

/// Largest size that can be configured. Ours: a reply is held in memory.
const SIZE_MAX: usize = 1024 * 1024 * 1024;

/// Everything about models that a configuration can say.
#[derive(Clone, Debug, Default)]
pub struct ModelsConfig {
    /// `[providers.NAME]`: servers that answer for models, by the name that routes use.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// `[[route]]`: which provider answers for which model id; the first match wins.
    pub routes: Vec<RouteConfig>,
    /// `script = "answers.yaml"`: the file that `builtin/script` answers from, relative to the configuration's folder.
    pub script: Option<PathBuf>,
}

/// `[[route]]`: a model id pattern and who answers for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Pattern of model ids: `*` stands for any text, everything else for itself. It is compared with the id as the agent
    /// names it, with what follows the last `/` of an ARN, and with an inference profile's id without its leading
    /// region group (`us.`, `eu.`, `global.`, …). Example: `anthropic.*`.
    pub model: String,
    /// Who answers: `provider/model`, in the order of fallback, up to 10. The next one is asked when the one before is throttled, cannot be
    /// reached, fails or takes too long, never when it refuses the request. As a model `*` stands for the id as it was asked for. Example:
    /// `["bedrock/*", "ollama/qwen3"]`.
    pub to: Vec<String>,
}

/// `[providers.NAME]`: a server that answers for models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks: `"openai"` (Chat Completions, as OpenAI, Ollama, vLLM, LM Studio, llama.cpp and LiteLLM do), `"anthropic"` (the
    /// Messages API) or `"bedrock"` (Converse of Amazon Bedrock itself).
    pub kind: ProviderKind,
    /// Where it listens, up to and without `/chat/completions`, `/v1/messages` or `/model/…`: `http://127.0.0.1:8000/v1`. Required for the
    /// kind `openai`, but for the names `ollama` and `openai`, which have one.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Name of the environment variable that holds the API key (for `bedrock`: the bearer key of Amazon Bedrock). Never the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// Path of a file that holds the API key and nothing else, relative to the configuration's folder.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// For `bedrock`: the region, such as `"us-east-1"`; the variables `AWS_REGION` or `AWS_DEFAULT_REGION` by default.
    #[serde(default)]
    pub region: Option<String>,
    /// For `bedrock`: name of the variable that holds the access key id to sign with, when there is no bearer key: `"AWS_ACCESS_KEY_ID"`
    /// (default). Variables are read once, at the start.
    #[serde(default)]
    pub access_key_env: Option<String>,
    /// For `bedrock`: name of the variable that holds the secret access key: `"AWS_SECRET_ACCESS_KEY"` (default).
    #[serde(default)]
    pub secret_env: Option<String>,
    /// For `bedrock`: name of the variable that holds the session token of temporary credentials: `"AWS_SESSION_TOKEN"` (default), which need
    /// not be set.
    #[serde(default)]
    pub session_token_env: Option<String>,
    /// For `bedrock`: a profile of AWS's shared files to sign with, whose keys are read again when they change. Without it, and when the variables
    /// are not set, the profile that `AWS_PROFILE` names, or `default`.
    #[serde(default)]
    pub profile: Option<String>,
    /// For `anthropic`: value of the header `anthropic-version`; `"2023-06-01"` by default.
    #[serde(default)]
    pub anthropic_version: Option<String>,
    /// Most tokens of a reply when the request does not say; 4,096 by default for `anthropic`, whose API requires a number.
    #[serde(default)]
    pub max_tokens: Option<NonZeroU32>,
    /// Whether cache points are set behind the tools and the system prompt, where the provider takes them: `true` by default.
    #[serde(default)]
    pub prompt_cache: Option<bool>,
    /// For `openai`: field that carries the most tokens of a reply: `"max_tokens"` (default) or `"max_completion_tokens"` (default of
    /// the name `openai`, whose reasoning models refuse the other).
    #[serde(default)]
    pub max_tokens_field: Option<MaxTokensField>,
    /// For `openai`: field of the model's messages in which its thoughts are sent back, such as `"reasoning_content"`; some servers want them
    /// while tools are called. They are not sent back by default.
    #[serde(default)]
    pub thoughts_field: Option<String>,
    /// Settings that this server refuses and that are left out: of `"temperature"`, `"top_p"`, `"top_k"`, `"stop"`, `"stream_options"`.
    #[serde(default)]
    pub omit: Vec<Omit>,
    /// How long a connection may take to be made: `"5s"` (default).
    #[serde(default, deserialize_with = "optional_duration")]
    pub connect_timeout: Option<Duration>,
    /// How long to wait for the first byte of a streamed reply: `"60s"` (default; `"300s"` for the name `ollama`, which
    /// loads models on demand).
    #[serde(default, deserialize_with = "optional_duration")]
    pub first_byte_timeout: Option<Duration>,
    /// How long a reply may stay silent once it has begun: `"60s"` (default).
    #[serde(default, deserialize_with = "optional_duration")]
    pub idle_timeout: Option<Duration>,
    /// How long a whole reply may take, streamed or not: `"600s"` (default).
    #[serde(default, deserialize_with = "optional_duration")]
    pub reply_timeout: Option<Duration>,
    /// Most bytes of one reply as sent: `"10MiB"` (default).
    #[serde(default, deserialize_with = "optional_size")]
    pub reply_bytes_max: Option<usize>,
    /// Tries of one call, the first included: 3 by default.
    #[serde(default)]
    pub tries: Option<NonZeroU32>,
    /// Calls at once; 1,000 by default.
    #[serde(default)]
    pub concurrency: Option<NonZeroU32>,
    /// Calls that wait while there are `concurrency` of them; 1,000 by default. One more is throttled.
    #[serde(default)]
    pub queue: Option<u32>,
    /// Calls that fail in a row until the provider is left alone for `breaker_pause`: 10 by default; 0 for never.
    #[serde(default)]
    pub breaker_failures: Option<u32>,
    /// How long it is left alone; twice as long each time that it still fails then, up to 30 s: `"1s"` (default).
    #[serde(default, deserialize_with = "optional_duration")]
    pub breaker_pause: Option<Duration>,
}

impl ProviderConfig {
    /// A provider of this kind with all defaults.
    pub fn of(kind: ProviderKind) -> Self {
        Self {
            kind,
            base_url: None,
            api_key_env: None,
            api_key_file: None,
            region: None,
            access_key_env: None,
            secret_env: None,
            session_token_env: None,
            profile: None,
            anthropic_version: None,
            max_tokens: None,
            prompt_cache: None,
            max_tokens_field: None,
            thoughts_field: None,
            omit: Vec::new(),
            connect_timeout: None,
            first_byte_timeout: None,
            idle_timeout: None,
            reply_timeout: None,
            reply_bytes_max: None,
            tries: None,
            concurrency: None,
            queue: None,
            breaker_failures: None,
            breaker_pause: None,
        }
    }
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI-compatible Chat Completions.
    OpenAi,
    /// Anthropic's Messages API.
    Anthropic,
    /// Amazon Bedrock's Converse and ConverseStream.
    Bedrock,
}

/// The field that carries the most tokens of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// What compatible servers read.
    #[default]
    MaxTokens,
    /// What OpenAI's newer models read.
    MaxCompletionTokens,
}

impl MaxTokensField {
    /// The field's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// A setting that a server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Omit {
    /// `temperature`.
    Temperature,
    /// `top_p`.
    TopP,
    /// `top_k`.
    TopK,
    /// `stop`.
    Stop,
    /// `stream_options`; token counts of streamed replies are then unknown to most servers.
    StreamOptions,
}

/// Reads `"500ms"`, `"60s"`, `"5m"`, `"1h"`.
fn optional_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text, &["ms", "s", "m", "h"]).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is not a duration: write a whole number from 1 and a unit of ms, s, m, h, such as \"60s\""
        ))
    })
}

/// Reads `"1000B"`, `"512KiB"`, `"10MiB"`.
fn optional_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(from)?;
    parse_size(&text).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is not a size: write a whole number from 1 and a unit of B, KiB, MiB, up to 1024MiB, such as \"10MiB\""
        ))
    })
}

fn parse_size(text: &str) -> Option<usize> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let number: usize = text[..digits].parse().ok().filter(|number| *number > 0)?;
    let unit = match &text[digits..] {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    number.checked_mul(unit).filter(|size| *size <= SIZE_MAX)
}
