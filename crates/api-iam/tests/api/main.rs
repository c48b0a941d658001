//! The API as clients see it: files of forms and answers, over the real routes and a memory store.

#![allow(clippy::unwrap_used)] // a test that fails has failed

use std::path::Path;
use std::sync::Arc;

use bedplate_api_iam::{State, iam, sts};
use bedplate_base::{BoxFuture, Clock, Timestamp};
use bedplate_catalog::Catalog;
use bedplate_store::MemoryStore;
use bedplate_wire::{Body, Context, Request, Router};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method};
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

/// `a=1&b=2` of an object of texts.
fn form(action: &str, parameters: &Value) -> String {
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut form = format!("Action={action}");
    for (key, value) in parameters.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        form.push_str(&format!("&{}={}", encode(key), encode(&text)));
    }
    form
}

/// Runs one case file: a list of forms with what must come of them. `has` and `lacks` are parts of the answer; `$NAME` in a form or a part is
/// what an earlier step kept: the text of the first element of that name.
fn check(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.json"));
    let steps: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let state = State::new(Catalog::new(Arc::new(MemoryStore::new())), Arc::new(Stopped));
    let router = Router::new(&[&bedplate_wire_iam::SERVICE, &bedplate_wire_sts::SERVICE]);
    let mut kept: Vec<(String, String)> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let at = format!("{name}, step {}", index + 1);
        let known = ["do", "as", "send", "strict", "status", "error", "has", "lacks", "keep"];
        let keys = step.as_object().unwrap().keys();
        assert!(keys.into_iter().all(|key| known.contains(&key.as_str())), "{at}: {step}");
        let fill = |text: &str| {
            kept.iter()
                .fold(text.to_owned(), |text, (key, value)| text.replace(&format!("${key}"), value))
        };
        let send: Value = serde_json::from_str(&fill(&step["send"].to_string())).unwrap();
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert("content-type", kind);
        let request = Request {
            method: Method::POST,
            path: "/".into(),
            query: String::new(),
            headers,
            body: form(step["do"].as_str().unwrap(), &send).into(),
            context: Context {
                request_id: "request-1".into(),
                access_key: step["as"].as_str().map(&fill),
                strict: step["strict"] == true,
                ..Context::default()
            },
        };
        let context = request.context.clone();
        let response = match router.route_request(&request, None) {
            Ok(routed) if routed.service.name == "iam" => iam::dispatch(&state, routed, request).now_or_never(),
            Ok(routed) => sts::dispatch(&state, routed, request).now_or_never(),
            Err(error) => Some(error.into_response(&context)),
        };
        let response = response.expect("memory is at hand");
        let Body::Full(bytes) = &response.body else {
            panic!("{at}: streams")
        };
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(
            Some(u64::from(response.status)),
            step["status"].as_u64().or(Some(200)),
            "{at}: {text}"
        );
        assert_eq!(element(&text, "Code").as_deref(), step["error"].as_str(), "{at}: {text}");
        assert_eq!(element(&text, "RequestId").as_deref(), Some("request-1"), "{at}: {text}");
        for part in step["has"].as_array().into_iter().flatten() {
            assert!(text.contains(&fill(part.as_str().unwrap())), "{at}: no {part} in {text}");
        }
        for part in step["lacks"].as_array().into_iter().flatten() {
            assert!(!text.contains(part.as_str().unwrap()), "{at}: {part} in {text}");
        }
        for name in step["keep"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            kept.insert(0, (name.to_owned(), element(&text, name).expect("an element to keep")));
        }
    }
}

/// The text of the first element called `name`.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

#[test]
fn roles() {
    check("roles");
}

#[test]
fn policies() {
    check("policies");
}

#[test]
fn documents() {
    check("documents");
}

#[test]
fn sessions() {
    check("sessions");
}

#[test]
fn refusals() {
    check("refusals");
}
