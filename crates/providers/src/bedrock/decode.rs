//! What Converse and ConverseStream say, folded into a neutral reply (service model of bedrock-runtime).

use bedplate_converse::{Block, Message, Reply, ReplyFacts, Request, Role, StopReason, Usage};
use bedplate_journal::Part;
use serde_json::{Value, json};

use super::fault_of;
use crate::blocks::{Blocks, Kind};
use crate::frames::Frame;
use crate::protocol::{Draft, json_of, said};
use crate::{Failure, Fault};

/// A reply as far as it is known.
#[derive(Debug)]
pub struct BedrockDraft<'a> {
    /// The service does not say who answered.
    asked: &'a str,
    blocks: Blocks<'a>,
    stop: Option<StopReason>,
    usage: Usage,
    facts: ReplyFacts,
    /// Whether the counts have come, which is the last event.
    is_counted: bool,
}

impl<'a> BedrockDraft<'a> {
    /// The reply to `request`, which `model` is asked for.
    pub fn new(request: &'a Request, model: &'a str) -> Self {
        Self {
            asked: model,
            blocks: Blocks::new(request),
            stop: None,
            usage: Usage::default(),
            facts: ReplyFacts::default(),
            is_counted: false,
        }
    }

    /// Members that a whole answer has beside its message; a stream brings them in `messageStop` and `metadata`.
    fn about(&mut self, value: &Value) {
        if let Some(stop) = value["stopReason"].as_str() {
            self.stop = Some(StopReason::parse(stop).unwrap_or_default());
        }
        if let Some(usage) = value.get("usage") {
            let count = |key: &str| usage[key].as_u64().unwrap_or(0);
            let (read, written) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
            self.usage = Usage {
                input_tokens: count("inputTokens").saturating_add(read).saturating_add(written),
                output_tokens: count("outputTokens"),
                cache_read_tokens: read,
                cache_write_tokens: written,
            };
        }
        let facts = &mut self.facts;
        facts.latency_ms = value["metrics"]["latencyMs"].as_u64().or(facts.latency_ms);
        if let Some(fields) = value.get("additionalModelResponseFields").filter(|fields| !fields.is_null()) {
            facts.additional_fields = Some(fields.clone());
        }
        if let Some(latency) = value["performanceConfig"]["latency"].as_str() {
            facts.latency = Some(latency.to_owned());
        }
        if let Some(tier) = value["serviceTier"]["type"].as_str() {
            facts.service_tier = Some(tier.to_owned());
        }
        if let Some(trace) = value.get("trace").filter(|trace| !trace.is_null()) {
            facts.trace = Some(trace.clone());
        }
    }

    /// A block of a whole answer.
    fn block(&mut self, index: u64, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        match Block::from_json(value) {
            Ok(Block::Text(text)) => self.blocks.text(index, &text, report),
            Ok(Block::Cited { text, citations }) => {
                self.blocks.text(index, &text, report)?;
                citations
                    .into_iter()
                    .try_for_each(|citation| self.blocks.cite(index, citation, report))
            }
            Ok(Block::Reasoning { text, signature }) => {
                self.blocks.think(index, &text, report)?;
                self.blocks.sign(index, signature.as_deref().unwrap_or_default(), report)
            }
            Ok(Block::Redacted(base64)) => self.blocks.redact(index, base64, report),
            Ok(Block::ToolUse { id, name, input }) => {
                if value["toolUse"]["type"] == "server_tool_use" {
                    return self.blocks.begin(index, Kind::Unknown);
                }
                self.blocks.begin_call(index, &id, &name, report)?;
                match &input {
                    Value::Null => Ok(()),
                    Value::String(text) => self.blocks.input(index, text, report),
                    input => self.blocks.input(index, &input.to_string(), report),
                }
            }
            Ok(media @ Block::Media(_)) => self.blocks.begin(index, Kind::Whole(media)),
            // Results of the service's own tools, and what a later version may add.
            Ok(_) | Err(_) => self.blocks.begin(index, Kind::Unknown),
        }
    }

    fn delta(&mut self, index: u64, delta: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        if let Some(text) = delta["text"].as_str() {
            return self.blocks.text(index, text, report);
        }
        if let Some(input) = delta["toolUse"]["input"].as_str() {
            if self.blocks.is_unknown(index) {
                return Ok(());
            }
            return self.blocks.input(index, input, report);
        }
        let thoughts = &delta["reasoningContent"];
        if let Some(text) = thoughts["text"].as_str() {
            return self.blocks.think(index, text, report);
        }
        if let Some(signature) = thoughts["signature"].as_str() {
            return self.blocks.sign(index, signature, report);
        }
        if let Some(base64) = thoughts["redactedContent"].as_str() {
            return self.blocks.redact(index, base64.to_owned(), report);
        }
        match delta.get("citation") {
            // Its source comes in a list of texts in both forms.
            Some(citation) => self.blocks.cite(index, citation.clone(), report),
            None => Ok(()),
        }
    }
}

impl Draft for BedrockDraft<'_> {
    fn whole(&mut self, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        let Some(content) = value["output"]["message"]["content"].as_array() else {
            return Err(Failure::raw(Fault::Malformed, format!("the reply has no message: {value}")));
        };
        self.about(value);
        for (index, block) in content.iter().enumerate() {
            let index = index as u64;
            self.block(index, block, report)?;
            self.blocks.end(index, report);
        }
        Ok(())
    }

    fn event(&mut self, frame: &Frame, report: &mut dyn FnMut(Part)) -> Result<bool, Failure> {
        if frame.is_exception {
            return Err(exception(frame));
        }
        let index = |value: &Value| value["contentBlockIndex"].as_u64().unwrap_or(0);
        match frame.kind.as_str() {
            "contentBlockStart" => {
                let value = json_of(frame)?;
                let tool = &value["start"]["toolUse"];
                if tool.is_object() && tool["type"] != "server_tool_use" {
                    let word = |key: &str| tool[key].as_str().unwrap_or_default();
                    self.blocks.begin_call(index(&value), word("toolUseId"), word("name"), report)?;
                } else if value["start"].as_object().is_some_and(|start| !start.is_empty()) {
                    self.blocks.begin(index(&value), Kind::Unknown)?;
                }
            }
            "contentBlockDelta" => {
                let value = json_of(frame)?;
                self.delta(index(&value), &value["delta"], report)?;
            }
            "contentBlockStop" => self.blocks.end(index(&json_of(frame)?), report),
            "messageStop" => self.about(&json_of(frame)?),
            "metadata" => {
                self.about(&json_of(frame)?);
                self.is_counted = true;
            }
            // `messageStart`, and what a later version may add.
            _ => {}
        }
        Ok(self.is_counted && self.stop.is_some())
    }

    fn is_finished(&self) -> bool {
        self.stop.is_some()
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn finish(self: Box<Self>) -> Result<Reply, Failure> {
        if self.blocks.is_empty() && self.stop.is_none() {
            return Err(Failure::raw(Fault::Malformed, "the reply is empty"));
        }
        let by_calls = if self.blocks.has_calls() {
            StopReason::ToolUse
        } else {
            StopReason::EndTurn
        };
        Ok(Reply {
            message: Message {
                role: Role::Assistant,
                content: self.blocks.finish(),
            },
            stop: self.stop.unwrap_or(by_calls),
            usage: self.usage,
            model: self.asked.to_owned(),
            facts: self.facts,
        })
    }
}

fn exception(frame: &Frame) -> Failure {
    let fault = fault_of(&frame.kind).unwrap_or(Fault::Unavailable);
    let text = said(&frame.data);
    let failure = Failure::raw(fault, format!("the stream said {}: {text}", json!(frame.kind)));
    match fault {
        Fault::Throttled | Fault::Unavailable | Fault::NotReady => failure.retryable(None),
        _ => failure,
    }
}
