//! Replies as most of them are, read straight from their text: a message of texts and tool uses. Everything else is read by way of a tree, which
//! tells what is wrong with it, too.

use bedplate_base::Result;
use serde::Deserialize;
use serde_json::Value;

use crate::{Block, Message, Reply, ReplyFacts, Role, StopReason, Usage};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plain {
    output: Output,
    stop_reason: String,
    usage: Counts,
    #[serde(default)]
    model: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    metrics: Metrics,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    message: Said,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    role: Speaker,
    content: Vec<Piece>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    User,
    Assistant,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Piece {
    Text(String),
    ToolUse(ToolUse),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ToolUse {
    tool_use_id: String,
    name: String,
    input: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Metrics {
    latency_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counts {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    #[serde(default)]
    cache_read_input_tokens: u64,
    #[serde(default)]
    cache_write_input_tokens: u64,
}

impl Reply {
    /// As [`Reply::from_json`], from its text.
    ///
    /// # Errors
    /// As there; what is no JSON has no message.
    pub fn from_text(text: &str) -> Result<Self> {
        if let Some(reply) = plain(text) {
            return Ok(reply);
        }
        Self::from_json(&serde_json::from_str(text).unwrap_or_default())
    }
}

fn plain(text: &str) -> Option<Reply> {
    let plain: Plain = serde_json::from_str(text).ok()?;
    let counts = plain.usage;
    let content = plain.output.message.content.into_iter().map(|piece| match piece {
        Piece::Text(text) => Block::Text(text),
        Piece::ToolUse(ToolUse { tool_use_id, name, input }) => Block::ToolUse {
            id: tool_use_id,
            name,
            input,
        },
    });
    Some(Reply {
        stop: StopReason::parse(&plain.stop_reason)?,
        message: Message {
            role: match plain.output.message.role {
                Speaker::User => Role::User,
                Speaker::Assistant => Role::Assistant,
            },
            content: content.collect(),
        },
        usage: Usage::counted(
            counts.input_tokens,
            counts.output_tokens,
            Some(counts.total_tokens),
            counts.cache_read_input_tokens,
            counts.cache_write_input_tokens,
        ),
        model: plain.model,
        facts: ReplyFacts {
            provider: plain.provider,
            latency_ms: plain.metrics.latency_ms,
            ..ReplyFacts::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whatever the way, the result is the same; `is_plain` says which way.
    #[test]
    fn both_ways_lead_to_the_same() {
        let usage = json!({"inputTokens": 3, "outputTokens": 2, "totalTokens": 9, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0});
        let reply = |content: Value, more: Value| {
            let mut reply =
                json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use", "usage": usage});
            let members = reply.as_object_mut().expect("an object");
            members.extend(more.as_object().expect("an object").clone());
            reply
        };
        let uses = json!([{"text": "é\"\n"}, {"toolUse": {"toolUseId": "1", "name": "n", "input": {"b": 1, "a": [null, 1.5]}}}]);
        let cases = [
            (
                reply(uses.clone(), json!({"model": "m", "provider": "p", "metrics": {"latencyMs": 7}})),
                true,
            ),
            (reply(json!([]), json!({})), true),
            (
                reply(
                    uses.clone(),
                    json!({"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}}),
                ),
                true,
            ),
            (reply(uses.clone(), json!({"usage": {}})), false),
            (reply(uses.clone(), json!({"trace": {}})), false),
            (reply(uses.clone(), json!({"metrics": {"latencyMs": 1.5}})), false),
            (reply(uses.clone(), json!({"model": null})), false),
            (reply(uses, json!({"stopReason": "because"})), false),
            (
                reply(json!([{"reasoningContent": {"reasoningText": {"text": "hm"}}}]), json!({})),
                false,
            ),
            (reply(json!([{"toolUse": {"toolUseId": "1", "name": "n"}}]), json!({})), false),
            (reply(json!([{"text": "a", "toolUse": {}}]), json!({})), false),
            (reply(json!([{"text": 1}]), json!({})), false),
            (json!({"output": 1}), false),
        ];
        for (tree, is_plain) in cases {
            let text = tree.to_string();
            assert_eq!(plain(&text).is_some(), is_plain, "{text}");
            let (one, other) = (Reply::from_text(&text), Reply::from_json(&tree));
            assert_eq!(one.map_err(|error| error.message), other.map_err(|error| error.message), "{text}");
        }
        assert!(Reply::from_text("{").is_err());
    }
}
