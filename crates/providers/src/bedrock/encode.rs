//! A neutral request as the body of Converse, which it is shaped after: what is left to do is what single models refuse.

use std::num::NonZeroU32;

use bedplate_converse::{Block, CachePoint, Message, Request, SystemBlock, ToolChoice};
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::calls::{sendable_arguments, sendable_id, sendable_name};
use crate::config::Omit;
use crate::protocol::{add_fields, alternate};

/// Letters of a call's id beside letters and digits (service model of bedrock-runtime, `ToolUseId`).
const ID_LETTERS: &str = "_.:-";
/// Claude models that take no cache points (Bedrock user guide, "Prompt caching": supported models).
const CLAUDE_WITHOUT_CACHE: [&str; 6] = [
    "claude-3-haiku",
    "claude-3-sonnet",
    "claude-3-opus",
    "claude-3-5-sonnet",
    "claude-v2",
    "claude-instant",
];

/// How requests are to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) max_tokens: Option<NonZeroU32>,
    /// Absent: where the model is known to take cache points.
    pub(crate) prompt_cache: Option<bool>,
    pub(crate) omit: Vec<Omit>,
}

/// Where a model takes cache points of ours.
#[derive(Clone, Copy)]
struct Caching {
    system: bool,
    tools: bool,
}

impl Settings {
    /// The body for `request`, served by `model`.
    pub(crate) fn encode(&self, request: &Request, model: &str) -> Result<Value, Failure> {
        let caching = self.caching(request, model);
        let mut body = Map::new();
        let mut system: Vec<Value> = request.system.iter().filter_map(self::system).collect();
        if caching.system && !system.is_empty() {
            system.push(CachePoint::default().to_json());
        }
        if !system.is_empty() {
            body.insert("system".into(), Value::Array(system));
        }
        body.insert(
            "messages".into(),
            alternate(request.messages.iter().filter_map(|one| message(one)).collect()),
        );
        if !request.tools.is_empty() || !request.options.system_tools.is_empty() {
            body.insert("toolConfig".into(), tools(request, caching));
        }
        self.sampling(request, model, &mut body);
        options(request, &mut body);
        if let Some(fields) = &request.options.additional_fields {
            let mut wrapped = Map::new();
            if let Some(Value::Object(ours)) = body.remove("additionalModelRequestFields") {
                wrapped = ours;
            }
            add_fields(&mut wrapped, fields)?;
            body.insert("additionalModelRequestFields".into(), Value::Object(wrapped));
        }
        Ok(Value::Object(body))
    }

    fn caching(&self, request: &Request, model: &str) -> Caching {
        let given = request.system.iter().any(|block| matches!(block, SystemBlock::CachePoint(_)))
            || request.tools.iter().any(|tool| tool.cache_point.is_some())
            || request
                .messages
                .iter()
                .flat_map(|message| &message.content)
                .any(|block| matches!(block, Block::CachePoint(_)));
        let is_nova = model.contains("amazon.nova");
        let is_known = is_nova || (model.contains("anthropic.claude") && !CLAUDE_WITHOUT_CACHE.iter().any(|old| model.contains(old)));
        let wanted = !given && self.prompt_cache.unwrap_or(is_known);
        Caching {
            system: wanted,
            // Nova keeps no tools (the same page).
            tools: wanted && !is_nova,
        }
    }

    /// Claude's newer models take `temperature` or `top_p`, not both: one that changes nothing is not sent.
    fn sampling(&self, request: &Request, model: &str, body: &mut Map<String, Value>) {
        let inference = &request.inference;
        let sends = |setting| !self.omit.contains(&setting);
        let is_claude = model.contains("anthropic.");
        let mut config = Map::new();
        if let Some(max_tokens) = inference.max_tokens.or(self.max_tokens.map(NonZeroU32::get)) {
            config.insert("maxTokens".into(), json!(max_tokens));
        }
        if let Some(temperature) = inference.temperature.filter(|_| sends(Omit::Temperature)) {
            config.insert("temperature".into(), json!(temperature));
        }
        let changes = |top_p: &f64| !is_claude || *top_p < 1.0;
        if let Some(top_p) = inference.top_p.filter(|top_p| sends(Omit::TopP) && changes(top_p)) {
            config.insert("topP".into(), json!(top_p));
        }
        let stop: Vec<&String> = inference.stop_sequences.iter().filter(|text| !text.is_empty()).collect();
        if !stop.is_empty() && sends(Omit::Stop) {
            config.insert("stopSequences".into(), json!(stop));
        }
        if !config.is_empty() {
            body.insert("inferenceConfig".into(), Value::Object(config));
        }
        // Converse has no place for it; each family has its own (Bedrock user guide, "Model parameters").
        if let Some(top_k) = inference.top_k.filter(|top_k| sends(Omit::TopK) && *top_k > 0) {
            let fields = if is_claude {
                json!({"top_k": top_k})
            } else if model.contains("amazon.nova") {
                json!({"inferenceConfig": {"topK": top_k.min(128)}})
            } else {
                return;
            };
            body.insert("additionalModelRequestFields".into(), fields);
        }
    }
}

fn options(request: &Request, body: &mut Map<String, Value>) {
    let options = &request.options;
    let mut output = Map::new();
    if let Some(wanted) = &options.output {
        let mut schema = Map::new();
        schema.insert("schema".into(), json!(wanted.schema.to_string()));
        if let Some(name) = &wanted.name {
            schema.insert("name".into(), json!(name));
        }
        if let Some(description) = &wanted.description {
            schema.insert("description".into(), json!(description));
        }
        output.insert(
            "textFormat".into(),
            json!({"type": "json_schema", "structure": {"jsonSchema": schema}}),
        );
    }
    if let Some(effort) = &options.effort {
        output.insert("effort".into(), json!(effort));
    }
    if !output.is_empty() {
        body.insert("outputConfig".into(), Value::Object(output));
    }
    if !options.response_field_paths.is_empty() {
        body.insert("additionalModelResponseFieldPaths".into(), json!(options.response_field_paths));
    }
    if let Some(latency) = &options.latency {
        body.insert("performanceConfig".into(), json!({"latency": latency}));
    }
    if let Some(tier) = &options.service_tier {
        body.insert("serviceTier".into(), json!({"type": tier}));
    }
    if let Some(guardrail) = &options.guardrail {
        body.insert("guardrailConfig".into(), guardrail.clone());
    }
    if !options.metadata.is_empty() {
        body.insert("requestMetadata".into(), json!(options.metadata));
    }
}

/// Blank texts are refused by the service.
fn system(block: &SystemBlock) -> Option<Value> {
    match block {
        SystemBlock::Text(text) if text.trim().is_empty() => None,
        other => Some(other.to_json()),
    }
}

fn tools(request: &Request, caching: Caching) -> Value {
    let mut list = Vec::new();
    for tool in request.tools.iter() {
        list.push(tool.to_json());
        list.extend(tool.cache_point.map(|point| point.to_json()));
    }
    list.extend(
        request
            .options
            .system_tools
            .iter()
            .map(|name| json!({"systemTool": {"name": name}})),
    );
    if caching.tools {
        list.push(CachePoint::default().to_json());
    }
    let mut config = json!({"tools": list});
    match &request.tool_choice {
        ToolChoice::Auto => {}
        ToolChoice::Any => config["toolChoice"] = json!({"any": {}}),
        ToolChoice::Tool(name) => config["toolChoice"] = json!({"tool": {"name": name}}),
    }
    config
}

/// A message; none when nothing of it can be sent. Results come first: they must follow the calls that they answer.
fn message(message: &Message) -> Option<Value> {
    let (mut results, mut rest) = (Vec::new(), Vec::new());
    for block in &message.content {
        match block {
            Block::Text(text) if text.trim().is_empty() => {}
            // Unsigned thoughts are another provider's.
            Block::Reasoning { signature: None, .. } => {}
            Block::ToolUse { id, name, input } => rest.push(json!({"toolUse": {
                "toolUseId": sendable_id(id, ID_LETTERS),
                "name": sendable_name(name),
                "input": sendable_arguments(input),
            }})),
            Block::ToolResult { id, .. } => {
                let mut result = block.to_json();
                result["toolResult"]["toolUseId"] = json!(sendable_id(id, ID_LETTERS));
                results.push(result);
            }
            Block::CachePoint(_) if rest.is_empty() => results.push(block.to_json()),
            other => rest.push(other.to_json()),
        }
    }
    results.append(&mut rest);
    (!results.is_empty()).then(|| json!({"role": message.role.as_str(), "content": results}))
}
