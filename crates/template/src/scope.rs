//! Names and what they stand for: parameters, pseudo parameters, resources; and the functions that look them up.
//!
//! `Ref`, `Fn::GetAtt` and `Fn::Sub` are known, any other function is a mistake that is told. Values of resources are there before they are
//! asked for, because resources are read in the order of their dependencies.

use std::collections::BTreeMap;

use bedplate_base::Place;

use crate::diagnostic::{Report, did_you_mean, instead};
use crate::node::{Entry, Kind, Node};

/// What a resource gives to others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    /// The value of `Ref`.
    pub(crate) reference: String,
    /// Values of `Fn::GetAtt`.
    pub(crate) values: BTreeMap<&'static str, String>,
    /// Attributes that AWS has, but that are known only once the resource runs.
    pub(crate) at_run_time: &'static [&'static str],
}

/// A parameter's value.
#[derive(Clone, Debug)]
pub(crate) enum Parameter {
    Text(String),
    List(Vec<String>),
    /// Has been reported.
    Failed,
}

/// Everything that can be named.
pub(crate) struct Scope {
    pub(crate) place: Place,
    pub(crate) stack: String,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Logical ids; `None` while a resource has not been read, which only an unreadable one stays.
    pub(crate) resources: BTreeMap<String, Option<Attributes>>,
}

const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::Region",
    "AWS::Partition",
    "AWS::StackName",
    "AWS::StackId",
    "AWS::URLSuffix",
    "AWS::NoValue",
];

impl Scope {
    /// Works all functions of a value out. `None` is `AWS::NoValue`: the property is not there.
    pub(crate) fn resolve(&self, node: &Node, path: &str, report: &mut Report) -> Option<Node> {
        if report.is_full() {
            return Some(Node {
                at: node.at,
                kind: Kind::Failed,
            });
        }
        let kind = match &node.kind {
            Kind::List(items) => Kind::List(
                items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| self.resolve(item, &format!("{path}[{index}]"), report))
                    .collect(),
            ),
            Kind::Map(entries) => {
                let resolve = |entry: &Entry| {
                    let path = format!("{path}.{}", entry.key);
                    if entry.key.starts_with("Fn::") {
                        report.add(entry.at, &path, "a function stands alone in its map; move the other keys away");
                    }
                    Some(Entry {
                        key: entry.key.clone(),
                        at: entry.at,
                        value: self.resolve(&entry.value, &path, report)?,
                    })
                };
                Kind::Map(entries.iter().filter_map(resolve).collect())
            }
            Kind::Call(name, argument) => match name.as_str() {
                "Ref" => return self.reference(argument, path, report).map(|kind| Node { at: node.at, kind }),
                "Fn::GetAtt" => self.attribute(argument, path, report),
                "Fn::Sub" => self.substitute(argument, path, report),
                _ => {
                    let near = did_you_mean(name, ["Fn::GetAtt", "Fn::Sub"]);
                    report.add(
                        node.at,
                        path,
                        format!("the function {name} is not supported yet; supported are Ref, Fn::GetAtt and Fn::Sub{near}"),
                    );
                    Kind::Failed
                }
            },
            kind => kind.clone(),
        };
        Some(Node { at: node.at, kind })
    }

    fn reference(&self, argument: &Node, path: &str, report: &mut Report) -> Option<Kind> {
        let Some(name) = argument.scalar() else {
            report.add(
                argument.at,
                path,
                format!("Ref wants the name of a parameter or resource, this is {}", argument.noun()),
            );
            return Some(Kind::Failed);
        };
        if name == "AWS::NoValue" {
            return None;
        }
        Some(match self.named(&name) {
            Ok(kind) => kind,
            Err(message) => {
                report.add(argument.at, path, message);
                Kind::Failed
            }
        })
    }

    fn attribute(&self, argument: &Node, path: &str, report: &mut Report) -> Kind {
        let found = match &argument.kind {
            Kind::Text(text) => text.split_once('.').map(|(id, attribute)| (id.to_owned(), attribute.to_owned())),
            Kind::List(items) => match items.as_slice() {
                [
                    Node { kind: Kind::Text(id), .. },
                    Node {
                        kind: Kind::Text(attribute),
                        ..
                    },
                ] => Some((id.clone(), attribute.clone())),
                _ => None,
            },
            _ => None,
        };
        let Some((id, attribute)) = found else {
            report.add(
                argument.at,
                path,
                "Fn::GetAtt wants `LogicalId.Attribute` or [LogicalId, Attribute]",
            );
            return Kind::Failed;
        };
        match self.attribute_of(&id, &attribute) {
            Ok(kind) => kind,
            Err(message) => {
                report.add(argument.at, path, message);
                Kind::Failed
            }
        }
    }

    fn substitute(&self, argument: &Node, path: &str, report: &mut Report) -> Kind {
        let (text, variables) = match &argument.kind {
            Kind::Text(text) => (text, &[][..]),
            Kind::List(items) => match items.as_slice() {
                [
                    Node {
                        kind: Kind::Text(text), ..
                    },
                    Node {
                        kind: Kind::Map(variables),
                        ..
                    },
                ] => (text, variables.as_slice()),
                _ => {
                    report.add(argument.at, path, "Fn::Sub wants a string or [string, map of variables]");
                    return Kind::Failed;
                }
            },
            _ => {
                report.add(
                    argument.at,
                    path,
                    format!("Fn::Sub wants a string or a list, this is {}", argument.noun()),
                );
                return Kind::Failed;
            }
        };
        let mut values = BTreeMap::new();
        for entry in variables {
            let value = self.resolve(&entry.value, &format!("{path}.{}", entry.key), report);
            values.insert(entry.key.as_str(), value.map_or(Kind::Failed, |node| node.kind));
        }
        let mut out = String::new();
        let mut failed = false;
        for piece in pieces(text) {
            let value = match piece {
                Piece::Literal(text) => Ok(Kind::Text(text.to_owned())),
                Piece::Name(name) => match (values.get(name), name.split_once('.')) {
                    (Some(value), _) => Ok(value.clone()),
                    (None, Some((id, attribute))) => self.attribute_of(id, attribute),
                    (None, None) => self.named(name),
                },
                Piece::Bad(text) => Err(format!("`{text}` is no name in Fn::Sub; for a literal ${{ write ${{!…}}")),
            };
            match value.map(|kind| (Node { at: argument.at, kind }.scalar(), piece)) {
                Ok((Some(value), _)) => out.push_str(&value),
                Ok((None, Piece::Name(name))) if matches!(self.parameters.get(name), Some(Parameter::List(_))) => {
                    report.add(argument.at, path, format!("{name} is a list; Fn::Sub puts strings in only"));
                    failed = true;
                }
                Ok((None, _)) => failed = true,
                Err(message) => {
                    report.add(argument.at, path, message);
                    failed = true;
                }
            }
        }
        if failed { Kind::Failed } else { Kind::Text(out) }
    }

    /// The value of `Ref NAME`, or what is wrong with the name.
    fn named(&self, name: &str) -> Result<Kind, String> {
        if name.starts_with("AWS::") {
            return self.pseudo(name).map(Kind::Text);
        }
        match self.parameters.get(name) {
            Some(Parameter::Text(text)) => return Ok(Kind::Text(text.clone())),
            Some(Parameter::List(items)) => {
                let item = |text: &String| Node {
                    at: Default::default(),
                    kind: Kind::Text(text.clone()),
                };
                return Ok(Kind::List(items.iter().map(item).collect()));
            }
            Some(Parameter::Failed) => return Ok(Kind::Failed),
            None => {}
        }
        match self.resources.get(name) {
            Some(Some(attributes)) => Ok(Kind::Text(attributes.reference.clone())),
            Some(None) => Ok(Kind::Failed),
            None => Err(self.unknown(name)),
        }
    }

    /// What is wrong with a name that is neither parameter nor resource.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let known = self.parameters.keys().chain(self.resources.keys()).map(String::as_str);
        format!(
            "there is no parameter or resource {name} in this template{}",
            did_you_mean(name, known)
        )
    }

    fn attribute_of(&self, id: &str, attribute: &str) -> Result<Kind, String> {
        match self.resources.get(id) {
            Some(Some(attributes)) => match attributes.values.get(attribute) {
                Some(value) => Ok(Kind::Text(value.clone())),
                None if attributes.at_run_time.contains(&attribute) => Err(format!(
                    "{id}.{attribute} is known only when the resource runs; it is not supported in templates yet"
                )),
                None => Err(format!(
                    "{id} has no attribute {attribute}{}",
                    instead(attribute, attributes.values.keys().copied())
                )),
            },
            Some(None) => Ok(Kind::Failed),
            None if self.parameters.contains_key(id) => Err(format!("{id} is a parameter and has no attributes; use Ref")),
            None => {
                let near = did_you_mean(id, self.resources.keys().map(String::as_str));
                Err(format!("there is no resource {id} in this template{near}"))
            }
        }
    }

    fn pseudo(&self, name: &str) -> Result<String, String> {
        let Place { account, region } = &self.place;
        Ok(match name {
            "AWS::AccountId" => account.clone(),
            "AWS::Region" => region.clone(),
            "AWS::Partition" => "aws".into(),
            "AWS::StackName" => self.stack.clone(),
            "AWS::StackId" => {
                let id = bedplate_base::uuid_from(&["stack", &self.stack]);
                self.place
                    .arn("cloudformation", format_args!("stack/{}/{id}", self.stack))
                    .to_string()
            }
            "AWS::URLSuffix" => "amazonaws.com".into(),
            _ => {
                return Err(format!(
                    "{name} is not supported as a pseudo parameter{}",
                    instead(name, PSEUDO.iter().copied())
                ));
            }
        })
    }
}

/// A part of a `Fn::Sub` string.
#[derive(Clone, Copy)]
pub(crate) enum Piece<'a> {
    Literal(&'a str),
    /// What stood in `${…}`.
    Name(&'a str),
    /// What looked like a name and is none.
    Bad(&'a str),
}

/// Takes a `Fn::Sub` string apart.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push(Piece::Literal(&rest[..start]));
        let Some(len) = rest[start..].find('}') else {
            out.push(Piece::Bad(&rest[start..]));
            return out;
        };
        let inner = &rest[start + 2..start + len];
        if let Some(literal) = inner.strip_prefix('!') {
            out.extend([Piece::Literal("${"), Piece::Literal(literal), Piece::Literal("}")]);
        } else if !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_".contains(&byte)) {
            out.push(Piece::Name(inner));
        } else {
            out.push(Piece::Bad(&rest[start..=start + len]));
        }
        rest = &rest[start + len + 1..];
    }
    out.push(Piece::Literal(rest));
    out
}
