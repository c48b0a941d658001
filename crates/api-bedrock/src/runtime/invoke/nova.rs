//! Amazon Nova: Converse's messages with an inference configuration of its own (user guide of Nova, "Complete request schema").

use std::sync::Arc;

use bedplate_converse::{Block, CachePoint, Inference, Message, Options, Reply, Request, SystemBlock, Tool, ToolChoice};
use bedplate_wire::{Fault, Value};
use serde_json::{Map, json};

use super::super::live::{Delta, Event, Start};
use super::body::{Body, malformed};
use super::{Form, Read};

pub(super) fn read(mut body: Body) -> Result<Read, Fault> {
    if let Some(version) = body.text("schemaVersion")?
        && version != "messages-v1"
    {
        return Err(malformed("#/schemaVersion", &format!("{version:?} is not \"messages-v1\"")));
    }
    let refused = |at: String| move |error: bedplate_base::Error| malformed(&at, error.message.trim_end_matches('.'));
    let mut messages = Vec::new();
    for (index, value) in body.list("messages")?.unwrap_or_default().into_iter().enumerate() {
        let mut fields = Body::of(value, format!("#/messages/{index}"))?;
        let role = fields.role()?;
        let at = fields.inner("content");
        let blocks = match fields.need("content")? {
            Value::Array(blocks) => blocks,
            Value::String(text) => vec![json!({"text": text})],
            _ => return Err(malformed(&at, "expected type: JSONArray")),
        };
        let content = blocks.iter().map(Block::from_json).collect::<Result<Vec<_>, _>>();
        messages.push(Arc::new(Message {
            role,
            content: content.map_err(refused(at))?,
        }));
    }
    let mut system = Vec::new();
    for (index, block) in body.list("system")?.unwrap_or_default().iter().enumerate() {
        system.push(SystemBlock::from_json(block).map_err(refused(format!("#/system/{index}")))?);
    }
    let inference = body.object("inferenceConfig")?.map(inference).transpose()?.unwrap_or_default();
    let (tools, tool_choice) = body.object("toolConfig")?.map(tools).transpose()?.unwrap_or_default();
    let request = Request {
        system,
        messages,
        tools: tools.into(),
        tool_choice,
        inference,
        options: Options {
            additional_fields: body.take("additionalModelRequestFields"),
            ..Options::default()
        },
        ..Request::default()
    };
    body.done()?;
    Ok((request, Box::new(Nova)))
}

/// Nova spells some settings in two ways.
fn inference(mut config: Body) -> Result<Inference, Fault> {
    let first = |one: Option<u32>, other: Option<u32>| one.or(other);
    let inference = Inference {
        max_tokens: first(
            first(config.whole("maxTokens", 1)?, config.whole("max_new_tokens", 1)?),
            config.whole("max_tokens", 1)?,
        ),
        temperature: config.number("temperature", 0.0, 1.0)?,
        top_p: config.number("topP", 0.0, 1.0)?.or(config.number("top_p", 0.0, 1.0)?),
        top_k: first(config.whole("topK", 0)?, config.whole("top_k", 0)?),
        stop_sequences: config
            .texts("stopSequences")?
            .or(config.texts("stop_sequences")?)
            .unwrap_or_default(),
    };
    config.done()?;
    Ok(inference)
}

fn tools(mut config: Body) -> Result<(Vec<Tool>, ToolChoice), Fault> {
    let mut tools: Vec<Tool> = Vec::new();
    for (index, value) in config.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        if let (Some(point), Some(last)) = (CachePoint::from_json(&value), tools.last_mut()) {
            last.cache_point = Some(point);
            continue;
        }
        let mut tool = Body::of(value, format!("#/toolConfig/tools/{index}"))?;
        let at = tool.inner("toolSpec");
        let mut spec = Body::of(tool.need("toolSpec")?, at)?;
        let at = spec.inner("inputSchema");
        tools.push(Tool {
            name: spec.need_text("name")?,
            description: spec.text("description")?.unwrap_or_default(),
            schema: Body::of(spec.need("inputSchema")?, at)?.need("json")?,
            ..Tool::default()
        });
    }
    let choice = match config.object("toolChoice")? {
        Some(choice) if choice.has("any") => ToolChoice::Any,
        Some(mut choice) if choice.has("tool") => match choice.object("tool")? {
            Some(mut tool) => ToolChoice::Tool(tool.need_text("name")?),
            None => ToolChoice::Auto,
        },
        _ => ToolChoice::Auto,
    };
    config.done()?;
    Ok((tools, choice))
}

struct Nova;

impl Form for Nova {
    fn whole(&self, reply: &Reply) -> Value {
        json!({
            "output": {"message": reply.message.to_json()},
            "stopReason": reply.stop.as_str(),
            "usage": reply.usage.to_json(),
        })
    }

    fn chunks(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Started => vec![json!({"messageStart": {"role": "assistant"}})],
            Event::BlockStarted(index, Start::Tool { id, name }) => {
                let start = json!({"toolUse": {"toolUseId": id, "name": name}});
                vec![json!({"contentBlockStart": {"start": start, "contentBlockIndex": index}})]
            }
            Event::BlockStarted(..) | Event::Failed(_) => Vec::new(),
            Event::Delta(index, delta) => {
                let delta = match delta {
                    Delta::Text(text) => json!({"text": text}),
                    Delta::Thinking(text) => json!({"reasoningContent": {"text": text}}),
                    Delta::Signature(signature) => json!({"reasoningContent": {"signature": signature}}),
                    Delta::Redacted(content) => json!({"reasoningContent": {"redactedContent": content}}),
                    Delta::Citation(citation) => json!({"citation": citation}),
                    Delta::Input(input) => json!({"toolUse": {"input": input}}),
                };
                vec![json!({"contentBlockDelta": {"delta": delta, "contentBlockIndex": index}})]
            }
            Event::BlockStopped(index) => vec![json!({"contentBlockStop": {"contentBlockIndex": index}})],
            Event::Ended(reply) => vec![
                json!({"messageStop": {"stopReason": reply.stop.as_str()}}),
                json!({"metadata": {"usage": reply.usage.to_json(), "metrics": Map::new(), "trace": Map::new()}}),
            ],
        }
    }
}
