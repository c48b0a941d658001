//! A model's reply.

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
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It said what it had to say.
    EndTurn,
    /// It wants tools.
    ToolUse,
    /// The token limit was reached.
    MaxTokens,
    /// A stop sequence was reached.
    StopSequence,
    /// The provider's filter stepped in.
    ContentFiltered,
}

/// Tokens of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read, cached ones included.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Of the input: read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Of the input: written to the provider's cache.
    pub cache_write_tokens: u64,
}

impl StopReason {
    /// The Converse API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::ToolUse => "tool_use",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::ContentFiltered => "content_filtered",
        }
    }

    /// Reads the Converse API's word.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::EndTurn,
            Self::ToolUse,
            Self::MaxTokens,
            Self::StopSequence,
            Self::ContentFiltered,
        ]
        .into_iter()
        .find(|stop| stop.as_str() == text)
    }
}
