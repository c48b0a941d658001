//! Where the real service differs from its model, reviewed in one file.

use serde::Deserialize;

use crate::model::{Model, Shape};

/// `service-models/exceptions.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Changes of shapes or members.
    #[serde(default)]
    change: Vec<Change>,
    /// Routes that two services share.
    #[serde(default)]
    route: Vec<Route>,
}

/// A change of a shape wherever it is used (`shape = "Instruction"`), or of one member's constraints (`shape = "GetAgentRequest.agentId"`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    service: String,
    shape: String,
    reason: String,
    source: String,
    /// Holds outside strict mode only.
    #[serde(default)]
    lenient: bool,
    min: Option<f64>,
    max: Option<f64>,
    /// Another pattern; empty for none.
    pub(crate) pattern: Option<String>,
    /// The model's pattern in the syntax of Rust's `regex`, which has no look-around.
    pub(crate) matches: Option<String>,
    /// With `matches`: what the whole value must not match.
    pub(crate) never: Option<String>,
    /// More words of an enum.
    #[serde(default)]
    words: Vec<String>,
    /// Times with nine fraction digits.
    #[serde(default)]
    pub(crate) nanos: bool,
}

/// A route that two services share: this one takes requests whose label is an ARN with a resource that begins so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    service: String,
    operation: String,
    arn: String,
    reason: String,
    source: String,
}

impl Exceptions {
    /// Reads the file; every entry needs a reason and a source.
    pub fn parse(text: &str) -> Result<Self, String> {
        let exceptions: Self = toml::from_str(text).map_err(|error| format!("exceptions.toml: {error}"))?;
        let changes = exceptions
            .change
            .iter()
            .map(|change| (&change.shape, &change.reason, &change.source));
        let routes = exceptions
            .route
            .iter()
            .map(|route| (&route.operation, &route.reason, &route.source));
        match changes
            .chain(routes)
            .find(|(_, reason, source)| reason.is_empty() || source.is_empty())
        {
            Some((name, ..)) => Err(format!("exceptions.toml: the entry of {name} has no reason or no source")),
            None => Ok(exceptions),
        }
    }

    /// An entry for something that `model` does not have, which is a mistake.
    pub(crate) fn dangling(&self, model: &Model) -> Option<String> {
        let known = |shape: &str| match shape.split_once('.') {
            Some((structure, member)) => model.shapes.get(structure).is_some_and(|shape| shape.members.contains_key(member)),
            None => model.shapes.contains_key(shape),
        };
        let change = self
            .change
            .iter()
            .find(|change| change.service == model.name && !known(&change.shape));
        let route = self
            .route
            .iter()
            .find(|route| route.service == model.name && !model.operations.contains_key(&route.operation));
        let name = change.map(|change| &change.shape).or(route.map(|route| &route.operation))?;
        Some(format!("exceptions.toml: {} has no {name}", model.name))
    }

    /// Changes of `shape`: those that always hold, or those outside strict mode.
    pub(crate) fn of_shape<'a>(&'a self, service: &str, shape: &str, lenient: bool) -> Vec<&'a Change> {
        self.of(service, shape)
            .into_iter()
            .filter(|change| change.lenient == lenient)
            .collect()
    }

    /// Changes of a member's constraints, of both sorts.
    pub(crate) fn of_member(&self, service: &str, structure: &str, member: &str) -> (Vec<&Change>, Vec<&Change>) {
        self.of(service, &format!("{structure}.{member}"))
            .into_iter()
            .partition(|change| !change.lenient)
    }

    fn of(&self, service: &str, name: &str) -> Vec<&Change> {
        self.change
            .iter()
            .filter(|change| change.service == service && change.shape == name)
            .collect()
    }

    /// The ARN prefix of a shared route.
    pub(crate) fn arn(&self, service: &str, operation: &str) -> Option<&str> {
        self.route
            .iter()
            .find(|entry| entry.service == service && entry.operation == operation)
            .map(|entry| entry.arn.as_str())
    }

    /// The shape with the changes that always hold.
    pub(crate) fn apply(&self, service: &str, name: &str, shape: &Shape) -> Shape {
        self.of_shape(service, name, false)
            .into_iter()
            .fold(shape.clone(), |shape, change| change.apply(shape))
    }
}

impl Change {
    pub(crate) fn apply(&self, mut shape: Shape) -> Shape {
        shape.min = self.min.or(shape.min);
        shape.max = self.max.or(shape.max);
        if let Some(pattern) = &self.pattern {
            shape.pattern = Some(pattern.clone()).filter(|pattern| !pattern.is_empty());
        }
        if let Some(words) = &mut shape.words {
            words.extend(self.words.iter().cloned());
        }
        shape
    }
}
