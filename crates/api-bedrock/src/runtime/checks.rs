//! What Converse demands of a conversation beyond the service model: who speaks when, and that tools' results fit what was asked for.
//!
//! The real service refuses these before any model sees them, and clients match its texts; sources: its own messages as users report them, and
//! the Converse guide ("Using the Converse API", "Tool use").

use std::collections::BTreeSet;

use bedplate_converse::{Block, Message, Request, Role, SystemBlock, ToolChoice};
use bedplate_wire::Fault;

use super::fault::invalid;

/// # Errors
/// `ValidationException` with the first thing that is wrong.
pub(crate) fn conversation(request: &Request) -> Result<(), Fault> {
    for (index, block) in request.system.iter().enumerate() {
        if matches!(block, SystemBlock::Text(text) if text.trim().is_empty()) {
            return Err(invalid(format!(
                "The text field in the SystemContentBlock object at system.{index} is blank. Add text to the text field, and try again."
            )));
        }
    }
    tools(request)?;
    let mut before: Option<&Message> = None;
    for (at, message) in request.messages.iter().enumerate() {
        blocks(at, message)?;
        match before {
            None if message.role != Role::User => {
                return Err(invalid(
                    "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
                ));
            }
            Some(before) if before.role == message.role => {
                return Err(invalid(
                    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and \
                     assistant roles and try again.",
                ));
            }
            _ => {}
        }
        answers(at, before, message)?;
        before = Some(message);
    }
    match before {
        None => Err(invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        )),
        Some(_) => Ok(()),
    }
}

fn tools(request: &Request) -> Result<(), Fault> {
    let mut names = BTreeSet::new();
    if let Some(twice) = request.tools.iter().find(|tool| !names.insert(tool.name.as_str())) {
        return Err(invalid(format!(
            "The tool name {:?} stands twice in toolConfig.tools. Tool names must be unique.",
            twice.name
        )));
    }
    if let ToolChoice::Tool(name) = &request.tool_choice
        && !names.contains(name.as_str())
    {
        return Err(invalid(format!(
            "The tool {name:?} of toolConfig.toolChoice is not among toolConfig.tools."
        )));
    }
    let offered = !request.tools.is_empty() || !request.options.system_tools.is_empty();
    let used = || {
        let blocks = request.messages.iter().flat_map(|message| &message.content);
        blocks
            .into_iter()
            .any(|block| matches!(block, Block::ToolUse { .. } | Block::ToolResult { .. }))
    };
    if !offered && used() {
        return Err(invalid(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    Ok(())
}

fn blocks(at: usize, message: &Message) -> Result<(), Fault> {
    if message.content.is_empty() {
        return Err(invalid(format!(
            "The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to the content field and try again."
        )));
    }
    for (index, block) in message.content.iter().enumerate() {
        match (block, message.role) {
            (Block::Text(text), _) if text.trim().is_empty() => {
                return Err(invalid(format!(
                    "The text field in the ContentBlock object at messages.{at}.content.{index} is blank. Add text to the text field, and \
                     try again."
                )));
            }
            (Block::ToolUse { .. }, Role::User) => {
                return Err(invalid(format!(
                    "The toolUse block at messages.{at}.content.{index} stands in a user message; only the assistant asks for tools."
                )));
            }
            (Block::ToolUse { input, .. }, Role::Assistant) if !input.is_object() => {
                return Err(invalid(format!(
                    "The format of the value at messages.{at}.content.{index}.toolUse.input is invalid. Provide a json object for the field and \
                     try again."
                )));
            }
            (Block::ToolResult { .. }, Role::Assistant) => {
                return Err(invalid(format!(
                    "The toolResult block at messages.{at}.content.{index} stands in an assistant message; results come from the user."
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether `message` answers each tool use of the one before it, and nothing else.
fn answers(at: usize, before: Option<&Message>, message: &Message) -> Result<(), Fault> {
    let asked: Vec<&str> = before
        .into_iter()
        .flat_map(|message| &message.content)
        .filter_map(|block| match block {
            Block::ToolUse { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let results: Vec<&str> = message
        .content
        .iter()
        .filter_map(|block| match block {
            Block::ToolResult { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let given: BTreeSet<&str> = results.iter().copied().collect();
    if given.len() < results.len() {
        let twice: BTreeSet<&str> = results
            .iter()
            .copied()
            .filter(|id| results.iter().filter(|other| *other == id).count() > 1)
            .collect();
        return Err(invalid(format!(
            "The toolResult blocks at messages.{at}.content contain duplicate Ids: {}",
            list(twice.into_iter())
        )));
    }
    if results.len() > asked.len() {
        return Err(invalid(format!(
            "The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of previous turn."
        )));
    }
    let missing: Vec<&str> = asked.iter().copied().filter(|id| !given.contains(id)).collect();
    if !missing.is_empty() {
        return Err(invalid(format!(
            "Expected toolResult blocks at messages.{at}.content for the following Ids: {}",
            list(missing.into_iter())
        )));
    }
    Ok(())
}

fn list<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    ids.collect::<Vec<_>>().join(", ")
}
