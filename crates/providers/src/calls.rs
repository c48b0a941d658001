//! Tool calls as models write them: ids that may be missing or used twice, arguments that may be no JSON. And the way back: what of them
//! a provider takes.

use std::collections::HashSet;

use bedplate_base::id_from;
use bedplate_converse::{Block, Request, Role};
use serde_json::{Map, Value, json};

/// Most tool calls of one reply (OpenAI allows 128 functions in a request; nobody calls each of them at once).
pub const TOOL_CALLS_MAX: usize = 128;
/// How deep lists and objects of a tool call's arguments may lie in each other. Ours: what is journaled puts the arguments a few
/// levels deeper, and JSON readers give up at 128.
const ARGUMENTS_DEPTH_MAX: usize = 100;
/// Most characters of an id or a model name that we take over. Ours.
pub(crate) const NAME_CHARS_MAX: usize = 256;
/// Most characters of a function's name (OpenAI API reference, `tools[].function.name`; Bedrock's `ToolName`).
const TOOL_NAME_CHARS_MAX: usize = 64;
/// Most characters of a call's id (Bedrock's `ToolUseId`).
const TOOL_ID_CHARS_MAX: usize = 64;

/// Ids of tool calls, unique within the conversation: servers leave them out or count from zero in every reply.
#[derive(Debug)]
pub(crate) struct Ids {
    taken: HashSet<String>,
    turn: usize,
    made: usize,
}

impl Ids {
    pub(crate) fn of(request: &Request) -> Self {
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
    pub(crate) fn take(&mut self, id: &str) -> String {
        let usable = !id.is_empty() && id.len() <= NAME_CHARS_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
        if usable && self.taken.insert(id.to_owned()) {
            return id.to_owned();
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
pub(crate) fn arguments(text: &str) -> Value {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(trimmed) {
        Ok(Value::Null) => Value::Object(Map::new()),
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

/// Arguments of an old call as an object. What the model once said instead is wrapped: servers fail on anything but an object.
pub(crate) fn sendable_arguments(input: &Value) -> Value {
    match input {
        Value::Object(_) => input.clone(),
        Value::Null => json!({}),
        other => json!({"invalid_arguments": other}),
    }
}

/// A name that servers accept: the model may have made one up.
pub(crate) fn sendable_name(name: &str) -> String {
    let clean = only(name, "_-", TOOL_NAME_CHARS_MAX);
    if clean.is_empty() { "_".into() } else { clean }
}

/// An id that servers accept; of letters, digits and `also`. Equal ids stay equal, different ones different.
pub(crate) fn sendable_id(id: &str, also: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || also.contains(letter);
    if !id.is_empty() && id.len() <= TOOL_ID_CHARS_MAX && id.chars().all(fits) {
        return id.to_owned();
    }
    format!("{}_{}", only(id, also, TOOL_ID_CHARS_MAX - 17), id_from(&["call", id], 16))
}

fn only(text: &str, also: &str, chars_max: usize) -> String {
    text.chars()
        .take(chars_max)
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || also.contains(letter) {
                letter
            } else {
                '_'
            }
        })
        .collect()
}
