//! The API as clients see it, over the real routes, a memory store and the built-in models: files of requests and what must come of them.

#![allow(clippy::unwrap_used)] // a test that fails has failed

mod odd;
mod stream;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bedplate_api_bedrock::{LogSettings, State, control, runtime};
use bedplate_base::{BoxFuture, Clock, Timestamp};
use bedplate_catalog::Catalog;
use bedplate_planner::Moment;
use bedplate_providers::{Mode, Models, ModelsConfig, RouteConfig, Setup};
use bedplate_store::MemoryStore;
use bedplate_wire::{Body, Context, Request, Response, Router};
use http::{HeaderMap, Method};
use serde_json::Value;

/// 2026-11-21T10:00:00.5Z, for ever.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_255_200_500)
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// A server whose models are built in: `script:FILE` of the cases for `test.script`, the echo for `test.echo`, the planner for the rest.
fn state() -> State {
    let route = |model: &str, to: &str| RouteConfig {
        model: model.into(),
        to: vec![to.into()],
    };
    let config = ModelsConfig {
        routes: vec![
            route("test.script", "builtin/script:script.yaml"),
            route("test.echo", "builtin/echo"),
        ],
        ..ModelsConfig::default()
    };
    let setup = Setup {
        mode: Mode::Dev,
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"),
        planner: Arc::new(|request| {
            let moment = Moment {
                local: jiff::civil::date(2026, 11, 21).at(10, 0, 0, 0),
                zone: jiff::tz::TimeZone::UTC,
            };
            bedplate_planner::plan(request, moment)
        }),
        announce: Arc::new(|_, _| {}),
    };
    let patterns: Vec<String> = config.routes.iter().map(|route| route.model.clone()).collect();
    let models = Models::new(&config, setup, &|_| None).unwrap();
    let catalog = Catalog::new(Arc::new(MemoryStore::new()));
    State::new(Arc::new(models), patterns, catalog, Arc::new(Stopped), LogSettings::default())
}

async fn send(state: &State, method: Method, path: &str, body: &Value, strict: bool) -> Response {
    let router = Router::new(&[&bedplate_wire_bedrock::SERVICE, &bedplate_wire_bedrock_runtime::SERVICE]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method,
        path: path.into(),
        query: query.into(),
        headers: HeaderMap::new(),
        body: if body.is_null() { "".into() } else { body.to_string().into() },
        context: Context {
            request_id: "0f0e0d0c-request".into(),
            strict,
            ..Context::default()
        },
    };
    match router.route_request(&request, Some("bedrock")) {
        Ok(routed) if routed.service.name == "bedrock" => control::dispatch(state, routed, request).await,
        Ok(routed) => runtime::dispatch(state, routed, request).await,
        Err(error) => error.into_response(&request.context),
    }
}

/// Runs a file of steps: `post`, `get` or `delete` with a path, `send`, and what must come: `status`, `error`, `is` (values by JSON Pointer), `has`
/// (parts of the answer), `lacks`. `keep` names pointers whose texts later steps write as `$name`.
async fn check(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.json"));
    let steps: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let state = state();
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let at = format!("{name}, step {}", index + 1);
        let known = [
            "post", "get", "put", "delete", "send", "strict", "status", "error", "is", "has", "lacks", "keep",
        ];
        let members = step.as_object().unwrap();
        assert!(members.keys().all(|key| known.contains(&key.as_str())), "{at}: {step}");
        let fill = |text: &str| {
            kept.iter()
                .fold(text.to_owned(), |text, (key, value)| text.replace(&format!("${key}"), value))
        };
        let (method, path) = [
            ("post", Method::POST),
            ("get", Method::GET),
            ("put", Method::PUT),
            ("delete", Method::DELETE),
        ]
        .into_iter()
        .find_map(|(key, method)| Some((method, step[key].as_str()?)))
        .unwrap_or_else(|| panic!("{at}: no path"));
        let body: Value = serde_json::from_str(&fill(&step["send"].to_string())).unwrap();
        let response = send(&state, method, &fill(path), &body, step["strict"] == true).await;
        let Body::Full(bytes) = &response.body else {
            panic!("{at}: streams");
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(u64::from(response.status), step["status"].as_u64().unwrap_or(200), "{at}: {text}");
        let code = response.headers.iter().find(|(name, _)| *name == "x-amzn-errortype");
        assert_eq!(code.map(|(_, code)| code.as_str()), step["error"].as_str(), "{at}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        for (pointer, wanted) in step["is"].as_object().into_iter().flatten() {
            let wanted: Value = serde_json::from_str(&fill(&wanted.to_string())).unwrap();
            assert_eq!(
                answer.pointer(pointer).unwrap_or(&Value::Null),
                &wanted,
                "{at}: {pointer} of {text}"
            );
        }
        for part in step["has"].as_array().into_iter().flatten() {
            assert!(text.contains(&fill(part.as_str().unwrap())), "{at}: no {part} in {text}");
        }
        for part in step["lacks"].as_array().into_iter().flatten() {
            assert!(!text.contains(&fill(part.as_str().unwrap())), "{at}: {part} in {text}");
        }
        for (name, pointer) in step["keep"].as_object().into_iter().flatten() {
            let found = answer.pointer(pointer.as_str().unwrap()).and_then(Value::as_str);
            kept.insert(
                name.clone(),
                found.unwrap_or_else(|| panic!("{at}: no {pointer} in {text}")).to_owned(),
            );
        }
    }
}

#[tokio::test]
async fn conversations() {
    check("conversations").await;
}

#[tokio::test]
async fn bodies() {
    check("bodies").await;
}

#[tokio::test]
async fn profiles() {
    check("profiles").await;
}

/// The guide classes every field that the models of these operations have, and no other.
#[test]
fn the_guide_tells_of_every_field() {
    use bedplate_wire::{Bound as _, Schema};
    use bedplate_wire_bedrock_runtime::types;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/converse.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = |from: &str, to: &str| page.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned();
    let schemas: [(&str, &str, &[&Schema]); 2] = [
        (
            "\n## Converse\n",
            "\n## ",
            &[types::ConverseRequest::schema(), types::ConverseStreamRequest::schema()],
        ),
        (
            "\n## InvokeModel\n",
            "\n## ",
            &[
                types::InvokeModelRequest::schema(),
                types::InvokeModelWithResponseStreamRequest::schema(),
            ],
        ),
    ];
    for (from, to, schemas) in schemas {
        let section = section(from, to);
        for member in schemas.iter().flat_map(|schema| schema.members()) {
            let told = section.contains(&format!("\n| `{}` |", member.name));
            assert!(told, "{} of {}", member.name, from.trim());
        }
    }
}
