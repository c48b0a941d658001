//! A model's reply.

use serde_json::Value;

use crate::Message;

/// A whole reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The model's message.
    pub message: Message,
    /// Why it ended.
    pub stop: StopReason,
    /// Tokens.
    pub usage: Usage,
    /// The model that answered, as its provider names it: `gpt-4.1`, `builtin/planner`.
    pub model: String,
    /// What else the provider told.
    pub facts: ReplyFacts,
}

/// What a provider may tell about a reply besides the reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyFacts {
    /// Name of the provider that answered, as the configuration has it; empty for what is built in.
    pub provider: String,
    /// How long the provider says that it took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// `additionalModelResponseFields`.
    pub additional_fields: Option<Value>,
    /// `performanceConfig.latency` as served.
    pub latency: Option<String>,
    /// `serviceTier.type` as served.
    pub service_tier: Option<String>,
    /// Tokens that tries before it are known to have used for nothing.
    pub lost: Usage,
    /// `trace` of real Bedrock (guardrail, prompt router), kept as it came.
    pub trace: Option<Value>,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopReason {
    /// It said what it had to say.
    #[default]
    EndTurn,
    /// It wants tools.
    ToolUse,
    /// The token limit was reached.
    MaxTokens,
    /// A stop sequence was reached.
    StopSequence,
    /// A guardrail stepped in.
    GuardrailIntervened,
    /// The provider's filter stepped in.
    ContentFiltered,
    /// The model's output could not be read.
    MalformedModelOutput,
    /// The model's tool use could not be read.
    MalformedToolUse,
    /// Prompt and reply are longer than the model can hold.
    ModelContextWindowExceeded,
}

/// Tokens of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read, cached ones included. Converse's `inputTokens` is without those: `uncached_input_tokens`.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Of the input: read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Of the input: written to the provider's cache.
    pub cache_write_tokens: u64,
}

impl Usage {
    /// Adds the tokens of another call.
    pub fn add(&mut self, other: &Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
    }

    /// Input that no cache was concerned with: Converse's `inputTokens`.
    pub fn uncached_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_sub(self.cache_read_tokens)
            .saturating_sub(self.cache_write_tokens)
    }

    /// Converse's `totalTokens`.
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl StopReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::EndTurn,
        Self::ToolUse,
        Self::MaxTokens,
        Self::StopSequence,
        Self::GuardrailIntervened,
        Self::ContentFiltered,
        Self::MalformedModelOutput,
        Self::MalformedToolUse,
        Self::ModelContextWindowExceeded,
    ];

    /// The Converse API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::ToolUse => "tool_use",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::GuardrailIntervened => "guardrail_intervened",
            Self::ContentFiltered => "content_filtered",
            Self::MalformedModelOutput => "malformed_model_output",
            Self::MalformedToolUse => "malformed_tool_use",
            Self::ModelContextWindowExceeded => "model_context_window_exceeded",
        }
    }

    /// Reads the Converse API's word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stop| stop.as_str() == text)
    }
}

impl Default for Reply {
    /// An empty message of the model that ended by itself.
    fn default() -> Self {
        Self {
            message: Message::default(),
            stop: StopReason::default(),
            usage: Usage::default(),
            model: String::new(),
            facts: ReplyFacts::default(),
        }
    }
}
