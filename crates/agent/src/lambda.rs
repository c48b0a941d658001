//! The contract with Lambda functions, version 1.0: the event that a handler gets, and what it may answer
//! (Bedrock user guide, "Configure Lambda functions to send information").

use bedplate_journal::{Outcome, Raw};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::session::Turn;
use crate::turn::Attributes;
use crate::{Action, Argument};

/// Input of a call of the `lambda` target: the function and the event.
pub(crate) fn input(arn: &str, action: &Action, arguments: &[Argument], turn: &Turn, session: &Attributes) -> Raw {
    let (request, agent) = (&turn.request, &turn.request.agent);
    let event = Event {
        message_version: VERSION,
        agent: Agent {
            name: &agent.name,
            id: &agent.id,
            alias: &agent.alias_id,
            version: &agent.version,
        },
        input_text: &turn.input_text,
        session_id: &request.session_id,
        action_group: &action.group,
        function: &action.function,
        parameters: arguments,
        session_attributes: session,
        prompt_session_attributes: &turn.prompt_attributes,
    };
    let call = Call { function: arn, event };
    Raw::new(serde_json::to_string(&call).expect("invariant: an event is plain data"))
}

#[derive(Serialize)]
struct Call<'a> {
    function: &'a str,
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    message_version: &'static str,
    agent: Agent<'a>,
    input_text: &'a str,
    session_id: &'a str,
    action_group: &'a str,
    function: &'a str,
    parameters: &'a [Argument],
    session_attributes: &'a Attributes,
    prompt_session_attributes: &'a Attributes,
}

#[derive(Serialize)]
struct Agent<'a> {
    name: &'a str,
    id: &'a str,
    alias: &'a str,
    version: &'a str,
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
            if let Some(text) = plain(value.raw().as_str()) {
                return Answer::Body {
                    text,
                    reprompt: false,
                    session: None,
                    prompt: None,
                };
            }
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

/// The body of an answer as most of them are: a text and nothing that needs to be looked at. Everything else is read by way of a tree.
fn plain(outcome: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Returned {
        tool_error: Option<IgnoredAny>,
        payload: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        message_version: Option<String>,
        response: Response,
        session_attributes: Option<IgnoredAny>,
        prompt_session_attributes: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response {
        function_response: Inner,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        response_state: Option<IgnoredAny>,
        response_body: Types,
    }
    #[derive(Deserialize)]
    struct Types {
        #[serde(rename = "TEXT")]
        text: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        body: String,
    }
    let returned: Returned = serde_json::from_str(outcome).ok()?;
    let envelope: Envelope = serde_json::from_str(&returned.payload).ok()?;
    let inner = envelope.response.function_response;
    let is_plain = returned.tool_error.is_none()
        && envelope.message_version.is_none_or(|version| version == VERSION)
        && envelope.session_attributes.is_none()
        && envelope.prompt_session_attributes.is_none()
        && inner.response_state.is_none();
    is_plain.then_some(inner.response_body.text.body)
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
