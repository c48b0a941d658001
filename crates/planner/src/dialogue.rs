//! The conversation so far, rebuilt from the messages every time: turns, calls and their results, what is still open.

use std::sync::Arc;

use bedplate_converse::{Block, Message, ResultPart, Role, ToolStatus};
use jiff::civil::DateTime;
use serde_json::{Map, Value};

use crate::results::{self, Outcome};
use crate::schema::ToolFacts;
use bedplate_language::entities::Utterance;

/// Most turns that are looked back at.
const TURNS_MAX: usize = 16;

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Index of the tool, when it is still on offer.
    pub(crate) tool: Option<usize>,
    pub(crate) name: String,
    pub(crate) input: Map<String, Value>,
    /// What came back.
    pub(crate) outcome: Option<Outcome>,
}

/// One turn: what the user said and what was done about it.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) said: Utterance,
    pub(crate) calls: Vec<Call>,
    /// The answer, or the question to the user.
    pub(crate) reply: Option<String>,
    /// Index of the message that began it: ids of calls follow from it.
    pub(crate) steps: usize,
}

/// Turns of a conversation, the current one last.
pub(crate) fn turns(messages: &[impl AsRef<Message>], tools: &[ToolFacts], now: DateTime) -> Vec<Turn> {
    let verbs: Arc<[String]> = tools
        .iter()
        .flat_map(|tool| &tool.verbs)
        .filter(|verb| !verb.contains('_'))
        .cloned()
        .collect();
    let mut out: Vec<Turn> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    let mut ids: Vec<Vec<(String, usize)>> = Vec::new();
    let mut questions: Vec<(String, String)> = Vec::new();
    let mut begin = |text: String, out: &mut Vec<Turn>, ids: &mut Vec<Vec<(String, usize)>>| {
        texts.push(text);
        ids.push(Vec::new());
        out.push(Turn {
            said: Utterance::read("", now, &verbs),
            calls: Vec::new(),
            reply: None,
            steps: 0,
        });
    };
    for message in messages {
        let message = message.as_ref();
        match message.role {
            Role::User => {
                let mut said = String::new();
                for block in &message.content {
                    match block {
                        Block::Text(text) => {
                            if !said.is_empty() {
                                said.push('\n');
                            }
                            said.push_str(text);
                        }
                        Block::ToolResult { id, content, status } => {
                            let text = &ResultPart::join(content);
                            if let Some((_, question)) = questions.iter().find(|(known, _)| known == id) {
                                if let Some(turn) = out.last_mut() {
                                    turn.reply = Some(question.clone());
                                }
                                if *status == ToolStatus::Success && !text.trim().is_empty() {
                                    said.push_str(answer_text(text).as_str());
                                }
                            } else {
                                settle(id, text, *status, &mut out, &ids);
                            }
                        }
                        _ => {}
                    }
                }
                if !said.trim().is_empty() {
                    begin(said, &mut out, &mut ids);
                }
            }
            Role::Assistant => {
                if out.is_empty() {
                    continue;
                }
                let uses = message.content.iter().any(|block| matches!(block, Block::ToolUse { .. }));
                let turn = out.last_mut().expect("invariant: checked above");
                turn.steps += 1;
                for block in &message.content {
                    if let Block::ToolUse { id, name, input } = block {
                        let tool = tools.iter().position(|tool| tool.name == *name);
                        if tool.is_some_and(|tool| tools[tool].asks) {
                            let question = input.get("question").and_then(Value::as_str).unwrap_or("?").to_owned();
                            questions.push((id.clone(), question));
                            continue;
                        }
                        if let Some(last) = ids.last_mut() {
                            last.push((id.clone(), turn.calls.len()));
                        }
                        turn.calls.push(Call {
                            tool,
                            name: name.clone(),
                            input: input.as_object().cloned().unwrap_or_default(),
                            outcome: None,
                        });
                    }
                }
                if !uses {
                    turn.reply = Some(message.text());
                }
            }
        }
    }
    let skip = out.len().saturating_sub(TURNS_MAX);
    out.drain(..skip);
    for (turn, text) in out.iter_mut().zip(texts.iter().skip(skip)) {
        turn.said = Utterance::read(text, now, &verbs);
    }
    out
}

/// The user's answer may come wrapped: `{"answer": "3pm"}`.
fn answer_text(text: &str) -> String {
    match results::parse(text) {
        Some(Value::Object(map)) => map.values().find_map(Value::as_str).unwrap_or(text).to_owned(),
        Some(Value::String(inner)) => inner,
        _ => text.to_owned(),
    }
}

fn settle(id: &str, text: &str, status: ToolStatus, out: &mut [Turn], ids: &[Vec<(String, usize)>]) {
    for (turn, known) in out.iter_mut().zip(ids).rev() {
        if let Some((_, index)) = known.iter().find(|(known, _)| known == id) {
            turn.calls[*index].outcome = Some(results::read(text, status));
            return;
        }
    }
}
