//! The part of `bedplate.toml` that is about models: `[providers.NAME]`, `[[route]]` and `script`.
//!
//! These types are filled by the configuration reader; each key is documented here once. Values of keys (secrets) never
//! stand in the configuration, only the name of the variable or file that holds them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bedplate_base::parse_duration;
use serde::{Deserialize, Deserializer};

/// Name of the built-in models' provider: `builtin/planner`, `builtin/script`, `builtin/echo`.
pub const BUILTIN: &str = "builtin";
/// Most routes and most providers of one configuration. Ours: far above what people write by hand.
pub const ROUTES_MAX: usize = 1_000;

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
    /// Who answers: `provider/model`, in the order of fallback. Example: `["ollama/qwen3"]`.
    pub to: Vec<String>,
}

/// `[providers.NAME]`: a server that answers for models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks: `"openai"` (Chat Completions, as OpenAI, Ollama, vLLM, LM Studio, llama.cpp and LiteLLM do).
    pub kind: ProviderKind,
    /// Where it listens, up to and without `/chat/completions`: `http://127.0.0.1:8000/v1`. May be left out for the names
    /// `ollama` and `openai`, which have one.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Name of the environment variable that holds the API key. Never the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// Path of a file that holds the API key and nothing else, relative to the configuration's folder.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// Field that carries the most tokens of a reply: `"max_tokens"` (default) or `"max_completion_tokens"` (default of
    /// the name `openai`, whose reasoning models refuse the other).
    #[serde(default)]
    pub max_tokens_field: Option<MaxTokensField>,
    /// Settings that this server refuses and that are left out: of `"temperature"`, `"top_p"`, `"stop"`, `"stream_options"`.
    #[serde(default)]
    pub omit: Vec<Omit>,
    /// How long to wait for the first byte of a streamed reply: `"60s"` (default; `"300s"` for the name `ollama`, which
    /// loads models on demand).
    #[serde(default, deserialize_with = "optional_duration")]
    pub first_byte_timeout: Option<Duration>,
    /// How long a reply may stay silent once it has begun: `"60s"` (default).
    #[serde(default, deserialize_with = "optional_duration")]
    pub idle_timeout: Option<Duration>,
    /// How long to wait for a reply that is not streamed: `"600s"` (default).
    #[serde(default, deserialize_with = "optional_duration")]
    pub reply_timeout: Option<Duration>,
    /// Most bytes of one reply as sent: `"10MiB"` (default).
    #[serde(default, deserialize_with = "optional_size")]
    pub reply_bytes_max: Option<usize>,
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI-compatible Chat Completions.
    OpenAi,
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
