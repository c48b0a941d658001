//! What a resource's properties look like, as data, and the one walk that checks a value against it.
//!
//! The walk also renames: `AgentName` becomes `agentName`, so that what comes out is the body of the API's own request. CloudFormation
//! turns strings into numbers and back where a property wants it; so does this.

use serde_json::{Map, Number, Value};

use crate::diagnostic::{Report, did_you_mean, instead, sentence};
use crate::node::{Kind, Node};

/// What a property may hold.
pub(crate) enum Shape {
    Text,
    Integer,
    Number,
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any JSON; its names are the user's and stay.
    Free,
    List(&'static Shape),
    /// Names are the user's and stay.
    Map(&'static Shape),
    Object(&'static [Property]),
    /// A string, or such an object.
    TextOr(&'static [Property]),
    /// An object that has exactly one of its properties.
    Union(&'static [Property]),
}

/// A property of an object.
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) need: Need,
}

/// How a property is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
    /// Means something in AWS only (roles, policies): accepted and left out.
    Ignored,
    /// AWS knows it, we do not yet: an error that says so.
    Later,
}

/// A property that must be there.
pub(crate) const fn required(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        shape,
        need: Need::Required,
    }
}

/// A property that may be there.
pub(crate) const fn optional(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        shape,
        need: Need::Optional,
    }
}

/// A property that is accepted and left out.
pub(crate) const fn ignored(name: &'static str) -> Property {
    Property {
        name,
        shape: Shape::Free,
        need: Need::Ignored,
    }
}

/// A property that AWS has and we do not have yet.
pub(crate) const fn later(name: &'static str) -> Property {
    Property {
        name,
        shape: Shape::Free,
        need: Need::Later,
    }
}

/// Checks `node` (functions worked out already) and gives the API's JSON; `None` when something was reported.
pub(crate) fn convert(node: &Node, shape: &Shape, path: &str, report: &mut Report) -> Option<Value> {
    if matches!(node.kind, Kind::Failed) || report.is_full() {
        return None;
    }
    let value = match shape {
        Shape::Text => node.scalar().map(Value::String),
        Shape::Integer => integer(node).map(Value::Number),
        Shape::Number => number(node).map(Value::Number),
        Shape::Boolean => boolean(node).map(Value::Bool),
        Shape::Word(words) => {
            let text = node.scalar();
            if let Some(text) = text.as_deref()
                && !words.contains(&text)
            {
                let near = did_you_mean(text, words.iter().copied());
                report.add(
                    node.at,
                    path,
                    format!(
                        "\"{text}\" is not possible here; possible are {}{near}",
                        sentence(words.iter().copied())
                    ),
                );
                return None;
            }
            text.map(Value::String)
        }
        Shape::Free => return free(node, path, report),
        Shape::List(item) => {
            if let Kind::List(items) = &node.kind {
                let values: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, node)| convert(node, item, &format!("{path}[{index}]"), report))
                    .collect();
                return values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array);
            }
            None
        }
        Shape::Map(item) => {
            if let Some(entries) = node.entries() {
                let values: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        Some((
                            entry.key.clone(),
                            convert(&entry.value, item, &format!("{path}.{}", entry.key), report)?,
                        ))
                    })
                    .collect();
                return values.into_iter().collect::<Option<Map<_, _>>>().map(Value::Object);
            }
            None
        }
        Shape::TextOr(_) if node.scalar().is_some() => node.scalar().map(Value::String),
        Shape::Object(properties) | Shape::Union(properties) | Shape::TextOr(properties) => {
            if node.entries().is_some() {
                let union = matches!(shape, Shape::Union(_));
                return object(node, properties, union, path, report).map(Value::Object);
            }
            None
        }
    };
    if value.is_none() {
        report.add(node.at, path, format!("{} is wanted here, this is {}", wanted(shape), node.noun()));
    }
    value
}

/// The properties of an object, under the API's names.
pub(crate) fn object(node: &Node, properties: &[Property], union: bool, path: &str, report: &mut Report) -> Option<Map<String, Value>> {
    let entries = node.entries()?;
    let mut out = Map::new();
    let mut good = true;
    for entry in entries {
        if report.is_full() {
            return None;
        }
        let here = format!("{path}.{}", entry.key);
        let Some(property) = properties.iter().find(|property| property.name == entry.key) else {
            let known = properties
                .iter()
                .filter(|property| property.need != Need::Later)
                .map(|property| property.name);
            report.add(entry.at, &here, format!("there is no such property{}", instead(&entry.key, known)));
            good = false;
            continue;
        };
        match property.need {
            Need::Ignored => {}
            Need::Later => {
                report.add(entry.at, &here, "this property is not supported yet; leave it out");
                good = false;
            }
            Need::Required | Need::Optional => match convert(&entry.value, &property.shape, &here, report) {
                Some(value) => drop(out.insert(lower_first(property.name), value)),
                None => good = false,
            },
        }
    }
    for property in properties.iter().filter(|property| property.need == Need::Required) {
        if !entries.iter().any(|entry| entry.key == property.name) {
            report.add(node.at, path, format!("{} is missing", property.name));
            good = false;
        }
    }
    if union && entries.len() != 1 {
        let names = properties.iter().map(|property| property.name).collect::<Vec<_>>().join(" or ");
        report.add(node.at, path, format!("exactly one is wanted here: {names}"));
        good = false;
    }
    good.then_some(out)
}

/// Any value as JSON, names unchanged.
fn free(node: &Node, path: &str, report: &mut Report) -> Option<Value> {
    Some(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Number(number, _) => Value::Number(number.clone()),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(_) => return convert(node, &Shape::List(&Shape::Free), path, report),
        Kind::Map(_) => return convert(node, &Shape::Map(&Shape::Free), path, report),
        Kind::Call(..) | Kind::Failed => return None,
    })
}

fn integer(node: &Node) -> Option<Number> {
    match &node.kind {
        Kind::Number(number, _) if number.is_i64() || number.is_u64() => Some(number.clone()),
        Kind::Text(text) => text.trim().parse::<i64>().ok().map(Number::from),
        _ => None,
    }
}

fn number(node: &Node) -> Option<Number> {
    match &node.kind {
        Kind::Number(number, _) => Some(number.clone()),
        Kind::Text(text) => integer(node).or_else(|| text.trim().parse().ok().and_then(Number::from_f64)),
        _ => None,
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match &node.kind {
        Kind::Bool(value) => Some(*value),
        Kind::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Word(_) => "a string",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "`true` or `false`",
        Shape::Free => "a value",
        Shape::List(_) => "a list",
        Shape::TextOr(_) => "a string or a map",
        Shape::Map(_) | Shape::Object(_) | Shape::Union(_) => "a map",
    }
}

/// `AgentName` → `agentName`, `S3` → `s3`: the API's names differ from CloudFormation's in the first letter only.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}
