//! A server without a port: both services over a memory store and a clock that jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bedplate_agent::{KIND, Programs, SessionDecider};
use bedplate_api_agents::{Settings, State, control, runtime};
use bedplate_base::Clock;
use bedplate_catalog::Catalog;
use bedplate_engine::Engine;
use bedplate_journal::Target;
use bedplate_store::{MemoryStore, Owner, Store};
use bedplate_testkit::VirtualClock;
use bedplate_wire::{Body, Context, Place, Request, Response, Router, Segment};
use bytes::Bytes;
use serde_json::Value;

pub(crate) struct House {
    pub state: State,
    pub clock: VirtualClock,
    router: Router,
    requests: AtomicU64,
    /// What is taken out of requests before they arrive.
    pub without: Option<Without>,
}

/// A field that an operation is not told.
#[derive(Clone, Debug)]
pub(crate) struct Without {
    pub operation: String,
    /// `routingConfiguration[].agentVersion`.
    pub field: String,
}

/// An answer that is not a stream.
#[derive(Debug)]
pub(crate) struct Told {
    pub status: u16,
    pub error: Option<String>,
    pub body: Value,
}

impl House {
    pub(crate) fn new(strict: bool) -> Self {
        Self::with(Arc::new(MemoryStore::with_key([7; 32])), strict, |_| Vec::new())
    }

    pub(crate) fn with(
        store: Arc<dyn Store>,
        strict: bool,
        targets: impl FnOnce(&Arc<dyn Clock>) -> Vec<(&'static str, Arc<dyn Target>)>,
    ) -> Self {
        let virtual_clock = VirtualClock::automatic();
        let clock: Arc<dyn Clock> = Arc::new(virtual_clock.clone());
        let programs = Arc::new(Programs::default());
        let builder = Engine::builder(store.clone(), clock.clone())
            .kind(KIND, move |_| Box::new(SessionDecider::new(programs.clone())))
            .owner(Owner(1));
        let engine = targets(&clock)
            .into_iter()
            .fold(builder, |builder, (name, target)| builder.target(name, target))
            .build();
        Self {
            state: State::new(
                Catalog::new(store),
                engine,
                clock,
                Settings {
                    strict,
                    ..Settings::default()
                },
            ),
            clock: virtual_clock,
            router: Router::new(&[&bedplate_wire_bedrock_agent::SERVICE, &bedplate_wire_bedrock_agent_runtime::SERVICE]),
            requests: AtomicU64::new(0),
            without: None,
        }
    }

    /// The context of a request with its own id.
    pub(crate) fn context(&self) -> Context {
        Context {
            request_id: format!("request-{}", self.requests.fetch_add(1, Ordering::SeqCst) + 1),
            strict: self.state.settings.strict,
            ..Context::default()
        }
    }

    pub(crate) async fn send(&self, method: &str, target: &str, body: Bytes) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Request {
            method: method.parse().unwrap(),
            path: path.into(),
            query: query.into(),
            headers: http::HeaderMap::new(),
            body,
            context: self.context(),
        };
        if let Some(without) = &self.without {
            self.forget(&mut request, without);
        }
        match self.router.route_request(&request, Some("bedrock")) {
            Ok(routed) if routed.service.name == "bedrock-agent" => control::dispatch(&self.state, routed, request).await,
            Ok(routed) => runtime::dispatch(&self.state, routed, request).await,
            Err(error) => error.into_response(&request.context),
        }
    }

    /// Takes a field out of the body or the query; a part of the path becomes another.
    fn forget(&self, request: &mut Request, without: &Without) {
        let Ok(routed) = self.router.route_request(request, Some("bedrock")) else {
            return;
        };
        if routed.operation.name != without.operation {
            return;
        }
        let first = without.field.split(['.', '[', '{']).next().unwrap();
        let member = routed.operation.input.members().iter().find(|member| member.name == first).unwrap();
        match member.place {
            Place::Body => {
                let mut body = serde_json::from_slice(&request.body).unwrap_or_default();
                forget(&mut body, &without.field);
                request.body = body.to_string().into();
            }
            Place::Query(key) => {
                let kept = request.query.split('&').filter(|pair| !pair.starts_with(&format!("{key}=")));
                request.query = kept.collect::<Vec<_>>().join("&");
            }
            Place::Label(label) => {
                let at = routed
                    .operation
                    .path
                    .iter()
                    .position(|part| *part == Segment::Label(label))
                    .unwrap();
                let mut parts: Vec<&str> = request.path.split('/').collect();
                parts[at + 1] = "ZZZZZZZZZZ";
                request.path = parts.join("/");
            }
            other => panic!("{without:?} travels as {other:?}"),
        }
    }

    pub(crate) async fn told(&self, method: &str, target: &str, body: Bytes) -> Told {
        told(self.send(method, target, body).await)
    }
}

/// Takes the member out that a path names: `a.b`, `a[].b` of every item, `a{}.b` of every value.
pub(crate) fn forget(value: &mut Value, path: &str) {
    let end = path.find(['.', '[', '{']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let Some(members) = value.as_object_mut() else { return };
    let rest = rest.trim_start_matches(['[', ']', '{', '}', '.']);
    if rest.is_empty() {
        members.remove(name);
        return;
    }
    match members.get_mut(name) {
        Some(Value::Array(items)) => items.iter_mut().for_each(|item| forget(item, rest)),
        Some(Value::Object(map)) if path[end..].starts_with('{') => map.values_mut().for_each(|item| forget(item, rest)),
        Some(inner) => forget(inner, rest),
        None => {}
    }
}

/// Reads an answer that is not a stream.
pub(crate) fn told(response: Response) -> Told {
    let Body::Full(bytes) = &response.body else { panic!("streams") };
    let error = response
        .headers
        .iter()
        .find(|(name, _)| *name == "x-amzn-errortype")
        .map(|(_, code)| code.clone());
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"))
    };
    Told {
        status: response.status,
        error,
        body,
    }
}
