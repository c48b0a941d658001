//! What a Chat Completions server says, folded into a neutral reply. A whole reply is one piece, a streamed one many:
//! both go through the same fold.

use std::collections::HashSet;

use bedplate_converse::{Block, Message, Reply, Request, Role, StopReason, Usage};
use bedplate_journal::Part;
use serde_json::Value;

use crate::{Failure, Fault};

/// Most tool calls of one reply (OpenAI allows 128 functions in a request; nobody calls each of them at once).
pub const TOOL_CALLS_MAX: usize = 128;
/// How deep lists and objects of a tool call's arguments may lie in each other. Ours: what is journaled puts the arguments a few
/// levels deeper, and JSON readers give up at 128.
const ARGUMENTS_DEPTH_MAX: usize = 100;
/// Most characters of an id or a model name that we take over. Ours.
const NAME_CHARS_MAX: usize = 256;

/// A reply as far as it is known.
#[derive(Debug, Default)]
pub struct Draft {
    text: String,
    reasoning: String,
    calls: Vec<CallDraft>,
    finish: Option<String>,
    stopped_by: Option<String>,
    usage: Usage,
    model: String,
    anything: bool,
}

#[derive(Debug, Default)]
struct CallDraft {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Draft {
    /// Takes a streamed piece (`chat.completion.chunk`) and reports what it adds.
    pub fn chunk(&mut self, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        self.take(value, "delta", report)
    }

    /// Takes a whole reply (`chat.completion`).
    pub fn whole(&mut self, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure> {
        if !value["choices"][0].is_object() && error_of(value).is_none() {
            return Err(Failure::raw(Fault::Malformed, format!("the reply has no choices: {value}")));
        }
        self.take(value, "message", report)
    }

    /// Whether the model has said why it stopped: what comes then is only token counts.
    pub fn is_finished(&self) -> bool {
        self.finish.is_some()
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
                report(Part::Tool {
                    id: id.to_owned(),
                    name: name.to_owned(),
                });
                self.calls.len() - 1
            }
        };
        self.anything = true;
        let draft = &mut self.calls[at];
        if draft.id.is_empty() {
            draft.id = id.to_owned();
        }
        if draft.name != name {
            draft.name.push_str(name);
        }
        match &function["arguments"] {
            Value::String(text) => draft.arguments.push_str(text),
            Value::Null => {}
            other => draft.arguments.push_str(&other.to_string()),
        }
        Ok(())
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

    /// The reply to `request`, complete. `model` is what the server was asked for, should it not say who answered.
    pub fn finish(self, request: &Request, model: &str) -> Result<Reply, Failure> {
        if !self.anything && self.finish.is_none() {
            return Err(Failure::raw(Fault::Malformed, "the reply is empty"));
        }
        let stop = self.stop(request);
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
        let mut ids = Ids::of(request);
        for call in self.calls {
            if call.name.is_empty() {
                return Err(Failure::raw(Fault::Malformed, "the reply has a tool call without a name"));
            }
            content.push(Block::ToolUse {
                id: ids.take(call.id),
                name: call.name,
                input: arguments(&call.arguments),
            });
        }
        let model = if self.model.is_empty() { model.to_owned() } else { self.model };
        Ok(Reply {
            message: Message {
                role: Role::Assistant,
                content,
            },
            stop,
            usage: self.usage,
            model,
            ..Reply::default()
        })
    }

    fn stop(&self, request: &Request) -> StopReason {
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
                    .is_some_and(|text| request.inference.stop_sequences.contains(text)) =>
            {
                StopReason::StopSequence
            }
            _ => ended,
        }
    }
}

/// Ids of tool calls, unique within the conversation: servers leave them out or count from zero in every reply.
struct Ids {
    taken: HashSet<String>,
    turn: usize,
    made: usize,
}

impl Ids {
    fn of(request: &Request) -> Self {
        let blocks = request.messages.iter().flat_map(|message| &message.content);
        let taken = blocks
            .filter_map(|block| {
                if let Block::ToolUse { id, .. } = block {
                    Some(id.clone())
                } else {
                    None
                }
            })
            .collect();
        let turn = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
        Self { taken, turn, made: 0 }
    }

    /// `id` when it is usable and new, else one that follows from the position in the conversation.
    fn take(&mut self, id: String) -> String {
        let usable = !id.is_empty() && id.len() <= NAME_CHARS_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
        if usable && self.taken.insert(id.clone()) {
            return id;
        }
        loop {
            self.made += 1;
            let made = format!("call_{}_{}", self.turn, self.made);
            if self.taken.insert(made.clone()) {
                return made;
            }
        }
    }
}

/// Arguments as an object; what is none stays the text that the model wrote, so that it can be asked again.
fn arguments(text: &str) -> Value {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    match serde_json::from_str(trimmed) {
        Ok(Value::Null) => Value::Object(serde_json::Map::new()),
        Ok(deep) if depth(&deep) > ARGUMENTS_DEPTH_MAX => Value::String(text.to_owned()),
        Ok(object @ Value::Object(_)) => object,
        // Encoded twice, as some models do.
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(object @ Value::Object(_)) if depth(&object) <= ARGUMENTS_DEPTH_MAX => object,
            _ => Value::String(text.to_owned()),
        },
        _ => Value::String(text.to_owned()),
    }
}

/// Levels of lists and objects; the reader that made the value bounds them.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
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

/// The message of an error answer, in the shapes that servers use.
pub(crate) fn message_of(value: &Value) -> Option<String> {
    let found = [
        &value["error"]["message"],
        &value["error"],
        &value["message"],
        &value["detail"],
        &value["errors"],
    ];
    let found = found.into_iter().find(|found| !found.is_null())?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned)).filter(|text| !text.is_empty())
}
