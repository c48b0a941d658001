//! What a Chat Completions server says, folded into a neutral reply. A whole reply is one piece, a streamed one many:
//! both go through the same fold.

use bedplate_converse::{Block, Message, Reply, ReplyFacts, Request, Role, StopReason, Usage};
use bedplate_journal::Part;
use serde_json::Value;

use crate::calls::{Ids, NAME_CHARS_MAX, TOOL_CALLS_MAX, arguments};
use crate::frames::Frame;
use crate::protocol::{Draft, json_of, message_of, pick_fields};
use crate::{Failure, Fault};

/// A reply as far as it is known.
#[derive(Debug)]
pub struct OpenAiDraft<'a> {
    request: &'a Request,
    /// What the server was asked for, should it not say who answered.
    asked: &'a str,
    ids: Option<Ids>,
    text: String,
    reasoning: String,
    calls: Vec<CallDraft>,
    finish: Option<String>,
    stopped_by: Option<String>,
    usage: Usage,
    model: String,
    service_tier: Option<String>,
    additional_fields: Option<Value>,
    anything: bool,
}

#[derive(Debug, Default)]
struct CallDraft {
    index: Option<u64>,
    /// As the server gave it.
    id: String,
    /// As the conversation knows it, once the call is reported.
    begun: Option<String>,
    name: String,
    arguments: String,
}

impl Draft for OpenAiDraft<'_> {
    /// Takes a whole reply (`chat.completion`).
    fn whole(&mut self, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        if !value["choices"][0].is_object() && error_of(value).is_none() {
            return Err(Failure::raw(Fault::Malformed, format!("the reply has no choices: {value}")));
        }
        self.take(value, "message", report)?;
        self.begin_all(report);
        self.additional_fields = pick_fields(value, &self.request.options.response_field_paths);
        Ok(())
    }

    /// Takes a streamed piece (`chat.completion.chunk`) and reports what it adds.
    fn event(&mut self, frame: &Frame, report: &mut dyn FnMut(Part)) -> Result<bool, Failure> {
        let data = frame.data.trim_ascii();
        if data.is_empty() {
            return Ok(false);
        }
        if data == b"[DONE]" {
            return Ok(true);
        }
        self.take(&json_of(frame)?, "delta", report)?;
        if self.is_finished() {
            self.begin_all(report);
        }
        Ok(false)
    }

    fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn finish(mut self: Box<Self>) -> Result<Reply, Failure> {
        if !self.anything && self.finish.is_none() {
            return Err(Failure::raw(Fault::Malformed, "the reply is empty"));
        }
        self.begin_all(&mut |_| {});
        let stop = self.stop();
        let mut content = Vec::new();
        if !self.reasoning.is_empty() {
            content.push(Block::Reasoning {
                text: self.reasoning,
                signature: None,
            });
        }
        if !self.text.is_empty() || self.calls.is_empty() {
            content.push(Block::Text(self.text));
        }
        for call in self.calls {
            let Some(id) = call.begun else {
                return Err(Failure::raw(Fault::Malformed, "the reply has a tool call without a name"));
            };
            content.push(Block::ToolUse {
                id,
                name: call.name,
                input: arguments(&call.arguments),
            });
        }
        Ok(Reply {
            message: Message {
                role: Role::Assistant,
                content,
            },
            stop,
            usage: self.usage,
            model: if self.model.is_empty() { self.asked.to_owned() } else { self.model },
            facts: ReplyFacts {
                service_tier: self.service_tier,
                additional_fields: self.additional_fields,
                ..ReplyFacts::default()
            },
        })
    }
}

impl<'a> OpenAiDraft<'a> {
    /// The reply to `request`, which `model` is asked for.
    pub fn new(request: &'a Request, model: &'a str) -> Self {
        Self {
            request,
            asked: model,
            ids: None,
            text: String::new(),
            reasoning: String::new(),
            calls: Vec::new(),
            finish: None,
            stopped_by: None,
            usage: Usage::default(),
            model: String::new(),
            service_tier: None,
            additional_fields: None,
            anything: false,
        }
    }

    fn take(&mut self, value: &Value, member: &str, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        if let Some(failure) = error_of(value) {
            return Err(failure);
        }
        if !value.is_object() {
            return Err(Failure::raw(
                Fault::Malformed,
                format!("a piece of the reply is not a JSON object: {value}"),
            ));
        }
        if let Some(model) = value["model"].as_str().filter(|model| !model.is_empty())
            && self.model.is_empty()
        {
            self.model = model.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect();
        }
        if let Some(tier) = value["service_tier"].as_str() {
            self.service_tier = Some(tier.chars().take(NAME_CHARS_MAX).collect());
        }
        if value["usage"].is_object() {
            self.usage = usage(&value["usage"]);
        }
        // Only one choice is asked for; others, should a server send them, are ignored.
        let choices = value["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(choice) = choices.iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0) else {
            return Ok(());
        };
        let said = if choice[member].is_object() {
            &choice[member]
        } else {
            &choice["message"]
        };
        self.say(said, member == "delta", report)?;
        if let Some(finish) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
            self.finish = Some(finish.to_owned());
        }
        if let Some(text) = choice["stop_reason"].as_str() {
            self.stopped_by = Some(text.to_owned());
        }
        Ok(())
    }

    fn say(&mut self, said: &Value, streamed: bool, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        let thoughts = ["reasoning_content", "reasoning"]
            .iter()
            .find_map(|key| said[*key].as_str().filter(|text| !text.is_empty()));
        if let Some(text) = thoughts {
            self.think(text, report);
        }
        match &said["content"] {
            Value::String(text) => self.speak(text, report),
            Value::Array(parts) => parts.iter().for_each(|part| self.content_part(part, report)),
            _ => {}
        }
        if let Some(text) = said["refusal"].as_str() {
            self.speak(text, report);
        }
        for call in said["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default() {
            self.call(call, streamed, report)?;
        }
        Ok(())
    }

    /// A part of a content list: text, or thoughts as some servers send them. Anything else is not for us.
    fn content_part(&mut self, part: &Value, report: &mut dyn FnMut(Part)) {
        match part {
            Value::String(text) => self.speak(text, report),
            _ => {
                if let Some(text) = part["text"].as_str() {
                    self.speak(text, report);
                }
                match &part["thinking"] {
                    Value::String(text) => self.think(text, report),
                    Value::Array(parts) => parts
                        .iter()
                        .filter_map(|part| part["text"].as_str())
                        .for_each(|text| self.think(text, report)),
                    _ => {}
                }
            }
        }
    }

    fn speak(&mut self, text: &str, report: &mut dyn FnMut(Part)) {
        if !text.is_empty() {
            self.begin_all(report);
            self.anything = true;
            self.text.push_str(text);
            report(Part::Text(text.to_owned()));
        }
    }

    fn think(&mut self, text: &str, report: &mut dyn FnMut(Part)) {
        if !text.is_empty() {
            self.anything = true;
            self.reasoning.push_str(text);
            report(Part::Thinking(text.to_owned()));
        }
    }

    fn call(&mut self, call: &Value, streamed: bool, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        let function = &call["function"];
        let id = call["id"].as_str().unwrap_or_default();
        let name = function["name"].as_str().unwrap_or_default();
        let index = call["index"].as_u64();
        let known = if streamed { self.known_call(index, id, name) } else { None };
        let at = match known {
            Some(at) => at,
            None => {
                if self.calls.len() >= TOOL_CALLS_MAX {
                    return Err(Failure::raw(
                        Fault::Malformed,
                        format!("the reply has more than {TOOL_CALLS_MAX} tool calls"),
                    ));
                }
                self.calls.push(CallDraft {
                    index,
                    ..CallDraft::default()
                });
                self.calls.len() - 1
            }
        };
        self.anything = true;
        // The names of the calls before it are whole.
        (0..at).for_each(|earlier| self.begin(earlier, report));
        let draft = &mut self.calls[at];
        if draft.id.is_empty() {
            draft.id = id.to_owned();
        }
        if draft.name != name {
            draft.name.push_str(name);
        }
        let piece = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        draft.arguments.push_str(&piece);
        match &draft.begun {
            Some(id) if !piece.is_empty() => report(Part::ToolInput {
                id: id.clone(),
                json: piece,
            }),
            Some(_) => {}
            // Its name may still grow; once there are arguments it does not.
            None if !piece.is_empty() => self.begin(at, report),
            None => {}
        }
        Ok(())
    }

    /// Reports a call that has a name: from now on it goes by an id that is unique in the conversation.
    fn begin(&mut self, at: usize, report: &mut dyn FnMut(Part)) {
        let draft = &mut self.calls[at];
        if draft.begun.is_some() || draft.name.is_empty() {
            return;
        }
        let request = self.request;
        let id = self.ids.get_or_insert_with(|| Ids::of(request)).take(&draft.id);
        draft.begun = Some(id.clone());
        report(Part::Tool {
            id: id.clone(),
            name: draft.name.clone(),
        });
        if !draft.arguments.is_empty() {
            report(Part::ToolInput {
                id,
                json: draft.arguments.clone(),
            });
        }
    }

    fn begin_all(&mut self, report: &mut dyn FnMut(Part)) {
        (0..self.calls.len()).for_each(|at| self.begin(at, report));
    }

    /// The call that a streamed piece continues. Servers differ: the index says it; some give every parallel call the
    /// index 0 and a new id; some give no index, then a name or a new id begins a call.
    fn known_call(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let begins = |draft: &CallDraft| !id.is_empty() && !draft.id.is_empty() && draft.id != id && !name.is_empty();
        match index {
            Some(_) => self
                .calls
                .iter()
                .rposition(|draft| draft.index == index)
                .filter(|at| !begins(&self.calls[*at])),
            None if !id.is_empty() => self.calls.iter().rposition(|draft| draft.id == id),
            None if !name.is_empty() => None,
            None => self.calls.len().checked_sub(1),
        }
    }

    fn stop(&self) -> StopReason {
        let ended = if self.calls.is_empty() {
            StopReason::EndTurn
        } else {
            StopReason::ToolUse
        };
        match self.finish.as_deref() {
            Some("length" | "max_tokens") => StopReason::MaxTokens,
            Some("content_filter") => StopReason::ContentFiltered,
            _ if ended == StopReason::EndTurn
                && self
                    .stopped_by
                    .as_ref()
                    .is_some_and(|text| self.request.inference.stop_sequences.contains(text)) =>
            {
                StopReason::StopSequence
            }
            _ => ended,
        }
    }
}

fn usage(value: &Value) -> Usage {
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let cached = count(&value["prompt_tokens_details"]["cached_tokens"]).max(count(&value["prompt_cache_hit_tokens"]));
    Usage {
        input_tokens: count(&value["prompt_tokens"]),
        output_tokens: count(&value["completion_tokens"]),
        cache_read_tokens: cached,
        cache_write_tokens: 0,
    }
}

/// The failure that `value` reports, should it be one: `{"error": …}` or `{"object": "error", …}`.
pub(crate) fn error_of(value: &Value) -> Option<Failure> {
    let error = match &value["error"] {
        Value::Null if value["object"] == "error" => value,
        Value::Null => return None,
        Value::String(text) if text.is_empty() => return None,
        error => error,
    };
    let word = |key: &str| error[key].as_str().unwrap_or_default().to_ascii_lowercase();
    let status = ["code", "status"]
        .iter()
        .find_map(|key| error[*key].as_u64().or_else(|| error[*key].as_str()?.parse().ok()));
    let words = format!("{} {}", word("code"), word("type"));
    let fault = match status.and_then(|status| u16::try_from(status).ok()).filter(|status| *status >= 400) {
        Some(status) => Fault::of_status(status),
        None if words.contains("rate_limit") || words.contains("quota") => Fault::Throttled,
        None if words.contains("authentication") || words.contains("permission") || words.contains("api_key") => Fault::AccessDenied,
        None if words.contains("not_found") => Fault::NotFound,
        None if words.contains("invalid") || words.contains("bad_request") || words.contains("context_length") => Fault::Validation,
        None if words.contains("timeout") => Fault::Timeout,
        None => Fault::Unavailable,
    };
    let message = message_of(value).unwrap_or_else(|| error.to_string());
    Some(Failure::raw(fault, message))
}
