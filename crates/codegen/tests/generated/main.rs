//! The generated crates and `wire` together: routes, validation, envelopes, codecs and frames, with the cases as data.

mod all;
mod dispatch;
mod forms;
mod frames;
mod requests;
mod routes;
mod types;

use std::path::Path;

use bedplate_wire::{Context, Request, Router, Service};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::de::DeserializeOwned;

/// All services, as the binary serves them.
const SERVICES: &[&Service] = &[
    &bedplate_wire_bedrock_agent::SERVICE,
    &bedplate_wire_bedrock_agent_runtime::SERVICE,
    &bedplate_wire_bedrock_runtime::SERVICE,
    &bedplate_wire_bedrock::SERVICE,
    &bedplate_wire_stepfunctions::SERVICE,
    &bedplate_wire_lambda::SERVICE,
    &bedplate_wire_iam::SERVICE,
    &bedplate_wire_sts::SERVICE,
];

fn router() -> Router {
    Router::new(SERVICES)
}

/// The cases in `tests/cases/NAME.toml`.
fn cases<T: DeserializeOwned>(name: &str) -> Vec<T> {
    #[derive(serde::Deserialize)]
    struct Cases<T> {
        case: Vec<T>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Cases<T> = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    cases.case
}

/// A request from `POST /path?query`, headers and body.
fn request(line: &str, headers: &[(String, String)], body: Bytes) -> Request {
    let (method, uri) = line.split_once(' ').expect("a request line has a space");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let entry = |(name, value): &(String, String)| {
        (
            name.parse::<HeaderName>().expect("a header name"),
            value.parse::<HeaderValue>().expect("a header value"),
        )
    };
    Request {
        method: method.parse::<Method>().expect("a method"),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(entry).collect::<HeaderMap>(),
        body,
        context: Context {
            request_id: "request-1".into(),
            ..Context::default()
        },
    }
}
