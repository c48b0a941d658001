//! One table for all kinds of provider (`conformance.yaml`): a request in Converse's form, what each kind makes of it on the wire, what each kind
//! answers, and the one reply or failure that all of them come to. Streams are sent whole, byte by byte, and cut at every byte.

use std::collections::BTreeMap;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message as EventMessage};
use bedplate_journal::Part;
use bedplate_providers::Draft;
use bedplate_providers::anthropic::AnthropicDraft;
use bedplate_providers::bedrock::BedrockDraft;
use bedplate_providers::frames::{Frames, Framing};
use bedplate_providers::openai::OpenAiDraft;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cases;
use crate::server::{End, Exchange, Piece, Server};
use crate::wire::{Asks, Case, Expected, check, model_of, part_text, server_of};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    #[serde(default)]
    request: Asks,
    /// By kind.
    kinds: BTreeMap<String, Wire>,
    /// What all kinds come to, without the model's name.
    #[serde(default)]
    reply: Option<Value>,
    #[serde(default)]
    failure: Option<Expected>,
    #[serde(default)]
    parts: Option<Vec<String>>,
}

/// One kind's side of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    /// More of `[providers.test]`.
    #[serde(default)]
    provider: Map<String, Value>,
    /// The body that must arrive.
    #[serde(default)]
    expect: Option<Value>,
    #[serde(default)]
    expect_headers: BTreeMap<String, Option<String>>,
    /// A whole answer.
    #[serde(default)]
    body: Option<Value>,
    /// A streamed answer, event by event; for Bedrock each is `{eventType: payload}`, or `{"exception:type": payload}`.
    #[serde(default)]
    events: Vec<Value>,
    /// Several answers, one for each try.
    #[serde(default)]
    exchanges: Vec<Exchange>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Members of the reply that only this kind has, or has otherwise.
    #[serde(default)]
    also: Map<String, Value>,
    /// This kind's own parts, where its stream says more or less than others.
    #[serde(default)]
    parts: Option<Vec<String>>,
    /// This kind's own failure.
    #[serde(default)]
    failure: Option<Expected>,
}

impl Wire {
    fn stream(&self, kind: &str) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.events.iter().flat_map(|event| event_bytes(kind, event)).collect();
        if kind == "openai" {
            bytes.extend_from_slice(b"data: [DONE]\n\n");
        }
        bytes
    }

    fn exchange(&self, kind: &str, pieces: Vec<Piece>) -> Exchange {
        let mut headers = self.headers.clone();
        let content_type = match (self.body.is_some(), kind) {
            (true, _) => "application/json",
            (false, "bedrock") => "application/vnd.amazon.eventstream",
            (false, _) => "text/event-stream",
        };
        headers.entry("content-type".into()).or_insert_with(|| content_type.into());
        Exchange {
            expect: self.expect.clone(),
            expect_headers: self.expect_headers.clone(),
            status: self.status.unwrap_or(200),
            headers,
            pieces,
            split: None,
            repeat_last: 0,
            end: End::Whole,
        }
    }

    fn provider(&self, kind: &str) -> Map<String, Value> {
        let mut provider = self.provider.clone();
        provider.insert("kind".into(), json!(kind));
        if kind == "bedrock" {
            provider.entry("region").or_insert(json!("eu-west-1"));
            if !provider.contains_key("access_key_env") {
                provider.entry("api_key_env").or_insert(json!("TEST_KEY"));
            }
        }
        provider
    }
}

fn event_bytes(kind: &str, event: &Value) -> Vec<u8> {
    match kind {
        "bedrock" => {
            let (name, payload) = event.as_object().unwrap().iter().next().unwrap();
            let (message_type, header, name) = match name.split_once(':') {
                Some((_, name)) => ("exception", ":exception-type", name),
                None => ("event", ":event-type", name.as_str()),
            };
            let text = |text: &str| HeaderValue::String(text.to_owned().into());
            let message = EventMessage::new(payload.to_string())
                .add_header(Header::new(header, text(name)))
                .add_header(Header::new(":content-type", text("application/json")))
                .add_header(Header::new(":message-type", text(message_type)));
            let mut bytes = Vec::new();
            write_message_to(&message, &mut bytes).unwrap();
            bytes
        }
        "anthropic" => format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).into_bytes(),
        _ => format!("data: {event}\n\n").into_bytes(),
    }
}

impl Scenario {
    fn case(&self, kind: &str, wire: &Wire, exchanges: Vec<Exchange>) -> Case {
        let reply = self.reply.clone().map(|mut reply| {
            for (member, value) in &wire.also {
                reply[member] = value.clone();
            }
            reply
        });
        Case {
            name: format!("{} ({kind})", self.name),
            provider: wire.provider(kind),
            request: self.request.clone(),
            exchanges,
            reply: if wire.failure.is_some() { None } else { reply },
            failure: wire.failure.clone().or_else(|| self.failure.clone()),
            parts: wire.parts.clone().or_else(|| self.parts.clone()),
        }
    }
}

/// Cuts of each stream that are made over the network, too.
const CUTS_ON_THE_WIRE: usize = 40;

/// What comes of the beginning of a stream.
fn cut_in_memory(scenario: &Scenario, kind: &str, wire: &Wire, beginning: &[u8]) {
    let name = format!("{} ({kind}) cut at byte {}", scenario.name, beginning.len());
    let request = scenario.request.request();
    let (framing, mut draft): (Framing, Box<dyn Draft + '_>) = match kind {
        "bedrock" => (Framing::EventStream, Box::new(BedrockDraft::new(&request, "m"))),
        "anthropic" => (Framing::Sse, Box::new(AnthropicDraft::new(&request, "m"))),
        _ => (Framing::Sse, Box::new(OpenAiDraft::new(&request, "m"))),
    };
    let (mut frames, mut events) = (Frames::new(framing, usize::MAX), Vec::new());
    frames.push(beginning, &mut events).unwrap();
    let mut parts = Vec::new();
    for event in &events {
        draft
            .event(event, &mut |part| parts.push(part_text(&part)))
            .unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
    if let Some(whole) = wire.parts.as_ref().or(scenario.parts.as_ref()) {
        assert!(whole.starts_with(&parts), "{name}: {parts:?}");
    }
    if draft.is_finished() {
        assert_eq!(
            draft.finish().unwrap().to_json()["output"],
            scenario.reply.as_ref().unwrap()["output"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn conformance() {
    for scenario in cases::<Scenario>("conformance.yaml") {
        assert!(!scenario.kinds.is_empty(), "{}", scenario.name);
        for (kind, wire) in &scenario.kinds {
            let exchanges = if !wire.exchanges.is_empty() {
                wire.exchanges.clone()
            } else if let Some(body) = &wire.body {
                vec![wire.exchange(kind, vec![Piece::Text(body.to_string())])]
            } else if wire.events.is_empty() {
                // Refused before anything is sent.
                Vec::new()
            } else {
                vec![wire.exchange(kind, vec![Piece::Bytes(wire.stream(kind))])]
            };
            check(scenario.case(kind, wire, exchanges.clone())).await;
            if !wire.events.is_empty() {
                let mut by_byte = exchanges;
                by_byte.iter_mut().for_each(|exchange| exchange.split = Some(1));
                check(scenario.case(kind, wire, by_byte)).await;
            }
        }
    }
}

/// A stream that is cut anywhere gives the whole reply, when the model had said why it stops, or a failure that says so; never half a reply, and never
/// a part that the whole stream has not.
#[tokio::test]
async fn cut_at_every_byte() {
    for scenario in cases::<Scenario>("conformance.yaml") {
        for (kind, wire) in &scenario.kinds {
            if wire.events.is_empty() || scenario.reply.is_none() || wire.failure.is_some() {
                continue;
            }
            let stream = wire.stream(kind);
            (0..stream.len()).for_each(|cut| cut_in_memory(&scenario, kind, wire, &stream[..cut]));
            // Over the wire some of them.
            for cut in (0..stream.len()).step_by(stream.len().div_ceil(CUTS_ON_THE_WIRE)) {
                let name = format!("{} ({kind}) cut at byte {cut} of {}", scenario.name, stream.len());
                let pieces = if cut == 0 {
                    Vec::new()
                } else {
                    vec![Piece::Bytes(stream[..cut].to_vec())]
                };
                let mut server = Server::start(vec![wire.exchange(kind, pieces)]).await;
                let mut settings = wire.provider(kind);
                settings.insert("tries".into(), json!(1));
                let provider = server_of(&server.base_url, &settings);
                let mut parts = Vec::new();
                let mut report = |part: Part| parts.push(part_text(&part));
                let request = scenario.request.request();
                match provider.call(&request, model_of(&settings), &mut report).await {
                    Ok(reply) => {
                        let (reply, expected) = (reply.to_json(), scenario.reply.as_ref().unwrap());
                        assert_eq!(reply["output"], expected["output"], "{name}");
                    }
                    Err(failure) => assert_eq!(failure.fault.as_str(), "Model.Malformed", "{name}: {failure}"),
                }
                if let Some(whole) = wire.parts.as_ref().or(scenario.parts.as_ref()) {
                    assert!(whole.starts_with(&parts), "{name}: {parts:?}");
                }
                drop(server.asked.try_recv());
            }
        }
    }
}
