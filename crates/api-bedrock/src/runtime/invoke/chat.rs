//! OpenAI's Chat Completions as a body of InvokeModel: gpt-oss, Qwen, AI21 Jamba, Mistral's chat models.

use std::sync::Arc;

use bedplate_converse::{
    Block, Inference, Media, MediaKind, Message, Options, Reply, Request, ResultPart, Role, Source, StopReason, SystemBlock, Tool,
    ToolChoice, ToolStatus, Usage,
};
use bedplate_wire::{Fault, Value};
use serde_json::{Map, json};

use super::super::live::{Delta, Event, Start};
use super::anthropic::push;
use super::body::{Body, malformed};
use super::{Form, Read};

pub(super) fn read(model: &str, mut body: Body, answer_id: &str) -> Result<Read, Fault> {
    let mut system = Vec::new();
    let mut messages: Vec<Message> = Vec::new();
    body.need("messages").and_then(|value| match value {
        Value::Array(items) => items.into_iter().enumerate().try_for_each(|(index, item)| {
            let mut fields = Body::of(item, format!("#/messages/{index}"))?;
            message(&mut fields, &mut system, &mut messages)
        }),
        _ => Err(malformed("#/messages", "expected type: JSONArray")),
    })?;
    let mut tools = Vec::new();
    for (index, value) in body.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        let mut tool = Body::of(value, format!("#/tools/{index}"))?;
        let at = tool.inner("function");
        let mut function = Body::of(tool.need("function")?, at)?;
        tools.push(Tool {
            name: function.need_text("name")?,
            description: function.text("description")?.unwrap_or_default(),
            schema: function
                .take("parameters")
                .unwrap_or_else(|| json!({"type": "object", "properties": {}})),
            strict: function.take("strict").and_then(|strict| strict.as_bool()),
            ..Tool::default()
        });
    }
    let mut extra = Map::new();
    let tool_choice = match body.take("tool_choice") {
        None => ToolChoice::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "any" | "required" => ToolChoice::Any,
            "none" => {
                extra.insert("tool_choice".into(), json!("none"));
                ToolChoice::Auto
            }
            other => return Err(malformed("#/tool_choice", &format!("{other} is not a valid enum value"))),
        },
        Some(choice) => match choice["function"]["name"].as_str() {
            Some(name) => ToolChoice::Tool(name.to_owned()),
            None => return Err(malformed("#/tool_choice", "names no function")),
        },
    };
    let tokens = body.whole("max_tokens", 1)?;
    let stop_sequences = match body.take("stop") {
        None => Vec::new(),
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(stops)) => stops.iter().filter_map(|stop| stop.as_str()).map(str::to_owned).collect(),
        Some(_) => return Err(malformed("#/stop", "expected type: String or JSONArray")),
    };
    let inference = Inference {
        max_tokens: tokens.or(body.whole("max_completion_tokens", 1)?),
        temperature: body.number("temperature", 0.0, 2.0)?,
        top_p: body.number("top_p", 0.0, 1.0)?,
        top_k: body.whole("top_k", 0)?,
        stop_sequences,
    };
    for known in ["model", "stream", "stream_options", "n", "user"] {
        body.take(known);
    }
    if let Some(Value::Object(rest)) = body.rest() {
        extra.extend(rest);
    }
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
    let form = Chat {
        id: format!("chatcmpl-{answer_id}"),
        model: model.to_owned(),
        tools: 0,
        // Mistral's chat models say stop_reason where the others say finish_reason.
        reason: if model.contains("mistral.") {
            "stop_reason"
        } else {
            "finish_reason"
        },
    };
    Ok((request, Box::new(form)))
}

fn message(fields: &mut Body, system: &mut Vec<SystemBlock>, messages: &mut Vec<Message>) -> Result<(), Fault> {
    let role = fields.need_text("role")?;
    let content = content(fields)?;
    let text = || {
        content.iter().fold(String::new(), |mut text, block| {
            if let Block::Text(more) = block {
                text.push_str(more);
            }
            text
        })
    };
    match role.as_str() {
        "system" | "developer" => system.extend(SystemBlock::text(text())),
        "user" => push(messages, Message { role: Role::User, content }),
        "assistant" => {
            let mut content = content;
            for (index, value) in fields.list("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
                let mut call = Body::of(value, format!("{}/{index}", fields.inner("tool_calls")))?;
                let at = call.inner("function");
                let id = call.need_text("id")?;
                let mut function = Body::of(call.need("function")?, at.clone())?;
                let arguments = function.text("arguments")?.unwrap_or_default();
                let input = if arguments.trim().is_empty() {
                    Value::Object(Map::new())
                } else {
                    bedplate_wire::parse(arguments.as_bytes()).map_err(|_| malformed(&at, "arguments is not the text of a JSON object"))?
                };
                content.push(Block::ToolUse {
                    id,
                    name: function.need_text("name")?,
                    input,
                });
            }
            push(
                messages,
                Message {
                    role: Role::Assistant,
                    content,
                },
            );
        }
        "tool" => {
            let block = Block::ToolResult {
                id: fields.need_text("tool_call_id")?,
                content: vec![ResultPart::Text(text())],
                status: ToolStatus::Success,
            };
            let content = vec![block];
            push(messages, Message { role: Role::User, content });
        }
        other => return Err(malformed(&fields.inner("role"), &format!("{other} is not a valid enum value"))),
    }
    Ok(())
}

fn content(fields: &mut Body) -> Result<Vec<Block>, Fault> {
    let at = fields.inner("content");
    match fields.take("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Block::Text(text)]),
        Some(Value::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let mut part = Body::of(item, format!("{at}/{index}"))?;
                match part.need_text("type")?.as_str() {
                    "text" => Ok(Block::Text(part.need_text("text")?)),
                    "image_url" => image(part.need("image_url")?, &format!("{at}/{index}")),
                    other => Err(malformed(
                        &part.inner("type"),
                        &format!("{other} is not a part that is known: use text or image_url"),
                    )),
                }
            })
            .collect(),
        Some(_) => Err(malformed(&at, "expected type: String or JSONArray")),
    }
}

/// An image in a data URL; others would have to be fetched.
fn image(value: Value, at: &str) -> Result<Block, Fault> {
    let url = value["url"].as_str().or(value.as_str()).unwrap_or_default();
    let data = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    let Some((format, data)) = data else {
        return Err(malformed(at, "image_url must be a data URL, such as data:image/png;base64,…"));
    };
    Ok(Block::Media(Media {
        kind: MediaKind::Image,
        format: format.to_owned(),
        source: Source::Bytes(data.into()),
        document: None,
    }))
}

struct Chat {
    id: String,
    model: String,
    /// Tools that the stream has begun.
    tools: usize,
    reason: &'static str,
}

impl Chat {
    fn piece(&self, delta: Value, stop: Option<StopReason>) -> Value {
        let choice = json!({"index": 0, "delta": delta, self.reason: stop.map(reason)});
        json!({"id": self.id, "object": "chat.completion.chunk", "model": self.model, "choices": [choice]})
    }
}

impl Form for Chat {
    fn whole(&self, reply: &Reply) -> Value {
        let tools: Vec<Value> = reply
            .message
            .content
            .iter()
            .filter_map(|block| match block {
                Block::ToolUse { id, name, input } => {
                    Some(json!({"id": id, "type": "function", "function": {"name": name, "arguments": input.to_string()}}))
                }
                _ => None,
            })
            .collect();
        let text = reply.message.text();
        let mut message = json!({"role": "assistant", "content": text});
        if !tools.is_empty() {
            message["tool_calls"] = Value::Array(tools);
        }
        let choice = json!({"index": 0, "message": message, self.reason: reason(reply.stop)});
        json!({
            "id": self.id,
            "object": "chat.completion",
            "model": self.model,
            "choices": [choice],
            "usage": usage(&reply.usage),
        })
    }

    fn chunks(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Started => vec![self.piece(json!({"role": "assistant", "content": ""}), None)],
            Event::BlockStarted(_, Start::Tool { id, name }) => {
                self.tools += 1;
                let call = json!({"index": self.tools - 1, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
                vec![self.piece(json!({"tool_calls": [call]}), None)]
            }
            Event::Delta(_, Delta::Text(text)) => vec![self.piece(json!({"content": text}), None)],
            Event::Delta(_, Delta::Thinking(text)) => vec![self.piece(json!({"reasoning_content": text}), None)],
            Event::Delta(_, Delta::Input(input)) => {
                let call = json!({"index": self.tools.saturating_sub(1), "function": {"arguments": input}});
                vec![self.piece(json!({"tool_calls": [call]}), None)]
            }
            Event::Ended(reply) => {
                let mut last = self.piece(json!({}), Some(reply.stop));
                last["usage"] = usage(&reply.usage);
                vec![last]
            }
            _ => Vec::new(),
        }
    }
}

fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens(),
    })
}

fn reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::ToolUse => "tool_calls",
        StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => "length",
        StopReason::ContentFiltered | StopReason::GuardrailIntervened => "content_filter",
        _ => "stop",
    }
}
