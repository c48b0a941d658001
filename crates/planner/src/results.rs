//! What tools answered: JSON, Python's `repr` of the same, or prose. Data only: nothing in a result is ever followed as a wish.

use bedplate_converse::ToolStatus;
use serde_json::{Map, Value};

use bedplate_language::tokens::name_words;

/// Longest result that is parsed, deepest nesting.
const RESULT_BYTES_MAX: usize = 256 * 1024;
const DEPTH_MAX: usize = 32;

/// A result as the planner uses it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Structured.
    Data(Value),
    /// Words.
    Prose(String),
    /// Nothing was found; with what the result says about it.
    Empty(Value),
    /// It went wrong: why.
    Error(String),
    /// The user did not want it.
    Declined,
}

/// Reads a result.
pub(crate) fn read(text: &str, status: ToolStatus) -> Outcome {
    let mut cut = text.len().min(RESULT_BYTES_MAX);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let text = text[..cut].trim();
    let lower = text.to_lowercase();
    if lower.len() < 400
        && lower.contains("user")
        && [
            "declined",
            "denied",
            "did not confirm",
            "rejected",
            "not confirmed",
            "refused",
            "does not want",
            "did not approve",
        ]
        .iter()
        .any(|word| lower.contains(word))
    {
        return Outcome::Declined;
    }
    if status == ToolStatus::Error {
        let message = parse(text).and_then(|value| message_of(&value)).unwrap_or_else(|| text.to_owned());
        return Outcome::Error(message);
    }
    match parse(text) {
        Some(value) => judge(unwrap(value)),
        None => prose(text),
    }
}

fn prose(text: &str) -> Outcome {
    let lower = text.to_lowercase();
    let lead: String = lower.chars().take(160).collect();
    if lead.starts_with("error")
        || lead.starts_with("failed")
        || lead.starts_with("exception")
        || lead.starts_with("invalid")
        || lead.contains("not found")
        || lead.contains("does not exist")
        || lead.contains("doesn't exist")
        || lead.contains("could not find")
        || lead.contains("couldn't find")
        || lead.contains("unknown ")
    {
        return Outcome::Error(text.to_owned());
    }
    if text.is_empty()
        || lead.starts_with("no ")
            && (lead.contains("available")
                || lead.contains("found")
                || lead.contains("match")
                || lead.contains("result")
                || lead.contains("free")
                || lead.contains("left"))
        || lead == "none"
        || lead == "null"
        || lead == "[]"
    {
        return Outcome::Empty(if text.is_empty() {
            Value::Null
        } else {
            Value::String(text.to_owned())
        });
    }
    Outcome::Prose(text.to_owned())
}

fn judge(value: Value) -> Outcome {
    match &value {
        Value::Null => return Outcome::Empty(Value::Null),
        Value::String(text) => return prose(text),
        Value::Array(list) if list.is_empty() => return Outcome::Empty(Value::Null),
        Value::Object(map) => {
            for key in ["error", "errors", "errorMessage", "error_message", "exception", "errorType"] {
                if let Some(found) = map.get(key)
                    && !matches!(found, Value::Null | Value::Bool(false))
                    && found.as_array().is_none_or(|list| !list.is_empty())
                    && found.as_str().is_none_or(|text| !text.is_empty())
                {
                    return Outcome::Error(message_of(&value).unwrap_or_else(|| plain(found)));
                }
            }
            let failed = ["success", "ok", "found"].iter().any(|key| map.get(*key) == Some(&Value::Bool(false)))
                || map.get("status").and_then(Value::as_str).is_some_and(|status| matches!(status.to_lowercase().as_str(), "error" | "failed" | "failure" | "not_found" | "rejected" if map.len() <= 4));
            if failed {
                return Outcome::Error(message_of(&value).unwrap_or_else(|| "the tool said that it did not work".to_owned()));
            }
            let lists: Vec<&Value> = map.values().filter(|value| value.is_array()).collect();
            let facts = map.values().filter(|value| !value.is_array() && !value.is_null()).count();
            if map.is_empty() || (lists.len() == 1 && lists[0].as_array().is_some_and(Vec::is_empty) && facts <= 3) {
                return Outcome::Empty(value);
            }
        }
        _ => {}
    }
    Outcome::Data(value)
}

fn message_of(value: &Value) -> Option<String> {
    let map = value.as_object()?;
    for key in ["message", "errorMessage", "error_message", "error", "detail", "reason", "errors"] {
        match map.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text.clone()),
            Some(inner @ Value::Object(_)) => return message_of(inner).or_else(|| Some(plain(inner))),
            Some(Value::Array(list)) if !list.is_empty() => return Some(list.iter().map(plain).collect::<Vec<_>>().join("; ")),
            _ => {}
        }
    }
    None
}

/// Wrappers that carry one thing: `{"body": …}`, `{"result": …}`, JSON inside a string.
fn unwrap(value: Value) -> Value {
    let mut value = value;
    for _ in 0..4 {
        value = match value {
            Value::String(text) if text.trim_start().starts_with(['{', '[']) => match parse(&text) {
                Some(inner) => inner,
                None => return Value::String(text),
            },
            Value::Object(map) if map.len() <= 3 => {
                let key = [
                    "body",
                    "result",
                    "data",
                    "response",
                    "output",
                    "payload",
                    "TEXT",
                    "application/json",
                ]
                .into_iter()
                .find(|key| {
                    map.contains_key(*key)
                        && map.iter().all(|(other, value)| {
                            other == key
                                || matches!(other.as_str(), "statusCode" | "status" | "success" | "ok" | "headers" | "code")
                                    && value != &Value::Bool(false)
                                    && value != "error"
                        })
                });
                match key {
                    Some(key) => map.get(key).cloned().unwrap_or(Value::Null),
                    None => return Value::Object(map),
                }
            }
            other => return other,
        };
    }
    value
}

/// A value as one short text.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| format!("{} {}", name_words(key).join(" "), plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The list inside a result: the value itself, its only list, or the value as the only item.
pub(crate) fn items(outcome: &Outcome) -> Vec<Value> {
    match outcome {
        Outcome::Data(Value::Array(list)) => list.clone(),
        Outcome::Data(value @ Value::Object(map)) => {
            let lists: Vec<&Vec<Value>> = map.values().filter_map(Value::as_array).filter(|list| !list.is_empty()).collect();
            let nested: Vec<&Value> = map.values().filter(|value| value.is_object()).collect();
            match (&lists[..], &nested[..]) {
                ([list], _) if list.iter().all(Value::is_object) || map.len() <= 3 => {
                    // what the list's owner says of all items holds for each
                    list.iter()
                        .map(|item| match item {
                            Value::Object(own) => {
                                let mut whole = own.clone();
                                for (key, value) in map.iter().filter(|(_, value)| value.is_string() || value.is_number()) {
                                    whole.entry(key.clone()).or_insert_with(|| value.clone());
                                }
                                Value::Object(whole)
                            }
                            other => other.clone(),
                        })
                        .collect()
                }
                ([], [one]) if map.len() == 1 => vec![(*one).clone()],
                _ => vec![value.clone()],
            }
        }
        _ => Vec::new(),
    }
}

/// JSON, or Python's notation of the same data.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['{', '[', '(', '"'])
        && !matches!(text, "null" | "None" | "true" | "false" | "True" | "False")
        && text.parse::<f64>().is_err()
    {
        return None;
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == chars.len()).then_some(value)
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, c: char) -> bool {
        self.space();
        let found = self.chars.get(self.at) == Some(&c);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.space();
        match *self.chars.get(self.at)? {
            '{' => {
                self.at += 1;
                let mut map = Map::new();
                while !self.eat('}') {
                    let key = self.value(depth + 1)?;
                    if !self.eat(':') {
                        return None;
                    }
                    let value = self.value(depth + 1)?;
                    map.insert(plain(&key), value);
                    if !self.eat(',') && self.chars.get(self.at) != Some(&'}') {
                        return None;
                    }
                }
                Some(Value::Object(map))
            }
            open @ ('[' | '(') => {
                self.at += 1;
                let close = if open == '[' { ']' } else { ')' };
                let mut list = Vec::new();
                while !self.eat(close) {
                    list.push(self.value(depth + 1)?);
                    if !self.eat(',') && self.chars.get(self.at) != Some(&close) {
                        return None;
                    }
                }
                Some(Value::Array(list))
            }
            quote @ ('\'' | '"') => {
                self.at += 1;
                let mut out = String::new();
                loop {
                    let c = *self.chars.get(self.at)?;
                    self.at += 1;
                    match c {
                        '\\' => {
                            let escaped = *self.chars.get(self.at)?;
                            self.at += 1;
                            out.push(match escaped {
                                'n' => '\n',
                                't' => '\t',
                                other => other,
                            });
                        }
                        c if c == quote => return Some(Value::String(out)),
                        c => out.push(c),
                    }
                }
            }
            c if c.is_alphanumeric() || matches!(c, '-' | '+' | '.') => {
                let start = self.at;
                while self
                    .chars
                    .get(self.at)
                    .is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'))
                {
                    self.at += 1;
                }
                let word: String = self.chars[start..self.at].iter().collect();
                match word.as_str() {
                    "None" | "null" => Some(Value::Null),
                    "True" | "true" => Some(Value::Bool(true)),
                    "False" | "false" => Some(Value::Bool(false)),
                    "Decimal" if self.eat('(') => {
                        let inner = self.value(depth + 1)?;
                        self.eat(')').then(|| serde_json::from_str(&plain(&inner)).unwrap_or(inner))
                    }
                    number => serde_json::from_str(number).ok(),
                }
            }
            _ => None,
        }
    }
}
