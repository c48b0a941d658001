//! Reading a model's reply: tool uses, rationale, the final answer.

use bedplate_converse::{Block, Message, Reply};
use serde_json::Value;

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
    let text = reply.message.text();
    let (thinking, spoken) = split_thinking(&text);
    let (before, answer) = if uses.is_empty() {
        split_answer(&spoken)
    } else {
        (spoken.clone(), String::new())
    };
    let before = before.trim();
    let rationale = thinking.or(thoughts).or_else(|| (!before.is_empty()).then(|| before.to_owned()));
    Reading { rationale, uses, answer }
}

/// The transcript's form of a reply's message: empty texts and the tags around the answer are left out, so that history
/// reads as it was spoken.
pub(crate) fn transcript(message: &Message) -> Message {
    let content = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::Text(text) => {
                let (_, spoken) = split_thinking(text);
                let (before, answer) = split_answer(&spoken);
                let kept = if answer.trim().is_empty() { before } else { answer };
                let kept = kept.trim();
                (!kept.is_empty()).then(|| Block::Text(kept.to_owned()))
            }
            other => Some(other.clone()),
        })
        .collect();
    Message {
        role: message.role,
        content,
    }
}

/// Content of `<thinking>` (greedy to the last closing tag) and the text without it.
fn split_thinking(text: &str) -> (Option<String>, String) {
    let Some(start) = text.find("<thinking>") else {
        return (None, text.to_owned());
    };
    let inner = start + "<thinking>".len();
    let (end, rest) = match text[inner..].rfind("</thinking>") {
        Some(at) => (inner + at, inner + at + "</thinking>".len()),
        // Not closed: thoughts go on to the answer, or to the end.
        None => text[inner..]
            .find("<answer>")
            .map_or((text.len(), text.len()), |at| (inner + at, inner + at)),
    };
    let thinking = text[inner..end].trim();
    (
        (!thinking.is_empty()).then(|| thinking.to_owned()),
        format!("{}{}", &text[..start], &text[rest..]),
    )
}

/// Text before `<answer>` and the answer; without the tag all of it is the answer.
fn split_answer(text: &str) -> (String, String) {
    let Some(start) = text.find("<answer>") else {
        return (String::new(), text.to_owned());
    };
    let inner = &text[start + "<answer>".len()..];
    let end = inner.find("</answer>").unwrap_or(inner.len());
    (text[..start].to_owned(), inner[..end].to_owned())
}
