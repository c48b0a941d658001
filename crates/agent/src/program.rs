//! The compiled agent: what a turn runs. Made once by PrepareAgent, stored by content, pinned per turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use bedplate_base::Hash;
use bedplate_converse::{Inference, Tool};
use bedplate_journal::{Raw, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

/// A compiled agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// The agent's name, for tools and people.
    pub agent_name: String,
    /// The model as the agent names it; routing decides who serves it.
    pub model: String,
    /// The instruction, word for word.
    pub instruction: String,
    /// Tools in the order in which they are offered.
    pub actions: Vec<Action>,
    /// Whether the agent may ask the user for what is missing (`AMAZON.UserInput`).
    pub asks_user: bool,
    /// A session that is idle for longer starts afresh, in seconds.
    pub idle_ttl_s: u64,
    /// Model calls of one turn at most.
    pub steps_max: u32,
    #[serde(skip)]
    tools: OnceLock<Arc<[Tool]>>,
}

/// One function of an action group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The name that the model sees: `<actionGroup>__<function>`.
    pub tool: String,
    /// The action group's name.
    pub group: String,
    /// The function's name.
    pub function: String,
    /// For the model.
    pub description: String,
    /// Parameters, in order of name.
    pub parameters: Vec<Parameter>,
    /// Who runs it.
    pub executor: Executor,
    /// Whether the user is asked before it runs.
    pub confirm: bool,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ParameterType,
    /// For the model; may be empty.
    pub description: String,
    /// Whether a call without it is refused.
    pub required: bool,
}

/// The five types of function schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// Text.
    String,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A list.
    Array,
}

/// Who runs an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Executor {
    /// A Lambda function, by ARN.
    Lambda(String),
    /// The client: return of control.
    ReturnControl,
}

impl Program {
    /// A program of `actions`.
    pub fn new(agent_name: String, model: String, instruction: String, actions: Vec<Action>, idle_ttl_s: u64) -> Self {
        Self {
            agent_name,
            model,
            instruction,
            actions,
            asks_user: false,
            idle_ttl_s,
            steps_max: crate::defaults::STEPS_MAX,
            tools: OnceLock::new(),
        }
    }

    /// The program as it is stored and pinned: a blob by content.
    pub fn to_value(&self) -> Value {
        Value::blob(Raw::new(serde_json::to_string(self).expect("invariant: a program is plain data")))
    }

    /// The same, with leave to ask the user for what is missing.
    pub fn asking(mut self, asks_user: bool) -> Self {
        self.asks_user = asks_user;
        self
    }

    /// The same, with another limit of model calls in one turn.
    pub fn with_steps_max(mut self, steps_max: u32) -> Self {
        self.steps_max = steps_max;
        self
    }

    /// The tools that the model is offered.
    pub fn tools(&self) -> Arc<[Tool]> {
        let ask = || self.asks_user.then(question_tool);
        self.tools
            .get_or_init(|| self.actions.iter().map(Action::tool).chain(ask()).collect())
            .clone()
    }

    /// The action behind a tool's name.
    pub fn action(&self, tool: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.tool == tool)
    }

    /// Whether a tool's name is the one by which the model asks the user.
    pub(crate) fn is_question(&self, tool: &str) -> bool {
        self.asks_user && tool == ASK_USER
    }

    /// Sampling of the orchestration step.
    pub fn inference(&self) -> Inference {
        crate::defaults::inference()
    }
}

/// The tool by which the model asks the user, under the service's own name.
const ASK_USER: &str = "user__askuser";

fn question_tool() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": {"question": {"type": "string", "description": "The question, in one sentence, as the user reads it."}},
        "required": ["question"],
    });
    Tool {
        name: ASK_USER.into(),
        description:
            "Asks the user for something that is needed and that no other tool can find out. The answer comes with the user's next message."
                .into(),
        schema,
        ..Tool::default()
    }
}

impl Action {
    fn tool(&self) -> Tool {
        let mut properties = Map::new();
        for parameter in &self.parameters {
            let mut schema = Map::new();
            schema.insert("type".into(), json!(parameter.kind.as_str()));
            if parameter.kind == ParameterType::Array {
                schema.insert("items".into(), json!({"type": "string"}));
            }
            if !parameter.description.is_empty() {
                schema.insert("description".into(), json!(parameter.description));
            }
            properties.insert(parameter.name.clone(), schema.into());
        }
        let required: Vec<&str> = self
            .parameters
            .iter()
            .filter(|one| one.required)
            .map(|one| one.name.as_str())
            .collect();
        let schema = json!({"type": "object", "properties": properties, "required": required});
        Tool {
            name: self.tool.clone(),
            description: self.description.clone(),
            schema,
            ..Tool::default()
        }
    }
}

impl ParameterType {
    /// The schema's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Array => "array",
        }
    }

    /// Reads the schema's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::String, Self::Number, Self::Integer, Self::Boolean, Self::Array]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Programs in memory, by content address; shared by all sessions of a process.
#[derive(Default)]
pub struct Programs(Mutex<HashMap<Hash, Arc<Program>>>);

impl Programs {
    /// Beyond this many the cache starts anew.
    const MANY: usize = 1_024;

    /// The program of a pinned value; none when it is not one (a damaged or foreign row).
    pub fn get(&self, value: &Value) -> Option<Arc<Program>> {
        let Value::Blob(blob) = value else {
            return serde_json::from_str(value.raw().as_str()).ok().map(Arc::new);
        };
        let mut cache = self.0.lock().expect("invariant: nobody panics while holding the program cache");
        if let Some(found) = cache.get(&blob.hash) {
            return Some(found.clone());
        }
        let program: Arc<Program> = Arc::new(serde_json::from_str(value.raw().as_str()).ok()?);
        if cache.len() >= Self::MANY {
            cache.clear();
        }
        cache.insert(blob.hash, program.clone());
        Some(program)
    }
}
