//! Whole calls over the wire: what is sent, and what is made of what comes back.

use std::sync::Arc;
use std::time::Duration;

use bedplate_converse::{CachePoint, Inference, Message, Options, OutputSchema, Request, SystemBlock, Tool, ToolChoice};
use bedplate_journal::Part;
use bedplate_providers::{ProviderConfig, Server as Provider};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cases;
use crate::server::{Exchange, Server};

/// The key of every case: long, so that it would be seen.
const KEY: &str = "sk-very-secret-0123456789";

/// A request in the words of `converse`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asks {
    pub(crate) model: String,
    /// A text, or blocks in Converse's form.
    pub(crate) system: Value,
    pub(crate) messages: Vec<Value>,
    pub(crate) tools: Vec<Value>,
    pub(crate) tool_choice: Option<Value>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u32>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) stop: Vec<String>,
    pub(crate) streaming: bool,
    /// Of `converse::Options`: `schema`, `effort`, `fields`, `paths`, `tier`, `latency`, `guardrail`.
    pub(crate) options: serde_json::Map<String, Value>,
}

impl Asks {
    pub(crate) fn request(&self) -> Request {
        let mut messages: Vec<Arc<Message>> = self
            .messages
            .iter()
            .map(|message| Arc::new(Message::from_json(message).unwrap()))
            .collect();
        if messages.is_empty() {
            messages.push(Arc::new(Message::user("Hello")));
        }
        let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Request {
            model: self.model.clone(),
            system: match &self.system {
                Value::Array(blocks) => blocks.iter().map(|block| SystemBlock::from_json(block).unwrap()).collect(),
                text => SystemBlock::text(text.as_str().unwrap_or_default()),
            },
            messages,
            tools: self
                .tools
                .iter()
                .map(|tool| Tool {
                    name: word(tool, "name"),
                    description: word(tool, "description"),
                    schema: tool["schema"].clone(),
                    strict: tool["strict"].as_bool(),
                    cache_point: tool["cache"].as_bool().map(|_| CachePoint::default()),
                })
                .collect(),
            tool_choice: match &self.tool_choice {
                None => ToolChoice::Auto,
                Some(Value::String(any)) if any == "any" => ToolChoice::Any,
                Some(tool) => ToolChoice::Tool(word(tool, "tool")),
            },
            inference: Inference {
                temperature: self.temperature,
                top_p: self.top_p,
                top_k: self.top_k,
                max_tokens: self.max_tokens,
                stop_sequences: self.stop.clone(),
            },
            options: self.options(),
            streaming: self.streaming,
        }
    }
}

impl Asks {
    fn options(&self) -> Options {
        let given = |key: &str| self.options.get(key).cloned();
        let word = |key: &str| given(key).and_then(|value| value.as_str().map(str::to_owned));
        Options {
            output: given("schema").map(|schema| OutputSchema {
                name: Some("order".into()),
                description: None,
                schema,
            }),
            effort: word("effort"),
            additional_fields: given("fields"),
            response_field_paths: given("paths").map_or_else(Vec::new, |paths| serde_json::from_value(paths).unwrap()),
            latency: word("latency"),
            service_tier: word("tier"),
            guardrail: given("guardrail"),
            ..Options::default()
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// `[providers.test]`; kind and base_url are filled in.
    #[serde(default)]
    pub(crate) provider: serde_json::Map<String, Value>,
    #[serde(default)]
    pub(crate) request: Asks,
    pub(crate) exchanges: Vec<Exchange>,
    /// The whole reply in Converse's form, its usage included.
    #[serde(default)]
    pub(crate) reply: Option<Value>,
    #[serde(default)]
    pub(crate) failure: Option<Expected>,
    /// What was reported, as `text: …`, `thinking: …`, `tool: …`.
    #[serde(default)]
    pub(crate) parts: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) error: String,
    /// All of these stand in the cause.
    #[serde(default)]
    pub(crate) cause: Vec<String>,
}

pub(crate) fn part_text(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("text: {text}"),
        Part::Thinking(text) => format!("thinking: {text}"),
        Part::Tool { name, .. } => format!("tool: {name}"),
        Part::ToolInput { json, .. } => format!("input: {json}"),
        Part::Signature(text) => format!("signature: {text}"),
        Part::Redacted(text) => format!("redacted: {text}"),
        Part::Citation(json) => format!("citation: {}", json.as_str()),
        Part::BlockEnd => "end".into(),
    }
}

pub(crate) fn server_of(base_url: &str, settings: &serde_json::Map<String, Value>) -> Provider {
    let mut settings = settings.clone();
    settings.entry("kind").or_insert(json!("openai"));
    settings.insert("base_url".into(), json!(base_url));
    let config: ProviderConfig = serde_json::from_value(settings.into()).unwrap();
    let environment = |name: &str| match name {
        "TEST_KEY" => Some(KEY.to_owned()),
        "TEST_ID" => Some("AKIATESTTESTTEST".to_owned()),
        _ => None,
    };
    Provider::new("test", &config, &environment)
        .unwrap()
        .with_backoff(Duration::from_millis(1))
}

/// Where requests go: below the scripted server's `/v1`.
fn path_of(provider: &serde_json::Map<String, Value>, streaming: bool) -> &'static str {
    match (provider.get("kind").and_then(Value::as_str), streaming) {
        (Some("anthropic"), _) => "/v1/messages",
        (Some("bedrock"), false) => "/v1/model/test-model%3A0/converse",
        (Some("bedrock"), true) => "/v1/model/test-model%3A0/converse-stream",
        _ => "/v1/chat/completions",
    }
}

pub(crate) fn model_of(provider: &serde_json::Map<String, Value>) -> &'static str {
    match provider.get("kind").and_then(Value::as_str) {
        Some("bedrock") => "test-model:0",
        _ => "test-model",
    }
}

pub(crate) async fn check(case: Case) {
    let name = case.name;
    let expected = case.exchanges.clone();
    let mut server = Server::start(case.exchanges).await;
    let provider = server_of(&server.base_url, &case.provider);
    let request = case.request.request();
    let path = path_of(&case.provider, request.streaming);
    let mut parts = Vec::new();
    let mut report = |part: Part| {
        parts.push(part_text(&part));
        server.parts.send_replace(parts.len());
    };
    let result = provider.call(&request, model_of(&case.provider), &mut report).await;
    for (index, exchange) in expected.iter().enumerate() {
        let asked = server
            .asked
            .try_recv()
            .unwrap_or_else(|_| panic!("{name}: request {} was never made; {result:?}", index + 1));
        assert_eq!(asked.line, format!("POST {path} HTTP/1.1"), "{name}");
        if let Some(body) = &exchange.expect {
            assert_eq!(&asked.body, body, "{name}: request {}", index + 1);
        }
        for (header, value) in &exchange.expect_headers {
            assert_eq!(asked.headers.get(header), value.as_ref(), "{name}: header {header}");
        }
    }
    assert!(server.asked.try_recv().is_err(), "{name}: more requests than expected");
    if let Some(expected) = &case.parts {
        assert_eq!(&parts, expected, "{name}");
    }
    match (result, case.reply, case.failure) {
        (Ok(reply), Some(expected), None) => {
            let reply = reply.to_json();
            // What a case does not speak of is not compared, but for the members that every reply has.
            for (member, value) in expected.as_object().unwrap() {
                assert_eq!(&reply[member], value, "{name}: {member}");
            }
            assert!(expected.get("stopReason").is_some() && expected.get("usage").is_some(), "{name}");
        }
        (Err(failure), None, Some(expected)) => {
            assert_eq!(failure.fault.as_str(), expected.error, "{name}: {failure}");
            for words in &expected.cause {
                assert!(failure.cause.contains(words), "{name}: {words:?} is not in {:?}", failure.cause);
            }
            assert!(
                !format!("{failure} {failure:?} {provider:?}").contains(&KEY[..5]),
                "{name}: the key shows in {failure}"
            );
            assert!(
                failure.cause.chars().count() < 700 && !failure.cause.contains('\n'),
                "{name}: {failure}"
            );
        }
        (result, reply, failure) => panic!("{name}: got {result:?}, expected {reply:?} or {failure:?}"),
    }
}

async fn check_all(file: &str) {
    for case in cases::<Case>(file) {
        let name = case.name.clone();
        tokio::time::timeout(Duration::from_secs(20), check(case))
            .await
            .unwrap_or_else(|_| panic!("{name}: hangs"));
    }
}

#[tokio::test]
async fn requests() {
    check_all("requests.yaml").await;
}

#[tokio::test]
async fn replies() {
    check_all("replies.yaml").await;
}

#[tokio::test]
async fn streams() {
    check_all("streams.yaml").await;
}

#[tokio::test]
async fn failures() {
    check_all("failures.yaml").await;
}

/// Nothing listens: the cause names the address. With TLS too, wherever its certificates are.
#[tokio::test]
async fn nobody_listens() {
    for scheme in ["http", "https"] {
        let mut server = Server::start(Vec::new()).await;
        let base_url = server.base_url.replace("http", scheme);
        let provider = server_of(&base_url, &serde_json::Map::new());
        // The scripted server ends at once, as it has nothing to play; wait until its port is closed.
        assert!(server.asked.recv().await.is_none());
        let failure = provider
            .call(&Asks::default().request(), "test-model", &mut |_| {})
            .await
            .unwrap_err();
        assert_eq!(failure.fault.as_str(), "Model.Unavailable");
        assert!(failure.cause.contains(&base_url), "{failure}");
        assert!(scheme == "https" || failure.cause.contains("cannot be reached"), "{failure}");
    }
}

/// A call that is dropped drops its connection.
#[tokio::test]
async fn cancelled() {
    let stall: Vec<Exchange> = serde_json::from_value(json!([{
        "headers": {"content-type": "text/event-stream"},
        "pieces": ["data: {\"choices\":[{\"delta\":{\"content\":\"He\"}}]}\n\n"],
        "end": "stall"
    }]))
    .unwrap();
    let mut server = Server::start(stall).await;
    let provider = server_of(&server.base_url, &serde_json::Map::new());
    let request = Asks {
        streaming: true,
        ..Asks::default()
    }
    .request();
    let (seen_in, seen) = tokio::sync::oneshot::channel();
    let mut seen_in = Some(seen_in);
    let mut report = |_| {
        if let Some(seen) = seen_in.take() {
            seen.send(()).unwrap();
        }
    };
    tokio::select! {
        result = provider.call(&request, "test-model", &mut report) => panic!("answered: {result:?}"),
        first = seen => first.unwrap(),
    }
    server.gone.recv().await.unwrap();
}
