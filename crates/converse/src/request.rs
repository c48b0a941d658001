//! A request to a model.

use std::sync::Arc;

use serde_json::Value;

use crate::Message;

/// Everything that a model call needs. Messages are shared, so that building a request never copies the transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model's id as the agent names it; routing decides who serves it.
    pub model: String,
    /// System prompt; empty for none.
    pub system: String,
    /// The conversation; alternates roles, starts with the user.
    pub messages: Vec<Arc<Message>>,
    /// Tools on offer.
    pub tools: Arc<[Tool]>,
    /// Whether a tool must be used.
    pub tool_choice: ToolChoice,
    /// Sampling.
    pub inference: Inference,
    /// Whether parts of the reply are wanted as they come.
    pub streaming: bool,
}

/// A tool on offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// `^[a-zA-Z0-9_-]{1,64}$`.
    pub name: String,
    /// For the model; may be empty.
    pub description: String,
    /// JSON Schema of the arguments: an object schema.
    pub schema: Value,
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
