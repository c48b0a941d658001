//! Requests into inputs and outputs into responses: one walk over the schema's members, the same for every operation.

use bedplate_base::Error;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::check::{Violations, check};
use crate::fault::Fault;
use crate::form;
use crate::json::{self, Json, ReadError};
use crate::limits::QUERY_PAIRS_MAX;
use crate::operation::{Bound, Call, Operation, Protocol};
use crate::request::{Body, Context, Request, Response, Streamed};
use crate::router::Routed;
use crate::schema::{Kind, Member, Place, Schema, TimeFormat};
use crate::xml;

/// Reads and validates the input of a routed request.
pub fn read<T: Bound>(routed: &Routed, request: &Request) -> Result<T, Fault> {
    let (value, payload) = validate(routed, request)?;
    let mut input = T::from_json(&value).map_err(serialization)?;
    if let Some(payload) = payload {
        input.set_payload(payload);
    }
    Ok(input)
}

/// All members of the input of a routed request as one valid JSON object, and the body when it is bytes.
pub fn validate(routed: &Routed, request: &Request) -> Result<(Value, Option<Bytes>), Fault> {
    let schema = routed.operation.input;
    let (value, payload) = match routed.service.protocol {
        Protocol::AwsQuery => (form::input(schema, &request.query, &request.body).map_err(serialization)?, None),
        _ => gather(schema, routed, request).map_err(serialization)?,
    };
    let mut violations = Violations::default();
    check(schema, &value, request.context.strict, &mut violations).map_err(serialization)?;
    match violations.into_error() {
        Some(error) => Err(Fault::from_error(error)),
        None => Ok((value, payload)),
    }
}

/// Reads and validates an input that came as one JSON object instead of a request: templates call operations this way.
pub fn read_value<C: Call>(value: &Value, strict: bool) -> Result<C::Input, Error> {
    let mut violations = Violations::default();
    let wrong = |error: ReadError| Error::validation(format!("{}: {error}", C::NAME));
    check(C::Input::schema(), value, strict, &mut violations).map_err(wrong)?;
    match violations.into_error() {
        Some(error) => Err(error),
        None => C::Input::from_json(value).map_err(wrong),
    }
}

fn serialization(error: ReadError) -> Fault {
    Fault::new("SerializationException", error.to_string()).with_status(400)
}

/// All members of the input as one JSON object, and the body when it is bytes.
fn gather(schema: &'static Schema, routed: &Routed, request: &Request) -> Result<(Value, Option<Bytes>), ReadError> {
    let query = query_pairs(&request.query)?;
    let mut object = Map::new();
    let mut payload = None;
    let mut body = None;
    let wants_body = schema.members().iter().any(|member| member.place == Place::Body);
    if wants_body && !request.body.is_empty() {
        match json::parse(&request.body)? {
            Value::Object(members) => body = Some(members),
            other => {
                return Err(ReadError::new(format!(
                    "{} found where a structure is expected",
                    json::token(&other)
                )));
            }
        }
    }
    for member in schema.members() {
        let value = match member.place {
            Place::Body => body.as_mut().and_then(|body| body.swap_remove(member.name)),
            Place::Label(name) => match routed.labels.iter().find(|(label, _)| *label == name) {
                Some((_, text)) => Some(from_text(member, text)?),
                None => None,
            },
            Place::Query(name) => from_query(member, name, &query)?,
            Place::Header(name) => match request.headers.get(name).map(|value| value.to_str()) {
                Some(Ok(text)) => Some(from_text(member, text)?),
                Some(Err(_)) => return Err(ReadError::new(format!("The header {name} is not text")).at(member.name)),
                None => None,
            },
            Place::Payload if request.body.is_empty() => None,
            Place::Payload => match member.schema.kind {
                Kind::Blob { .. } => {
                    payload = Some(request.body.clone());
                    None
                }
                Kind::EventStream => None,
                Kind::String { .. } => Some(Value::String(
                    String::from_utf8(request.body.to_vec()).map_err(|_| ReadError::new("The body is not valid UTF-8"))?,
                )),
                _ => Some(json::parse(&request.body)?),
            },
            Place::Status => None,
        };
        if let Some(value) = value {
            object.insert(member.name.to_owned(), value);
        }
    }
    Ok((Value::Object(object), payload))
}

/// The pairs of a raw query, decoded.
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>, ReadError> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == QUERY_PAIRS_MAX {
            return Err(ReadError::new(format!("The query has more than {QUERY_PAIRS_MAX} parameters")));
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(key, true)?, decode(value, true)?));
    }
    Ok(pairs)
}

/// Undoes percent-encoding once.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Result<String, ReadError> {
    let spaced = if plus_is_space { text.replace('+', " ") } else { text.to_owned() };
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| ReadError::new("A percent-encoded part of the address is not UTF-8"))?;
    Ok(decoded.into_owned())
}

fn from_query(member: &Member, name: &str, query: &[(String, String)]) -> Result<Option<Value>, ReadError> {
    let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    if let Kind::List { member: item, .. } = member.schema.kind {
        let items: Result<Vec<Value>, ReadError> = values
            .map(|text| scalar(item, text).map_err(|error| error.at(member.name)))
            .collect();
        return Ok(Some(items?).filter(|items| !items.is_empty()).map(Value::Array));
    }
    values.next().map(|text| from_text(member, text)).transpose()
}

fn from_text(member: &Member, text: &str) -> Result<Value, ReadError> {
    scalar(member.schema, text).map_err(|error| error.at(member.name))
}

/// Text from path, query, header or form as the JSON value of `schema`.
pub(crate) fn scalar(schema: &Schema, text: &str) -> Result<Value, ReadError> {
    let wrong = |wanted: &str| ReadError::new(format!("STRING_VALUE can not be converted to {wanted}"));
    match schema.kind {
        Kind::Boolean => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("a Boolean")),
        },
        Kind::Integer { .. } => text.parse::<i32>().map(Value::from).map_err(|_| wrong("an Integer")),
        Kind::Long { .. } => text.parse::<i64>().map(Value::from).map_err(|_| wrong("a Long")),
        Kind::Float { .. } => text.parse::<f64>().map(|number| number.to_json()).map_err(|_| wrong("a Double")),
        Kind::Timestamp(TimeFormat::Epoch) => text.parse::<f64>().map(|number| number.to_json()).map_err(|_| wrong("a Timestamp")),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// What a handler may answer with.
pub trait Reply {
    /// The response to `operation`.
    fn reply(self, protocol: Protocol, operation: &Operation, context: &Context) -> Response;
}

impl<T: Bound> Reply for T {
    fn reply(self, protocol: Protocol, operation: &Operation, context: &Context) -> Response {
        if protocol == Protocol::AwsQuery {
            return xml::output(operation, T::schema(), &self.to_json(), context);
        }
        let payload = self.payload();
        let mut head = Head::of(&self, operation, context);
        let empty = head.status == 204;
        let body = match (payload, head.payload.take()) {
            (Some(bytes), _) => bytes,
            (None, Some(Value::String(text))) => text.into(),
            (None, Some(value)) => json::text(&value),
            (None, None) if empty || head.blob => Bytes::new(),
            (None, None) => json::text(&Value::Object(std::mem::take(&mut head.body))),
        };
        if !empty && !head.headers.iter().any(|(name, _)| *name == "content-type") {
            head.headers.insert(0, ("content-type", protocol.content_type().to_owned()));
        }
        Response {
            status: head.status,
            headers: head.headers,
            body: Body::Full(body),
            fault: None,
        }
    }
}

impl<T: Bound> Reply for Streamed<T> {
    fn reply(self, _: Protocol, operation: &Operation, context: &Context) -> Response {
        use futures_util::StreamExt as _;
        let mut head = Head::of(&self.output, operation, context);
        head.headers.retain(|(name, _)| *name != "content-type");
        head.headers
            .insert(0, ("content-type", "application/vnd.amazon.eventstream".to_owned()));
        Response {
            status: head.status,
            headers: head.headers,
            body: Body::Stream(self.frames.map(Ok).boxed()),
            fault: None,
        }
    }
}

/// An output, taken apart.
struct Head {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Map<String, Value>,
    payload: Option<Value>,
    blob: bool,
}

impl Head {
    fn of<T: Bound>(output: &T, operation: &Operation, context: &Context) -> Self {
        let Value::Object(body) = output.to_json() else {
            unreachable!("invariant: outputs are structures")
        };
        let headers = vec![("x-amzn-requestid", context.request_id.clone())];
        let mut head = Self {
            status: operation.status,
            headers,
            body,
            payload: None,
            blob: false,
        };
        let mut own = Vec::new();
        for member in T::schema().members() {
            head.blob |= member.place == Place::Payload && matches!(member.schema.kind, Kind::Blob { .. });
            if member.place == Place::Body {
                continue;
            }
            let Some(value) = head.body.shift_remove(member.name) else {
                continue;
            };
            match member.place {
                Place::Header(name) => own.push((name, header_text(&value))),
                Place::Status => {
                    head.status = value
                        .as_u64()
                        .and_then(|status| u16::try_from(status).ok())
                        .unwrap_or(operation.status)
                }
                Place::Payload => head.payload = Some(value),
                Place::Body | Place::Label(_) | Place::Query(_) => {}
            }
        }
        own.sort(); // the order of the recordings: …session-id before …content-type
        head.headers.extend(own);
        head
    }
}

fn header_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
