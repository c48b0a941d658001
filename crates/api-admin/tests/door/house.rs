//! An agent that books courts, on a real engine with a scripted model and scripted functions.

use std::sync::Arc;

use bedplate_agent::{KIND, LAMBDA, MODEL, Programs, SessionDecider};
use bedplate_api_admin::{FailedRequest, State, dispatch};
use bedplate_api_agents::{Settings, control, runtime};
use bedplate_base::Clock;
use bedplate_catalog::Catalog;
use bedplate_cli::Frames;
use bedplate_converse::Request as ModelRequest;
use bedplate_engine::Engine;
use bedplate_journal::{Call, Outcome, Payload, Raw, Value as Stored};
use bedplate_store::{MemoryStore, Store};
use bedplate_testkit::{ScriptedTarget, VirtualClock};
use bedplate_wire::{Body, Context, Request, Response, Router};
use futures_util::StreamExt as _;
use http::Method;
use serde_json::{Value, json};

pub(crate) struct House {
    store: Arc<dyn Store>,
    clock: VirtualClock,
    state: State,
    router: Router,
    agent: String,
    alias: String,
}

impl House {
    /// With one prepared agent and one alias.
    pub(crate) async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::with_key([7; 32]));
        let clock = VirtualClock::automatic();
        let mut house = Self::over(store, clock, String::new(), String::new());
        let instruction = "You book tennis courts for the members of a club and answer briefly.";
        let model = "anthropic.claude-3-haiku-20240307-v1:0";
        let made = house.control(
            "PUT",
            "/agents/",
            json!({"agentName": "tennis", "instruction": instruction, "foundationModel": model}),
        );
        house.agent = made.await["agent"]["agentId"].as_str().unwrap().to_owned();
        let agent = house.agent.clone();
        let group = json!({
            "actionGroupName": "courts",
            "actionGroupExecutor": {"lambda": "arn:aws:lambda:us-east-1:000000000000:function:courts"},
            "functionSchema": {"functions": [
                {"name": "book", "parameters": {"time": {"type": "string"}}},
                {"name": "cancel", "requireConfirmation": "ENABLED"},
            ]},
        });
        house
            .control("PUT", &format!("/agents/{agent}/agentversions/DRAFT/actiongroups/"), group)
            .await;
        house.control("POST", &format!("/agents/{agent}/"), json!({})).await;
        let made = house
            .control("PUT", &format!("/agents/{agent}/agentaliases/"), json!({"agentAliasName": "live"}))
            .await;
        house.alias = made["agentAlias"]["agentAliasId"].as_str().unwrap().to_owned();
        house
    }

    /// The same state in another process.
    pub(crate) fn restarted(self) -> Self {
        Self::over(self.store, self.clock, self.agent, self.alias)
    }

    fn over(store: Arc<dyn Store>, clock: VirtualClock, agent: String, alias: String) -> Self {
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let programs: Arc<Programs> = Arc::default();
        let engine = Engine::builder(store.clone(), time.clone())
            .kind(KIND, move |_| Box::new(SessionDecider::new(programs.clone())))
            .target(
                MODEL,
                Arc::new(ScriptedTarget::new(MODEL, time.clone(), |_: &Call, payload| reply(payload))),
            )
            .target(LAMBDA, Arc::new(ScriptedTarget::new(LAMBDA, time.clone(), |_: &Call, _| booked())))
            .build();
        let catalog = Catalog::new(store.clone());
        let started_at = time.now();
        let agents = bedplate_api_agents::State::new(catalog, engine, time, Settings::default());
        let state = State {
            agents,
            version: "1.2.3",
            keys: false,
            started_at,
            requests: Arc::default(),
            cost: None,
            advance: None,
        };
        let router = Router::new(&[&bedplate_wire_bedrock_agent::SERVICE, &bedplate_wire_bedrock_agent_runtime::SERVICE]);
        Self {
            store,
            clock,
            state,
            router,
            agent,
            alias,
        }
    }

    /// The frames of a turn, as JSON lines.
    pub(crate) async fn turn(&self, session: &str, body: Value) -> Vec<String> {
        self.turn_on(&self.alias, session, body).await
    }

    pub(crate) async fn turn_on(&self, alias: &str, session: &str, mut body: Value) -> Vec<String> {
        body["enableTrace"] = json!(true);
        let path = format!("/agents/{}/agentAliases/{alias}/sessions/{session}/text", self.agent);
        let request = self.request(Method::POST, &path, "", body.to_string());
        let routed = self.router.route_request(&request, Some("bedrock")).unwrap();
        let response = runtime::dispatch(&self.state.agents, routed, request).await;
        assert_eq!(response.status, 200, "{:?}", response.fault);
        let Body::Stream(mut stream) = response.body else {
            panic!("a stream is expected")
        };
        let mut frames = Frames::default();
        while let Some(bytes) = stream.next().await {
            frames.push(&bytes.unwrap());
        }
        let mut out = Vec::new();
        while let Some(frame) = frames.pop().unwrap() {
            out.push(format!("{{\"{}\":{}}}", frame.kind, frame.payload));
        }
        frames.finish().unwrap();
        out
    }

    pub(crate) async fn json(&self, path: &str, query: &str) -> Value {
        let (status, text) = self.get(path, query).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn get(&self, path: &str, query: &str) -> (u16, String) {
        self.ask(Method::GET, path, query).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, query: &str) -> (u16, String) {
        text(dispatch(&self.state, self.request(method, path, query, String::new())).await)
    }

    /// Keeps a request that failed, as the listener does.
    pub(crate) fn keep(&self, id: &str) {
        self.state.requests.push(FailedRequest {
            request_id: id.into(),
            at: self.clock.now(),
            method: "POST".into(),
            path: "/agents/A/".into(),
            operation: "bedrock-agent:PrepareAgent".into(),
            status: 500,
            code: "InternalServerException".into(),
            message: "It did not work.".into(),
            causes: vec!["the disk is full".into()],
        });
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.request(method.parse().unwrap(), path, "", body.to_string());
        let routed = self.router.route_request(&request, Some("bedrock")).unwrap();
        let (status, text) = text(control::dispatch(&self.state.agents, routed, request).await);
        assert!(status < 300, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn request(&self, method: Method, path: &str, query: &str, body: String) -> Request {
        let context = Context {
            request_id: bedplate_base::random_uuid(),
            received_at: self.clock.now(),
            ..Context::default()
        };
        Request {
            method,
            path: path.into(),
            query: query.into(),
            headers: Default::default(),
            body: body.into(),
            context,
        }
    }
}

fn text(response: Response) -> (u16, String) {
    let Body::Full(bytes) = response.body else {
        panic!("a whole answer is expected")
    };
    (response.status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The model: what it was told last decides.
fn reply(payload: &Payload) -> Outcome {
    let Payload::Typed(typed) = payload else {
        panic!("model requests are typed")
    };
    let request = typed.clone().downcast::<ModelRequest>().unwrap();
    let last = request.messages.last().unwrap().to_json().to_string();
    let tool = |name: &str, input: Value| {
        let name = request
            .tools
            .iter()
            .map(|tool| &tool.name)
            .find(|known| known.ends_with(name))
            .unwrap();
        json!([{"text": format!("<thinking>call {name}</thinking>")}, {"toolUse": {"toolUseId": "t-1", "name": name, "input": input}}])
    };
    let content = if last.contains("toolResult") {
        json!([{"text": "<answer>Done: \u{e9}\u{2028}\"quoted\".</answer>"}])
    } else if last.contains("Book a court") {
        tool("book", json!({"time": "3pm \"sharp\" \u{1f3be}"}))
    } else if last.contains("ask me first") {
        tool("cancel", json!({}))
    } else if last.contains("break") {
        return Outcome::failure("Model.Unavailable", "it is gone");
    } else {
        json!([{"text": "<answer>Hello.</answer>"}])
    };
    success(json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15},
        "model": "scripted",
    }))
}

/// The function: always the same result.
fn booked() -> Outcome {
    let body = json!({"TEXT": {"body": "{\"slot\": 1.50}"}});
    let response = json!({"actionGroup": "courts", "function": "book", "functionResponse": {"responseBody": body}});
    success(json!({"payload": json!({"messageVersion": "1.0", "response": response}).to_string()}))
}

fn success(value: Value) -> Outcome {
    Outcome::Success(Stored::inline(Raw::json(&value)))
}
