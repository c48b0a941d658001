//! What an agent asks of its client: confirmations and results, answered at the prompt or by flags.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::printer::call;
use crate::terminal::Terminal;

/// Answers that were given with the command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Confirm (true) or decline (false) everything.
    pub(crate) approve: Option<bool>,
    /// The result of everything that the client is to run.
    pub(crate) result: Option<String>,
}

/// The request's `sessionState` that answers a `returnControl` event.
///
/// # Errors
/// An answer is needed, and there is neither a flag nor a person to give it.
pub(crate) async fn answer(event: &Value, answers: &Answers, terminal: &mut Terminal) -> Result<Value, Failure> {
    let mut results = Vec::new();
    for input in event["invocationInputs"].as_array().into_iter().flatten() {
        let function = input.get("functionInvocationInput");
        let input = function.or_else(|| input.get("apiInvocationInput")).ok_or_else(|| {
            Failure::new("the agent asks for something that this program does not know").hint("`bedplate invoke -o json` shows the event")
        })?;
        let mut result = json!({"actionGroup": input["actionGroup"]});
        for name in ["agentId", "function", "apiPath", "httpMethod"] {
            if !input[name].is_null() {
                result[name] = input[name].clone();
            }
        }
        let name = input["function"].as_str().or_else(|| input["apiPath"].as_str()).unwrap_or("?");
        let action = call(name, &input["parameters"]);
        let kind = input["actionInvocationType"].as_str().unwrap_or("RESULT");
        let mut wants_result = kind != "USER_CONFIRMATION";
        if kind.starts_with("USER_CONFIRMATION") {
            let approved = confirm(&action, answers, terminal).await?;
            result["confirmationState"] = json!(if approved { "CONFIRM" } else { "DENY" });
            wants_result &= approved;
        }
        if wants_result {
            let text = result_of(&action, answers, terminal).await?;
            result["responseBody"] = json!({"TEXT": {"body": text}});
        }
        results.push(json!({if function.is_some() { "functionResult" } else { "apiResult" }: result}));
    }
    Ok(json!({"invocationId": event["invocationId"], "returnControlInvocationResults": results}))
}

async fn confirm(action: &str, answers: &Answers, terminal: &mut Terminal) -> Result<bool, Failure> {
    if let Some(approve) = answers.approve {
        return Ok(approve);
    }
    if !terminal.interactive {
        return Err(
            Failure::new(format!("the agent asks to approve {action}, and nobody is at the terminal"))
                .hint("say --approve or --deny, or run it where stdin is a terminal"),
        );
    }
    loop {
        terminal.tell("   [y] approve  [n] deny > ");
        let Some(line) = terminal.read_line().await? else {
            return Err(Failure::new(format!("{action} was neither approved nor denied")).hint(LATER));
        };
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" | "approve" => return Ok(true),
            "n" | "no" | "deny" => return Ok(false),
            _ => {}
        }
    }
}

async fn result_of(action: &str, answers: &Answers, terminal: &mut Terminal) -> Result<String, Failure> {
    if let Some(result) = &answers.result {
        return Ok(result.clone());
    }
    if !terminal.interactive {
        return Err(
            Failure::new(format!("the agent asks its client to run {action}, and nobody is at the terminal"))
                .hint("say --result TEXT, or run it where stdin is a terminal"),
        );
    }
    terminal.tell("   result > ");
    terminal
        .read_line()
        .await?
        .ok_or_else(|| Failure::new(format!("the result of {action} was not given")).hint(LATER))
}

/// The question stays open on the server.
const LATER: &str = "the agent still waits; `bedplate invoke --session ID --session-state JSON` answers it later";
