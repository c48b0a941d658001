//! Reading a model's reply: tool uses, rationale, the final answer.

use bedplate_converse::{Block, Message, Reply, Role};
use serde_json::Value;

/// Tags around the answer.
pub(crate) const ANSWER: &str = "<answer>";
pub(crate) const ANSWER_END: &str = "</answer>";
/// Tags around thoughts.
pub(crate) const THINKING: &str = "<thinking>";
pub(crate) const THINKING_END: &str = "</thinking>";

/// A reply, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// What the model thought, for the trace.
    pub rationale: Option<String>,
    /// Tools that it wants, in order.
    pub uses: Vec<ToolUse>,
    /// What the user is told when there are no tool uses; untrimmed.
    pub answer: String,
}

/// One tool that the model wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolUse {
    pub id: String,
    pub name: String,
    pub input: Value,
}

/// Takes a reply apart. With tool uses all text is rationale; without, the answer is what stands in `<answer>` or, when
/// there is no such tag, everything outside `<thinking>`.
pub(crate) fn read(reply: &Reply) -> Reading {
    let mut uses = Vec::new();
    let mut thoughts = None;
    for block in &reply.message.content {
        match block {
            Block::ToolUse { id, name, input } => uses.push(ToolUse {
                id: id.clone(),
                name: name.clone(),
                input: input.clone(),
            }),
            Block::Reasoning { text, .. } if !text.trim().is_empty() => thoughts = Some(text.trim().to_owned()),
            _ => {}
        }
    }
    let spoken = split(&reply.message.text());
    let (before, answer) = if uses.is_empty() {
        (spoken.before, spoken.answer)
    } else {
        (spoken.before + &spoken.answer, String::new())
    };
    let before = before.trim();
    let rationale = spoken
        .thinking
        .or(thoughts)
        .or_else(|| (!before.is_empty()).then(|| before.to_owned()));
    Reading { rationale, uses, answer }
}

/// The transcript's form of a reply's message: empty texts and the tags around the answer are left out, so that history
/// reads as it was spoken. Whatever a model makes of it, the message is the assistant's and holds no results.
pub(crate) fn transcript(message: &Message) -> Message {
    let content = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::Text(text) => {
                let spoken = split(text);
                let kept = if spoken.answer.trim().is_empty() {
                    spoken.before
                } else {
                    spoken.answer
                };
                let kept = kept.trim();
                (!kept.is_empty()).then(|| Block::Text(kept.to_owned()))
            }
            Block::ToolResult { .. } => None,
            other => Some(other.clone()),
        })
        .collect();
    Message {
        role: Role::Assistant,
        content,
    }
}

/// A text, taken apart.
struct Spoken {
    /// Content of `<thinking>`.
    thinking: Option<String>,
    /// What stands before `<answer>`; empty when there is no such tag.
    before: String,
    /// What stands in `<answer>`, or all of it when there is no such tag; never the thoughts.
    answer: String,
}

fn split(text: &str) -> Spoken {
    // Thoughts that are not closed go on to the answer.
    let start = answer_start(text).or_else(|| {
        let open = text.rfind(THINKING)?;
        let unclosed = !text[open..].contains(THINKING_END);
        let at = text[open..].find(ANSWER).filter(|_| unclosed)?;
        Some(open + at + ANSWER.len())
    });
    let Some(start) = start else {
        let (thinking, answer) = split_thinking(text);
        let before = String::new();
        return Spoken { thinking, before, answer };
    };
    let (thinking, before) = split_thinking(&text[..start - ANSWER.len()]);
    let inner = &text[start..];
    let end = inner.find(ANSWER_END).unwrap_or(inner.len());
    let answer = inner[..end].to_owned();
    Spoken { thinking, before, answer }
}

/// Where the answer begins: behind the first `<answer>` that is not inside thoughts. What is found in the beginning of a
/// text is also found in all of it, so that a stream and the whole reply agree.
fn answer_start(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = &text[from..];
        let answer = rest.find(ANSWER);
        match rest.find(THINKING) {
            Some(open) if answer.is_none_or(|answer| open < answer) => {
                from += open + rest[open..].find(THINKING_END)? + THINKING_END.len();
            }
            _ => return answer.map(|at| from + at + ANSWER.len()),
        }
    }
}

/// Content of `<thinking>` (greedy to the last closing tag) and the text without it.
fn split_thinking(text: &str) -> (Option<String>, String) {
    let Some(start) = text.find(THINKING) else {
        return (None, text.to_owned());
    };
    let inner = start + THINKING.len();
    let (end, rest) = match text[inner..].rfind(THINKING_END) {
        Some(at) => (inner + at, inner + at + THINKING_END.len()),
        None => (text.len(), text.len()),
    };
    let thinking = text[inner..end].trim();
    (
        (!thinking.is_empty()).then(|| thinking.to_owned()),
        format!("{}{}", &text[..start], &text[rest..]),
    )
}
