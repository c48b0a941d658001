//! `builtin/script`: a model that says what a file tells it to, for tests of agents.
//!
//! The file (JSON, else YAML) is a list of steps. A step with `when` answers while the user's last text contains it; the
//! n-th such step answers the n-th model call since that text. Otherwise the n-th step without `when` answers the n-th
//! model call of the conversation. So the answer depends on the conversation only: a call made again says the same.

use std::path::Path;

use bedplate_converse::{Block, Message, Reply, Request, Role, StopReason, Usage};
use bedplate_journal::Part;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Failure, Fault};

/// Most bytes of a script. Ours: scripts are written by hand.
const SCRIPT_BYTES_MAX: u64 = 1024 * 1024;
/// The name that its replies carry.
const NAME: &str = "builtin/script";

/// A checked script.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

/// One answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    /// Answers only while the user's last text contains this.
    when: Option<String>,
    /// Thoughts.
    thinking: Option<String>,
    /// Text, in one piece.
    text: Option<String>,
    /// Text, in these pieces.
    chunks: Vec<String>,
    /// Tool calls.
    tools: Vec<ToolCall>,
    /// A failure instead of an answer.
    error: Option<ScriptError>,
    /// Why the answer ends: `end_turn`, `tool_use`, `max_tokens`, `stop_sequence`, `content_filtered`; follows from the tools when absent.
    stop: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCall {
    name: String,
    /// Follows from the position when absent.
    #[serde(default)]
    id: Option<String>,
    /// An object; anything else plays a model that writes bad arguments.
    #[serde(default)]
    input: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptError {
    /// `Model.Throttled`, …
    name: String,
    #[serde(default)]
    cause: String,
}

impl Script {
    /// Reads and checks the file.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::new(Fault::Validation, format!("the script {}: {why}", path.display()));
        let size = tokio::fs::metadata(path)
            .await
            .map_err(|error| wrong(format!("cannot be read ({error})")))?
            .len();
        if size > SCRIPT_BYTES_MAX {
            return Err(wrong(format!("has {size} bytes, at most {SCRIPT_BYTES_MAX} are read")));
        }
        let text = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| wrong(format!("cannot be read ({error})")))?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        Self::parse(&text, is_json).map_err(wrong)
    }

    /// Checks the file, at the start.
    pub(crate) fn check(path: &Path) -> Result<(), Failure> {
        let wrong = |why: String| Failure::new(Fault::Validation, format!("the script {}: {why}", path.display()));
        let unreadable = |error: std::io::Error| wrong(format!("cannot be read ({error})"));
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > SCRIPT_BYTES_MAX {
            return Err(wrong(format!("has {size} bytes, at most {SCRIPT_BYTES_MAX} are read")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        Self::parse(&text, is_json).map(drop).map_err(wrong)
    }

    /// Reads and checks a script; the error says what is wrong and where.
    pub fn parse(text: &str, is_json: bool) -> Result<Self, String> {
        let steps: Vec<Step> = if is_json {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?
        };
        for (index, step) in steps.iter().enumerate() {
            step.check().map_err(|why| format!("step {}: {why}", index + 1))?;
        }
        Ok(Self { steps })
    }

    /// The answer to `request`.
    pub fn answer(&self, request: &Request, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        let (step, position) = self.step_for(request)?;
        if let Some(error) = &step.error {
            let fault = Fault::parse(&error.name).expect("invariant: names of faults are checked when the script is read");
            return Err(Failure::new(fault, &error.cause));
        }
        Ok(step.reply(position, report))
    }

    /// The step that answers, and the number of the model call in the conversation, from 0.
    fn step_for(&self, request: &Request) -> Result<(&Step, usize), Failure> {
        let is_answer = |message: &Message| message.role == Role::Assistant;
        let position = request.messages.iter().filter(|message| is_answer(message)).count();
        let asked = request
            .messages
            .iter()
            .rposition(|message| message.role == Role::User && !message.text().is_empty());
        let (text, since) = match asked {
            Some(at) => (
                request.messages[at].text(),
                request.messages[at..].iter().filter(|message| is_answer(message)).count(),
            ),
            None => (String::new(), position),
        };
        let mut fitting = self
            .steps
            .iter()
            .filter(|step| step.when.as_ref().is_some_and(|when| text.contains(when.as_str())))
            .peekable();
        let (found, number) = if fitting.peek().is_some() {
            (fitting.nth(since), since)
        } else {
            (self.steps.iter().filter(|step| step.when.is_none()).nth(position), position)
        };
        let found = found.ok_or_else(|| {
            Failure::new(
                Fault::Validation,
                format!("the script has no step for model call {} of this conversation; add one", number + 1),
            )
        })?;
        Ok((found, position))
    }
}

impl Step {
    fn check(&self) -> Result<(), String> {
        let says = self.text.is_some() || !self.chunks.is_empty() || !self.tools.is_empty() || self.thinking.is_some();
        match &self.error {
            Some(_) if says => return Err("has both an answer and an error; keep one of them".into()),
            None if !says => return Err("says nothing; give text, chunks, tools or error".into()),
            Some(error) if Fault::parse(&error.name).is_none() => {
                let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.as_str()).collect();
                return Err(format!("error.name {:?} is unknown; it is one of {}", error.name, names.join(", ")));
            }
            _ => {}
        }
        if self.text.is_some() && !self.chunks.is_empty() {
            return Err("has both text and chunks; keep one of them".into());
        }
        match &self.stop {
            Some(stop) if StopReason::parse(stop).is_none() => Err(format!(
                "stop {stop:?} is unknown; it is one of {}",
                StopReason::ALL.map(StopReason::as_str).join(", ")
            )),
            _ => Ok(()),
        }
    }

    fn reply(&self, position: usize, report: &mut (dyn FnMut(Part) + Send)) -> Reply {
        let mut content = Vec::new();
        if let Some(thinking) = &self.thinking {
            report(Part::Thinking(thinking.clone()));
            content.push(Block::Reasoning {
                text: thinking.clone(),
                signature: None,
            });
        }
        let chunks = self.text.as_slice().iter().chain(&self.chunks);
        let text: String = chunks.inspect(|chunk| report(Part::Text((*chunk).clone()))).cloned().collect();
        if !text.is_empty() || self.tools.is_empty() {
            content.push(Block::Text(text));
        }
        for (index, tool) in self.tools.iter().enumerate() {
            let id = tool.id.clone().unwrap_or_else(|| format!("script_{position}_{}", index + 1));
            report(Part::Tool {
                id: id.clone(),
                name: tool.name.clone(),
            });
            let input = tool.input.clone().unwrap_or_else(|| Value::Object(Map::new()));
            report(Part::ToolInput {
                id: id.clone(),
                json: input.as_str().map_or_else(|| input.to_string(), str::to_owned),
            });
            report(Part::BlockEnd);
            content.push(Block::ToolUse {
                id,
                name: tool.name.clone(),
                input,
            });
        }
        let by_tools = if self.tools.is_empty() {
            StopReason::EndTurn
        } else {
            StopReason::ToolUse
        };
        Reply {
            message: Message {
                role: Role::Assistant,
                content,
            },
            stop: self.stop.as_deref().and_then(StopReason::parse).unwrap_or(by_tools),
            usage: Usage::default(),
            model: NAME.into(),
            ..Reply::default()
        }
    }
}
