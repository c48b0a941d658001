//! The Converse API's JSON, both ways.

use bedplate_base::{Error, Result};
use serde_json::{Map, Value, json};

use crate::{Block, Message, Reply, Request, Role, StopReason, ToolStatus, Usage};

impl Block {
    /// The Converse form: `{"text": …}`, `{"toolUse": …}`, `{"toolResult": …}`, `{"reasoningContent": …}`.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!({"text": text}),
            Self::Reasoning { text, signature } => {
                let mut inner = Map::new();
                inner.insert("text".into(), json!(text));
                if let Some(signature) = signature {
                    inner.insert("signature".into(), json!(signature));
                }
                json!({"reasoningContent": {"reasoningText": inner}})
            }
            Self::ToolUse { id, name, input } => json!({"toolUse": {"toolUseId": id, "name": name, "input": input}}),
            Self::ToolResult { id, text, status } => {
                let status = if *status == ToolStatus::Success { "success" } else { "error" };
                json!({"toolResult": {"toolUseId": id, "content": [{"text": text}], "status": status}})
            }
        }
    }

    /// Reads the Converse form.
    pub fn from_json(value: &Value) -> Result<Self> {
        let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
        if let Some(found) = text(value, "text") {
            return Ok(Self::Text(found));
        }
        if let Some(tool) = value.get("toolUse") {
            let (Some(id), Some(name)) = (text(tool, "toolUseId"), text(tool, "name")) else {
                return Err(malformed("toolUse lacks toolUseId or name"));
            };
            return Ok(Self::ToolUse {
                id,
                name,
                input: tool.get("input").cloned().unwrap_or(Value::Null),
            });
        }
        if let Some(result) = value.get("toolResult") {
            let id = text(result, "toolUseId").ok_or_else(|| malformed("toolResult lacks toolUseId"))?;
            let parts = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
            let joined = parts
                .iter()
                .filter_map(|part| text(part, "text").or_else(|| part.get("json").map(Value::to_string)))
                .collect();
            let status = if result["status"] == "error" {
                ToolStatus::Error
            } else {
                ToolStatus::Success
            };
            return Ok(Self::ToolResult { id, text: joined, status });
        }
        if let Some(reasoning) = value.get("reasoningContent") {
            let inner = &reasoning["reasoningText"];
            return Ok(Self::Reasoning {
                text: text(inner, "text").unwrap_or_default(),
                signature: text(inner, "signature"),
            });
        }
        Err(malformed("a content block has none of text, toolUse, toolResult, reasoningContent"))
    }
}

impl Message {
    /// `{"role": …, "content": […]}`.
    pub fn to_json(&self) -> Value {
        let role = if self.role == Role::User { "user" } else { "assistant" };
        json!({"role": role, "content": self.content.iter().map(Block::to_json).collect::<Vec<_>>()})
    }

    /// Reads `{"role": …, "content": […]}`.
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

impl Reply {
    /// The Converse answer: `{"output": {"message": …}, "stopReason": …, "usage": …}` and `model`, which is ours.
    pub fn to_json(&self) -> Value {
        let Usage {
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
        } = self.usage;
        let mut usage = json!({"inputTokens": input_tokens, "outputTokens": output_tokens, "totalTokens": input_tokens + output_tokens});
        if cache_read_tokens + cache_write_tokens > 0 {
            usage["cacheReadInputTokens"] = json!(cache_read_tokens);
            usage["cacheWriteInputTokens"] = json!(cache_write_tokens);
        }
        json!({
            "output": {"message": self.message.to_json()},
            "stopReason": self.stop.as_str(),
            "usage": usage,
            "model": self.model,
        })
    }

    /// Reads the Converse answer.
    pub fn from_json(value: &Value) -> Result<Self> {
        let count = |key: &str| value["usage"][key].as_u64().unwrap_or(0);
        Ok(Self {
            message: Message::from_json(&value["output"]["message"])?,
            stop: value["stopReason"]
                .as_str()
                .and_then(StopReason::parse)
                .ok_or_else(|| malformed("stopReason is unknown"))?,
            usage: Usage {
                input_tokens: count("inputTokens"),
                output_tokens: count("outputTokens"),
                cache_read_tokens: count("cacheReadInputTokens"),
                cache_write_tokens: count("cacheWriteInputTokens"),
            },
            model: value["model"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

impl Request {
    /// For people and traces: `{"system": …, "messages": […]}`, the top-level keys of the service's own traces.
    pub fn to_trace_json(&self) -> Value {
        json!({"system": self.system, "messages": self.messages.iter().map(|message| message.to_json()).collect::<Vec<_>>()})
    }
}

fn malformed(what: &str) -> Error {
    Error::validation(format!("The message is malformed: {what}."))
}
