//! Turns through InvokeAgent: the agent's scenarios, frame by frame. What a stored session shows is what was streamed, byte for
//! byte; for the scenarios of `EXACT` the events stand in files. `BEDPLATE_BLESS=1` writes these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_eventstream::frame::read_message_from;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_api_agents::control::{action_groups, agents, aliases};
use bedplate_api_agents::runtime::encode::Outgoing;
use bedplate_api_agents::runtime::stored::stored;
use bedplate_base::Clock;
use bedplate_journal::{ExecId, Target};
use bedplate_store::{MemoryStore, Page};
use bedplate_testkit::Ledger;
use bedplate_wire::{Body, Json as _, Response};
use bedplate_wire_bedrock_agent::types::{CreateAgentActionGroupRequest, CreateAgentAliasRequest, CreateAgentRequest, PrepareAgentRequest};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};

use crate::house::{House, told};
use crate::scenario::{Function, Input, Scenario};

/// Scenarios whose events stand in files.
const EXACT: [&str; 8] = [
    "one_tool",
    "parallel_tools",
    "control_two",
    "confirmation_confirmed",
    "lambda_raises",
    "model_fails",
    "streaming",
    "end_session",
];

const AGENT: &str = "AGENT00001";
const ALIAS: &str = "ALIAS00001";

/// What one request was answered with.
#[derive(Debug, PartialEq)]
enum Answer {
    /// An HTTP error.
    Refused(u16, String),
    /// Frames: type, whether it is an exception, payload.
    Frames(Vec<(String, bool, String)>),
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/tests/cases/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn house(scenario: &Arc<Scenario>) -> House {
    House::with(Arc::new(MemoryStore::with_key([7; 32])), false, |clock: &Arc<dyn Clock>| {
        let targets = scenario.targets(clock, &Ledger::default());
        targets.map(|(name, target)| (name, Arc::new(target) as Arc<dyn Target>)).into()
    })
}

/// Makes the scenario's agent, with ids that are known.
async fn make(house: &House, scenario: &Scenario) {
    let (state, context) = (&house.state, house.context());
    let create = CreateAgentRequest {
        agent_name: "tennis".into(),
        foundation_model: Some("test/model".into()),
        instruction: Some("You book tennis courts.".into()),
        idle_session_ttl_in_seconds: scenario.idle_ttl_s.map(|seconds| seconds.try_into().unwrap()),
        ..CreateAgentRequest::default()
    };
    agents::create_as(state, &context, create, Some(AGENT)).await.unwrap();
    let mut groups: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for function in &scenario.functions {
        groups.entry(Function::split(&function.name).0).or_default().push(function);
    }
    for (name, functions) in groups {
        let executor = if functions[0].client {
            json!({"customControl": "RETURN_CONTROL"})
        } else {
            json!({"lambda": format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")})
        };
        let functions: Vec<Value> = functions.into_iter().map(function).collect();
        let body = json!({"agentId": AGENT, "agentVersion": "DRAFT", "actionGroupName": name, "actionGroupExecutor": executor,
            "functionSchema": {"functions": functions}});
        let input = CreateAgentActionGroupRequest::from_json(&body).unwrap();
        action_groups::create(state, &context, input).await.unwrap();
    }
    let prepare = PrepareAgentRequest { agent_id: AGENT.into() };
    agents::prepare(state, &context, prepare).await.unwrap();
    let alias = CreateAgentAliasRequest {
        agent_id: AGENT.into(),
        agent_alias_name: "live".into(),
        ..CreateAgentAliasRequest::default()
    };
    aliases::create_as(state, &context, alias, Some(ALIAS)).await.unwrap();
}

fn function(function: &Function) -> Value {
    let parameters: Map<String, Value> = function
        .parameters
        .iter()
        .map(|(name, kind)| {
            let required = !kind.ends_with('?');
            (name.clone(), json!({"type": kind.trim_end_matches('?'), "required": required}))
        })
        .collect();
    let confirmation = if function.confirm { "ENABLED" } else { "DISABLED" };
    let name = Function::split(&function.name).1;
    json!({"name": name, "description": format!("Does {name}"), "parameters": parameters, "requireConfirmation": confirmation})
}

/// The body of an InvokeAgent request.
fn body(input: &Input, question: Option<&str>) -> Value {
    let request = input.request(question);
    let mut state = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            state.insert(name.into(), value);
        }
    };
    put("sessionAttributes", request.session_attributes.map(|attributes| json!(attributes)));
    put(
        "promptSessionAttributes",
        request.prompt_session_attributes.map(|attributes| json!(attributes)),
    );
    if let Some(answer) = request.answer {
        let results = answer.results.into_iter().map(|result| {
            let mut out = json!({"actionGroup": result.action_group, "function": result.function});
            let mut put = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    out[name] = value;
                }
            };
            put("responseBody", result.body.map(|body| json!({"TEXT": {"body": body}})));
            put("responseState", result.response_state.map(Value::from));
            put("confirmationState", result.confirmation.map(Value::from));
            json!({"functionResult": out})
        });
        put("returnControlInvocationResults", Some(results.collect()));
        put("invocationId", Some(answer.invocation_id.into()));
    }
    let mut out = json!({"enableTrace": true, "endSession": input.end, "sessionState": state,
        "streamingConfigurations": {"streamFinalResponse": input.streaming}});
    if let Some(text) = &input.say {
        out["inputText"] = json!(text);
    }
    out
}

/// Plays a scenario through the API.
async fn play(house: &House, scenario: &Scenario) -> Vec<Answer> {
    make(house, scenario).await;
    let target = format!("/agents/{AGENT}/agentAliases/live/sessions/session-1/text");
    let (mut open, mut question) = (Vec::new(), None);
    for input in &scenario.inputs {
        if let Some(seconds) = input.wait_s {
            house.clock.advance(Duration::from_secs(seconds));
            continue;
        }
        let response = house
            .send("POST", &target, body(input, question.as_deref()).to_string().into())
            .await;
        if input.background {
            open.push(Err(response));
        } else {
            let answer = read(response).await;
            question = asked(&answer).or(question);
            open.push(Ok(answer));
        }
    }
    let mut answers = Vec::new();
    for one in open {
        answers.push(match one {
            Ok(answer) => answer,
            Err(response) => read(response).await,
        });
    }
    answers
}

fn asked(answer: &Answer) -> Option<String> {
    let Answer::Frames(frames) = answer else { return None };
    let (_, _, payload) = frames.iter().find(|(kind, ..)| kind == "returnControl")?;
    let payload: Value = serde_json::from_str(payload).unwrap();
    payload["invocationId"].as_str().map(str::to_owned)
}

async fn read(response: Response) -> Answer {
    let Body::Stream(mut stream) = response.body else {
        let told = told(response);
        return Answer::Refused(
            told.status,
            format!("{}: {}", told.error.unwrap(), told.body["message"].as_str().unwrap()),
        );
    };
    assert_eq!(response.status, 200);
    let names: Vec<_> = response.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "content-type",
            "x-amzn-requestid",
            "x-amz-bedrock-agent-session-id",
            "x-amzn-bedrock-agent-content-type"
        ]
    );
    let mut frames = Vec::new();
    while let Some(frame) = stream.next().await {
        frames.push(decoded(frame.unwrap()));
    }
    Answer::Frames(frames)
}

/// A frame: three string headers in their order, JSON with sorted keys.
fn decoded(frame: bytes::Bytes) -> (String, bool, String) {
    let message = read_message_from(frame).unwrap();
    let headers: Vec<_> = message
        .headers()
        .iter()
        .map(|header| (header.name().as_str(), header.value().as_string().unwrap().as_str()))
        .collect();
    let exception = headers[2].1 == "exception";
    let kind = if exception { ":exception-type" } else { ":event-type" };
    assert_eq!(
        (headers.len(), headers[0].0, headers[1]),
        (3, kind, (":content-type", "application/json"))
    );
    assert_eq!(headers[2], (":message-type", if exception { "exception" } else { "event" }));
    let payload = std::str::from_utf8(message.payload()).unwrap().to_owned();
    let value: Value = serde_json::from_str(&payload).unwrap();
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    assert_eq!(payload, sorted.to_string(), "keys are sorted, and nothing stands between them");
    (headers[0].1.to_owned(), exception, payload)
}

fn chunk(payload: &str) -> String {
    let payload: Value = serde_json::from_str(payload).unwrap();
    String::from_utf8(STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap()).unwrap()
}

/// What a client may rely on in any answer.
fn check_shape(at: &str, frames: &[(String, bool, String)]) {
    let traces: Vec<Value> = frames
        .iter()
        .filter(|(kind, ..)| kind == "trace")
        .map(|(_, _, payload)| serde_json::from_str(payload).unwrap())
        .collect();
    let times: Vec<&str> = traces.iter().map(|trace| trace["eventTime"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{at}: {times:?}");
    assert!(
        times.iter().all(|time| time.len() == "2026-01-01T12:00:00.000000000Z".len()),
        "{at}: {times:?}"
    );
    for trace in &traces {
        let members = trace["trace"].as_object().unwrap();
        assert_eq!(members.len(), 1, "{at}: {trace}");
        assert!(!has_null(trace), "{at}: {trace}");
    }
    // Exceptions and questions end the stream.
    for (kind, exception, _) in frames.iter().rev().skip(1) {
        assert!(!exception && kind != "returnControl", "{at}: {kind} is not the last");
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// The stored session has the same traces, byte for byte, and the answer.
async fn check_stored(at: &str, house: &House, answers: &[Answer]) {
    let page = Page {
        limit: 10,
        ..Page::default()
    };
    let heads = house.state.engine.heads("", page).await.unwrap();
    let exec: &ExecId = &heads.first().unwrap_or_else(|| panic!("{at}: no session")).exec;
    let session = stored(&house.state.engine, exec, false, 1_000).await.unwrap().unwrap();
    // A request that does not fit the model never comes to the session.
    let admitted = |answer: &&Answer| !matches!(answer, Answer::Refused(_, message) if message.contains("validation error detected"));
    let answers: Vec<_> = answers.iter().filter(admitted).collect();
    assert_eq!(session.turns.len(), answers.len(), "{at}");
    for (number, (turn, answer)) in session.turns.iter().zip(answers).enumerate() {
        let at = format!("{at}, request {}", number + 1);
        let Answer::Frames(frames) = answer else {
            assert!(matches!(turn.events.as_slice(), [Outgoing::Exception { .. }]), "{at}: {turn:?}");
            continue;
        };
        let live: Vec<_> = frames
            .iter()
            .filter(|(kind, ..)| kind != "chunk")
            .map(|(_, _, payload)| payload.clone())
            .collect();
        let again: Vec<_> = turn
            .events
            .iter()
            .filter_map(|event| match event {
                Outgoing::Trace(text) => Some(String::from_utf8_lossy(text).into_owned()),
                Outgoing::ReturnControl(payload) | Outgoing::Exception { payload, .. } => Some(payload.to_string()),
                Outgoing::Chunk(_) => None,
            })
            .collect();
        assert_eq!(live, again, "{at}");
        let text: String = frames
            .iter()
            .filter(|(kind, ..)| kind == "chunk")
            .map(|(_, _, payload)| chunk(payload))
            .collect();
        let kept: String = turn
            .events
            .iter()
            .filter_map(|event| match event {
                Outgoing::Chunk(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let before = text
            .strip_suffix(&kept)
            .unwrap_or_else(|| panic!("{at}: {text:?} does not end with {kept:?}"));
        assert!(kept.is_empty() || !before.contains(&kept), "{at}: the answer came twice: {text:?}");
        if !turn.request.streaming {
            assert_eq!(text, kept, "{at}");
            assert!(frames.iter().filter(|(kind, ..)| kind == "chunk").count() <= 1, "{at}: one chunk");
        }
    }
}

#[tokio::test]
async fn scenarios() {
    let mut wrong = Vec::new();
    for file in files() {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let scenario = Arc::new(Scenario::read(&file));
        let house = house(&scenario);
        let answers = play(&house, &scenario).await;
        for answer in &answers {
            if let Answer::Frames(frames) = answer {
                check_shape(&name, frames);
            }
        }
        check_stored(&name, &house, &answers).await;
        if EXACT.contains(&name.as_str()) {
            wrong.extend(check_exact(&name, &answers));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The events of a scenario as they stand in its file.
fn check_exact(name: &str, answers: &[Answer]) -> Option<String> {
    let mut told = String::new();
    for answer in answers {
        match answer {
            Answer::Refused(status, message) => told += &format!("HTTP {status} {message}\n"),
            Answer::Frames(frames) => {
                for (kind, _, payload) in frames {
                    let text = if kind == "chunk" {
                        format!("{:?}", chunk(payload))
                    } else {
                        payload.clone()
                    };
                    told += &format!("{kind} {text}\n");
                }
            }
        }
        told += "\n";
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/events/{name}.txt"));
    #[allow(clippy::disallowed_methods, reason = "whoever changes the encoding has the texts written anew")]
    if std::env::var_os("BEDPLATE_BLESS").is_some() {
        std::fs::write(&file, &told).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    (expected != told).then(|| format!("{name} is sent otherwise:\n{told}"))
}

fn scenario(name: &str) -> Arc<Scenario> {
    let file = files().into_iter().find(|file| file.file_stem().is_some_and(|stem| stem == name));
    Arc::new(Scenario::read(&file.unwrap()))
}

async fn invoke(house: &House, alias: &str, session: &str, body: &Value) -> Response {
    let target = format!("/agents/{AGENT}/agentAliases/{alias}/sessions/{session}/text");
    house.send("POST", &target, body.to_string().into()).await
}

#[tokio::test]
async fn without_trace_only_the_answer_comes() {
    let scenario = scenario("one_tool");
    let house = house(&scenario);
    make(&house, &scenario).await;
    let Answer::Frames(frames) = read(invoke(&house, ALIAS, "session-1", &json!({"inputText": "find"})).await).await else {
        panic!("refused")
    };
    let kinds: Vec<_> = frames.iter().map(|(kind, _, payload)| (kind.as_str(), chunk(payload))).collect();
    assert_eq!(kinds, [("chunk", "Court 3 is free.".to_owned())]);
}

#[tokio::test]
async fn a_turn_goes_on_without_its_client() {
    let scenario = scenario("one_tool");
    let house = house(&scenario);
    make(&house, &scenario).await;
    let response = invoke(&house, ALIAS, "session-1", &json!({"inputText": "find"})).await;
    assert_eq!(response.status, 200);
    drop(response);
    let page = Page {
        limit: 10,
        ..Page::default()
    };
    let exec = house.state.engine.heads("", page.clone()).await.unwrap().remove(0).exec;
    let mut feed = house.state.engine.subscribe(&exec);
    while house.state.engine.head(&exec).await.unwrap().unwrap().busy {
        feed.next().await;
    }
    let session = stored(&house.state.engine, &exec, false, 10).await.unwrap().unwrap();
    assert!(matches!(session.turns[0].events.last(), Some(Outgoing::Chunk(text)) if text == "Court 3 is free."));
}

/// Sessions are told apart by agent, alias and id; an alias' name and its id lead to the same.
#[tokio::test]
async fn sessions_are_apart() {
    let scenario = scenario("conversation");
    let house = house(&scenario);
    make(&house, &scenario).await;
    let mut heard = Vec::new();
    for (alias, session) in [(ALIAS, "one"), ("live", "one"), ("TSTALIASID", "one"), (ALIAS, "two")] {
        let Answer::Frames(frames) = read(invoke(&house, alias, session, &json!({"inputText": "hi"})).await).await else {
            panic!("refused")
        };
        heard.push(chunk(&frames[0].2));
    }
    assert_eq!(heard, ["I am fine.", "No tags here.", "I am fine.", "I am fine."]);
}

/// The system prompt of a request's first model call.
async fn instructed(house: &House, alias: &str, session: &str) -> String {
    let body = json!({"inputText": "hi", "enableTrace": true});
    let Answer::Frames(frames) = read(invoke(house, alias, session, &body).await).await else {
        panic!("refused")
    };
    let trace: Value = serde_json::from_str(&frames[0].2).unwrap();
    let text = trace.pointer("/trace/orchestrationTrace/modelInvocationInput/text").unwrap();
    let sent: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    sent["system"].as_str().unwrap().lines().next().unwrap().to_owned()
}

/// TSTALIASID serves what was prepared last, an alias its version; edits serve neither, and a prepare that fails changes
/// nothing.
#[tokio::test]
async fn what_was_prepared_serves() {
    let scenario = scenario("answer");
    let house = house(&scenario);
    make(&house, &scenario).await;
    let edit = |instruction: &str, extra: Value| {
        let mut body = json!({"agentName": "tennis", "foundationModel": "test/model", "instruction": instruction,
            "agentResourceRoleArn": "arn:aws:iam::123456789012:role/AmazonBedrockExecutionRoleForAgents_x"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body.to_string()
    };
    let target = format!("/agents/{AGENT}/");
    let (old, new) = ("You book tennis courts.", "You book squash courts for people who ask you.");
    let guarded = json!({"guardrailConfiguration": {"guardrailIdentifier": "abcdefghijkl", "guardrailVersion": "1"}});
    for (step, extra, prepared, instruction) in [
        ("before", None, None, old),
        ("edited", Some(json!({})), None, old),
        ("prepared with what cannot run", Some(guarded), Some(400), old),
        ("prepared", Some(json!({})), Some(202), new),
    ] {
        if let Some(extra) = extra {
            let told = house.told("PUT", &target, edit(new, extra).into()).await;
            assert_eq!(told.status, 202, "{step}: {told:?}");
        }
        if let Some(status) = prepared {
            let told = house.told("POST", &target, bytes::Bytes::new()).await;
            assert_eq!(told.status, status, "{step}: {told:?}");
        }
        let session = step.replace(' ', "-");
        assert_eq!(instructed(&house, "TSTALIASID", &session).await, instruction, "{step}");
        assert_eq!(instructed(&house, ALIAS, &session).await, old, "{step}");
    }
}

/// Whatever ends a turn from outside, its stream says so.
#[tokio::test]
async fn streams_never_end_silently() {
    let scenario = scenario("lambda_never_answers");
    let page = Page {
        limit: 10,
        ..Page::default()
    };
    for (how, wanted) in [
        ("stop", r#"dependencyFailedException {"message":"The session was stopped."}"#),
        ("shutdown", "internalServerException"),
    ] {
        let house = house(&scenario);
        make(&house, &scenario).await;
        let response = invoke(&house, ALIAS, "session-1", &json!({"inputText": "book"})).await;
        let engine = &house.state.engine;
        if how == "stop" {
            let exec = engine.heads("", page.clone()).await.unwrap().remove(0).exec;
            engine.stop(&exec).await.unwrap();
        } else {
            engine.shutdown(Duration::from_secs(25)).await;
        }
        let Answer::Frames(frames) = read(response).await else {
            panic!("refused")
        };
        let (kind, exception, payload) = frames.last().unwrap();
        assert!(exception, "{how}: {frames:?}");
        assert!(format!("{kind} {payload}").starts_with(wanted), "{how}: {kind} {payload}");
    }
}
