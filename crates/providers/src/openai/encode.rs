//! A neutral request as the body of a Chat Completions request.

use std::num::NonZeroU32;

use bedplate_converse::{Block, Media, MediaKind, Message, Request, ResultPart, Role, Source, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::calls::{sendable_arguments, sendable_name};
use crate::config::{MaxTokensField, Omit};
use crate::media::{elsewhere, refused, text_of};
use crate::protocol::add_fields;

/// Most stop sequences of a request (OpenAI API reference, `stop`: up to 4).
const STOP_MAX: usize = 4;
/// The name of a schema that has none (OpenAI API reference: `response_format.json_schema.name` is required).
const SCHEMA_NAME: &str = "reply";

/// How a server wants its requests.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    /// The field that carries the most tokens of the reply.
    pub max_tokens_field: MaxTokensField,
    /// Most tokens of a reply when the request does not say.
    pub max_tokens: Option<NonZeroU32>,
    /// The field in which thoughts are sent back.
    pub thoughts_field: Option<String>,
    /// What is left out.
    pub omit: Vec<Omit>,
}

impl Dialect {
    /// The body for `request`, served by `model`.
    ///
    /// Thoughts are sent back only to servers that have a field for them: the API has none. `top_k` is not part of the API; caching is the server's own affair.
    ///
    /// # Errors
    /// `Validation` for content that the API has no place for.
    pub fn encode(&self, request: &Request, model: &str) -> Result<Value, Failure> {
        let mut body = Map::new();
        body.insert("model".into(), json!(model));
        body.insert("messages".into(), Value::Array(self.messages(request)?));
        if !request.tools.is_empty() {
            body.insert("tools".into(), request.tools.iter().map(tool).collect());
            match &request.tool_choice {
                ToolChoice::Auto => {}
                ToolChoice::Any => drop(body.insert("tool_choice".into(), json!("required"))),
                ToolChoice::Tool(name) => drop(body.insert("tool_choice".into(), json!({"type": "function", "function": {"name": name}}))),
            }
        }
        self.sampling(request, &mut body);
        let options = &request.options;
        if let Some(output) = &options.output {
            let mut schema = Map::new();
            schema.insert(
                "name".into(),
                json!(output.name.as_deref().map_or_else(|| SCHEMA_NAME.to_owned(), sendable_name)),
            );
            if let Some(description) = &output.description {
                schema.insert("description".into(), json!(description));
            }
            schema.insert("schema".into(), output.schema.clone());
            // OpenAI refuses to be strict about schemas that leave anything open.
            if is_closed(&output.schema) {
                schema.insert("strict".into(), json!(true));
            }
            body.insert("response_format".into(), json!({"type": "json_schema", "json_schema": schema}));
        }
        if let Some(effort) = &options.effort {
            body.insert("reasoning_effort".into(), json!(effort));
        }
        if let Some(tier @ ("priority" | "flex" | "default")) = options.service_tier.as_deref() {
            body.insert("service_tier".into(), json!(tier));
        }
        if request.streaming {
            body.insert("stream".into(), json!(true));
            if self.sends(Omit::StreamOptions) {
                body.insert("stream_options".into(), json!({"include_usage": true}));
            }
        }
        if let Some(fields) = &options.additional_fields {
            add_fields(&mut body, fields)?;
        }
        Ok(Value::Object(body))
    }

    fn sampling(&self, request: &Request, body: &mut Map<String, Value>) {
        let inference = &request.inference;
        if let Some(temperature) = inference.temperature.filter(|_| self.sends(Omit::Temperature)) {
            body.insert("temperature".into(), json!(temperature));
        }
        if let Some(top_p) = inference.top_p.filter(|_| self.sends(Omit::TopP)) {
            body.insert("top_p".into(), json!(top_p));
        }
        if let Some(max_tokens) = inference.max_tokens.or(self.max_tokens.map(NonZeroU32::get)) {
            body.insert(self.max_tokens_field.as_str().into(), json!(max_tokens));
        }
        let stop: Vec<&String> = inference
            .stop_sequences
            .iter()
            .filter(|text| !text.is_empty())
            .take(STOP_MAX)
            .collect();
        if !stop.is_empty() && self.sends(Omit::Stop) {
            body.insert("stop".into(), json!(stop));
        }
    }

    fn messages(&self, request: &Request) -> Result<Vec<Value>, Failure> {
        let mut out = Vec::with_capacity(request.messages.len() + 1);
        let system = request.system_text();
        if !system.is_empty() {
            out.push(json!({"role": "system", "content": system}));
        }
        for message in &request.messages {
            match message.role {
                Role::User => user(message, &mut out)?,
                Role::Assistant => out.extend(assistant(message).map(|said| self.with_thoughts(message, said))),
            }
        }
        Ok(out)
    }

    fn with_thoughts(&self, message: &Message, mut said: Value) -> Value {
        if let Some(field) = &self.thoughts_field {
            let thoughts = message.content.iter().filter_map(|block| match block {
                Block::Reasoning { text, .. } if !text.is_empty() => Some(text.as_str()),
                _ => None,
            });
            let thoughts = thoughts.collect::<Vec<_>>().join("\n");
            if !thoughts.is_empty() {
                said[field.as_str()] = json!(thoughts);
            }
        }
        said
    }

    fn sends(&self, setting: Omit) -> bool {
        !self.omit.contains(&setting)
    }
}

/// Results first: they must follow the calls that they answer. A result holds text only, so its images follow in a message of the user.
fn user(message: &Message, out: &mut Vec<Value>) -> Result<(), Failure> {
    let mut shown = Vec::new();
    for block in &message.content {
        if let Block::ToolResult { id, content, .. } = block {
            let mut texts = Vec::new();
            for part in content {
                match part {
                    ResultPart::Text(_) | ResultPart::Json(_) => texts.push(ResultPart::join(std::slice::from_ref(part))),
                    ResultPart::Media(media) => match text_of(media) {
                        Some(text) => texts.push(text),
                        None => shown.push(self::media(media)?),
                    },
                    ResultPart::Other(_) => return Err(refused("a part of a tool result", "Chat Completions")),
                }
            }
            out.push(json!({"role": "tool", "tool_call_id": id, "content": texts.concat()}));
        }
    }
    let mut parts: Vec<Value> = shown;
    for block in &message.content {
        match block {
            Block::Media(media) => match text_of(media) {
                Some(text) => parts.push(json!({"type": "text", "text": text})),
                None => parts.push(self::media(media)?),
            },
            Block::Guard(content) if content.get("image").is_some() => {
                if let Some(image) = Media::from_json(content).ok().flatten() {
                    parts.push(self::media(&image)?);
                }
            }
            Block::Other(_) => return Err(refused("a content block", "Chat Completions")),
            _ => parts.extend(spoken(block).map(|text| json!({"type": "text", "text": text}))),
        }
    }
    if parts.iter().all(|part| part["type"] == "text") {
        // The form that every server understands.
        let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        if !texts.is_empty() {
            out.push(json!({"role": "user", "content": texts.join("\n")}));
        }
    } else {
        out.push(json!({"role": "user", "content": parts}));
    }
    Ok(())
}

/// A part that is not text (OpenAI API reference, "Chat", content parts).
fn media(media: &Media) -> Result<Value, Failure> {
    let Source::Bytes(base64) = &media.source else {
        return Err(elsewhere(media));
    };
    let url = format!("data:{};base64,{base64}", media.media_type());
    match media.kind {
        MediaKind::Image => Ok(json!({"type": "image_url", "image_url": {"url": url}})),
        MediaKind::Document => {
            let name = media.document.as_ref().map_or("document", |facts| facts.name.as_str());
            let name = if media.format.is_empty() {
                name.to_owned()
            } else {
                format!("{name}.{}", media.format)
            };
            Ok(json!({"type": "file", "file": {"filename": name, "file_data": url}}))
        }
        MediaKind::Audio => Ok(json!({"type": "input_audio", "input_audio": {"data": base64, "format": media.format}})),
        MediaKind::Video => Err(refused("a video", "Chat Completions")),
    }
}

fn assistant(message: &Message) -> Option<Value> {
    let texts: Vec<&str> = message.content.iter().filter_map(spoken).collect();
    let text = texts.join("\n");
    let calls: Vec<Value> = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::ToolUse { id, name, input } => Some(json!({
                "id": id,
                "type": "function",
                "function": {"name": sendable_name(name), "arguments": sendable_arguments(input).to_string()},
            })),
            _ => None,
        })
        .collect();
    let content = if text.is_empty() { Value::Null } else { Value::String(text) };
    match (calls.is_empty(), content.is_null()) {
        (true, true) => None,
        (true, false) => Some(json!({"role": "assistant", "content": content})),
        (false, _) => Some(json!({"role": "assistant", "content": content, "tool_calls": calls})),
    }
}

/// Whether a schema leaves nothing open, as OpenAI wants it for strict output: every object names all its members as required and allows no other
/// (OpenAI docs, "Structured outputs": supported schemas). The reader of the request bounds its depth.
fn is_closed(schema: &Value) -> bool {
    let Value::Object(members) = schema else {
        return schema.as_array().is_none_or(|list| list.iter().all(is_closed));
    };
    if let Some(Value::Object(properties)) = members.get("properties") {
        let required = members
            .get("required")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let closed = members.get("additionalProperties") == Some(&Value::Bool(false))
            && properties.keys().all(|name| required.iter().any(|one| one == name));
        if !closed || !properties.values().all(is_closed) {
            return false;
        }
    }
    ["items", "anyOf", "$defs", "definitions"]
        .iter()
        .filter_map(|name| members.get(*name))
        .all(|inner| match inner {
            Value::Object(all) if !all.contains_key("type") && !all.contains_key("$ref") && !all.contains_key("anyOf") => {
                all.values().all(is_closed)
            }
            other => is_closed(other),
        })
}

/// The text of a block, when it has one.
fn spoken(block: &Block) -> Option<&str> {
    let text = match block {
        Block::Text(text) | Block::Cited { text, .. } => text.as_str(),
        Block::Guard(content) => content["text"]["text"].as_str()?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), json!(tool.name));
    if !tool.description.is_empty() {
        function.insert("description".into(), json!(tool.description));
    }
    function.insert("parameters".into(), tool.schema.clone());
    if let Some(strict) = tool.strict {
        function.insert("strict".into(), json!(strict));
    }
    json!({"type": "function", "function": function})
}
