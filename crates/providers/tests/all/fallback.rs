//! What happens between providers, and before one: lists of a route, the gate, signatures.

use bedplate_journal::Outcome;
use bedplate_providers::Mode;
use bedplate_sigv4::{Credentials, Request as Signed, Scope, sign};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use crate::models::{ask, asks, models, reply_of};
use crate::server::{Exchange, Server};

fn exchanges(list: Value) -> Vec<Exchange> {
    serde_json::from_value(list).unwrap()
}

fn well(text: &str) -> Value {
    let body = json!({"model": "m", "choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}});
    json!({"headers": {"content-type": "application/json"}, "pieces": [body.to_string()]})
}

fn refusal(status: u16) -> Value {
    json!({"status": status, "pieces": ["{\"error\":{\"message\":\"says no\"}}"]})
}

/// Two providers of one try each, and a route over both and the echo.
fn toml(first: &Server, second: &Server, more: &str) -> String {
    format!(
        "[providers.a]\nkind = \"openai\"\nbase_url = \"{}\"\ntries = 1\n{more}\n[providers.b]\nkind = \"openai\"\nbase_url = \"{}\"\ntries = 1\n\
         [[route]]\nmodel = \"*\"\nto = [\"a/one\", \"b/two\", \"builtin/echo\"]",
        first.base_url, second.base_url
    )
}

/// The next one is asked for what is the provider's fault, in order, and who answered is told.
#[tokio::test]
async fn the_next_one_is_asked() {
    for status in [429_u16, 500, 503, 504, 408] {
        let mut first = Server::start(exchanges(json!([refusal(status)]))).await;
        let mut second = Server::start(exchanges(json!([well("from b")]))).await;
        let (models, _) = models(&toml(&first, &second, ""), Mode::Serve).unwrap();
        let (outcome, _) = ask(&models, &asks("any", false)).await;
        let reply = reply_of(&outcome);
        assert_eq!(reply["output"]["message"]["content"], json!([{"text": "from b"}]), "{status}");
        assert_eq!((&reply["provider"], &reply["model"]), (&json!("b"), &json!("m")));
        assert_eq!(reply["usage"]["totalTokens"], 4, "counted once");
        assert_eq!(first.asked.recv().await.unwrap().body["model"], "one");
        assert_eq!(second.asked.recv().await.unwrap().body["model"], "two");
    }
    let first = Server::start(exchanges(json!([{"end": "hangup"}]))).await;
    let second = Server::start(exchanges(json!([refusal(500)]))).await;
    let (models, _) = models(&toml(&first, &second, ""), Mode::Serve).unwrap();
    let (outcome, _) = ask(&models, &asks("any", false)).await;
    assert_eq!(reply_of(&outcome)["model"], "builtin/echo");
}

/// Not for what the request or the configuration is at fault for.
#[tokio::test]
async fn a_refusal_is_final() {
    for (status, name) in [
        (400_u16, "Validation"),
        (401, "AccessDenied"),
        (403, "AccessDenied"),
        (404, "NotFound"),
        (422, "Validation"),
    ] {
        let first = Server::start(exchanges(json!([refusal(status)]))).await;
        let mut second = Server::start(exchanges(json!([well("never")]))).await;
        let (models, _) = models(&toml(&first, &second, ""), Mode::Serve).unwrap();
        match ask(&models, &asks("any", false)).await.0 {
            Outcome::Failure { error, cause } => assert!(error == format!("Model.{name}") && cause.contains("says no"), "{error}: {cause}"),
            other => panic!("{status}: {other:?}"),
        }
        assert!(second.asked.try_recv().is_err());
    }
}

/// All fail: the last failure, with those before it.
#[tokio::test]
async fn nobody_answers() {
    let first = Server::start(exchanges(json!([refusal(429)]))).await;
    let second = Server::start(exchanges(json!([refusal(503)]))).await;
    let toml = toml(&first, &second, "").replace(", \"builtin/echo\"", "");
    let (models, _) = models(&toml, Mode::Serve).unwrap();
    match ask(&models, &asks("any", false)).await.0 {
        Outcome::Failure { error, cause } => {
            assert_eq!(error, "Model.Unavailable");
            assert!(
                cause.contains("\"b\"") && cause.contains("asked before: Model.Throttled") && cause.contains("\"a\""),
                "{cause}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Once a client has seen a part, nobody else is asked: two halves of different models are no answer. Before that, a broken stream is.
#[tokio::test]
async fn not_after_parts_were_shown() {
    let half = |text: &str| json!({"headers": {"content-type": "text/event-stream"}, "pieces": [format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")]});
    let first = Server::start(exchanges(json!([half("He"), half("")]))).await;
    let mut second = Server::start(exchanges(json!([well("from b")]))).await;
    let (models, _) = models(&toml(&first, &second, ""), Mode::Serve).unwrap();
    let (outcome, parts) = ask(&models, &asks("any", true)).await;
    assert!(
        matches!(&outcome, Outcome::Failure { error, .. } if error == "Model.Malformed"),
        "{outcome:?}"
    );
    assert_eq!(parts, ["text: He"]);
    assert!(second.asked.try_recv().is_err());
    let (outcome, parts) = ask(&models, &asks("any", true)).await;
    assert_eq!(reply_of(&outcome)["provider"], "b");
    assert_eq!(parts, ["text: from b"]);
}

/// A provider that failed often enough is left alone: the next one is asked at once.
#[tokio::test]
async fn left_alone() {
    let mut first = Server::start(exchanges(json!([refusal(500), refusal(500), well("never")]))).await;
    let second = Server::start(exchanges(json!([well("1"), well("2"), well("3")]))).await;
    let breaker = "breaker_failures = 2\nbreaker_pause = \"1h\"";
    let (models, _) = models(&toml(&first, &second, breaker), Mode::Serve).unwrap();
    for text in ["1", "2", "3"] {
        let (outcome, _) = ask(&models, &asks("any", false)).await;
        assert_eq!(reply_of(&outcome)["output"]["message"]["content"], json!([{"text": text}]));
    }
    assert!(first.asked.try_recv().is_ok() && first.asked.try_recv().is_ok());
    assert!(first.asked.try_recv().is_err(), "the third call must not reach it");
}

/// One that has too much to do, or refuses what it is asked, works: it is asked again, however often it says so.
#[tokio::test]
async fn not_left_alone_for_refusals() {
    for status in [429_u16, 400, 401, 404] {
        let first = Server::start(exchanges(json!([refusal(status), refusal(status), well("from a")]))).await;
        let toml = format!(
            "[providers.a]\nkind = \"openai\"\nbase_url = \"{}\"\ntries = 1\nbreaker_failures = 2\nbreaker_pause = \"1h\"\n\
             [[route]]\nmodel = \"*\"\nto = [\"a/one\"]",
            first.base_url
        );
        let (models, _) = models(&toml, Mode::Serve).unwrap();
        for _ in 0..2 {
            let (outcome, _) = ask(&models, &asks("any", false)).await;
            assert!(matches!(outcome, Outcome::Failure { .. }), "{status}: {outcome:?}");
        }
        let (outcome, _) = ask(&models, &asks("any", false)).await;
        assert_eq!(
            reply_of(&outcome)["output"]["message"]["content"],
            json!([{"text": "from a"}]),
            "{status}"
        );
    }
}

/// Tokens that a provider took before it failed stand beside those of the answer.
#[tokio::test]
async fn tokens_of_the_one_before_are_not_lost() {
    let half = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n";
    let first = Server::start(exchanges(
        json!([{"headers": {"content-type": "text/event-stream"}, "pieces": [half], "end": "cut"}]),
    ))
    .await;
    let second = Server::start(exchanges(json!([well("from b")]))).await;
    let (models, _) = models(&toml(&first, &second, ""), Mode::Serve).unwrap();
    let (outcome, _) = ask(&models, &asks("any", true)).await;
    let reply = reply_of(&outcome);
    assert_eq!((&reply["provider"], &reply["usage"]["totalTokens"]), (&json!("b"), &json!(4)));
    assert_eq!(reply["lostUsage"]["totalTokens"], 10);
}

/// One call at once, none that waits: the second is throttled without being sent.
#[tokio::test]
async fn a_full_queue_throttles() {
    let mut first = Server::start(exchanges(json!([{"end": "mute"}]))).await;
    let toml = format!(
        "[providers.a]\nkind = \"openai\"\nbase_url = \"{}\"\ntries = 1\nconcurrency = 1\nqueue = 0\n[[route]]\nmodel = \"*\"\nto = [\"a/one\"]",
        first.base_url
    );
    let (models, _) = models(&toml, Mode::Serve).unwrap();
    let asks = asks("any", false);
    let held = ask(&models, &asks);
    let second = async {
        first.asked.recv().await.unwrap();
        ask(&models, &asks).await.0
    };
    tokio::select! {
        (outcome, _) = held => panic!("answered: {outcome:?}"),
        outcome = second => match outcome {
            Outcome::Failure { error, cause } => assert!(error == "Model.Throttled" && cause.contains("concurrency"), "{cause}"),
            other => panic!("{other:?}"),
        },
    }
}

/// The signature that Bedrock is sent is the one that its library makes of the same request.
#[tokio::test]
async fn bedrock_is_signed_for() {
    let body = json!({"output": {"message": {"role": "assistant", "content": [{"text": "Yes"}]}}, "stopReason": "end_turn", "usage": {}});
    let mut server = Server::start(exchanges(
        json!([{"headers": {"content-type": "application/json"}, "pieces": [body.to_string()]}]),
    ))
    .await;
    let toml = format!(
        "[providers.aws]\nkind = \"bedrock\"\nbase_url = \"{}\"\nregion = \"eu-west-1\"\naccess_key_env = \"TEST_ID\"\nsecret_env = \"TEST_KEY\"\n\
         session_token_env = \"TEST_KEY\"\n[[route]]\nmodel = \"*\"\nto = [\"aws/*\"]",
        server.base_url
    );
    let (models, _) = models(&toml, Mode::Serve).unwrap();
    let mut asks = asks("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", false);
    asks.system = json!("Be brief.");
    let (outcome, _) = ask(&models, &asks).await;
    assert_eq!(reply_of(&outcome)["provider"], "aws");
    let asked = server.asked.recv().await.unwrap();
    let target = "/v1/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse";
    assert_eq!(asked.line, format!("POST {target} HTTP/1.1"));
    // Newer Claude takes cache points.
    assert_eq!(
        asked.body["system"],
        json!([{"text": "Be brief."}, {"cachePoint": {"type": "default"}}])
    );
    let mut headers = HeaderMap::new();
    for name in ["host", "content-type"] {
        headers.insert(name, HeaderValue::from_str(&asked.headers[name]).unwrap());
    }
    let date = &asked.headers["x-amz-date"];
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[9..11],
        &date[11..13],
        &date[13..15]
    );
    let sent = asked.body.to_string();
    let request = Signed {
        method: &Method::POST,
        target,
        headers: &headers,
        body: sent.as_bytes(),
    };
    let credentials = Credentials {
        access_key: "AKIATESTTESTTEST",
        secret: "sk-very-secret-0123456789",
        session_token: Some("sk-very-secret-0123456789"),
    };
    let scope = Scope {
        region: "eu-west-1",
        service: "bedrock",
        at: bedplate_base::Timestamp::parse_iso(&iso).unwrap(),
    };
    for (name, value) in sign(&request, &credentials, &scope).unwrap() {
        assert_eq!(asked.headers.get(name.as_str()).map(String::as_str), value.to_str().ok(), "{name}");
    }
}
