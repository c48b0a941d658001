//! Anthropic's Messages (user guide, "Anthropic Claude Messages API").

use std::sync::Arc;

use bedplate_converse::{
    Block, CachePoint, CacheTtl, DocumentFacts, Inference, Media, MediaKind, Message, Options, Reply, Request, ResultPart, Source,
    StopReason, SystemBlock, Tool, ToolChoice, ToolStatus, Usage,
};
use bedplate_wire::{Fault, Value};
use serde_json::{Map, json};

use super::super::live::{Delta, Event, Start};
use super::body::{Body, malformed};
use super::{Form, Read};

/// The only version that the service takes.
const VERSION: &str = "bedrock-2023-05-31";

pub(super) fn read(model: &str, mut body: Body, answer_id: &str) -> Result<Read, Fault> {
    let version = body.need_text("anthropic_version")?;
    if version != VERSION {
        return Err(malformed("#/anthropic_version", &format!("{version:?} is not {VERSION:?}")));
    }
    let mut messages: Vec<Message> = Vec::new();
    for (index, value) in body.list("messages")?.unwrap_or_default().into_iter().enumerate() {
        push(&mut messages, message(value, &format!("#/messages/{index}"))?);
    }
    let max_tokens = body.whole("max_tokens", 1)?;
    if max_tokens.is_none() {
        return Err(malformed("#", "required key [max_tokens] not found"));
    }
    let inference = Inference {
        temperature: body.number("temperature", 0.0, 1.0)?,
        top_p: body.number("top_p", 0.0, 1.0)?,
        top_k: body.whole("top_k", 0)?,
        max_tokens,
        stop_sequences: body.texts("stop_sequences")?.unwrap_or_default(),
    };
    let system = match body.take("system") {
        None => Vec::new(),
        Some(Value::String(text)) => SystemBlock::text(text),
        Some(Value::Array(blocks)) => {
            let mut system = Vec::new();
            for (index, block) in blocks.into_iter().enumerate() {
                let mut block = Body::of(block, format!("#/system/{index}"))?;
                system.push(SystemBlock::Text(block.need_text("text")?));
                system.extend(cache_point(&mut block)?.map(SystemBlock::CachePoint));
            }
            system
        }
        Some(_) => return Err(malformed("#/system", "expected type: String or JSONArray")),
    };
    let mut tools = Vec::new();
    for (index, tool) in body.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        tools.push(self::tool(tool, &format!("#/tools/{index}"))?);
    }
    let (tool_choice, offered) = choice(body.object("tool_choice")?)?;
    // `none` keeps a model from the tools that the conversation used; it is told by the provider's own field.
    let mut extra = Map::new();
    if !offered {
        extra.insert("tool_choice".into(), json!({"type": "none"}));
    }
    body.take("metadata");
    if let Some(Value::Object(rest)) = body.rest() {
        extra.extend(rest);
    }
    let form = Messages {
        id: format!("msg_bdrk_{}", answer_id.replace('-', "")),
        model: model.rsplit_once("anthropic.").map_or(model, |(_, name)| name).to_owned(),
        stop_sequence: single(&inference.stop_sequences),
    };
    let request = Request {
        system,
        messages: messages.into_iter().map(Arc::new).collect(),
        tools: tools.into(),
        tool_choice,
        inference,
        options: Options {
            additional_fields: (!extra.is_empty()).then_some(Value::Object(extra)),
            ..Options::default()
        },
        ..Request::default()
    };
    Ok((request, Box::new(form)))
}

/// Messages of one role that follow each other are one, as the service takes them.
pub(super) fn push(messages: &mut Vec<Message>, next: Message) {
    match messages.last_mut() {
        Some(last) if last.role == next.role => last.content.extend(next.content),
        _ => messages.push(next),
    }
}

/// The stop sequence, when there is just one that it can have been.
fn single(sequences: &[String]) -> Option<String> {
    match sequences {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn message(value: Value, at: &str) -> Result<Message, Fault> {
    let mut fields = Body::of(value, at)?;
    let role = fields.role()?;
    let mut content = Vec::new();
    match fields.need("content")? {
        Value::String(text) => content.push(Block::Text(text)),
        Value::Array(blocks) => {
            for (index, value) in blocks.into_iter().enumerate() {
                let mut block = Body::of(value, format!("{at}/content/{index}"))?;
                content.push(self::block(&mut block)?);
                content.extend(cache_point(&mut block)?.map(Block::CachePoint));
            }
        }
        _ => return Err(malformed(&fields.inner("content"), "expected type: String or JSONArray")),
    }
    Ok(Message { role, content })
}

fn cache_point(block: &mut Body) -> Result<Option<CachePoint>, Fault> {
    let Some(mut control) = block.object("cache_control")? else {
        return Ok(None);
    };
    Ok(Some(CachePoint {
        ttl: control.text("ttl")?.as_deref().and_then(CacheTtl::parse),
    }))
}

fn block(block: &mut Body) -> Result<Block, Fault> {
    let sort = block.need_text("type")?;
    Ok(match sort.as_str() {
        "text" => Block::Text(block.need_text("text")?),
        "image" | "document" => Block::Media(media(block, &sort)?),
        "tool_use" => Block::ToolUse {
            id: block.need_text("id")?,
            name: block.need_text("name")?,
            input: block.need("input")?,
        },
        "tool_result" => {
            let id = block.need_text("tool_use_id")?;
            let failed = block.take("is_error") == Some(Value::Bool(true));
            Block::ToolResult {
                id,
                content: parts(block)?,
                status: if failed { ToolStatus::Error } else { ToolStatus::Success },
            }
        }
        "thinking" => Block::Reasoning {
            text: block.text("thinking")?.unwrap_or_default(),
            signature: block.text("signature")?,
        },
        "redacted_thinking" => Block::Redacted(block.need_text("data")?),
        other => {
            return Err(malformed(
                &block.inner("type"),
                &format!("{other} is not a content block that is known"),
            ));
        }
    })
}

fn parts(block: &mut Body) -> Result<Vec<ResultPart>, Fault> {
    match block.take("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![ResultPart::Text(text)]),
        Some(Value::Array(items)) => {
            let mut parts = Vec::new();
            for (index, item) in items.into_iter().enumerate() {
                let mut part = Body::of(item, format!("{}/{index}", block.inner("content")))?;
                let sort = part.need_text("type")?;
                parts.push(match sort.as_str() {
                    "text" => ResultPart::Text(part.need_text("text")?),
                    "image" | "document" => ResultPart::Media(media(&mut part, &sort)?),
                    other => return Err(malformed(&part.inner("type"), &format!("{other} is not a part of a tool result"))),
                });
            }
            Ok(parts)
        }
        Some(_) => Err(malformed(&block.inner("content"), "expected type: String or JSONArray")),
    }
}

fn media(block: &mut Body, sort: &str) -> Result<Media, Fault> {
    let at = block.inner("source");
    let mut source = match block.object("source")? {
        Some(source) => source,
        None => return Err(malformed(&at, "is missing")),
    };
    let media_type = source.text("media_type")?.unwrap_or_default();
    let content = match source.need_text("type")?.as_str() {
        "base64" => Source::Bytes(source.need_text("data")?.into()),
        "text" if sort == "document" => Source::Text(source.need_text("data")?),
        "content" if sort == "document" => {
            let mut texts = Vec::new();
            match source.need("content")? {
                Value::String(text) => texts.push(text),
                Value::Array(items) => texts.extend(items.iter().filter_map(|item| item["text"].as_str()).map(str::to_owned)),
                _ => return Err(malformed(&at, "content is neither text nor a list")),
            }
            Source::Texts(texts)
        }
        other => return Err(malformed(&at, &format!("{other} is not a source that is known: use base64"))),
    };
    let format = match media_type.as_str() {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/markdown" => "md",
        other => other.rsplit('/').next().unwrap_or_default(),
    };
    Ok(Media {
        kind: if sort == "image" { MediaKind::Image } else { MediaKind::Document },
        format: format.to_owned(),
        source: content,
        document: if sort == "image" {
            None
        } else {
            Some(DocumentFacts {
                name: block.text("title")?.unwrap_or_else(|| "document".to_owned()),
                context: block.text("context")?,
                citations: block
                    .take("citations")
                    .is_some_and(|citations| citations["enabled"] == Value::Bool(true)),
            })
        },
    })
}

fn tool(value: Value, at: &str) -> Result<Tool, Fault> {
    let mut fields = Body::of(value, at)?;
    let sort = fields.text("type")?.unwrap_or_else(|| "custom".to_owned());
    if sort != "custom" {
        return Err(malformed(
            &fields.inner("type"),
            &format!("{sort} is not supported: describe the tool with name and input_schema"),
        ));
    }
    Ok(Tool {
        name: fields.need_text("name")?,
        description: fields.text("description")?.unwrap_or_default(),
        schema: fields.need("input_schema")?,
        strict: fields.take("strict").and_then(|strict| strict.as_bool()),
        cache_point: cache_point(&mut fields)?,
    })
}

/// The choice, and whether tools may be used at all.
fn choice(fields: Option<Body>) -> Result<(ToolChoice, bool), Fault> {
    let Some(mut fields) = fields else {
        return Ok((ToolChoice::Auto, true));
    };
    Ok(match fields.need_text("type")?.as_str() {
        "auto" => (ToolChoice::Auto, true),
        "any" => (ToolChoice::Any, true),
        "tool" => (ToolChoice::Tool(fields.need_text("name")?), true),
        "none" => (ToolChoice::Auto, false),
        other => {
            return Err(malformed(
                &fields.inner("type"),
                &format!("{other} is not a valid enum value: use auto, any, tool or none"),
            ));
        }
    })
}

/// The form of a reply.
struct Messages {
    id: String,
    model: String,
    stop_sequence: Option<String>,
}

impl Messages {
    fn envelope(&self, content: Vec<Value>, stop: Option<StopReason>, usage: Value) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop.map(stop_reason),
            "stop_sequence": self.sequence(stop),
            "usage": usage,
        })
    }

    fn sequence(&self, stop: Option<StopReason>) -> Option<&str> {
        self.stop_sequence.as_deref().filter(|_| stop == Some(StopReason::StopSequence))
    }
}

impl Form for Messages {
    fn whole(&self, reply: &Reply) -> Value {
        let content = reply.message.content.iter().filter_map(content).collect();
        self.envelope(content, Some(reply.stop), usage(&reply.usage))
    }

    fn chunks(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Started => {
                let usage = json!({"input_tokens": 0, "output_tokens": 0});
                vec![json!({"type": "message_start", "message": self.envelope(Vec::new(), None, usage)})]
            }
            Event::BlockStarted(index, start) => {
                let block = match start {
                    Start::Text => json!({"type": "text", "text": ""}),
                    Start::Reasoning => json!({"type": "thinking", "thinking": "", "signature": ""}),
                    Start::Tool { id, name } => json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                };
                vec![json!({"type": "content_block_start", "index": index, "content_block": block})]
            }
            Event::Delta(index, delta) => {
                let delta = match delta {
                    Delta::Text(text) => json!({"type": "text_delta", "text": text}),
                    Delta::Thinking(text) => json!({"type": "thinking_delta", "thinking": text}),
                    Delta::Signature(signature) => json!({"type": "signature_delta", "signature": signature}),
                    Delta::Input(input) => json!({"type": "input_json_delta", "partial_json": input}),
                    // Converse's citations are of another shape, and hidden thoughts come whole only.
                    Delta::Citation(_) | Delta::Redacted(_) => return Vec::new(),
                };
                vec![json!({"type": "content_block_delta", "index": index, "delta": delta})]
            }
            Event::BlockStopped(index) => vec![json!({"type": "content_block_stop", "index": index})],
            Event::Ended(reply) => {
                let delta = json!({"stop_reason": stop_reason(reply.stop), "stop_sequence": self.sequence(Some(reply.stop))});
                vec![
                    json!({"type": "message_delta", "delta": delta, "usage": usage(&reply.usage)}),
                    json!({"type": "message_stop"}),
                ]
            }
            Event::Failed(_) => Vec::new(),
        }
    }
}

fn content(block: &Block) -> Option<Value> {
    Some(match block {
        Block::Text(text) | Block::Cited { text, .. } => json!({"type": "text", "text": text}),
        Block::ToolUse { id, name, input } => json!({"type": "tool_use", "id": id, "name": name, "input": input}),
        Block::Reasoning { text, signature } => {
            json!({"type": "thinking", "thinking": text, "signature": signature.as_deref().unwrap_or_default()})
        }
        Block::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
        _ => return None,
    })
}

fn usage(usage: &Usage) -> Value {
    let mut out = json!({"input_tokens": usage.uncached_input_tokens(), "output_tokens": usage.output_tokens});
    if usage.cache_read_tokens + usage.cache_write_tokens > 0 {
        out["cache_creation_input_tokens"] = json!(usage.cache_write_tokens);
        out["cache_read_input_tokens"] = json!(usage.cache_read_tokens);
    }
    out
}

fn stop_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::ToolUse | StopReason::MalformedToolUse => "tool_use",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => "refusal",
        StopReason::ModelContextWindowExceeded => "model_context_window_exceeded",
        StopReason::EndTurn | StopReason::MalformedModelOutput => "end_turn",
    }
}
