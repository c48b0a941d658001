//! The contract with Lambda functions, version 1.0: the event that a handler gets, and what it may answer
//! (Bedrock user guide, "Configure Lambda functions to send information").

use bedplate_journal::{Outcome, Raw};
use serde_json::{Value, json};

use crate::session::Turn;
use crate::turn::Attributes;
use crate::{Action, Argument};

/// Input of a call of the `lambda` target: the function and the event.
pub(crate) fn input(arn: &str, action: &Action, arguments: &[Argument], turn: &Turn, session: &Attributes) -> Raw {
    let (request, agent) = (&turn.request, &turn.request.agent);
    let event = json!({
        "messageVersion": "1.0",
        "agent": {"name": agent.name, "id": agent.id, "alias": agent.alias_id, "version": agent.version},
        "inputText": turn.input_text,
        "sessionId": request.session_id,
        "actionGroup": action.group,
        "function": action.function,
        "parameters": arguments,
        "sessionAttributes": session,
        "promptSessionAttributes": turn.prompt_attributes,
    });
    Raw::json(&json!({"function": arn, "event": event}))
}

/// What a handler answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The body goes to the model.
    Body {
        /// As the handler gave it, never parsed.
        text: String,
        /// `responseState` was `REPROMPT`: the model is asked to correct itself.
        reprompt: bool,
        /// Replaces the session's attributes.
        session: Option<Attributes>,
        /// Replaces the turn's prompt attributes.
        prompt: Option<Attributes>,
    },
    /// The turn fails: AWS's message, and what really happened.
    Failed {
        /// The service's own words.
        message: &'static str,
        /// The cause, for people.
        detail: String,
    },
}

/// AWS's words for a function that raised, timed out or said `FAILURE`.
pub(crate) const FAILED: &str = "Received failed response from API execution. Retry the request later.";
/// AWS's words for an answer that is not of the contract.
pub(crate) const MALFORMED: &str =
    "The server encountered an error processing the Lambda response. Check the Lambda response and retry the request";

/// Reads the outcome of a call of the `lambda` target: `{"payload": "<text that the handler returned>"}`,
/// `{"toolError": "what went wrong"}` when the model is to hear of it, or a failure.
pub(crate) fn read(function: &str, outcome: &Outcome) -> Answer {
    let failed = |detail: String| Answer::Failed { message: FAILED, detail };
    match outcome {
        Outcome::Success(value) => {
            let payload = value.raw().parse();
            if let Value::String(problem) = &payload["toolError"] {
                // The configuration wants the model to hear of failures.
                return Answer::Body {
                    text: format!("The function failed: {problem}"),
                    reprompt: true,
                    session: None,
                    prompt: None,
                };
            }
            match &payload["payload"] {
                Value::String(text) => envelope(function, text),
                _ => malformed(function, "it returned nothing"),
            }
        }
        Outcome::Failure { error, cause } => failed(format!("{function} failed with {error}: {cause}")),
        Outcome::Aborted => failed(format!("the call of {function} was stopped")),
        Outcome::TimedOut(_) => failed(format!("{function} did not answer in time")),
    }
}

fn malformed(function: &str, why: &str) -> Answer {
    let wanted = r#"{"messageVersion": "1.0", "response": {"actionGroup": …, "function": …, "functionResponse": {"responseBody": {"TEXT": {"body": "text"}}}}}"#;
    Answer::Failed {
        message: MALFORMED,
        detail: format!("the response of {function} is not of the form {wanted}: {why}"),
    }
}

/// The version of the contract.
const VERSION: &str = "1.0";

/// Reads a handler's answer. `messageVersion` may be absent, as it is in many handlers; the body's content type is `TEXT`,
/// others are taken as well.
fn envelope(function: &str, text: &str) -> Answer {
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return malformed(function, "it is not JSON");
    };
    match document.get("messageVersion") {
        None | Some(Value::Null) => {}
        Some(Value::String(version)) if version == VERSION => {}
        // Written without quotes.
        Some(Value::Number(version)) if version.as_f64() == Some(1.0) => {}
        Some(other) => {
            return malformed(
                function,
                &format!("'messageVersion' is {other}; the version of this contract is \"{VERSION}\""),
            );
        }
    }
    let Some(response) = document.get("response").filter(|response| response.is_object()) else {
        return malformed(function, "'response' is missing or not an object");
    };
    let Some(inner) = response.get("functionResponse").filter(|inner| inner.is_object()) else {
        return malformed(function, "'response.functionResponse' is missing or not an object");
    };
    let body = inner.get("responseBody").and_then(Value::as_object).and_then(|types| {
        types
            .get("TEXT")
            .or_else(|| types.values().next())
            .and_then(|content| content.get("body"))
    });
    let state = inner.get("responseState").and_then(Value::as_str);
    let text = match body {
        Some(Value::String(text)) => text.clone(),
        Some(_) => return malformed(function, "'response.functionResponse.responseBody.TEXT.body' is not a string"),
        None if state == Some("FAILURE") => String::new(),
        None => return malformed(function, "'response.functionResponse.responseBody.TEXT.body' is missing"),
    };
    match state {
        Some("FAILURE") => Answer::Failed {
            message: FAILED,
            detail: format!("{function} answered with responseState FAILURE: {text}"),
        },
        None | Some("REPROMPT") => Answer::Body {
            text,
            reprompt: state.is_some(),
            session: attributes(&document["sessionAttributes"]),
            prompt: attributes(&document["promptSessionAttributes"]),
        },
        Some(other) => malformed(function, &format!("'responseState' is {other:?}; it may be FAILURE or REPROMPT")),
    }
}

/// Attributes of an answer; values that are not texts are kept as their JSON.
fn attributes(value: &Value) -> Option<Attributes> {
    let map = value.as_object()?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(map.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}
