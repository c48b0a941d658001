//! A body of InvokeModel as an object whose members are taken one by one, so that what nobody took can be told.

use bedplate_converse::Role;
use bedplate_wire::{Fault, Value};
use bytes::Bytes;
use serde_json::Map;

use super::super::fault::invalid;

/// A JSON object from a client.
pub(crate) struct Body {
    fields: Map<String, Value>,
    /// Where it stands in the body: `#` for the whole.
    at: String,
}

impl Body {
    /// # Errors
    /// `ValidationException` when it is no JSON object.
    pub(crate) fn parse(bytes: &Bytes) -> Result<Self, Fault> {
        let value = bedplate_wire::parse(bytes).map_err(|error| malformed("#", &format!("{error}")))?;
        Self::of(value, "#")
    }

    pub(crate) fn of(value: Value, at: impl Into<String>) -> Result<Self, Fault> {
        let at = at.into();
        match value {
            Value::Object(fields) => Ok(Self { fields, at }),
            other => Err(malformed(&at, &format!("expected type: JSONObject, found: {}", sort(&other)))),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.fields.shift_remove(key).filter(|value| !value.is_null())
    }

    pub(crate) fn need(&mut self, key: &str) -> Result<Value, Fault> {
        let found = self.take(key);
        found.ok_or_else(|| malformed(&self.at, &format!("required key [{key}] not found")))
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, "String", &other)),
        }
    }

    pub(crate) fn need_text(&mut self, key: &str) -> Result<String, Fault> {
        let found = self.text(key)?;
        found.ok_or_else(|| malformed(&self.at, &format!("required key [{key}] not found")))
    }

    /// Who speaks, where only two can.
    pub(crate) fn role(&mut self) -> Result<Role, Fault> {
        match self.need_text("role")?.as_str() {
            "user" => Ok(Role::User),
            "assistant" => Ok(Role::Assistant),
            other => Err(malformed(
                &self.inner("role"),
                &format!("{other} is not a valid enum value: use user or assistant"),
            )),
        }
    }

    pub(crate) fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong(key, "JSONArray", &other)),
        }
    }

    pub(crate) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, Fault> {
        let Some(items) = self.list(key)? else { return Ok(None) };
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            other => Err(self.wrong(key, "String", &other)),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A number from `least` to `most`.
    pub(crate) fn number(&mut self, key: &str, least: f64, most: f64) -> Result<Option<f64>, Fault> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = value.as_f64().ok_or_else(|| self.wrong(key, "Number", &value))?;
        if number < least {
            return Err(malformed(&self.inner(key), &format!("{value} is not greater or equal to {least}")));
        }
        if number > most {
            return Err(malformed(&self.inner(key), &format!("{value} is not less or equal to {most}")));
        }
        Ok(Some(number))
    }

    /// A whole number from `least`.
    pub(crate) fn whole(&mut self, key: &str, least: u32) -> Result<Option<u32>, Fault> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let whole = value.as_u64().or_else(|| {
            let number = value
                .as_f64()
                .filter(|number| number.fract() == 0.0 && *number >= 0.0 && *number < 1e9)?;
            Some(number as u64)
        });
        let Some(number) = whole else {
            return Err(self.wrong(key, "Integer", &value));
        };
        if number < u64::from(least) {
            return Err(malformed(&self.inner(key), &format!("{value} is not greater or equal to {least}")));
        }
        Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
    }

    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Self>, Fault> {
        let at = self.inner(key);
        self.take(key).map(|value| Self::of(value, at)).transpose()
    }

    /// What was not taken, for the provider's own request.
    pub(crate) fn rest(self) -> Option<Value> {
        (!self.fields.is_empty()).then_some(Value::Object(self.fields))
    }

    /// Refuses what was not taken.
    pub(crate) fn done(self) -> Result<(), Fault> {
        match self.fields.keys().next() {
            Some(key) => Err(malformed(&self.at, &format!("extraneous key [{key}] is not permitted"))),
            None => Ok(()),
        }
    }

    /// Where a member stands.
    pub(crate) fn inner(&self, key: &str) -> String {
        format!("{}/{key}", self.at)
    }

    fn wrong(&self, key: &str, wanted: &str, found: &Value) -> Fault {
        malformed(&self.inner(key), &format!("expected type: {wanted}, found: {}", sort(found)))
    }
}

/// The service's words for a body that a model's schema refuses.
pub(crate) fn malformed(at: &str, problem: &str) -> Fault {
    invalid(format!(
        "Malformed input request: {at}: {problem}, please reformat your input and try again."
    ))
}

/// The word of the service's schema checker for what a value is.
fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Double",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    }
}
