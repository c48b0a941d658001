//! The document as a tree that remembers where everything stands.
//!
//! Why it exists: plain YAML values drop tags (`!Sub`) and places, and both are needed to the very end. It refuses to know what a
//! template is: functions are names with an argument, nothing is looked up here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{Spanned, Tagged};

/// Line and column, both from 1; zero when unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) kind: Kind,
}

/// A map's entry; the key keeps a place of its own, for errors about the key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

/// What can stand in a template. Both spellings of a function, `!Ref X` and `{Ref: X}`, are [`Kind::Call`].
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// The number and its spelling (`1.50` is another string than `1.5`).
    Number(Number, String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// An intrinsic function: its full name (`Ref`, `Condition`, `Fn::Sub`) and its argument.
    Call(String, Box<Node>),
    /// Something that was wrong and has been reported: nothing more is said about it.
    Failed,
}

impl Node {
    /// What it is, for people: short values themselves, a word for the others.
    pub(crate) fn noun(&self) -> Cow<'static, str> {
        const SHORT: usize = 40;
        match &self.kind {
            Kind::Null => "empty".into(),
            Kind::Bool(value) => value.to_string().into(),
            Kind::Number(_, spelling) => spelling.clone().into(),
            Kind::Text(text) if text.len() <= SHORT => format!("{text:?}").into(),
            Kind::Text(_) => "a string".into(),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
            Kind::Call(..) => "a function".into(),
            Kind::Failed => "unreadable".into(),
        }
    }

    /// The text of a plain string, number or boolean, as CloudFormation turns scalars into strings.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(_, spelling) => Some(spelling.clone()),
            Kind::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }
}

/// What the deserializer yields, before tags and spellings are worked in.
pub(crate) struct Raw(Spanned<Tagged<Value>>);

enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    /// Works tags in and takes the spelling of numbers from `source`, the text that was read.
    pub(crate) fn into_node(self, source: &str) -> Node {
        let Spanned {
            value: Tagged(value, tag),
            referenced,
            defined,
        } = self.0;
        let at = At::from(referenced);
        let tag = tag.filter(|tag| tag.starts_with('!') && !tag.starts_with("!!"));
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(value),
            Value::Number(number) => {
                let spelling = slice(source, defined).filter(|text| text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)));
                let spelling = spelling.map_or_else(|| number.to_string(), |text| text.trim().to_owned());
                Kind::Number(number, spelling)
            }
            Value::Text(text) => Kind::Text(text),
            Value::List(items) => Kind::List(items.into_iter().map(|item| item.into_node(source)).collect()),
            Value::Map(entries) => match <[_; 1]>::try_from(entries) {
                Ok([(key, value)]) if is_function(&key.value) => Kind::Call(key.value, Box::new(value.into_node(source))),
                Ok(entries) => map(entries.into(), source),
                Err(entries) => map(entries, source),
            },
        };
        let Some(tag) = tag else { return Node { at, kind } };
        let name = match &tag[1..] {
            name @ ("Ref" | "Condition") => name.to_owned(),
            name => format!("Fn::{name}"),
        };
        Node {
            at,
            kind: Kind::Call(name, Box::new(Node { at, kind })),
        }
    }
}

fn map(entries: Vec<(Spanned<String>, Raw)>, source: &str) -> Kind {
    Kind::Map(
        entries
            .into_iter()
            .map(|(key, value)| Entry {
                at: key.referenced.into(),
                key: key.value,
                value: value.into_node(source),
            })
            .collect(),
    )
}

/// `Condition` is left out: as a long form it cannot be told from the key of the same name.
fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

impl From<serde_saphyr::Location> for At {
    fn from(location: serde_saphyr::Location) -> Self {
        let small = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: small(location.line()),
            column: small(location.column()),
        }
    }
}

fn slice(source: &str, location: serde_saphyr::Location) -> Option<&str> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let len = usize::try_from(location.span().byte_len()?).ok()?;
    source.get(start..start.checked_add(len)?)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
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

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or_else(|| Value::Text(value.to_string()), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}
