//! Messages and their blocks.

use serde_json::Value;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user, and results of tools.
    User,
    /// The model.
    Assistant,
}

/// One message: a role and its blocks, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; never empty when sent to a provider.
    pub content: Vec<Block>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Text.
    Text(String),
    /// Thoughts of a reasoning model; the signature proves to the provider that they are its own.
    Reasoning {
        /// What it thought.
        text: String,
        /// Opaque, sent back unchanged.
        signature: Option<String>,
    },
    /// The model asks for a tool.
    ToolUse {
        /// Names this call within the conversation; given by the provider.
        id: String,
        /// The tool's name as it was offered.
        name: String,
        /// Arguments: an object, or whatever the model made of it.
        input: Value,
    },
    /// What the tool answered.
    ToolResult {
        /// The id of the tool use that is answered.
        id: String,
        /// The answer as text.
        text: String,
        /// Whether it went well.
        status: ToolStatus,
    },
}

/// Whether a tool call went well, as told to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStatus {
    /// The text is its result.
    Success,
    /// The text says what went wrong.
    Error,
}

impl Message {
    /// A message of the user with one text.
    pub fn user(text: impl Into<String>) -> Self {
        Self {
            role: Role::User,
            content: vec![Block::Text(text.into())],
        }
    }

    /// A message of the model with one text.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self {
            role: Role::Assistant,
            content: vec![Block::Text(text.into())],
        }
    }

    /// All text blocks, joined.
    pub fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|block| if let Block::Text(text) = block { Some(text.as_str()) } else { None })
            .collect()
    }
}
