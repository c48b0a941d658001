//! Scenarios as data: an agent, what its model and functions answer, what comes in.
//!
//! Replies of the model stand by turn and call, results of functions beside the tool use that calls them: whoever performs a
//! call twice gets the same answer twice, as a crash wants it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bedplate_agent::turn::{ActionResult, AgentRef, Answer, Request};
use bedplate_agent::{Action, Executor, LAMBDA, MODEL, Parameter, ParameterType, Program};
use bedplate_base::Clock;
use bedplate_converse::{Block, Message, Reply, Role, StopReason, Usage};
use bedplate_journal::{Call, Outcome, Part, Payload, Raw, Value};
use bedplate_testkit::{Answer as Performed, Ledger, ScriptedTarget};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it shows.
    #[allow(dead_code, reason = "for the reader of the file")]
    pub about: String,
    #[serde(default)]
    pub instruction: Option<String>,
    #[serde(default)]
    pub idle_ttl_s: Option<u64>,
    #[serde(default)]
    pub steps_max: Option<u32>,
    /// Whether the agent may ask the user.
    #[serde(default)]
    pub asks: bool,
    /// Whether the system prompt of the last model call is written down, too.
    #[serde(default)]
    pub system: bool,
    /// Whether the order of inputs in the journal is not given.
    #[serde(default)]
    races: bool,
    #[serde(default)]
    pub functions: Vec<Function>,
    /// Replies by turn, then by model call.
    pub model: Vec<Vec<Said>>,
    pub inputs: Vec<Input>,
}

/// A function of an action group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    /// `group.function`.
    pub name: String,
    /// Return of control instead of a Lambda function.
    #[serde(default)]
    pub client: bool,
    #[serde(default)]
    pub confirm: bool,
    /// Name → type; a question mark behind the type makes it optional.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// What the model says in one call.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Said {
    pub text: Option<String>,
    pub thinks: Option<String>,
    pub uses: Vec<Use>,
    /// `Model.Throttled` and so on.
    pub fails: Option<String>,
    /// The outcome's JSON as it is.
    pub raw: Option<Json>,
    /// Why the reply ended, when that is not plain: `content_filtered`.
    pub stop: Option<String>,
    pub never: bool,
    pub after_s: u64,
}

/// One tool use, and what its function answers.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Use {
    pub tool: String,
    pub input: Json,
    /// A text is the body of a proper answer.
    pub result: Option<Json>,
    /// What the handler returned, as it is.
    pub returns: Option<String>,
    /// `Lambda.Unhandled` and so on.
    pub fails: Option<String>,
    pub never: bool,
    pub after_s: u64,
}

/// What comes in.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Input {
    pub say: Option<String>,
    pub results: Option<Vec<Sent>>,
    /// Instead of the id of the last question.
    pub invocation_id: Option<String>,
    pub session: Option<BTreeMap<String, String>>,
    pub prompt: Option<BTreeMap<String, String>>,
    pub streaming: bool,
    /// What was said before, the user first, taking turns.
    pub history: Vec<String>,
    pub alone: bool,
    pub end: bool,
    /// The next input does not wait for the answer of this one.
    pub background: bool,
    pub wait_s: Option<u64>,
}

/// A result that the client sends.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sent {
    /// `group.function`.
    pub name: String,
    pub body: Option<String>,
    pub confirm: Option<String>,
    pub state: Option<String>,
}

impl Scenario {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn program(&self) -> Program {
        let instruction = self.instruction.clone().unwrap_or_else(|| "You book tennis courts.".into());
        let actions = self.functions.iter().map(Function::action).collect();
        let mut program = Program::new(
            "tennis".into(),
            "test/model".into(),
            instruction,
            actions,
            self.idle_ttl_s.unwrap_or(600),
        );
        if let Some(max) = self.steps_max {
            program.steps_max = max;
        }
        program.asking(self.asks)
    }

    /// Whether the order of inputs in the journal is not given: messages come while others are worked on, say.
    pub(crate) fn races(&self) -> bool {
        self.races || self.inputs.iter().any(|input| input.background)
    }

    /// Whether time passes between inputs.
    pub(crate) fn waits(&self) -> bool {
        self.inputs.iter().any(|input| input.wait_s.is_some())
    }

    /// The targets `model` and `lambda`; what they are asked goes into `ledger`.
    pub(crate) fn targets(self: &Arc<Self>, clock: &Arc<dyn Clock>, ledger: &Ledger) -> [(&'static str, ScriptedTarget); 2] {
        let (of_model, of_lambda) = (self.clone(), self.clone());
        let model = ScriptedTarget::new(MODEL, clock.clone(), move |call, _| of_model.model(call));
        let lambda = ScriptedTarget::new(LAMBDA, clock.clone(), move |call, _| of_lambda.lambda(call));
        let model = model.describe(Arc::new(model_request));
        [(MODEL, model.ledger(ledger.clone())), (LAMBDA, lambda.ledger(ledger.clone()))]
    }

    fn said(&self, turn: usize, call: usize) -> Option<&Said> {
        self.model.get(turn - 1)?.get(call)
    }

    pub(crate) fn model(&self, call: &Call) -> Performed {
        let (turn, number, _) = place(&call.step.0);
        let Some(said) = self.said(turn, number) else {
            return Outcome::failure("Model.Unscripted", format!("{} is not in the script", call.step.0)).into();
        };
        if said.never {
            return Performed::never();
        }
        let outcome = match (&said.fails, &said.raw) {
            (Some(error), _) => Outcome::failure(error.clone(), "as told"),
            (None, Some(raw)) => Outcome::Success(Value::inline(Raw::json(raw))),
            (None, None) => Outcome::Success(Value::inline(Raw::json(&said.reply(turn, number).to_json()))),
        };
        let performed = Performed::after(Duration::from_secs(said.after_s), outcome);
        said.parts().into_iter().fold(performed, Performed::part)
    }

    pub(crate) fn lambda(&self, call: &Call) -> Performed {
        let (turn, number, act) = place(&call.step.0);
        let Some(used) = act.and_then(|act| self.said(turn, number - 1)?.uses.get(act)) else {
            return Outcome::failure("Lambda.Unscripted", call.step.0.to_string()).into();
        };
        if used.never {
            return Performed::never();
        }
        let returned = |text: String| Outcome::Success(Value::inline(Raw::json(&json!({"payload": text}))));
        let outcome = match (&used.fails, &used.returns, &used.result) {
            (Some(error), ..) => Outcome::failure(error.clone(), "as told"),
            (None, Some(text), _) => returned(text.clone()),
            (None, None, result) => {
                let mut answer = match result {
                    Some(Json::String(text)) => json!({"functionResponse": {"responseBody": {"TEXT": {"body": text}}}}),
                    Some(other) => other.clone(),
                    None => panic!("{} needs a result", call.step.0),
                };
                let mut document = json!({"messageVersion": "1.0"});
                for name in ["sessionAttributes", "promptSessionAttributes"] {
                    if let Some(attributes) = answer.as_object_mut().and_then(|answer| answer.remove(name)) {
                        document[name] = attributes;
                    }
                }
                document["response"] = answer;
                returned(document.to_string())
            }
        };
        Performed::after(Duration::from_secs(used.after_s), outcome)
    }
}

impl Function {
    pub(crate) fn split(name: &str) -> (&str, &str) {
        name.split_once('.').unwrap_or_else(|| panic!("{name} is not group.function"))
    }

    pub(crate) fn action(&self) -> Action {
        let (group, function) = Self::split(&self.name);
        Action {
            tool: format!("{group}__{function}"),
            group: group.into(),
            function: function.into(),
            description: format!("Does {function}"),
            parameters: self.parameters.iter().map(|(name, kind)| parameter(name, kind)).collect(),
            executor: if self.client {
                Executor::ReturnControl
            } else {
                Executor::Lambda(format!("arn:aws:lambda:us-east-1:000000000000:function:{group}"))
            },
            confirm: self.confirm,
        }
    }
}

fn parameter(name: &str, kind: &str) -> Parameter {
    Parameter {
        name: name.into(),
        kind: ParameterType::parse(kind.trim_end_matches('?')).unwrap_or_else(|| panic!("{kind} is not a type")),
        description: String::new(),
        required: !kind.ends_with('?'),
    }
}

impl Said {
    pub(crate) fn reply(&self, turn: usize, number: usize) -> Reply {
        let mut content = Vec::new();
        if let Some(text) = &self.thinks {
            content.push(Block::Reasoning {
                text: text.clone(),
                signature: None,
            });
        }
        content.extend(self.text.clone().map(Block::Text));
        content.extend(self.uses.iter().enumerate().map(|(index, used)| Block::ToolUse {
            id: format!("use-{turn}.{number}.{index}"),
            name: used.tool.clone(),
            input: used.input.clone(),
        }));
        let stop = if let Some(word) = &self.stop {
            StopReason::parse(word).unwrap_or_else(|| panic!("{word} is no stop reason"))
        } else if self.uses.is_empty() {
            StopReason::EndTurn
        } else {
            StopReason::ToolUse
        };
        Reply {
            message: Message {
                role: Role::Assistant,
                content,
            },
            stop,
            usage: Usage {
                input_tokens: 100,
                output_tokens: 10,
                ..Usage::default()
            },
            model: "scripted".into(),
            ..Reply::default()
        }
    }

    /// The reply as a model streams it: a word at a time.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<_> = self.thinks.iter().cloned().map(Part::Thinking).collect();
        let words = self.text.iter().flat_map(|text| text.split_inclusive(' '));
        parts.extend(words.map(|word| Part::Text(word.to_owned())));
        parts.extend(self.uses.iter().map(|used| Part::Tool {
            id: String::new(),
            name: used.tool.clone(),
        }));
        parts
    }
}

impl Input {
    /// The message of the turn; `question` is the id of the last question.
    pub(crate) fn request(&self, question: Option<&str>) -> Request {
        let answer = self.results.as_ref().map(|results| Answer {
            invocation_id: self.invocation_id.clone().or(question.map(str::to_owned)).unwrap_or_default(),
            results: results.iter().map(Sent::result).collect(),
        });
        Request {
            agent: AgentRef {
                id: "AGENT00001".into(),
                name: "tennis".into(),
                alias_id: "ALIAS00001".into(),
                alias_arn: "arn:aws:bedrock:us-east-1:000000000000:agent-alias/AGENT00001/ALIAS00001".into(),
                version: "1".into(),
            },
            session_id: "session-1".into(),
            text: self.say.clone(),
            trace: true,
            streaming: self.streaming,
            end_session: self.end,
            history: self
                .history
                .iter()
                .enumerate()
                .map(|(index, text)| bedplate_agent::turn::Said {
                    by_agent: index % 2 == 1,
                    text: text.clone(),
                })
                .collect(),
            alone: self.alone,
            session_attributes: self.session.clone(),
            prompt_session_attributes: self.prompt.clone(),
            answer,
            ..Request::default()
        }
    }
}

impl Sent {
    fn result(&self) -> ActionResult {
        let (group, function) = Function::split(&self.name);
        ActionResult {
            action_group: group.into(),
            function: function.into(),
            body: self.body.clone(),
            response_state: self.state.clone(),
            confirmation: self.confirm.clone(),
        }
    }
}

/// `turn.2/model.1/act.0` → (2, 1, Some(0)).
fn place(step: &str) -> (usize, usize, Option<usize>) {
    let mut numbers = step.split('/').map(|part| part.rsplit_once('.').unwrap().1.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap(), numbers.next())
}

/// A model's payload as text: all of it.
pub(crate) fn model_request(payload: &Payload) -> String {
    let Payload::Typed(typed) = payload else {
        panic!("models get typed payloads")
    };
    let request = typed
        .clone()
        .downcast::<bedplate_converse::Request>()
        .unwrap_or_else(|_| panic!("a converse request"));
    let mut json = request.to_trace_json();
    json["model"] = json!(request.model);
    json["streaming"] = json!(request.streaming);
    json["tools"] = request
        .tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "schema": tool.schema}))
        .collect();
    json.to_string()
}
