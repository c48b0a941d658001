//! From method, raw path, query and headers to the operation: a trie over path parts, no regular expressions.
//!
//! Slashes are never normalised: `POST /agents/X/` is PrepareAgent, `POST /agents/X` is InvokeInlineAgent. Only where Lambda is asked, whose
//! paths lost and gained a last slash between releases of its model, the other form is taken when nothing has this one. Labels are decoded once, after
//! splitting, so an encoded ARN is one label. An empty part matches no label.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::bind::{decode, query_pairs};
use crate::fault::error_response;
use crate::form::{self, is_form};
use crate::limits::URI_BYTES_MAX;
use crate::operation::{Operation, Protocol, Segment, Service};
use crate::request::{Context, Request, Response};

/// A request's operation.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static Operation,
    /// The labels of the path, decoded.
    pub labels: Vec<(&'static str, String)>,
}

/// What routing looks at besides the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// The service in the signature's scope.
    pub signing_name: Option<&'a str>,
    /// `X-Amz-Target`.
    pub target: Option<&'a str>,
}

/// A request that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    /// HTTP status: 404, or 400.
    pub status: u16,
    /// The error's code.
    pub code: &'static str,
    /// Says what was asked and what is served.
    pub message: String,
    /// Decides the envelope.
    pub protocol: Protocol,
}

impl RouteError {
    /// The error as a response.
    pub fn into_response(self, context: &Context) -> Response {
        let mut body = Map::new();
        if self.protocol != Protocol::RestJson1 {
            body.insert("__type".into(), Value::from(self.code));
        }
        body.insert("message".into(), Value::String(self.message));
        error_response(self.protocol, self.status, self.code, Value::Object(body), context)
    }
}

/// All routes of some services.
#[derive(Debug)]
pub struct Router {
    services: Vec<&'static Service>,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<&'static str, Node>,
    label: Option<Box<Node>>,
    greedy: Vec<Leaf>,
    leaves: Vec<Leaf>,
}

#[derive(Clone, Copy, Debug)]
struct Leaf {
    service: &'static Service,
    operation: &'static Operation,
}

impl Router {
    /// A router over `services`.
    pub fn new(services: &[&'static Service]) -> Self {
        let mut root = Node::default();
        for service in services.iter().filter(|service| service.protocol == Protocol::RestJson1) {
            for operation in service.operations {
                root.add(operation.path, Leaf { service, operation });
            }
        }
        Self {
            services: services.to_vec(),
            root,
        }
    }

    /// The operation of `request`. The signature's scope comes from `signing_name`, as the edge has read it.
    pub fn route_request(&self, request: &Request, signing_name: Option<&str>) -> Result<Routed, RouteError> {
        if is_form(request.method.as_str(), &request.path, &request.query, &request.headers) {
            return self.route_form(&request.query, &request.body, signing_name);
        }
        let target = request.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        self.route(
            request.method.as_str(),
            &request.path,
            &request.query,
            Hints { signing_name, target },
        )
    }

    /// The operation of an awsQuery request (see [`is_form`]), whose name stands in its parameters.
    pub fn route_form(&self, query: &str, body: &[u8], signing_name: Option<&str>) -> Result<Routed, RouteError> {
        form::route(&self.services, query, body, signing_name)
    }

    /// Whether one of the services has this signing name.
    pub fn serves(&self, signing_name: &str) -> bool {
        self.services.iter().any(|service| service.signing_name == signing_name)
    }

    /// The operation of a request: `path` as it came, `query` without the question mark.
    pub fn route(&self, method: &str, path: &str, query: &str, hints: Hints<'_>) -> Result<Routed, RouteError> {
        if let Some(target) = hints.target {
            return self.by_target(target);
        }
        if path.len() + query.len() > URI_BYTES_MAX {
            let message = format!("The address is longer than {URI_BYTES_MAX} bytes.");
            return Err(RouteError {
                status: 414,
                code: "RequestUriTooLongException",
                message,
                protocol: Protocol::RestJson1,
            });
        }
        let trimmed = path.strip_prefix('/').unwrap_or(path);
        let slash = trimmed.ends_with('/') || trimmed.is_empty();
        let parts: Vec<&str> = trimmed.strip_suffix('/').unwrap_or(trimmed).split('/').collect();
        let (mut found, mut tolerated) = (Vec::new(), Vec::new());
        let mut labels = Vec::new();
        self.root.walk(&parts, &mut labels, &mut |leaf, labels| {
            if leaf.operation.method != method {
            } else if leaf.operation.slash == slash {
                found.push((leaf, labels.to_vec()));
            } else if leaf.service.signing_name == "lambda" {
                tolerated.push((leaf, labels.to_vec()));
            }
        });
        if found.is_empty() {
            found = tolerated;
        }
        choose(found, query, hints).unwrap_or_else(|| Err(self.unknown(method, path, hints)))
    }

    fn by_target(&self, target: &str) -> Result<Routed, RouteError> {
        let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
        match self.services.iter().find(|service| service.target_prefix == Some(prefix)) {
            Some(service) => match service.operation(name) {
                Some(operation) => Ok(Routed {
                    service,
                    operation,
                    labels: Vec::new(),
                }),
                None => {
                    let message = format!("{} has no operation {name}.", service.name);
                    Err(RouteError {
                        status: 400,
                        code: "UnknownOperationException",
                        message,
                        protocol: service.protocol,
                    })
                }
            },
            None => {
                let message = format!(
                    "Bedplate does not serve the AWS service behind X-Amz-Target {target}. {}",
                    self.served()
                );
                Err(RouteError {
                    status: 404,
                    code: "UnknownOperationException",
                    message,
                    protocol: Protocol::AwsJson1_0,
                })
            }
        }
    }

    fn unknown(&self, method: &str, path: &str, hints: Hints<'_>) -> RouteError {
        let message = match hints.signing_name {
            Some(name) if !self.serves(name) => format!(
                "Bedplate does not serve the AWS service {name} ({method} {path}). {}",
                self.served()
            ),
            _ => format!(
                "No operation of the services that Bedplate serves has the route {method} {path}. {}",
                self.served()
            ),
        };
        RouteError {
            status: 404,
            code: "UnknownOperationException",
            message,
            protocol: Protocol::RestJson1,
        }
    }

    fn served(&self) -> String {
        let names: Vec<&str> = self.services.iter().map(|service| service.name).collect();
        format!("It serves {}.", names.join(", "))
    }
}

impl Node {
    fn add(&mut self, path: &'static [Segment], leaf: Leaf) {
        match path.split_first() {
            None => self.leaves.push(leaf),
            Some((Segment::Literal(text), rest)) => self.literals.entry(text).or_default().add(rest, leaf),
            Some((Segment::Label(_), rest)) => self.label.get_or_insert_default().add(rest, leaf),
            Some((Segment::Greedy(_), _)) => self.greedy.push(leaf),
        }
    }

    /// Offers every leaf that the parts lead to, literal ways first. The depth is that of the trie, not of the request.
    fn walk<'a>(&self, parts: &[&'a str], labels: &mut Vec<&'a str>, offer: &mut impl FnMut(Leaf, &[&'a str])) {
        let Some((part, rest)) = parts.split_first() else {
            self.leaves.iter().for_each(|leaf| offer(*leaf, labels));
            return;
        };
        if let Some(node) = self.literals.get(part) {
            node.walk(rest, labels, offer);
        }
        if let (Some(node), false) = (&self.label, part.is_empty()) {
            labels.push(part);
            node.walk(rest, labels, offer);
            labels.pop();
        }
        self.greedy.iter().for_each(|leaf| offer(*leaf, labels));
    }
}

type Found<'a> = Vec<(Leaf, Vec<&'a str>)>;

/// Chooses among operations whose method, parts and slash fit: by the signature's service, by ARN, by query, then the more literal one,
/// which was offered first.
fn choose(found: Found<'_>, query: &str, hints: Hints<'_>) -> Option<Result<Routed, RouteError>> {
    let wrong = |message: String| RouteError {
        status: 400,
        code: "SerializationException",
        message,
        protocol: Protocol::RestJson1,
    };
    let pairs = match query_pairs(query) {
        Ok(pairs) => pairs,
        Err(error) => return Some(Err(wrong(error.to_string()))),
    };
    let mut best: Option<(u32, Routed)> = None;
    for (leaf, parts) in found {
        let has = |(key, value): &(&str, &str)| pairs.iter().any(|pair| pair.0 == *key && pair.1 == *value);
        if !leaf.operation.query.iter().all(has) {
            continue;
        }
        let labels = match labels(leaf.operation, &parts) {
            Ok(labels) => labels,
            Err(message) => return Some(Err(wrong(message))),
        };
        let signed = hints.signing_name.is_none_or(|name| name == leaf.service.signing_name);
        let arn = match leaf.operation.arn {
            Some(prefix) => labels
                .iter()
                .any(|(_, text)| text.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with(prefix))),
            None => true,
        };
        if !arn {
            continue;
        }
        let score = 8 * u32::from(signed) + 4 * u32::from(leaf.operation.arn.is_some()) + u32::from(!leaf.operation.query.is_empty());
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((
                score,
                Routed {
                    service: leaf.service,
                    operation: leaf.operation,
                    labels,
                },
            ));
        }
    }
    best.map(|(_, routed)| Ok(routed))
}

fn labels(operation: &'static Operation, parts: &[&str]) -> Result<Vec<(&'static str, String)>, String> {
    let names = operation.path.iter().filter_map(|segment| match segment {
        Segment::Label(name) | Segment::Greedy(name) => Some(*name),
        Segment::Literal(_) => None,
    });
    names
        .zip(parts)
        .map(|(name, part)| {
            decode(part, false)
                .map(|text| (name, text))
                .map_err(|error| format!("{error} (label '{name}')"))
        })
        .collect()
}
