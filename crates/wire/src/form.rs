//! awsQuery requests: an operation and its input as form parameters, `Action=CreateRole&Tags.member.1.Key=team`.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value};

use crate::bind::{query_pairs, scalar};
use crate::json::ReadError;
use crate::limits::{FORM_BYTES_MAX, JSON_DEPTH_MAX};
use crate::operation::{Protocol, Service};
use crate::router::{RouteError, Routed};
use crate::schema::{Kind, Schema};

/// Decoded parameters.
type Pairs = Vec<(String, String)>;

/// Whether a request asks for an operation by form parameters, as far as its head tells: in the body of a POST to `/`, or in the query of one.
pub fn is_form(method: &str, path: &str, query: &str, headers: &HeaderMap) -> bool {
    if !matches!(path, "" | "/") || headers.contains_key("x-amz-target") {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let wanted = b"application/x-www-form-urlencoded";
    let typed = kind.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted));
    (method == "POST" && typed) || (matches!(method, "GET" | "POST") && query.split('&').any(|pair| pair.starts_with("Action=")))
}

/// The parameters of a request: those of its query, then those of its body.
pub(crate) fn pairs(query: &str, body: &[u8]) -> Result<Pairs, ReadError> {
    if body.len() > FORM_BYTES_MAX {
        return Err(ReadError::new(format!("The form is longer than {FORM_BYTES_MAX} bytes")));
    }
    let body = std::str::from_utf8(body).map_err(|_| ReadError::new("The form is not valid UTF-8"))?;
    let mut pairs = query_pairs(query)?;
    pairs.extend(query_pairs(body)?);
    Ok(pairs)
}

/// The operation that a form names, among the services of its signature, or among all when it is not signed.
pub(crate) fn route(services: &[&'static Service], query: &str, body: &[u8], signing_name: Option<&str>) -> Result<Routed, RouteError> {
    let wrong = |code: &'static str, message: String| RouteError {
        status: 400,
        code,
        message,
        protocol: Protocol::AwsQuery,
    };
    let spoken = services.iter().filter(|service| service.protocol == Protocol::AwsQuery);
    let meant: Vec<_> = spoken
        .filter(|service| signing_name.is_none_or(|name| name == service.signing_name))
        .collect();
    if let (Some(name), true) = (signing_name, meant.is_empty()) {
        let served: Vec<&str> = services.iter().map(|service| service.name).collect();
        let message = format!(
            "Bedplate does not serve form requests to the AWS service {name}. It serves {}.",
            served.join(", ")
        );
        return Err(RouteError {
            status: 404,
            ..wrong("UnknownOperationException", message)
        });
    }
    let pairs = pairs(query, body).map_err(|error| wrong("MalformedQueryString", error.to_string()))?;
    let value = |key: &str| pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str());
    let Some(action) = value("Action") else {
        return Err(wrong(
            "MissingAction",
            "The form names no operation: the parameter Action is missing.".into(),
        ));
    };
    let version = value("Version");
    let found = meant.iter().find_map(|service| {
        let operation = service.operation(action)?;
        let fits = |(key, wanted): &(&str, &str)| *key != "Version" || version.is_none_or(|version| version == *wanted);
        operation.query.iter().all(fits).then_some((**service, operation))
    });
    match found {
        Some((service, operation)) => Ok(Routed {
            service,
            operation,
            labels: Vec::new(),
        }),
        None => {
            let action: String = action.chars().take(SHOWN_CHARS).collect();
            let version: String = version.unwrap_or("NO_VERSION").chars().take(SHOWN_CHARS).collect();
            Err(wrong(
                "InvalidAction",
                format!("Could not find operation {action} for version {version}"),
            ))
        }
    }
}

/// Characters of a client's word in a message.
const SHOWN_CHARS: usize = 128;

/// The input that the parameters of a form hold.
pub(crate) fn input(schema: &'static Schema, query: &str, body: &[u8]) -> Result<Value, ReadError> {
    let mut root = Node::default();
    for (key, text) in pairs(query, body)? {
        root.add(&key, text)?;
    }
    Ok(structure(schema, &root)?.unwrap_or_else(|| Value::Object(Map::new())))
}

/// Parameters by the parts of their names.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn add(&mut self, key: &str, text: String) -> Result<(), ReadError> {
        let mut node = self;
        for (depth, part) in key.split('.').enumerate() {
            if depth == JSON_DEPTH_MAX {
                return Err(ReadError::new(format!("A parameter is nested deeper than {JSON_DEPTH_MAX} levels")));
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        match node.text.replace(text) {
            None => Ok(()),
            Some(_) => Err(ReadError::new("The parameter is given twice").at(key)),
        }
    }

    /// Numbered children, in the order of their numbers; gaps do not matter.
    fn items(&self, name: &str) -> Result<Vec<&Node>, ReadError> {
        let Some(parent) = self.children.get(name) else {
            return Ok(Vec::new());
        };
        let mut items = BTreeMap::new();
        for (number, node) in &parent.children {
            let number: u32 = number
                .parse()
                .map_err(|_| ReadError::new("Items of a list must be numbered").at(name))?;
            items.insert(number, node);
        }
        Ok(items.into_values().collect())
    }
}

fn structure(schema: &'static Schema, node: &Node) -> Result<Option<Value>, ReadError> {
    let mut object = Map::new();
    for member in schema.members() {
        let Some(child) = node.children.get(member.name) else {
            continue;
        };
        if let Some(value) = value(member.schema, child).map_err(|error| error.at(member.name))? {
            object.insert(member.name.to_owned(), value);
        }
    }
    Ok(Some(Value::Object(object)))
}

/// The value below a node; none when a scalar has parts only.
fn value(schema: &'static Schema, node: &Node) -> Result<Option<Value>, ReadError> {
    match schema.kind {
        Kind::Structure(_) | Kind::Union(_) => structure(schema, node),
        Kind::List { member, .. } => {
            let mut items = Vec::new();
            for (index, item) in node.items("member")?.into_iter().enumerate() {
                let item = value(member, item).map_err(|error| error.at(&(index + 1).to_string()).at("member"))?;
                items.push(item.unwrap_or(Value::Null));
            }
            Ok(Some(Value::Array(items)))
        }
        Kind::Map { value: of, .. } => {
            let mut object = Map::new();
            for entry in node.items("entry")? {
                let key = entry.children.get("key").and_then(|key| key.text.clone());
                let key = key.ok_or_else(|| ReadError::new("An entry of the map has no key"))?;
                let item = match entry.children.get("value") {
                    Some(node) => value(of, node).map_err(|error| error.at(&key))?,
                    None => None,
                };
                if object.insert(key, item.unwrap_or(Value::Null)).is_some() {
                    return Err(ReadError::new("A key of the map is given twice"));
                }
            }
            Ok(Some(Value::Object(object)))
        }
        _ => node.text.as_deref().map(|text| scalar(schema, text)).transpose(),
    }
}
