//! The Converse API's JSON, both ways.

use bedplate_base::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    Block, CachePoint, CacheTtl, Media, Message, Reply, ReplyFacts, ResultPart, Role, StopReason, SystemBlock, Tool, ToolStatus, Usage,
};

/// Blocks that are carried as they came.
const OTHER_BLOCKS: [&str; 3] = ["searchResult", "toolAddition", "toolRemoval"];

impl Block {
    /// The Converse form: `{"text": …}`, `{"toolUse": …}`, `{"toolResult": …}`, `{"reasoningContent": …}`, …
    pub fn to_json(&self) -> Value {
        tree(self)
    }

    /// Reads the Converse form.
    ///
    /// # Errors
    /// `Validation` when it is no block that Converse knows, or lacks what the block needs.
    pub fn from_json(value: &Value) -> Result<Self> {
        if let Some(found) = word(value, "text") {
            return Ok(Self::Text(found));
        }
        if let Some(tool) = value.get("toolUse") {
            let (Some(id), Some(name)) = (word(tool, "toolUseId"), word(tool, "name")) else {
                return Err(malformed("toolUse lacks toolUseId or name"));
            };
            return Ok(Self::ToolUse {
                id,
                name,
                input: tool.get("input").cloned().unwrap_or(Value::Null),
            });
        }
        if let Some(result) = value.get("toolResult") {
            let id = word(result, "toolUseId").ok_or_else(|| malformed("toolResult lacks toolUseId"))?;
            let parts = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
            let status = if result["status"] == "error" {
                ToolStatus::Error
            } else {
                ToolStatus::Success
            };
            let content = parts.iter().map(ResultPart::from_json).collect::<Result<_>>()?;
            return Ok(Self::ToolResult { id, content, status });
        }
        if let Some(reasoning) = value.get("reasoningContent") {
            if let Some(redacted) = word(reasoning, "redactedContent") {
                return Ok(Self::Redacted(redacted));
            }
            let inner = &reasoning["reasoningText"];
            return Ok(Self::Reasoning {
                text: word(inner, "text").unwrap_or_default(),
                signature: word(inner, "signature"),
            });
        }
        if let Some(cited) = value.get("citationsContent") {
            let parts = cited["content"].as_array().map(Vec::as_slice).unwrap_or_default();
            return Ok(Self::Cited {
                text: parts.iter().filter_map(|part| part["text"].as_str()).collect(),
                citations: cited["citations"].as_array().cloned().unwrap_or_default(),
            });
        }
        if let Some(media) = Media::from_json(value)? {
            return Ok(Self::Media(media));
        }
        if let Some(point) = CachePoint::from_json(value) {
            return Ok(Self::CachePoint(point));
        }
        if let Some(content) = value.get("guardContent") {
            return Ok(Self::Guard(content.clone()));
        }
        if OTHER_BLOCKS.iter().any(|name| value.get(name).is_some()) {
            return Ok(Self::Other(value.clone()));
        }
        Err(malformed(
            "a content block has none of text, image, document, video, audio, toolUse, toolResult, reasoningContent, citationsContent, \
             cachePoint, guardContent, searchResult",
        ))
    }
}

impl ResultPart {
    /// The Converse form: `{"text": …}`, `{"json": …}`, `{"image": …}`, …
    pub fn to_json(&self) -> Value {
        tree(self)
    }

    /// Reads the Converse form.
    ///
    /// # Errors
    /// `Validation` when it is no part of a tool result that Converse knows.
    pub fn from_json(value: &Value) -> Result<Self> {
        if let Some(text) = word(value, "text") {
            return Ok(Self::Text(text));
        }
        if let Some(found) = value.get("json") {
            return Ok(Self::Json(found.clone()));
        }
        if let Some(media) = Media::from_json(value)? {
            return Ok(Self::Media(media));
        }
        if value.get("searchResult").is_some() {
            return Ok(Self::Other(value.clone()));
        }
        Err(malformed(
            "a part of a toolResult has none of text, json, image, document, video, searchResult",
        ))
    }
}

impl CachePoint {
    /// `{"cachePoint": {"type": "default"}}`.
    pub fn to_json(&self) -> Value {
        let mut inner = json!({"type": "default"});
        if let Some(ttl) = self.ttl {
            inner["ttl"] = json!(ttl.as_str());
        }
        json!({"cachePoint": inner})
    }

    /// Reads `{"cachePoint": …}`; `None` when it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let inner = value.get("cachePoint")?;
        Some(Self {
            ttl: inner["ttl"].as_str().and_then(CacheTtl::parse),
        })
    }
}

impl SystemBlock {
    /// `{"text": …}`, `{"cachePoint": …}`, `{"guardContent": …}`.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!({"text": text}),
            Self::CachePoint(point) => point.to_json(),
            Self::Guard(content) => json!({"guardContent": content}),
        }
    }

    /// Reads the Converse form.
    ///
    /// # Errors
    /// `Validation` when it is none of the three.
    pub fn from_json(value: &Value) -> Result<Self> {
        if let Some(text) = word(value, "text") {
            return Ok(Self::Text(text));
        }
        if let Some(point) = CachePoint::from_json(value) {
            return Ok(Self::CachePoint(point));
        }
        match value.get("guardContent") {
            Some(content) => Ok(Self::Guard(content.clone())),
            None => Err(malformed("a system block has none of text, cachePoint, guardContent")),
        }
    }
}

impl Tool {
    /// `{"toolSpec": {"name": …, "description": …, "inputSchema": {"json": …}}}`; the cache point behind it is an entry of its own.
    pub fn to_json(&self) -> Value {
        let mut spec = Map::new();
        spec.insert("name".into(), json!(self.name));
        if !self.description.is_empty() {
            spec.insert("description".into(), json!(self.description));
        }
        spec.insert("inputSchema".into(), json!({"json": self.schema}));
        if let Some(strict) = self.strict {
            spec.insert("strict".into(), json!(strict));
        }
        json!({"toolSpec": spec})
    }
}

impl Message {
    /// `{"role": …, "content": […]}`.
    pub fn to_json(&self) -> Value {
        tree(self)
    }

    /// Reads `{"role": …, "content": […]}`.
    ///
    /// # Errors
    /// `Validation` when the role or a block is unknown.
    pub fn from_json(value: &Value) -> Result<Self> {
        let role = match value["role"].as_str() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            _ => return Err(malformed("role is neither user nor assistant")),
        };
        let blocks = value["content"].as_array().ok_or_else(|| malformed("content is not a list"))?;
        Ok(Self {
            role,
            content: blocks.iter().map(Block::from_json).collect::<Result<_>>()?,
        })
    }
}

impl Role {
    /// The Converse API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl Usage {
    /// Converse's `TokenUsage`: `inputTokens` without the cached ones; the cache's counts only when there are any.
    pub fn to_json(&self) -> Value {
        tree(self)
    }

    /// Reads `to_json`'s form. Older journals counted cached tokens among `inputTokens`: the total tells, as it never changed.
    pub fn from_json(value: &Value) -> Self {
        let count = |key: &str| value[key].as_u64().unwrap_or(0);
        Self::counted(
            count("inputTokens"),
            count("outputTokens"),
            value["totalTokens"].as_u64(),
            count("cacheReadInputTokens"),
            count("cacheWriteInputTokens"),
        )
    }

    /// From the members of that form.
    pub(crate) fn counted(summed: u64, output_tokens: u64, total: Option<u64>, cache_read_tokens: u64, cache_write_tokens: u64) -> Self {
        Self {
            input_tokens: total.map_or(summed, |total| total.saturating_sub(output_tokens)).max(summed),
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
        }
    }
}

impl Reply {
    /// The Converse answer: `{"output": {"message": …}, "stopReason": …, "usage": …}` with what else the provider told, and
    /// `model` and `provider`, which are ours.
    pub fn to_json(&self) -> Value {
        tree(self)
    }

    /// Reads the Converse answer.
    ///
    /// # Errors
    /// `Validation` when it has no message or a stop reason that is unknown.
    pub fn from_json(value: &Value) -> Result<Self> {
        Ok(Self {
            message: Message::from_json(&value["output"]["message"])?,
            stop: value["stopReason"]
                .as_str()
                .and_then(StopReason::parse)
                .ok_or_else(|| malformed("stopReason is unknown"))?,
            usage: Usage::from_json(&value["usage"]),
            model: word(value, "model").unwrap_or_default(),
            facts: ReplyFacts {
                provider: word(value, "provider").unwrap_or_default(),
                latency_ms: value["metrics"]["latencyMs"].as_u64(),
                additional_fields: value.get("additionalModelResponseFields").cloned(),
                latency: word(&value["performanceConfig"], "latency"),
                service_tier: word(&value["serviceTier"], "type"),
                lost: Usage::from_json(&value["lostUsage"]),
                trace: value.get("trace").cloned(),
            },
        })
    }
}

/// The tree of what `form` writes.
fn tree(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("invariant: messages are plain data")
}

pub(crate) fn word(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

pub(crate) fn malformed(what: &str) -> Error {
    Error::validation(format!("The message is malformed: {what}."))
}
