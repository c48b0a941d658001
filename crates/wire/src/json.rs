//! JSON in and out: text to values with limits, and the trait by which generated types read and write themselves.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::Timestamp;
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};
use crate::schema::TimeFormat;

/// What could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Path of the member, in the model's names (`functions.1.member.name`); empty at the root.
    pub path: String,
    /// What is wrong, in the words of AWS's own deserialiser where it has some.
    pub message: String,
}

impl ReadError {
    /// An error at the value itself; the callers up the tree add their names.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            message: message.into(),
        }
    }

    /// The same error, seen from the parent that holds the value as `name`.
    pub fn at(mut self, name: &str) -> Self {
        self.path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{}", self.path)
        };
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{} (at '{}')", self.message, self.path)
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads JSON text: UTF-8, no duplicate keys, bounded depth and number of values.
pub fn parse(bytes: &[u8]) -> Result<Value, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ReadError::new("The body is not valid UTF-8"))?;
    let mut left = JSON_VALUES_MAX;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict {
        depth: JSON_DEPTH_MAX,
        left: &mut left,
    }
    .deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| ReadError::new(format!("The body is not valid JSON: {error}")))
}

/// Builds a `Value` and refuses what `serde_json` would let pass.
struct Strict<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl Strict<'_> {
    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| E::custom(format!("more than {JSON_VALUES_MAX} values")))?;
        Ok(())
    }

    fn inner<E: serde::de::Error>(&mut self) -> Result<Strict<'_>, E> {
        let depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| E::custom(format!("nested deeper than {JSON_DEPTH_MAX} levels")))?;
        Ok(Strict { depth, left: self.left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inner()?)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key \"{key}\"")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// A value that travels as JSON. `to_json` writes members in alphabetical order and leaves out what is not set; `from_json` ignores
/// members that it does not know and takes null for absent, as AWS does. It checks types, not constraints: that is `check`'s job.
pub trait Json: Sized {
    /// This value as JSON.
    fn to_json(&self) -> Value;
    /// Reads what `to_json` writes.
    fn from_json(value: &Value) -> Result<Self, ReadError>;
}

/// The text of a value; not by way of `Display`, which costs twice as much.
pub(crate) fn text(value: &Value) -> Bytes {
    serde_json::to_vec(value).expect("invariant: a JSON value has a text").into()
}

/// AWS's word for what a JSON value is.
pub(crate) fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

pub(crate) fn mismatch(value: &Value, wanted: &str) -> ReadError {
    match value {
        Value::Object(_) => ReadError::new("Start of structure or map found where not expected."),
        Value::Array(_) => ReadError::new("Start of list found where not expected"),
        _ => ReadError::new(format!("{} can not be converted to {wanted}", token(value))),
    }
}

impl Json for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        value.as_str().map(str::to_owned).ok_or_else(|| mismatch(value, "a String"))
    }
}

impl Json for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        value.as_bool().ok_or_else(|| mismatch(value, "a Boolean"))
    }
}

/// A JSON number that is whole, also when it is written `3.0`.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        number
            .as_f64()
            .filter(|float| float.fract() == 0.0 && float.abs() < 9e15)
            .map(|float| float as i64)
    })
}

impl Json for i32 {
    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        whole(value)
            .and_then(|whole| i32::try_from(whole).ok())
            .ok_or_else(|| mismatch(value, "an Integer"))
    }
}

impl Json for i64 {
    fn to_json(&self) -> Value {
        Value::from(*self)
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        whole(value).ok_or_else(|| mismatch(value, "a Long"))
    }
}

impl Json for f64 {
    fn to_json(&self) -> Value {
        match Number::from_f64(*self) {
            Some(number) => Value::Number(number),
            None if self.is_nan() => Value::from("NaN"),
            None => Value::from(if *self > 0.0 { "Infinity" } else { "-Infinity" }),
        }
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        match value {
            Value::Number(number) => number.as_f64().ok_or_else(|| mismatch(value, "a Double")),
            Value::String(text) if text == "NaN" => Ok(Self::NAN),
            Value::String(text) if text == "Infinity" => Ok(Self::INFINITY),
            Value::String(text) if text == "-Infinity" => Ok(Self::NEG_INFINITY),
            _ => Err(mismatch(value, "a Double")),
        }
    }
}

impl Json for f32 {
    /// Shortest digits that give the same `f32` back: 0.1, not 0.10000000149011612.
    fn to_json(&self) -> Value {
        self.to_string().parse::<f64>().unwrap_or(f64::from(*self)).to_json()
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        f64::from_json(value).map(|float| float as f32)
    }
}

impl Json for Bytes {
    fn to_json(&self) -> Value {
        Value::String(STANDARD.encode(self))
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        let text = value.as_str().ok_or_else(|| mismatch(value, "a Blob"))?;
        STANDARD
            .decode(text)
            .map(Self::from)
            .map_err(|_| ReadError::new("STRING_VALUE can not be converted to a Blob: it is not base64"))
    }
}

impl Json for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        Ok(value.clone())
    }
}

impl Json for Timestamp {
    fn to_json(&self) -> Value {
        time_to_json(*self, TimeFormat::Iso)
    }

    /// ISO 8601 text or seconds since 1970, whatever the service itself writes.
    fn from_json(value: &Value) -> Result<Self, ReadError> {
        let time = match value {
            Value::String(text) => Timestamp::parse_iso(text),
            Value::Number(number) => number
                .as_i64()
                .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)))
                .or_else(|| {
                    number
                        .as_f64()
                        .map(|seconds| Timestamp::from_millis((seconds * 1_000.0).round() as i64))
                }),
            _ => None,
        };
        time.ok_or_else(|| mismatch(value, "a Timestamp"))
    }
}

impl<T: Json> Json for Box<T> {
    fn to_json(&self) -> Value {
        T::to_json(self)
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        T::from_json(value).map(Box::new)
    }
}

impl<T: Json> Json for Vec<T> {
    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(T::to_json).collect())
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        let items = value.as_array().ok_or_else(|| ReadError::new("Expected list or null"))?;
        let read = |(index, item): (usize, &Value)| T::from_json(item).map_err(|error| error.at("member").at(&(index + 1).to_string()));
        items.iter().enumerate().map(read).collect()
    }
}

impl<T: Json> Json for BTreeMap<String, T> {
    fn to_json(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
    }

    fn from_json(value: &Value) -> Result<Self, ReadError> {
        let entries = value.as_object().ok_or_else(|| ReadError::new("Expected map or null"))?;
        let read = |(key, value): (&String, &Value)| T::from_json(value).map(|value| (key.clone(), value)).map_err(|error| error.at(key));
        entries.iter().filter(|(_, value)| !value.is_null()).map(read).collect()
    }
}

/// `time` in the way of `format`.
pub fn time_to_json(time: Timestamp, format: TimeFormat) -> Value {
    match format {
        TimeFormat::Iso => Value::String(time.iso()),
        TimeFormat::IsoNanos => Value::String(time.iso_nanos()),
        TimeFormat::Epoch | TimeFormat::Http if time.nanos() % 1_000_000_000 == 0 => Value::from(time.nanos() / 1_000_000_000),
        TimeFormat::Epoch | TimeFormat::Http => (time.millis() as f64 / 1_000.0).to_json(),
    }
}

/// The members of a structure, while it is read.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The members of `value`, which must be an object.
    pub fn of(value: &'a Value) -> Result<Self, ReadError> {
        value
            .as_object()
            .map(Self)
            .ok_or_else(|| ReadError::new(format!("Unrecognized token: {} where a structure is expected", token(value))))
    }

    /// A member that may be absent.
    pub fn get<T: Json>(self, name: &'static str) -> Result<Option<T>, ReadError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::from_json(value).map(Some).map_err(|error| error.at(name)),
        }
    }

    /// A member that must be there.
    pub fn need<T: Json>(self, name: &'static str) -> Result<T, ReadError> {
        self.get(name)?.ok_or_else(|| ReadError::new("Member must not be null").at(name))
    }

    /// The one of the members `names` of a union that is set; others and nulls do not count.
    pub fn only(self, names: &[&'static str]) -> Result<(&'static str, &'a Value), ReadError> {
        let mut set = names
            .iter()
            .filter_map(|name| self.0.get(*name).filter(|value| !value.is_null()).map(|value| (*name, value)));
        match (set.next(), set.next()) {
            (Some(member), None) => Ok(member),
            _ => Err(ReadError::new(format!(
                "Exactly one of these members must be set: [{}]",
                names.join(", ")
            ))),
        }
    }
}

/// A structure, while it is written; members come in the order of the calls.
#[derive(Debug, Default)]
pub struct Object(Map<String, Value>);

impl Object {
    /// Adds a member.
    pub fn put<T: Json>(&mut self, name: &'static str, value: &T) {
        self.0.insert(name.to_owned(), value.to_json());
    }

    /// Adds a member that may be absent.
    pub fn opt<T: Json>(&mut self, name: &'static str, value: &Option<T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Adds a time.
    pub fn time(&mut self, name: &'static str, value: Option<Timestamp>, format: TimeFormat) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), time_to_json(value, format));
        }
    }

    /// The object.
    pub fn done(self) -> Value {
        Value::Object(self.0)
    }
}
