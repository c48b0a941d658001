//! Submit: an InvokeAgent request → the message of a turn.

use bedplate_agent::turn::{ActionResult, AgentRef, Answer, Request, Said};
use bedplate_base::{Error, Kind, Result};
use bedplate_wire_bedrock_agent_runtime::types::{
    ContentBlock, ConversationHistory, ConversationRole, FunctionResult, InvocationResultMember, InvokeAgentRequest, SessionState,
};

/// Where results stand in a request.
const RESULTS: &str = "sessionState.returnControlInvocationResults";

/// The message of a turn; the agent and the name of the try are filled in by the caller.
///
/// # Errors
/// `Validation` for what does not go together, `NotImplemented` for what we would have to leave out.
pub(super) fn message(input: InvokeAgentRequest, strict: bool) -> Result<Request> {
    let state = input.session_state.unwrap_or_default();
    refuse_unbuilt(&state, input.prompt_creation_configurations.is_some())?;
    let answer = answer(&state)?;
    let end_session = input.end_session == Some(true);
    if answer.is_none() && input.input_text.is_none() && !end_session {
        return Err(Error::validation(
            "inputText is required, unless the request ends the session or sends returnControlInvocationResults.",
        )
        .with_field("inputText", "is missing"));
    }
    Ok(Request {
        agent: AgentRef::default(),
        session_id: input.session_id,
        // With results the text is ignored.
        text: if answer.is_some() { None } else { input.input_text },
        trace: input.enable_trace == Some(true),
        streaming: input
            .streaming_configurations
            .is_some_and(|streaming| streaming.stream_final_response == Some(true)),
        end_session,
        session_attributes: state.session_attributes,
        prompt_session_attributes: state.prompt_session_attributes,
        history: history(&state.conversation_history)?,
        alone: strict,
        answer,
        trace_parent: None,
        try_id: None,
    })
}

fn refuse_unbuilt(state: &SessionState, creation: bool) -> Result<()> {
    if state.knowledge_base_configurations.as_ref().is_some_and(|given| !given.is_empty()) {
        return Err(Error::validation(
            "You can only provide configurations for up to 0 knowledge bases in the session state. Reduce the number of configurations and retry your request.",
        ));
    }
    let unbuilt = [
        (state.files.as_ref().is_some_and(|files| !files.is_empty()), "sessionState.files"),
        (creation, "promptCreationConfigurations"),
    ];
    match unbuilt.into_iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, field)) => Err(Error::new(
            Kind::NotImplemented,
            format!("{field} of InvokeAgent is not implemented by this version of Bedplate. Leave it out, and the turn runs."),
        )),
    }
}

/// What the client says was said before.
fn history(given: &Option<ConversationHistory>) -> Result<Vec<Said>> {
    let messages = given.as_ref().and_then(|history| history.messages.as_deref()).unwrap_or_default();
    let mut said = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let mut text = String::new();
        for block in &message.content {
            match block {
                ContentBlock::Text(part) => text.push_str(part),
            }
        }
        if text.trim().is_empty() {
            let field = format!("sessionState.conversationHistory.messages.{}.member.content", index + 1);
            return Err(Error::validation(format!("{field} has no text.")).with_field(field, "has no text"));
        }
        said.push(Said {
            by_agent: message.role == ConversationRole::Assistant,
            text,
        });
    }
    Ok(said)
}

fn answer(state: &SessionState) -> Result<Option<Answer>> {
    let results = state.return_control_invocation_results.as_deref().unwrap_or_default();
    match (&state.invocation_id, results.is_empty()) {
        (None, true) => Ok(None),
        (Some(_), true) => Err(Error::validation(format!(
            "{RESULTS} is missing: with an invocationId, send the results that it asked for."
        ))
        .with_field(RESULTS, "is missing")),
        (None, false) => Err(Error::validation(
            "sessionState.invocationId is missing: send the invocationId of the returnControl event with its results.",
        )
        .with_field("sessionState.invocationId", "is missing")),
        (Some(id), false) => {
            let results = results
                .iter()
                .enumerate()
                .map(|(index, one)| result(index, one))
                .collect::<Result<_>>()?;
            Ok(Some(Answer {
                invocation_id: id.clone(),
                results,
            }))
        }
    }
}

fn result(index: usize, member: &InvocationResultMember) -> Result<ActionResult> {
    let InvocationResultMember::FunctionResult(result) = member else {
        return Err(Error::new(
            Kind::NotImplemented,
            format!(
                "{RESULTS}.{}.member.apiResult is not implemented by this version of Bedplate; send a functionResult.",
                index + 1
            ),
        ));
    };
    Ok(ActionResult {
        action_group: result.action_group.clone(),
        function: result.function.clone().unwrap_or_default(),
        body: body(index, result)?,
        response_state: result.response_state.map(|state| state.as_str().to_owned()),
        confirmation: result.confirmation_state.map(|state| state.as_str().to_owned()),
    })
}

/// The result's text: under `TEXT`; other content types are taken as well.
fn body(index: usize, result: &FunctionResult) -> Result<Option<String>> {
    let Some(types) = result.response_body.as_ref().filter(|types| !types.is_empty()) else {
        return Ok(None);
    };
    let content = types.get("TEXT").or_else(|| types.values().next());
    match content.and_then(|content| content.body.clone()) {
        Some(text) => Ok(Some(text)),
        None => {
            let field = format!("{RESULTS}.{}.member.functionResult.responseBody.TEXT.body", index + 1);
            Err(Error::validation(format!("{field} is missing: the result is sent as text.")).with_field(field, "is missing"))
        }
    }
}
