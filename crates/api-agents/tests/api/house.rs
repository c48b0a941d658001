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
use bedplate_wire::{Body, Context, Request, Response, Router};
use bytes::Bytes;
use serde_json::Value;

pub(crate) struct House {
    pub state: State,
    pub clock: VirtualClock,
    router: Router,
    requests: AtomicU64,
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
        let request = Request {
            method: method.parse().unwrap(),
            path: path.into(),
            query: query.into(),
            headers: http::HeaderMap::new(),
            body,
            context: self.context(),
        };
        match self.router.route_request(&request, Some("bedrock")) {
            Ok(routed) if routed.service.name == "bedrock-agent" => control::dispatch(&self.state, routed, request).await,
            Ok(routed) => runtime::dispatch(&self.state, routed, request).await,
            Err(error) => error.into_response(&request.context),
        }
    }

    pub(crate) async fn told(&self, method: &str, target: &str, body: Bytes) -> Told {
        told(self.send(method, target, body).await)
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
