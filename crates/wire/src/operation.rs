//! Services and operations as static tables, and how an operation's Rust types hang on them.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::json::{Json, ReadError};
use crate::schema::{self, Schema};

/// How a service speaks HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Members in path, query, headers and a JSON body; the error's code in `x-amzn-errortype`.
    RestJson1,
    /// POST to `/` with `X-Amz-Target`; the error's code in the body's `__type`.
    AwsJson1_0,
    /// The same with version 1.1.
    AwsJson1_1,
    /// Form parameters in, XML out.
    AwsQuery,
}

impl Protocol {
    /// The content type of bodies.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::RestJson1 => "application/json",
            Self::AwsJson1_0 => "application/x-amz-json-1.0",
            Self::AwsJson1_1 => "application/x-amz-json-1.1",
            Self::AwsQuery => "text/xml",
        }
    }
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Its name in SDKs: `bedrock-agent`.
    pub name: &'static str,
    /// Its name for people: `Agents for Amazon Bedrock`.
    pub title: &'static str,
    /// The service part of the signature's scope; four services share `bedrock`.
    pub signing_name: &'static str,
    /// How it speaks.
    pub protocol: Protocol,
    /// What stands before the dot in `X-Amz-Target` (awsJson).
    pub target_prefix: Option<&'static str>,
    /// All its operations, by name.
    pub operations: &'static [Operation],
    /// All its exceptions, by name.
    pub errors: &'static [ErrorShape],
}

impl Service {
    /// The operation called `name`.
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations
            .binary_search_by(|operation| operation.name.cmp(name))
            .ok()
            .map(|index| &self.operations[index])
    }

    /// The exception called `name`.
    pub fn error(&self, name: &str) -> Option<&'static ErrorShape> {
        self.errors.iter().find(|error| error.name == name)
    }
}

/// An exception of a service.
#[derive(Debug)]
pub struct ErrorShape {
    /// Its code.
    pub name: &'static str,
    /// Its HTTP status.
    pub status: u16,
    /// The member that holds the text: `message` or `Message`.
    pub message: &'static str,
    /// The other members.
    pub members: &'static [&'static str],
}

/// An operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// `CreateAgent`.
    pub name: &'static str,
    /// The service's name.
    pub service: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The model's template of the path and query.
    pub uri: &'static str,
    /// The path, split at slashes.
    pub path: &'static [Segment],
    /// The path ends with a slash. It matters: PrepareAgent and InvokeInlineAgent differ by it.
    pub slash: bool,
    /// Pairs that the query must hold.
    pub query: &'static [(&'static str, &'static str)],
    /// The HTTP status of success.
    pub status: u16,
    /// The shape of the input; `EMPTY` for those that are known by name and route only.
    pub input: &'static Schema,
    /// The shape of the output.
    pub output: &'static Schema,
    /// Names of the exceptions that it declares.
    pub errors: &'static [&'static str],
    /// Two services share this route; this one takes requests whose label holds an ARN with this resource prefix.
    pub arn: Option<&'static str>,
}

/// A part of a path template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Must be there.
    Literal(&'static str),
    /// One part of any text but none.
    Label(&'static str),
    /// All the rest.
    Greedy(&'static str),
}

/// The input or output of an operation.
pub trait Bound: Json {
    /// Where its members travel, and what they must be.
    fn schema() -> &'static Schema;

    /// The bytes that are the body, when a blob member is the body; JSON leaves them out.
    fn payload(&self) -> Option<Bytes> {
        None
    }

    /// Takes the bytes of the body.
    fn set_payload(&mut self, _payload: Bytes) {}
}

/// An operation with its types; generated crates have one empty type for each.
pub trait Call {
    /// What it takes.
    type Input: Bound;
    /// What it gives.
    type Output: Bound;
    /// Its name.
    const NAME: &'static str;
}

/// A member of an event-stream union.
pub trait Event {
    /// The frame that carries it.
    fn frame(&self) -> Bytes;
}

/// The input or output of an operation that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

impl Json for Empty {
    fn to_json(&self) -> Value {
        Value::Object(Map::new())
    }

    fn from_json(_: &Value) -> Result<Self, ReadError> {
        Ok(Self)
    }
}

impl Bound for Empty {
    fn schema() -> &'static Schema {
        &schema::EMPTY
    }
}
