//! A request to a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::{CachePoint, Message};

/// Everything that a model call needs. Messages are shared, so that building a request never copies the transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model's id as the agent names it; routing decides who serves it.
    pub model: String,
    /// System prompt; empty for none.
    pub system: Vec<SystemBlock>,
    /// The conversation; alternates roles, starts with the user.
    pub messages: Vec<Arc<Message>>,
    /// Tools on offer.
    pub tools: Arc<[Tool]>,
    /// Whether a tool must be used.
    pub tool_choice: ToolChoice,
    /// Sampling.
    pub inference: Inference,
    /// What else Converse can ask for.
    pub options: Options,
    /// Whether parts of the reply are wanted as they come.
    pub streaming: bool,
}

/// A piece of the system prompt: the members of Converse's `SystemContentBlock`.
#[derive(Clone, Debug, PartialEq)]
pub enum SystemBlock {
    /// Text.
    Text(String),
    /// Everything before it may be kept in the provider's cache.
    CachePoint(CachePoint),
    /// Content that a guardrail judges (`guardContent`), kept as it came.
    Guard(Value),
}

/// A tool on offer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tool {
    /// `^[a-zA-Z0-9_-]{1,64}$`.
    pub name: String,
    /// For the model; may be empty.
    pub description: String,
    /// JSON Schema of the arguments: an object schema.
    pub schema: Value,
    /// Whether the provider must keep arguments to the schema (`strict`); absent for its default.
    pub strict: Option<bool>,
    /// A cache point stands right behind this tool.
    pub cache_point: Option<CachePoint>,
}

/// Whether a tool must be used.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// Some tool must be used.
    Any,
    /// This tool must be used.
    Tool(String),
}

/// Sampling settings; what is absent is the provider's default.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Inference {
    /// 0 to 1.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// 0 to 500; many providers ignore it.
    pub top_k: Option<u32>,
    /// Most tokens of the reply.
    pub max_tokens: Option<u32>,
    /// Texts that end the reply.
    pub stop_sequences: Vec<String>,
}

/// What else Converse can ask for; agents ask for none of it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Options {
    /// The reply must be JSON of this schema (`outputConfig.textFormat`).
    pub output: Option<OutputSchema>,
    /// How hard the model thinks (`outputConfig.effort`): `low`, `medium`, `high`, …
    pub effort: Option<String>,
    /// `additionalModelRequestFields`: members for the provider's own request, an object.
    pub additional_fields: Option<Value>,
    /// `additionalModelResponseFieldPaths`: JSON Pointers into the provider's own reply.
    pub response_field_paths: Vec<String>,
    /// `performanceConfig.latency`: `standard`, `optimized`.
    pub latency: Option<String>,
    /// `serviceTier.type`: `priority`, `default`, `flex`, `reserved`.
    pub service_tier: Option<String>,
    /// `guardrailConfig`, for real Bedrock only.
    pub guardrail: Option<Value>,
    /// `requestMetadata`: pairs for logs.
    pub metadata: BTreeMap<String, String>,
    /// `toolConfig.tools[].systemTool.name`, for real Bedrock only.
    pub system_tools: Vec<String>,
}

/// The schema that a reply must follow.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSchema {
    /// Its name, for the provider.
    pub name: Option<String>,
    /// What it is for, for the model.
    pub description: Option<String>,
    /// JSON Schema.
    pub schema: Value,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            model: String::new(),
            system: Vec::new(),
            messages: Vec::new(),
            tools: Arc::from([]),
            tool_choice: ToolChoice::default(),
            inference: Inference::default(),
            options: Options::default(),
            streaming: false,
        }
    }
}

impl Request {
    /// The system prompt as one text: its texts, a line break between two; what a guardrail judges counts as text.
    pub fn system_text(&self) -> String {
        let texts: Vec<&str> = self
            .system
            .iter()
            .filter_map(|block| match block {
                SystemBlock::Text(text) => Some(text.as_str()),
                SystemBlock::Guard(content) => content["text"]["text"].as_str(),
                SystemBlock::CachePoint(_) => None,
            })
            .filter(|text| !text.is_empty())
            .collect();
        texts.join("\n")
    }
}

impl SystemBlock {
    /// A system prompt of one text; none when that is empty.
    pub fn text(text: impl Into<String>) -> Vec<Self> {
        let text = text.into();
        if text.is_empty() { Vec::new() } else { vec![Self::Text(text)] }
    }
}
