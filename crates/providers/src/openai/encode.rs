//! A neutral request as the body of a Chat Completions request.

use std::borrow::Cow;
use std::num::NonZeroU32;

use bedplate_converse::{Block, Media, MediaKind, Message, Request, ResultPart, Role, Source, Tool, ToolChoice, push_string};
use serde::Serialize;
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

/// What a body has room for from the start, beside what its messages take, about: a prompt and some tools.
const BODY_BYTES: usize = 4 * 1024;
const MESSAGE_BYTES: usize = 256;

impl Dialect {
    /// The body for `request`, served by `model`: JSON text. Messages and tools are most of it and are written as they are; only the rest is a
    /// tree first.
    ///
    /// Thoughts are sent back only to servers that have a field for them: the API has none. `top_k` is not part of the API; caching is the server's own affair.
    ///
    /// # Errors
    /// `Validation` for content that the API has no place for.
    pub fn encode(&self, request: &Request, model: &str) -> Result<Vec<u8>, Failure> {
        let mut body = Map::new();
        body.insert("model".into(), json!(model));
        if !request.tools.is_empty() {
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
        let mut out = text_of_json(&body);
        out.reserve(BODY_BYTES + MESSAGE_BYTES * request.messages.len());
        // Whoever gives the members themselves means those.
        if !body.contains_key("messages") {
            member(&mut out, "messages");
            self.messages(request, &mut List::begin(&mut out))?;
            out.push(b']');
        }
        if !request.tools.is_empty() && !body.contains_key("tools") {
            member(&mut out, "tools");
            let mut list = List::begin(&mut out);
            request.tools.iter().for_each(|one| list.push(&tool(one)));
            out.push(b']');
        }
        out.push(b'}');
        Ok(out)
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

    fn messages(&self, request: &Request, out: &mut List) -> Result<(), Failure> {
        let system = request.system_text();
        if !system.is_empty() {
            out.said(b"{\"role\":\"system\",\"content\":", &system);
        }
        for message in &request.messages {
            match message.role {
                Role::User => user(message, out)?,
                Role::Assistant => self.assistant(message, out),
            }
        }
        Ok(())
    }

    fn assistant(&self, message: &Message, out: &mut List) {
        let content = joined(message.content.iter().filter_map(spoken).map(Cow::Borrowed));
        let mut calls = message.content.iter().filter_map(|block| match block {
            Block::ToolUse { id, name, input } => Some((id, name, input)),
            _ => None,
        });
        let first = calls.next();
        if content.is_none() && first.is_none() {
            return;
        }
        let out = out.next();
        out.extend_from_slice(b"{\"role\":\"assistant\"");
        member(out, "content");
        // Null beside calls when nothing was said.
        match content {
            Some(content) => push_string(out, &content),
            None => out.extend_from_slice(b"null"),
        }
        if first.is_some() {
            member(out, "tool_calls");
            let mut list = List::begin(out);
            first
                .into_iter()
                .chain(calls)
                .for_each(|(id, name, input)| call(list.next(), id, name, input));
            out.push(b']');
        }
        if let Some((field, thoughts)) = self.thoughts(message) {
            out.push(b',');
            push_string(out, field);
            out.push(b':');
            push_string(out, &thoughts);
        }
        out.push(b'}');
    }

    /// The field for thoughts and what the model thought.
    fn thoughts(&self, message: &Message) -> Option<(&str, String)> {
        let field = self.thoughts_field.as_deref()?;
        let thoughts = message.content.iter().filter_map(|block| match block {
            Block::Reasoning { text, .. } if !text.is_empty() => Some(text.as_str()),
            _ => None,
        });
        let thoughts = thoughts.collect::<Vec<_>>().join("\n");
        (!thoughts.is_empty()).then_some((field, thoughts))
    }

    fn sends(&self, setting: Omit) -> bool {
        !self.omit.contains(&setting)
    }
}

/// A JSON list that grows at the end of a text; its bracket is closed by who began it.
struct List<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> List<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, first: true }
    }

    /// Where the next item is written.
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out
    }

    fn push(&mut self, item: &impl Serialize) {
        serde_json::to_writer(self.next(), item).expect("invariant: a message is plain data");
    }

    /// An object that begins with `begin` and ends with a text.
    fn said(&mut self, begin: &[u8], text: &str) {
        let out = self.next();
        out.extend_from_slice(begin);
        push_string(out, text);
        out.push(b'}');
    }
}

/// The beginning of an object that holds the members of `body` already, of which there is one at least.
fn text_of_json(body: &Map<String, Value>) -> Vec<u8> {
    let mut out = serde_json::to_vec(body).expect("invariant: names are texts");
    out.pop();
    out
}

fn member(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A tool call as the API has it: its arguments are a text.
fn call(out: &mut Vec<u8>, id: &str, name: &str, input: &Value) {
    let written = |input: &Value| serde_json::to_string(input).expect("invariant: a JSON value has a text");
    let arguments = match input {
        Value::Object(_) => written(input),
        other => written(&sendable_arguments(other)),
    };
    out.extend_from_slice(b"{\"id\":");
    push_string(out, id);
    out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
    push_string(out, &sendable_name(name));
    member(out, "arguments");
    push_string(out, &arguments);
    out.extend_from_slice(b"}}");
}

/// A part of what the user says.
enum Part<'a> {
    Text(Cow<'a, str>),
    Shown(Value),
}

/// Results first: they must follow the calls that they answer. A result holds text only, so its images follow in a message of the user.
fn user(message: &Message, out: &mut List) -> Result<(), Failure> {
    let mut parts = Vec::new();
    for block in &message.content {
        if let Block::ToolResult { id, content, .. } = block {
            let mut texts: Vec<Cow<str>> = Vec::new();
            for part in content {
                match part {
                    ResultPart::Text(text) => texts.push(Cow::Borrowed(text)),
                    ResultPart::Json(value) => texts.push(value.to_string().into()),
                    ResultPart::Media(media) => match text_of(media) {
                        Some(text) => texts.push(text.into()),
                        None => parts.push(Part::Shown(self::media(media)?)),
                    },
                    ResultPart::Other(_) => return Err(refused("a part of a tool result", "Chat Completions")),
                }
            }
            let content = if texts.len() == 1 { texts.remove(0) } else { texts.concat().into() };
            let out = out.next();
            out.extend_from_slice(b"{\"role\":\"tool\",\"tool_call_id\":");
            push_string(out, id);
            member(out, "content");
            push_string(out, &content);
            out.push(b'}');
        }
    }
    for block in &message.content {
        match block {
            Block::Media(media) => match text_of(media) {
                Some(text) => parts.push(Part::Text(text.into())),
                None => parts.push(Part::Shown(self::media(media)?)),
            },
            Block::Guard(content) if content.get("image").is_some() => {
                if let Some(image) = Media::from_json(content).ok().flatten() {
                    parts.push(Part::Shown(self::media(&image)?));
                }
            }
            Block::Other(_) => return Err(refused("a content block", "Chat Completions")),
            _ => parts.extend(spoken(block).map(|text| Part::Text(Cow::Borrowed(text)))),
        }
    }
    let is_text = parts.iter().all(|part| matches!(part, Part::Text(_)));
    const USER: &[u8] = b"{\"role\":\"user\",\"content\":";
    if is_text {
        let texts = parts.into_iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Shown(_) => None,
        });
        if let Some(content) = joined(texts) {
            out.said(USER, &content);
        }
        return Ok(());
    }
    let parts = parts.into_iter().map(|part| match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Shown(shown) => shown,
    });
    let parts: Vec<Value> = parts.collect();
    let out = out.next();
    out.extend_from_slice(USER);
    serde_json::to_writer(&mut *out, &parts).expect("invariant: JSON values have a text");
    out.push(b'}');
    Ok(())
}

/// Texts, a line break between two; none when there is none.
fn joined<'a>(mut texts: impl Iterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let mut all = texts.next()?;
    for text in texts {
        let all = all.to_mut();
        all.push('\n');
        all.push_str(&text);
    }
    Some(all)
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

fn tool(tool: &Tool) -> impl Serialize {
    #[derive(Serialize)]
    struct Offer<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Function<'a>,
    }
    #[derive(Serialize)]
    struct Function<'a> {
        name: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        description: &'a str,
        parameters: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    }
    Offer {
        kind: "function",
        function: Function {
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.schema,
            strict: tool.strict,
        },
    }
}
