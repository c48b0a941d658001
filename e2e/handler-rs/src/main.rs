//! A tool of an agent; any other event is answered with itself and what the context says. Fails when the event is `"fail"`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    eprintln!("event of {}", context.request_id);
    if event == "fail" {
        return Err("no court".into());
    }
    if event["messageVersion"] == "1.0" {
        let body = json!({"TEXT": {"body": "from Rust"}});
        let response =
            json!({"actionGroup": event["actionGroup"], "function": event["function"], "functionResponse": {"responseBody": body}});
        return Ok(json!({"messageVersion": "1.0", "response": response}));
    }
    Ok(json!({
        "event": event,
        "id": context.request_id,
        "arn": context.invoked_function_arn,
        "name": context.env_config.function_name,
        "custom": context.client_context.map(|client| client.custom),
        "deadline": context.deadline,
    }))
}
