//! What the Messages API says, folded into a neutral reply (Anthropic API reference, "Messages" and "Streaming").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_converse::{Message, Reply, ReplyFacts, Request, Role, StopReason, Usage};
use bedplate_journal::Part;
use serde_json::{Map, Value, json};

use super::fault_of;
use crate::blocks::{Blocks, Kind};
use crate::calls::NAME_CHARS_MAX;
use crate::frames::Frame;
use crate::protocol::{Draft, json_of, message_of, pick_fields};
use crate::{Failure, Fault};

/// A reply as far as it is known.
#[derive(Debug)]
pub struct AnthropicDraft<'a> {
    request: &'a Request,
    /// What the server was asked for, should it not say who answered.
    asked: &'a str,
    blocks: Blocks<'a>,
    stop: Option<String>,
    stop_sequence: Option<String>,
    usage: Counts,
    model: String,
    additional_fields: Option<Value>,
}

/// The API's counts: its input is without what the cache was concerned with.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    input: u64,
    output: u64,
    read: u64,
    written: u64,
}

impl<'a> AnthropicDraft<'a> {
    /// The reply to `request`, which `model` is asked for.
    pub fn new(request: &'a Request, model: &'a str) -> Self {
        Self {
            request,
            asked: model,
            blocks: Blocks::new(request),
            stop: None,
            stop_sequence: None,
            usage: Counts::default(),
            model: String::new(),
            additional_fields: None,
        }
    }

    /// Members of a message that are not its content; a stream brings them in `message_start` and `message_delta`.
    fn about(&mut self, value: &Value) {
        if let Some(model) = value["model"].as_str().filter(|_| self.model.is_empty()) {
            self.model = model.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect();
        }
        if let Some(stop) = value["stop_reason"].as_str().filter(|stop| !stop.is_empty()) {
            self.stop = Some(stop.to_owned());
        }
        if let Some(sequence) = value["stop_sequence"].as_str() {
            self.stop_sequence = Some(sequence.to_owned());
        }
    }

    /// Counts are running totals: a later one replaces the one before.
    fn count(&mut self, usage: &Value) {
        let take = |key: &str, count: &mut u64| {
            if let Some(number) = usage[key].as_u64() {
                *count = number;
            }
        };
        take("input_tokens", &mut self.usage.input);
        take("output_tokens", &mut self.usage.output);
        take("cache_read_input_tokens", &mut self.usage.read);
        take("cache_creation_input_tokens", &mut self.usage.written);
    }

    fn begin(&mut self, index: u64, block: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        let text = |key: &str| block[key].as_str().unwrap_or_default();
        match text("type") {
            "text" => {
                self.blocks.begin(
                    index,
                    Kind::Text {
                        text: String::new(),
                        citations: Vec::new(),
                    },
                )?;
                if !text("text").is_empty() {
                    self.blocks.text(index, text("text"), report)?;
                }
                for citation in block["citations"].as_array().map(Vec::as_slice).unwrap_or_default() {
                    self.blocks.cite(index, self::citation(citation), report)?;
                }
                Ok(())
            }
            "thinking" => {
                self.blocks.begin(
                    index,
                    Kind::Thoughts {
                        text: String::new(),
                        signature: String::new(),
                    },
                )?;
                self.blocks.think(index, text("thinking"), report)?;
                self.blocks.sign(index, text("signature"), report)
            }
            "redacted_thinking" => self.blocks.redact(index, STANDARD.encode(text("data")), report),
            "tool_use" => {
                self.blocks.begin_call(index, text("id"), text("name"), report)?;
                // Whole replies have the arguments here; streams an empty object that the pieces replace.
                match &block["input"] {
                    Value::Object(members) if members.is_empty() => Ok(()),
                    Value::Null => Ok(()),
                    Value::String(text) => self.blocks.input(index, text, report),
                    input => self.blocks.input(index, &input.to_string(), report),
                }
            }
            // Tools that the server itself runs: their calls and results are not ours.
            _ => self.blocks.begin(index, Kind::Unknown),
        }
    }

    fn delta(&mut self, index: u64, delta: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        let text = |key: &str| delta[key].as_str().unwrap_or_default();
        match text("type") {
            "text_delta" => self.blocks.text(index, text("text"), report),
            "thinking_delta" => self.blocks.think(index, text("thinking"), report),
            "signature_delta" => self.blocks.sign(index, text("signature"), report),
            "citations_delta" => self.blocks.cite(index, citation(&delta["citation"]), report),
            "input_json_delta" if self.blocks.is_unknown(index) => Ok(()),
            "input_json_delta" => self.blocks.input(index, text("partial_json"), report),
            _ => Ok(()),
        }
    }

    fn stop(&self) -> StopReason {
        match self.stop.as_deref() {
            Some("max_tokens") => StopReason::MaxTokens,
            Some("stop_sequence") => StopReason::StopSequence,
            Some("refusal") => StopReason::ContentFiltered,
            Some("model_context_window_exceeded") => StopReason::ModelContextWindowExceeded,
            _ if self.blocks.has_calls() => StopReason::ToolUse,
            _ => StopReason::EndTurn,
        }
    }
}

impl Draft for AnthropicDraft<'_> {
    fn whole(&mut self, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        if value["type"] == "error" || value["error"].is_object() {
            return Err(error_of(value));
        }
        let Some(content) = value["content"].as_array() else {
            return Err(Failure::raw(Fault::Malformed, format!("the reply has no content: {value}")));
        };
        self.about(value);
        self.count(&value["usage"]);
        for (index, block) in content.iter().enumerate() {
            let index = index as u64;
            self.begin(index, block, report)?;
            self.blocks.end(index, report);
        }
        self.additional_fields = pick_fields(value, &self.request.options.response_field_paths);
        Ok(())
    }

    fn event(&mut self, frame: &Frame, report: &mut dyn FnMut(Part)) -> Result<bool, Failure> {
        if frame.data.trim_ascii().is_empty() {
            return Ok(false);
        }
        let value = json_of(frame)?;
        let index = value["index"].as_u64().unwrap_or(0);
        match value["type"].as_str().unwrap_or_default() {
            "message_start" => {
                self.about(&value["message"]);
                self.count(&value["message"]["usage"]);
            }
            "content_block_start" => self.begin(index, &value["content_block"], report)?,
            "content_block_delta" => self.delta(index, &value["delta"], report)?,
            "content_block_stop" => self.blocks.end(index, report),
            "message_delta" => {
                self.about(&value["delta"]);
                self.count(&value["usage"]);
            }
            "message_stop" => return Ok(true),
            "error" => return Err(error_of(&value)),
            // `ping`, and what a later version may add.
            _ => {}
        }
        Ok(false)
    }

    fn is_finished(&self) -> bool {
        self.stop.is_some()
    }

    fn usage(&self) -> Usage {
        let counts = self.usage;
        Usage {
            input_tokens: counts.input.saturating_add(counts.read).saturating_add(counts.written),
            output_tokens: counts.output,
            cache_read_tokens: counts.read,
            cache_write_tokens: counts.written,
        }
    }

    fn finish(self: Box<Self>) -> Result<Reply, Failure> {
        if self.blocks.is_empty() && self.stop.is_none() {
            return Err(Failure::raw(Fault::Malformed, "the reply is empty"));
        }
        let (stop, usage) = (self.stop(), self.usage());
        // A stream has no whole of its own to look into; these two members are what people ask for.
        let about = json!({"stop_sequence": self.stop_sequence, "stop_reason": self.stop});
        let paths = &self.request.options.response_field_paths;
        Ok(Reply {
            facts: ReplyFacts {
                additional_fields: self.additional_fields.or_else(|| pick_fields(&about, paths)),
                ..ReplyFacts::default()
            },
            message: Message {
                role: Role::Assistant,
                content: self.blocks.finish(),
            },
            stop,
            usage,
            model: if self.model.is_empty() { self.asked.to_owned() } else { self.model },
        })
    }
}

fn error_of(value: &Value) -> Failure {
    let fault = value["error"]["type"].as_str().and_then(fault_of).unwrap_or(Fault::Unavailable);
    let failure = Failure::raw(fault, message_of(value).unwrap_or_else(|| value.to_string()));
    match fault {
        Fault::Throttled | Fault::Unavailable => failure.retryable(None),
        _ => failure,
    }
}

/// A citation in Converse's form (service model of bedrock-runtime, `Citation`).
fn citation(value: &Value) -> Value {
    let mut out = Map::new();
    let title = value["document_title"].as_str().or_else(|| value["title"].as_str());
    if let Some(title) = title {
        out.insert("title".into(), json!(title));
    }
    if let Some(source) = value["source"].as_str() {
        out.insert("source".into(), json!(source));
    }
    if let Some(text) = value["cited_text"].as_str() {
        out.insert("sourceContent".into(), json!([{"text": text}]));
    }
    let range = |index: &str, from: &str, to: &str| (value[index].as_u64(), value[from].as_u64(), value[to].as_u64());
    let location = |member: &str, name: &str, (index, start, end): (Option<u64>, Option<u64>, Option<u64>)| json!({member: {name: index.unwrap_or(0), "start": start.unwrap_or(0), "end": end.unwrap_or(0)}});
    let location = match value["type"].as_str().unwrap_or_default() {
        "char_location" => location(
            "documentChar",
            "documentIndex",
            range("document_index", "start_char_index", "end_char_index"),
        ),
        "page_location" => location(
            "documentPage",
            "documentIndex",
            range("document_index", "start_page_number", "end_page_number"),
        ),
        "content_block_location" => location(
            "documentChunk",
            "documentIndex",
            range("document_index", "start_block_index", "end_block_index"),
        ),
        "search_result_location" => location(
            "searchResultLocation",
            "searchResultIndex",
            range("search_result_index", "start_block_index", "end_block_index"),
        ),
        "web_search_result_location" => json!({"web": {"url": value["url"].as_str().unwrap_or_default()}}),
        _ => return Value::Object(out),
    };
    out.insert("location".into(), location);
    Value::Object(out)
}
