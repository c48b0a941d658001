//! The facts of a service, read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A service's facts.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// `bedrock-agent`: the file's name.
    #[serde(skip)]
    pub name: String,
    /// About the service.
    pub metadata: Metadata,
    /// Operations by name.
    pub operations: BTreeMap<String, Operation>,
    /// Shapes by name.
    pub shapes: BTreeMap<String, Shape>,
}

/// About a service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Metadata {
    pub protocol: String,
    pub service_full_name: String,
    pub endpoint_prefix: String,
    pub signing_name: Option<String>,
    pub target_prefix: Option<String>,
    pub json_version: Option<String>,
    pub api_version: String,
    pub xml_namespace: Option<String>,
}

/// An operation; without input it is known by name and route only (every full operation of the six services has one).
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Operation {
    pub http: Http,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    #[serde(default)]
    pub errors: Vec<Reference>,
}

/// An operation's route.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    #[serde(default)]
    pub response_code: Option<u16>,
}

/// The use of a shape.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub eventpayload: bool,
    /// awsQuery: the element around an output's members.
    pub result_wrapper: Option<String>,
}

/// A shape.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Map<String, Value>,
    #[serde(default)]
    pub required: BTreeSet<String>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    #[serde(rename = "enum")]
    pub words: Option<Vec<String>>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub error: Option<ErrorTrait>,
    pub payload: Option<String>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub flattened: bool,
}

/// An exception's status, and its code where that is not the shape's name (awsQuery).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ErrorTrait {
    pub http_status_code: Option<u16>,
    pub code: Option<String>,
}

/// A member of a structure.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Member {
    pub name: String,
    pub reference: Reference,
    pub required: bool,
    pub payload: bool,
}

impl Model {
    /// Speaks awsQuery: forms in, XML out.
    pub fn is_query(&self) -> bool {
        self.metadata.protocol == "query"
    }

    /// The code of an exception on the wire: its shape's name, save in awsQuery.
    pub fn code<'a>(&'a self, exception: &'a str) -> &'a str {
        let error = self.shapes.get(exception).and_then(|shape| shape.error.as_ref());
        match error.and_then(|error| error.code.as_deref()) {
            Some(code) if self.is_query() => code,
            _ => exception,
        }
    }

    /// Reads a facts file.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut model: Self = serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        model.name = name.to_owned();
        Ok(model)
    }

    /// The shape called `name`.
    pub fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or_else(|| format!("{}: no shape {name}", self.name))
    }

    /// Shapes that are the input of an operation.
    pub fn inputs(&self) -> BTreeSet<&str> {
        self.operations
            .values()
            .filter_map(|operation| operation.input.as_ref())
            .map(|input| input.shape.as_str())
            .collect()
    }

    /// Shapes that are the output of an operation.
    pub fn outputs(&self) -> BTreeSet<&str> {
        self.operations
            .values()
            .filter_map(|operation| operation.output.as_ref())
            .map(|output| output.shape.as_str())
            .collect()
    }
}

impl Shape {
    /// Has members and becomes a struct or enum.
    pub fn is_structure(&self) -> bool {
        self.kind == "structure" && !self.document
    }

    /// The members in the model's order.
    pub fn members(&self) -> Result<Vec<Member>, String> {
        let read = |(name, value): (&String, &Value)| {
            let reference: Reference = serde_json::from_value(value.clone()).map_err(|error| format!("member {name}: {error}"))?;
            if reference.location.is_none() && reference.location_name.as_ref().is_some_and(|other| other != name) {
                return Err(format!("member {name} has another name in the body, which is not supported"));
            }
            let required = self.required.contains(name);
            Ok(Member {
                name: name.clone(),
                reference,
                required,
                payload: self.payload.as_ref() == Some(name),
            })
        };
        self.members.iter().map(read).collect()
    }
}
