//! Validation of requests against the model, every violation listed in AWS's words.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::{Error, Field, Kind as ErrorKind};
use serde_json::Value;

use crate::json::{Json, ReadError, mismatch, token, whole};
use crate::limits::{VALUE_SHOWN_CHARS_MAX, VIOLATIONS_SHOWN_MAX};
use crate::schema::{Kind, Member, Place, Schema};

/// What a request does wrong.
#[derive(Debug, Default)]
pub struct Violations {
    shown: Vec<Field>,
    total: usize,
}

impl Violations {
    /// Adds one: `path` and `constraint` as AWS words them (`Member must not be null`); `value` is left out for secrets.
    pub fn add(&mut self, path: &str, value: Option<&str>, constraint: &str) {
        self.total += 1;
        if self.shown.len() < VIOLATIONS_SHOWN_MAX {
            let value = value.map(|value| format!(" {value}")).unwrap_or_default();
            let message = format!("Value{value} at '{path}' failed to satisfy constraint: {constraint}");
            self.shown.push(Field {
                name: path.to_owned(),
                message,
            });
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The error that lists them, if there are any.
    pub fn into_error(self) -> Option<Error> {
        if self.is_empty() {
            return None;
        }
        let noun = if self.total == 1 { "error" } else { "errors" };
        let list: Vec<&str> = self.shown.iter().map(|field| field.message.as_str()).collect();
        let mut error = Error::new(
            ErrorKind::Validation,
            format!("{} validation {noun} detected: {}", self.total, list.join("; ")),
        );
        error.fields = self.shown;
        Some(error)
    }
}

/// Checks `value` against `schema`. Wrong types are an error at once (AWS fails while reading); the rest is gathered in `violations`.
/// Outside strict mode our extensions hold.
pub fn check(schema: &'static Schema, value: &Value, strict: bool, violations: &mut Violations) -> Result<(), ReadError> {
    Walk {
        strict,
        violations,
        path: String::new(),
        hidden: false,
    }
    .visit(schema, value)
}

struct Walk<'a> {
    strict: bool,
    violations: &'a mut Violations,
    path: String,
    hidden: bool,
}

impl Walk<'_> {
    fn visit(&mut self, schema: &'static Schema, value: &Value) -> Result<(), ReadError> {
        let schema = schema.in_mode(self.strict);
        let hidden = self.hidden;
        self.hidden |= schema.sensitive;
        let result = self.visit_kind(schema, value);
        self.hidden = hidden;
        result
    }

    fn visit_kind(&mut self, schema: &'static Schema, value: &Value) -> Result<(), ReadError> {
        match &schema.kind {
            Kind::Structure(members) => self.structure(members, value),
            Kind::Union(members) => {
                self.structure(members, value)?;
                let set = members
                    .iter()
                    .filter(|member| value.get(member.name).is_some_and(|value| !value.is_null()))
                    .count();
                if set != 1 {
                    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
                    self.add(value, &format!("Exactly one of these members must be set: [{}]", names.join(", ")));
                }
                Ok(())
            }
            Kind::List { member, min, max } => {
                let items = value.as_array().ok_or_else(|| self.fail(ReadError::new("Expected list or null")))?;
                self.size(value, items.len(), *min, *max);
                self.list(member, value, items)
            }
            Kind::Map {
                key,
                value: item,
                min,
                max,
            } => {
                let entries = value.as_object().ok_or_else(|| self.fail(ReadError::new("Expected map or null")))?;
                self.size(value, entries.len(), *min, *max);
                for (name, entry) in entries {
                    if !fits(key, &Value::String(name.clone())) {
                        self.add(
                            value,
                            &format!("Map keys must satisfy constraint: [{}]", constraints(key).join(", ")),
                        );
                    }
                    self.within(name, |walk| walk.item(item, value, entry, "Map value must satisfy constraint"))?;
                }
                Ok(())
            }
            _ => self.scalar(schema, value),
        }
    }

    fn structure(&mut self, members: &'static [Member], value: &Value) -> Result<(), ReadError> {
        if !value.is_object() {
            return Err(self.fail(ReadError::new(format!("{} found where a structure is expected", token(value)))));
        }
        for member in members {
            match value.get(member.name) {
                Some(value) if !value.is_null() => self.within(&first_lower(member.name), |walk| walk.visit(member.schema, value))?,
                _ if member.required
                    && !(member.place == Place::Payload && matches!(member.schema.kind, Kind::Blob { .. } | Kind::EventStream)) =>
                {
                    let path = join(&self.path, &first_lower(member.name));
                    self.violations.add(&path, Some("null"), "Member must not be null");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn list(&mut self, member: &'static Schema, list: &Value, items: &[Value]) -> Result<(), ReadError> {
        for (index, item) in items.iter().enumerate() {
            if is_container(member) {
                self.within(&format!("{}.member", index + 1), |walk| walk.visit(member, item))?;
            } else {
                self.item(member, list, item, "Member must satisfy constraint")?;
            }
        }
        Ok(())
    }

    /// A scalar in a list or map: AWS reports the whole container with the list of what its items must satisfy.
    fn item(&mut self, schema: &'static Schema, container: &Value, item: &Value, words: &str) -> Result<(), ReadError> {
        let schema = schema.in_mode(self.strict);
        if is_container(schema) {
            return self.visit(schema, item);
        }
        if item.is_null() {
            self.add(container, &format!("{words}: [Member must not be null]"));
            return Ok(());
        }
        typed(schema, item).map_err(|error| self.fail(error))?;
        if !fits(schema, item) {
            self.add(container, &format!("{words}: [{}]", constraints(schema).join(", ")));
        }
        Ok(())
    }

    fn scalar(&mut self, schema: &'static Schema, value: &Value) -> Result<(), ReadError> {
        typed(schema, value).map_err(|error| self.fail(error))?;
        let held = holds(schema, value);
        if held.iter().all(|holds| *holds) {
            return Ok(()); // nearly always: words are made only for what is wrong
        }
        for (constraint, holds) in constraints(schema).iter().zip(held) {
            if !holds {
                self.add(value, constraint);
            }
        }
        Ok(())
    }

    fn size(&mut self, value: &Value, len: usize, min: usize, max: usize) {
        if len > max {
            self.add(value, &format!("Member must have length less than or equal to {max}"));
        }
        if len < min {
            self.add(value, &format!("Member must have length greater than or equal to {min}"));
        }
    }

    fn within<T>(&mut self, name: &str, visit: impl FnOnce(&mut Self) -> T) -> T {
        let len = self.path.len();
        if len > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let result = visit(self);
        self.path.truncate(len);
        result
    }

    fn add(&mut self, value: &Value, constraint: &str) {
        let shown = (!self.hidden).then(|| format!("'{}'", shown(value)));
        self.violations.add(&self.path, shown.as_deref(), constraint);
    }

    fn fail(&self, error: ReadError) -> ReadError {
        ReadError {
            path: self.path.clone(),
            ..error
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Lambda's members begin with a capital; its messages name them with a small letter.
fn first_lower(name: &str) -> Cow<'_, str> {
    match name.as_bytes().first() {
        Some(first) if first.is_ascii_uppercase() => {
            let mut lower = name.to_owned();
            lower[..1].make_ascii_lowercase();
            lower.into()
        }
        _ => name.into(),
    }
}

fn is_container(schema: &Schema) -> bool {
    matches!(
        schema.kind,
        Kind::Structure(_) | Kind::Union(_) | Kind::List { .. } | Kind::Map { .. }
    )
}

/// Whether the value has the JSON type of the schema.
fn typed(schema: &Schema, value: &Value) -> Result<(), ReadError> {
    match schema.kind {
        Kind::String { .. } | Kind::Enum(_) if value.is_string() => Ok(()),
        Kind::String { .. } | Kind::Enum(_) => Err(mismatch(value, "a String")),
        Kind::Integer { .. } => i32::from_json(value).map(drop),
        Kind::Long { .. } => i64::from_json(value).map(drop),
        Kind::Float { .. } => f64::from_json(value).map(drop),
        Kind::Boolean => bool::from_json(value).map(drop),
        Kind::Timestamp(_) => bedplate_base::Timestamp::from_json(value).map(drop),
        Kind::Blob { .. } => match value.as_str() {
            None => Err(mismatch(value, "a Blob")),
            Some(text) if decoded_len(text).is_none() => {
                Err(ReadError::new("STRING_VALUE can not be converted to a Blob: it is not base64"))
            }
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

fn fits(schema: &Schema, value: &Value) -> bool {
    holds(schema, value).into_iter().all(|holds| holds)
}

/// What a scalar must satisfy, in AWS's words; the same order as [`holds`].
fn constraints(schema: &Schema) -> Vec<String> {
    let length = |min: usize, max: usize| {
        let most = (max != usize::MAX).then(|| format!("Member must have length less than or equal to {max}"));
        let least = (min != 0).then(|| format!("Member must have length greater than or equal to {min}"));
        [most, least].into_iter().flatten().collect::<Vec<_>>()
    };
    let value = |most: Option<String>, least: Option<String>| {
        let most = most.map(|max| format!("Member must have value less than or equal to {max}"));
        let least = least.map(|min| format!("Member must have value greater than or equal to {min}"));
        [most, least].into_iter().flatten().collect::<Vec<_>>()
    };
    match &schema.kind {
        Kind::String { min, max, pattern } => {
            let pattern = pattern
                .as_ref()
                .map(|pattern| format!("Member must satisfy regular expression pattern: {}", pattern.text));
            length(*min, *max).into_iter().chain(pattern).collect()
        }
        Kind::Enum(words) => vec![format!("Member must satisfy enum value set: [{}]", words.join(", "))],
        Kind::Integer { min, max } | Kind::Long { min, max } => value(
            (*max != i64::MAX).then(|| max.to_string()),
            (*min != i64::MIN).then(|| min.to_string()),
        ),
        Kind::Float { min, max } => value(
            (*max != f64::INFINITY).then(|| max.to_string()),
            (*min != f64::NEG_INFINITY).then(|| min.to_string()),
        ),
        Kind::Blob { min, max } => length(*min, *max),
        _ => Vec::new(),
    }
}

fn holds(schema: &Schema, value: &Value) -> Vec<bool> {
    let bounds = |len: usize, min: usize, max: usize| {
        let most = (max != usize::MAX).then_some(len <= max);
        let least = (min != 0).then_some(len >= min);
        [most, least].into_iter().flatten().collect::<Vec<_>>()
    };
    match &schema.kind {
        Kind::String { min, max, pattern } => {
            let text = value.as_str().unwrap_or_default();
            let pattern = pattern.as_ref().map(|pattern| pattern.accepts(text));
            bounds(text.chars().count(), *min, *max).into_iter().chain(pattern).collect()
        }
        Kind::Enum(words) => vec![words.contains(&value.as_str().unwrap_or_default())],
        Kind::Integer { min, max } | Kind::Long { min, max } => {
            let number = whole(value).unwrap_or_default();
            [
                (*max != i64::MAX).then_some(number <= *max),
                (*min != i64::MIN).then_some(number >= *min),
            ]
            .into_iter()
            .flatten()
            .collect()
        }
        Kind::Float { min, max } => {
            let number = f64::from_json(value).unwrap_or_default();
            let most = (*max != f64::INFINITY).then_some(number <= *max);
            [most, (*min != f64::NEG_INFINITY).then_some(number >= *min)]
                .into_iter()
                .flatten()
                .collect()
        }
        Kind::Blob { min, max } => bounds(value.as_str().and_then(decoded_len).unwrap_or_default(), *min, *max),
        _ => Vec::new(),
    }
}

/// The bytes behind base64 text, without keeping them.
fn decoded_len(text: &str) -> Option<usize> {
    STANDARD.decode(text).ok().map(|bytes| bytes.len())
}

/// A value as Java prints it: lists `[a, b]`, maps `{k=v}`; cut when it is long.
fn shown(value: &Value) -> String {
    let mut out = String::new();
    show(value, &mut out);
    match out.char_indices().nth(VALUE_SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &out[..at]),
        None => out,
    }
}

fn show(value: &Value, out: &mut String) {
    if out.len() > 4 * VALUE_SHOWN_CHARS_MAX {
        return;
    }
    match value {
        Value::String(text) => out.extend(text.chars().take(VALUE_SHOWN_CHARS_MAX + 1)),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                show(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                out.push_str(key);
                out.push('=');
                show(item, out);
            }
            out.push('}');
        }
        _ => out.push_str(&value.to_string()),
    }
}
