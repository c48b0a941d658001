//! Steps, calls and transcripts as compact text.

use bedplate_agent::steps::{Invoked, Kind, Step};
use bedplate_base::Timestamp;
use bedplate_testkit::Effect;
use serde_json::Value as Json;

/// One step, a line; times are left out.
pub(crate) fn step(step: &Step) -> String {
    let what = match &step.kind {
        Kind::ModelInput(request) => format!("model is sent {} messages", request.messages.len()),
        Kind::ModelOutput { reply, span, .. } => {
            let uses = reply.message.to_json()["content"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|block| Some(format!(" {} {}", block["toolUse"]["name"].as_str()?, block["toolUse"]["input"])))
                .collect::<String>();
            format!(
                "model answers after {}: {:?}{uses}",
                millis(span.started, span.ended),
                reply.message.text()
            )
        }
        Kind::Rationale(text) => format!("rationale {text:?}"),
        Kind::Action {
            invoked: called,
            output,
            span,
            ..
        } => format!("{} after {} → {output:?}", invoked(called), millis(span.started, span.ended)),
        Kind::Asked { invoked: called, .. } => format!("asked {}", invoked(called)),
        Kind::Question(question) => {
            let inputs: Vec<_> = question
                .inputs
                .iter()
                .map(|asked| format!("{}.{} {}", asked.action_group, asked.function, asked.kind.as_str()))
                .collect();
            format!("QUESTION {}: {}", question.invocation_id, inputs.join(", "))
        }
        Kind::ClientResult(result) => format!("client says {}.{} → {:?}", result.action_group, result.function, result.body),
        Kind::Final { started, text, asks } => {
            let what = if *asks { "asks the user" } else { "final" };
            format!("{what} after {} {text:?}", millis(*started, step.at))
        }
        Kind::Answer(text) => format!("ANSWER {text:?}"),
        Kind::Failed {
            code,
            message,
            detail,
            resource,
            refused,
        } => {
            let what = if *refused { "REFUSED" } else { "FAILED" };
            format!("{what} {code} {message:?} {detail:?} {}", resource.unwrap_or("-"))
        }
    };
    format!("{} {what}", step.iteration)
}

fn invoked(invoked: &Invoked) -> String {
    let arguments: Vec<_> = invoked
        .arguments
        .iter()
        .map(|one| format!("{}: {} = {:?}", one.name, one.kind, one.value))
        .collect();
    format!("{}.{}({})", invoked.group, invoked.function, arguments.join(", "))
}

fn millis(from: Timestamp, to: Timestamp) -> String {
    format!("{} ms", to.since(from).as_millis())
}

/// What a function is sent.
pub(crate) fn lambda(effect: &Effect) -> String {
    let payload: Json = serde_json::from_str(&effect.payload).unwrap();
    format!("{} {} {}", effect.step.0, payload["function"].as_str().unwrap(), payload["event"])
}

/// The messages that a model is sent, a line each.
pub(crate) fn transcript(payload: &str) -> Vec<String> {
    let payload: Json = serde_json::from_str(payload).unwrap();
    payload["messages"].as_array().unwrap().iter().map(message).collect()
}

fn message(message: &Json) -> String {
    let blocks: Vec<_> = message["content"].as_array().unwrap().iter().map(block).collect();
    format!("{}: {}", message["role"].as_str().unwrap(), blocks.join(" | "))
}

fn block(block: &Json) -> String {
    if let Some(tool) = block.get("toolUse") {
        return format!(
            "{} uses {} {}",
            tool["toolUseId"].as_str().unwrap(),
            tool["name"].as_str().unwrap(),
            tool["input"]
        );
    }
    if let Some(result) = block.get("toolResult") {
        let (id, status) = (result["toolUseId"].as_str().unwrap(), result["status"].as_str().unwrap());
        return format!("{id} {status} {}", result["content"][0]["text"]);
    }
    match block.get("reasoningContent") {
        Some(reasoning) => format!("thinks {}", reasoning["reasoningText"]["text"]),
        None => block["text"].to_string(),
    }
}
