//! What a turn's message says, and what its answers are: plain data, journaled as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Attributes: names and texts.
pub type Attributes = BTreeMap<String, String>;

/// A user's turn, or the answer to a question of the agent.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Which agent runs it, as the alias resolved at that moment.
    pub agent: AgentRef,
    /// The session's id.
    pub session_id: String,
    /// What the user said; absent when only results come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the client wants trace events.
    #[serde(default)]
    pub trace: bool,
    /// Whether the client wants the final answer token by token.
    #[serde(default)]
    pub streaming: bool,
    /// Whether the session ends with this turn.
    #[serde(default)]
    pub end_session: bool,
    /// Merged into the session's attributes: tools see them, the model does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_attributes: Option<Attributes>,
    /// For this turn: the model sees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_session_attributes: Option<Attributes>,
    /// What was said before, told by the client: goes before what the user says now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Said>,
    /// Whether this request is refused while another turn of the session runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// Answers a return of control or a confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The W3C `traceparent` that it came with: what the turn does belongs to that trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
    /// Names what the client wants over all its tries: a try whose message was taken already is refused as `REPEATED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_id: Option<String>,
}

/// Something that was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Whether the agent said it, not the user.
    pub by_agent: bool,
    /// What.
    pub text: String,
}

/// Which agent runs a turn.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentRef {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The alias' id.
    pub alias_id: String,
    /// The alias' ARN.
    pub alias_arn: String,
    /// The version that the alias pointed at.
    pub version: String,
}

/// The client's answer to a `returnControl` event.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The event's id.
    pub invocation_id: String,
    /// One result per invocation input.
    pub results: Vec<ActionResult>,
}

/// The client's result for one action.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionResult {
    /// The action group.
    pub action_group: String,
    /// The function.
    pub function: String,
    /// The result's text; absent when only confirmed or denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `FAILURE`, `REPROMPT` or absent for success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_state: Option<String>,
    /// `CONFIRM`, `DENY` or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<String>,
}

/// A question to the client: the payload of an `Asker` call and of the `returnControl` event.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Names the question.
    pub invocation_id: String,
    /// What the client is asked to run or to confirm.
    pub inputs: Vec<Asked>,
}

/// One action of a question.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Place of the tool use in the model's reply.
    pub act: usize,
    /// The action group.
    pub action_group: String,
    /// The function.
    pub function: String,
    /// Arguments as texts.
    pub parameters: Vec<crate::Argument>,
    /// `RESULT`, `USER_CONFIRMATION` or `USER_CONFIRMATION_AND_RESULT`.
    pub kind: AskedKind,
}

/// What is wanted of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AskedKind {
    /// Run it and send the result.
    #[default]
    Result,
    /// Confirm or deny; we run it.
    UserConfirmation,
    /// Confirm or deny, and run it when confirmed.
    UserConfirmationAndResult,
}

impl AskedKind {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Result => "RESULT",
            Self::UserConfirmation => "USER_CONFIRMATION",
            Self::UserConfirmationAndResult => "USER_CONFIRMATION_AND_RESULT",
        }
    }
}

/// Errors of a turn, as `Outcome::Failure` names them.
pub mod failure {
    /// A tool, a model or something else that the turn needs failed.
    pub const DEPENDENCY: &str = "Turn.DependencyFailed";
    /// The request does not fit the session's state.
    pub const VALIDATION: &str = "Turn.Validation";
    /// The model may not be called with these credentials.
    pub const ACCESS: &str = "Turn.AccessDenied";
    /// The model's provider wants less.
    pub const THROTTLED: &str = "Turn.Throttled";
    /// The provider has not loaded the model yet.
    pub const NOT_READY: &str = "Turn.ModelNotReady";
    /// An earlier try of the same request was taken already; the cause's second line is that request's id.
    pub const REPEATED: &str = "Turn.Repeated";
    /// Another turn of this session runs, and the request wants to be alone.
    pub const CONFLICT: &str = "Turn.Conflict";
    /// Too many turns wait for this session.
    pub const QUEUE_FULL: &str = "Turn.QueueFull";
}
