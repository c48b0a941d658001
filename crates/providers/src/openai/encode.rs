//! A neutral request as the body of a Chat Completions request.

use bedplate_converse::{Block, Message, Request, ResultPart, Role, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use crate::config::{MaxTokensField, Omit};

/// Most stop sequences of a request (OpenAI API reference, `stop`: up to 4).
const STOP_MAX: usize = 4;
/// Most characters of a function's name (OpenAI API reference, `tools[].function.name`).
const NAME_CHARS_MAX: usize = 64;

/// How a server wants its requests.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    /// The field that carries the most tokens of the reply.
    pub max_tokens_field: MaxTokensField,
    /// What is left out.
    pub omit: Vec<Omit>,
}

impl Dialect {
    /// The body for `request`, served by `model`.
    ///
    /// Thoughts are not sent back: the API has no place for them. `top_k` is not part of the API.
    pub fn encode(&self, request: &Request, model: &str) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), json!(model));
        body.insert("messages".into(), Value::Array(messages(request)));
        if !request.tools.is_empty() {
            body.insert("tools".into(), request.tools.iter().map(tool).collect());
            match &request.tool_choice {
                ToolChoice::Auto => {}
                ToolChoice::Any => drop(body.insert("tool_choice".into(), json!("required"))),
                ToolChoice::Tool(name) => drop(body.insert("tool_choice".into(), json!({"type": "function", "function": {"name": name}}))),
            }
        }
        let inference = &request.inference;
        if let Some(temperature) = inference.temperature.filter(|_| self.sends(Omit::Temperature)) {
            body.insert("temperature".into(), json!(temperature));
        }
        if let Some(top_p) = inference.top_p.filter(|_| self.sends(Omit::TopP)) {
            body.insert("top_p".into(), json!(top_p));
        }
        if let Some(max_tokens) = inference.max_tokens {
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
        if request.streaming {
            body.insert("stream".into(), json!(true));
            if self.sends(Omit::StreamOptions) {
                body.insert("stream_options".into(), json!({"include_usage": true}));
            }
        }
        Value::Object(body)
    }

    fn sends(&self, setting: Omit) -> bool {
        !self.omit.contains(&setting)
    }
}

fn messages(request: &Request) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    let system = request.system_text();
    if !system.is_empty() {
        out.push(json!({"role": "system", "content": system}));
    }
    for message in &request.messages {
        match message.role {
            Role::User => user(message, &mut out),
            Role::Assistant => out.extend(assistant(message)),
        }
    }
    out
}

/// Results first: they must follow the calls that they answer.
fn user(message: &Message, out: &mut Vec<Value>) {
    for block in &message.content {
        if let Block::ToolResult { id, content, .. } = block {
            out.push(json!({"role": "tool", "tool_call_id": id, "content": ResultPart::join(content)}));
        }
    }
    let text = texts(message);
    if !text.is_empty() {
        out.push(json!({"role": "user", "content": text}));
    }
}

fn assistant(message: &Message) -> Option<Value> {
    let text = texts(message);
    let calls: Vec<Value> = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::ToolUse { id, name, input } => Some(json!({
                "id": id,
                "type": "function",
                "function": {"name": sendable(name), "arguments": arguments(input)},
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

fn texts(message: &Message) -> String {
    let texts: Vec<&str> = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::Text(text) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join("\n")
}

/// Arguments as JSON text. What the model once said instead of an object is wrapped: servers parse old arguments again
/// and fail on anything but an object.
fn arguments(input: &Value) -> String {
    match input {
        Value::Object(_) => input.to_string(),
        Value::Null => "{}".into(),
        other => json!({"invalid_arguments": other}).to_string(),
    }
}

/// A name that servers accept: the model may have made one up.
fn sendable(name: &str) -> String {
    let clean: String = name
        .chars()
        .take(NAME_CHARS_MAX)
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-') {
                letter
            } else {
                '_'
            }
        })
        .collect();
    if clean.is_empty() { "_".into() } else { clean }
}

fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), json!(tool.name));
    if !tool.description.is_empty() {
        function.insert("description".into(), json!(tool.description));
    }
    function.insert("parameters".into(), tool.schema.clone());
    json!({"type": "function", "function": function})
}
