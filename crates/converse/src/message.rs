//! Messages and their blocks.

use serde_json::Value;

use crate::Media;

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The user, and results of tools.
    User,
    /// The model.
    #[default]
    Assistant,
}

/// One message: a role and its blocks, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; never empty when sent to a provider.
    pub content: Vec<Block>,
}

/// A piece of a message: the members of Converse's `ContentBlock`.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Text.
    Text(String),
    /// Text with the places that it rests on (`citationsContent`).
    Cited {
        /// The text, whole.
        text: String,
        /// Converse's `Citation` objects, kept as they came.
        citations: Vec<Value>,
    },
    /// An image, a document, a film or a sound.
    Media(Media),
    /// Thoughts of a reasoning model; the signature proves to the provider that they are its own.
    Reasoning {
        /// What it thought.
        text: String,
        /// Opaque, sent back unchanged.
        signature: Option<String>,
    },
    /// Thoughts that the provider shows to nobody: base64, sent back unchanged.
    Redacted(String),
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
        /// The answer, in parts.
        content: Vec<ResultPart>,
        /// Whether it went well.
        status: ToolStatus,
    },
    /// Everything before it may be kept in the provider's cache.
    CachePoint(CachePoint),
    /// Content that a guardrail judges (`guardContent`): text or an image in Converse's form.
    Guard(Value),
    /// A block that only Bedrock itself understands (`searchResult`, `toolAddition`, `toolRemoval`), whole, kept as it came.
    Other(Value),
}

/// A part of a tool's answer: the members of Converse's `ToolResultContentBlock`.
#[derive(Clone, Debug, PartialEq)]
pub enum ResultPart {
    /// Text.
    Text(String),
    /// Any JSON value.
    Json(Value),
    /// An image, a document or a film.
    Media(Media),
    /// A part that only Bedrock itself understands, whole, kept as it came.
    Other(Value),
}

/// A place up to which a provider may keep the prompt (`cachePoint` of type `default`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CachePoint {
    /// How long it is to be kept; absent for the provider's default of five minutes.
    pub ttl: Option<CacheTtl>,
}

/// How long a cached prompt is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheTtl {
    /// `5m`.
    FiveMinutes,
    /// `1h`.
    OneHour,
}

/// Whether a tool call went well, as told to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolStatus {
    /// The content is its result.
    Success,
    /// The content says what went wrong.
    Error,
}

impl Block {
    /// A tool's answer as one text.
    pub fn tool_result(id: impl Into<String>, text: impl Into<String>, status: ToolStatus) -> Self {
        Self::ToolResult {
            id: id.into(),
            content: vec![ResultPart::Text(text.into())],
            status,
        }
    }
}

impl ResultPart {
    /// The parts as one text: texts as they are, JSON as its text, what is neither left out.
    pub fn join(parts: &[Self]) -> String {
        parts
            .iter()
            .filter_map(|part| match part {
                Self::Text(text) => Some(text.clone()),
                Self::Json(value) => Some(value.to_string()),
                Self::Media(_) | Self::Other(_) => None,
            })
            .collect()
    }
}

impl CacheTtl {
    /// The Converse API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::OneHour => "1h",
        }
    }

    /// Reads the Converse API's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::FiveMinutes, Self::OneHour].into_iter().find(|ttl| ttl.as_str() == text)
    }
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
            .filter_map(|block| match block {
                Block::Text(text) | Block::Cited { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}
