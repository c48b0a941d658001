//! A neutral request as the body of a Messages request.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_converse::{
    Block, CachePoint, Media, MediaKind, Message, Request, ResultPart, Role, Source, SystemBlock, Tool, ToolChoice, ToolStatus,
};
use serde_json::{Map, Value, json};

use crate::calls::{sendable_arguments, sendable_id, sendable_name};
use crate::config::Omit;
use crate::media::{elsewhere, plain_text, refused};
use crate::protocol::{add_fields, alternate};
use crate::{Failure, Fault};

/// Most tokens of a reply when neither request nor configuration says. Ours; the API requires a number.
const MAX_TOKENS: u32 = 4_096;
/// Letters of a call's id beside letters and digits (Anthropic API reference, `tool_use.id`).
const ID_LETTERS: &str = "_-";
/// What this API is called in errors.
const API: &str = "the Messages API";

/// How a server wants its requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) max_tokens: Option<NonZeroU32>,
    pub(crate) prompt_cache: bool,
    pub(crate) omit: Vec<Omit>,
}

impl Settings {
    /// The body for `request`, served by `model`.
    pub(crate) fn encode(&self, request: &Request, model: &str) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        body.insert("model".into(), json!(model));
        let max_tokens = request.inference.max_tokens.or(self.max_tokens.map(NonZeroU32::get));
        body.insert("max_tokens".into(), json!(max_tokens.unwrap_or(MAX_TOKENS)));
        let ours = self.prompt_cache && !has_cache_points(request);
        let system = system(request, ours);
        if !system.is_empty() {
            body.insert("system".into(), Value::Array(system));
        }
        let mut messages = Vec::with_capacity(request.messages.len());
        for message in &request.messages {
            messages.extend(self::message(message)?);
        }
        body.insert("messages".into(), alternate(messages));
        if !request.tools.is_empty() {
            body.insert("tools".into(), tools(request, ours));
            match &request.tool_choice {
                ToolChoice::Auto => {}
                ToolChoice::Any => drop(body.insert("tool_choice".into(), json!({"type": "any"}))),
                ToolChoice::Tool(name) => drop(body.insert("tool_choice".into(), json!({"type": "tool", "name": name}))),
            }
        }
        self.sampling(request, &mut body);
        options(request, &mut body)?;
        if request.streaming {
            body.insert("stream".into(), json!(true));
        }
        Ok(body)
    }

    /// Settings that change nothing are not sent: newer models take `temperature` or `top_p`, not both, and agents of Bedrock carry both.
    fn sampling(&self, request: &Request, body: &mut Map<String, Value>) {
        let inference = &request.inference;
        let sends = |setting| !self.omit.contains(&setting);
        if let Some(temperature) = inference.temperature.filter(|_| sends(Omit::Temperature)) {
            body.insert("temperature".into(), json!(temperature));
        }
        if let Some(top_p) = inference.top_p.filter(|top_p| sends(Omit::TopP) && *top_p < 1.0) {
            body.insert("top_p".into(), json!(top_p));
        }
        if let Some(top_k) = inference.top_k.filter(|top_k| sends(Omit::TopK) && *top_k > 0) {
            body.insert("top_k".into(), json!(top_k));
        }
        // A sequence of nothing but blanks is refused.
        let stop: Vec<&String> = inference.stop_sequences.iter().filter(|text| !text.trim().is_empty()).collect();
        if !stop.is_empty() && sends(Omit::Stop) {
            body.insert("stop_sequences".into(), json!(stop));
        }
    }
}

fn options(request: &Request, body: &mut Map<String, Value>) -> Result<(), Failure> {
    let options = &request.options;
    let mut output = Map::new();
    if let Some(wanted) = &options.output {
        output.insert("format".into(), json!({"type": "json_schema", "schema": wanted.schema}));
    }
    if let Some(effort) = &options.effort {
        output.insert("effort".into(), json!(effort));
    }
    if !output.is_empty() {
        body.insert("output_config".into(), Value::Object(output));
    }
    if let Some(user) = options.metadata.get("user_id") {
        body.insert("metadata".into(), json!({"user_id": user}));
    }
    match options.service_tier.as_deref() {
        Some("default") => drop(body.insert("service_tier".into(), json!("standard_only"))),
        Some("priority") => drop(body.insert("service_tier".into(), json!("auto"))),
        _ => {}
    }
    if let Some(fields) = &options.additional_fields {
        add_fields(body, fields)?;
        // Thinking goes with the default temperature only (Anthropic docs, "Extended thinking").
        if matches!(
            body.get("thinking").and_then(|thinking| thinking["type"].as_str()),
            Some("enabled" | "adaptive")
        ) {
            for name in ["temperature", "top_k"] {
                if fields.get(name).is_none() {
                    body.remove(name);
                }
            }
        }
    }
    Ok(())
}

fn has_cache_points(request: &Request) -> bool {
    request.system.iter().any(|block| matches!(block, SystemBlock::CachePoint(_)))
        || request.tools.iter().any(|tool| tool.cache_point.is_some())
        || request
            .messages
            .iter()
            .flat_map(|message| &message.content)
            .any(|block| matches!(block, Block::CachePoint(_)))
}

fn cache_control(point: CachePoint) -> Value {
    match point.ttl {
        Some(ttl) => json!({"type": "ephemeral", "ttl": ttl.as_str()}),
        None => json!({"type": "ephemeral"}),
    }
}

/// Puts a cache point on the block before it, which is where this API has it.
fn mark(blocks: &mut [Value], point: CachePoint) {
    if let Some(last) = blocks.last_mut() {
        last["cache_control"] = cache_control(point);
    }
}

/// With `ours`, the whole system prompt is kept: it is the fixed prefix of every call of a turn.
fn system(request: &Request, ours: bool) -> Vec<Value> {
    let mut out = Vec::new();
    for block in &request.system {
        match block {
            SystemBlock::Text(text) => out.extend(text_block(text)),
            SystemBlock::Guard(content) => out.extend(content["text"]["text"].as_str().and_then(text_block)),
            SystemBlock::CachePoint(point) => mark(&mut out, *point),
        }
    }
    if ours {
        mark(&mut out, CachePoint::default());
    }
    out
}

fn tools(request: &Request, ours: bool) -> Value {
    let mut out: Vec<Value> = request.tools.iter().map(tool).collect();
    if ours {
        mark(&mut out, CachePoint::default());
    }
    Value::Array(out)
}

fn tool(tool: &Tool) -> Value {
    let mut out = Map::new();
    out.insert("name".into(), json!(tool.name));
    if !tool.description.is_empty() {
        out.insert("description".into(), json!(tool.description));
    }
    out.insert("input_schema".into(), tool.schema.clone());
    if let Some(strict) = tool.strict {
        out.insert("strict".into(), json!(strict));
    }
    if let Some(point) = tool.cache_point {
        out.insert("cache_control".into(), cache_control(point));
    }
    Value::Object(out)
}

/// Blank texts are refused by the API.
fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

/// A message; none when nothing of it can be sent. Results come first: they must follow the calls that they answer.
fn message(message: &Message) -> Result<Option<Value>, Failure> {
    let mut results = Vec::new();
    let mut rest = Vec::new();
    for block in &message.content {
        match block {
            Block::Text(text) | Block::Cited { text, .. } => rest.extend(text_block(text)),
            Block::Media(media) => rest.push(self::media(media)?),
            Block::Guard(content) => match Media::from_json(content).ok().flatten() {
                Some(image) => rest.push(self::media(&image)?),
                None => rest.extend(content["text"]["text"].as_str().and_then(text_block)),
            },
            // Unsigned thoughts are another provider's.
            Block::Reasoning { text, signature } => {
                rest.extend(
                    signature
                        .as_ref()
                        .map(|signature| json!({"type": "thinking", "thinking": text, "signature": signature})),
                );
            }
            Block::Redacted(base64) => {
                let data = STANDARD.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                rest.push(json!({"type": "redacted_thinking", "data": data.as_ref().unwrap_or(base64)}));
            }
            Block::ToolUse { id, name, input } => rest.push(json!({
                "type": "tool_use",
                "id": sendable_id(id, ID_LETTERS),
                "name": sendable_name(name),
                "input": sendable_arguments(input),
            })),
            Block::ToolResult { id, content, status } => results.push(result(id, content, *status)?),
            Block::CachePoint(point) if rest.is_empty() => mark(&mut results, *point),
            Block::CachePoint(point) => mark(&mut rest, *point),
            Block::Other(_) => return Err(refused("a content block", API)),
        }
    }
    results.append(&mut rest);
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    Ok((!results.is_empty()).then(|| json!({"role": role, "content": results})))
}

fn result(id: &str, content: &[ResultPart], status: ToolStatus) -> Result<Value, Failure> {
    let mut parts = Vec::new();
    for part in content {
        match part {
            ResultPart::Text(text) => parts.extend(text_block(text)),
            ResultPart::Json(value) => parts.extend(text_block(&value.to_string())),
            ResultPart::Media(media) => parts.push(self::media(media)?),
            ResultPart::Other(_) => return Err(refused("a part of a tool result", API)),
        }
    }
    let mut out = json!({"type": "tool_result", "tool_use_id": sendable_id(id, ID_LETTERS)});
    if !parts.is_empty() {
        out["content"] = Value::Array(parts);
    }
    if status == ToolStatus::Error {
        out["is_error"] = json!(true);
    }
    Ok(out)
}

/// An image or a document (Anthropic API reference, content blocks).
fn media(media: &Media) -> Result<Value, Failure> {
    match media.kind {
        MediaKind::Image => {
            let Source::Bytes(base64) = &media.source else {
                return Err(elsewhere(media));
            };
            Ok(json!({"type": "image", "source": {"type": "base64", "media_type": media.media_type(), "data": base64}}))
        }
        MediaKind::Document => document(media),
        MediaKind::Video => Err(refused("a video", API)),
        MediaKind::Audio => Err(refused("a sound", API)),
    }
}

fn document(media: &Media) -> Result<Value, Failure> {
    let source = match (&media.source, plain_text(media)) {
        (Source::Texts(texts), _) => {
            let texts: Vec<Value> = texts.iter().filter_map(|text| text_block(text)).collect();
            json!({"type": "content", "content": texts})
        }
        (_, Some(text)) => json!({"type": "text", "media_type": "text/plain", "data": text}),
        (Source::Bytes(base64), None) if matches!(media.format.as_str(), "pdf" | "") => {
            json!({"type": "base64", "media_type": "application/pdf", "data": base64})
        }
        (Source::Bytes(_), None) => {
            return Err(Failure::raw(
                Fault::Validation,
                format!(
                    "cannot be sent a document of format {:?}: {API} takes pdf and documents that are text (txt, md, csv, html in UTF-8)",
                    media.format
                ),
            ));
        }
        _ => return Err(elsewhere(media)),
    };
    let mut out = json!({"type": "document", "source": source});
    if let Some(facts) = &media.document {
        out["title"] = json!(facts.name);
        if let Some(context) = &facts.context {
            out["context"] = json!(context);
        }
        if facts.citations {
            out["citations"] = json!({"enabled": true});
        }
    }
    Ok(out)
}
