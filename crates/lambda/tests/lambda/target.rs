//! Calls of durable executions.

use bedplate_journal::{Call, CallId, ExecId, Limits, Outcome, Payload, Progress, Raw, Step, Target};
use bedplate_lambda::{LambdaTarget, limits};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::House;

const CODE: &str = "
def handler(event, context):
    if event == 'fail':
        raise ValueError('no court')
    print('called')
    return {'event': event, 'key': context.client_context.custom['idempotencyKey']}
";

async fn call(house: &House, input: &str) -> Outcome {
    let call = Call {
        exec: ExecId::new("agent/s1"),
        id: CallId(7),
        step: Step::new("turn.1/act.0"),
        at: bedplate_base::Timestamp::default(),
        limits: Limits::default(),
        trace: None,
    };
    LambdaTarget::new(house.host.clone())
        .call(&call, Payload::Raw(Raw::new(input)), Progress::none())
        .await
}

#[tokio::test]
async fn calls_of_executions() {
    let house = House::new();
    house.host.create(house.python("book", CODE)).unwrap();
    let Outcome::Success(value) = call(&house, r#"{"function": "book", "event": {"b": 1, "a": 1.0}}"#).await else {
        panic!("must succeed")
    };
    let success = value.raw().parse();
    let key = bedplate_journal::EffectKey::of(&ExecId::new("agent/s1"), &Step::new("turn.1/act.0")).0;
    let payload: Value = serde_json::from_str(success["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload, json!({"event": {"b": 1, "a": 1.0}, "key": key}));
    assert_eq!(success["log"], "called\n");
    assert!(success["initMs"].is_u64() && success["durationMs"].is_f64(), "{success}");

    for (input, error, cause) in [
        (r#"{"function": "book", "event": "fail"}"#, "ValueError", "no court (File \""),
        (
            r#"{"function": "other", "event": 1}"#,
            "Lambda.ResourceNotFoundException",
            "Function not found: other",
        ),
        (
            r#"{"function": "book"}"#,
            "Lambda.InvalidParameterValueException",
            "missing field `event`",
        ),
    ] {
        let Outcome::Failure { error: is, cause: because } = call(&house, input).await else {
            panic!("{input} must fail")
        };
        assert_eq!(is, error, "{input}");
        assert!(because.contains(cause), "{input}: {because}");
    }
}

#[tokio::test]
async fn a_shutdown_answers_no_call() {
    let house = House::new();
    house.host.create(house.python("book", CODE)).unwrap();
    house.host.shutdown();
    let answer = futures_util::FutureExt::now_or_never(call(&house, r#"{"function": "book", "event": 1}"#));
    assert_eq!(answer, None);
}

#[tokio::test]
async fn more_calls_than_may_wait_are_all_made() {
    let house = House::new();
    house.host.create(house.python("book", CODE)).unwrap();
    let many = limits::PROCESSES_PER_FUNCTION + limits::WAITING_MAX + 10;
    let calls = (0..many).map(|_| call(&house, r#"{"function": "book", "event": 1}"#));
    for outcome in join_all(calls).await {
        assert!(matches!(outcome, Outcome::Success(_)), "{outcome:?}");
    }
}
