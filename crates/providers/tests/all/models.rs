//! The target as the engine sees it: a request in, an outcome out.

use std::sync::{Arc, Mutex};

use bedplate_base::Timestamp;
use bedplate_converse::{Block, Message, Reply, Request, Role, StopReason, Usage};
use bedplate_journal::{Call, CallId, ExecId, Limits, Outcome, Payload, Progress, Raw, Step, Target};
use bedplate_providers::{Mode, Models, Setup};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::pure::config;
use crate::server::Server;
use crate::wire::{Asks, part_text};
use crate::{cases, folder};

/// What was announced: model id and line.
pub(crate) type Announced = Arc<Mutex<Vec<(String, String)>>>;

fn planner(request: &Request) -> Reply {
    let said = request.messages.last().map(|message| message.text()).unwrap_or_default();
    Reply {
        message: Message {
            role: Role::Assistant,
            content: vec![
                Block::Text(format!("I plan to answer what you said, which is: {said}")),
                Block::ToolUse {
                    id: "p1".into(),
                    name: "plan".into(),
                    input: json!({}),
                },
            ],
        },
        stop: StopReason::ToolUse,
        usage: Usage::default(),
        model: "builtin/planner".into(),
        ..Reply::default()
    }
}

pub(crate) fn models(toml: &str, mode: Mode) -> Result<(Models, Announced), String> {
    let announced = Announced::default();
    let heard = Arc::clone(&announced);
    let setup = Setup {
        mode,
        folder: folder(),
        planner: Arc::new(planner),
        announce: Arc::new(move |model, line| heard.lock().unwrap().push((model.into(), line.into()))),
    };
    let environment = |name: &str| match name {
        "TEST_KEY" => Some(" sk-very-secret-0123456789\n".to_owned()),
        "TEST_ID" => Some("AKIATESTTESTTEST".to_owned()),
        "BAD_KEY" => Some("two words".to_owned()),
        _ => None,
    };
    let models = Models::new(&config(toml)?, setup, &environment).map_err(|error| error.message)?;
    Ok((models, announced))
}

pub(crate) async fn ask(models: &Models, asks: &Asks) -> (Outcome, Vec<String>) {
    let parts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&parts);
    let progress = Progress::new(move |part| seen.lock().unwrap().push(part_text(&part)));
    let outcome = models.call(&call(), Payload::Typed(Arc::new(asks.request())), progress).await;
    let parts = parts.lock().unwrap().clone();
    (outcome, parts)
}

fn call() -> Call {
    Call {
        exec: ExecId::new("test"),
        id: CallId(1),
        step: Step("1".into()),
        at: Timestamp::default(),
        limits: Limits::default(),
        trace: None,
    }
}

pub(crate) fn reply_of(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Success(value) => value.raw().parse(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn asks(model: &str, streaming: bool) -> Asks {
    Asks {
        model: model.into(),
        streaming,
        ..Asks::default()
    }
}

#[tokio::test]
async fn an_unmatched_id_runs_on_the_planner_announced_once() {
    let (models, announced) = models("", Mode::Dev).unwrap();
    for streaming in [true, false] {
        let (outcome, parts) = ask(&models, &asks("anthropic.claude-3-haiku", streaming)).await;
        let reply = reply_of(&outcome);
        let text = "I plan to answer what you said, which is: Hello";
        assert_eq!(reply["output"]["message"]["content"][0]["text"], text);
        assert_eq!(
            (&reply["model"], &reply["stopReason"]),
            (&json!("builtin/planner"), &json!("tool_use"))
        );
        if streaming {
            let (texts, tool) = parts.split_at(parts.len() - 4);
            assert_eq!(tool, ["end", "tool: plan", "input: {}", "end"]);
            assert!(texts.len() > 2, "{texts:?}");
            assert_eq!(
                texts.iter().map(|part| part.strip_prefix("text: ").unwrap()).collect::<String>(),
                text
            );
        } else {
            assert!(parts.is_empty());
        }
    }
    let (_, parts) = ask(&models, &asks("builtin/echo", true)).await;
    assert_eq!(parts, ["text: Hello", "end"]);
    let announced = announced.lock().unwrap();
    assert_eq!(announced.len(), 1, "{announced:?}");
    assert_eq!(announced[0].0, "anthropic.claude-3-haiku");
    assert!(
        announced[0].1.contains("rule-based, not an LLM") && announced[0].1.contains("[[route]]"),
        "{}",
        announced[0].1
    );
}

#[tokio::test]
async fn an_unmatched_id_is_an_error_in_serve() {
    let (models, announced) = models("", Mode::Serve).unwrap();
    match ask(&models, &asks("anthropic.claude-3-haiku", true)).await.0 {
        Outcome::Failure { error, cause } => {
            assert_eq!(error, "Model.Validation");
            assert!(
                cause.contains("bedplate.toml") && cause.contains("model = \"anthropic.claude-3-haiku\""),
                "{cause}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(announced.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_route_leads_to_a_server_under_the_name_it_gives() {
    let exchanges = serde_json::from_value(json!([{
        "expect_headers": {"authorization": "Bearer sk-very-secret-0123456789"},
        "headers": {"content-type": "text/event-stream"},
        "pieces": ["data: {\"choices\":[{\"delta\":{\"content\":\"Yes\"},\"finish_reason\":\"stop\"}]}\n\n"]
    }]))
    .unwrap();
    let mut server = Server::start(exchanges).await;
    let toml = format!(
        "[providers.mine]\nkind = \"openai\"\nbase_url = \"{}/\"\napi_key_env = \"TEST_KEY\"\n[[route]]\nmodel = \"anthropic.*\"\nto = [\"mine/org/big:7b\"]",
        server.base_url
    );
    let (models, _) = models(&toml, Mode::Serve).unwrap();
    let model = "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0";
    let (outcome, parts) = ask(&models, &asks(model, true)).await;
    assert_eq!(reply_of(&outcome)["output"]["message"]["content"], json!([{"text": "Yes"}]));
    assert_eq!(parts, ["text: Yes"]);
    let asked = server.asked.recv().await.unwrap();
    assert_eq!(asked.body["model"], "org/big:7b");
    assert_eq!(asked.headers["authorization"], "Bearer sk-very-secret-0123456789");
}

#[tokio::test]
async fn scripts_come_from_the_configuration_or_the_id() {
    let toml = "script = \"answers.json\"\n[[route]]\nmodel = \"scripted\"\nto = [\"builtin/script\"]";
    let (models, announced) = models(toml, Mode::Dev).unwrap();
    for model in ["scripted", "builtin/script", "builtin/script:answers.json"] {
        let (outcome, parts) = ask(&models, &asks(model, true)).await;
        assert_eq!(
            reply_of(&outcome)["output"]["message"]["content"],
            json!([{"text": "From a file."}]),
            "{model}"
        );
        assert_eq!(parts, ["text: From ", "text: a file."]);
    }
    match ask(&models, &asks("builtin/script:missing.yaml", true)).await.0 {
        Outcome::Failure { error, cause } => assert!(error == "Model.Validation" && cause.contains("missing.yaml"), "{cause}"),
        other => panic!("{other:?}"),
    }
    assert!(announced.lock().unwrap().is_empty());
    let (without, _) = self::models("", Mode::Serve).unwrap();
    match ask(&without, &asks("builtin/script", true)).await.0 {
        Outcome::Failure { cause, .. } => assert!(cause.contains("script = \"answers.yaml\""), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_payload_of_another_kind_is_refused() {
    let (models, _) = models("", Mode::Dev).unwrap();
    for payload in [Payload::Raw(Raw::new("{}")), Payload::Typed(Arc::new(1_u8))] {
        let outcome = models.call(&call(), payload, Progress::none()).await;
        assert!(
            matches!(&outcome, Outcome::Failure { error, .. } if error == "Model.Validation"),
            "{outcome:?}"
        );
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupCase {
    name: String,
    toml: String,
    /// Words of the error; none when it is accepted.
    #[serde(default)]
    error: Vec<String>,
}

#[test]
fn setups() {
    for case in cases::<SetupCase>("setups.yaml") {
        let name = &case.name;
        match models(&case.toml, Mode::Dev) {
            Ok(_) => assert!(case.error.is_empty(), "{name}: accepted"),
            Err(error) => {
                assert!(!case.error.is_empty(), "{name}: {error}");
                case.error
                    .iter()
                    .for_each(|words| assert!(error.contains(words), "{name}: {words:?} is not in {error:?}"));
                assert!(!error.contains("two words"), "{name}: the key shows");
            }
        }
    }
}
