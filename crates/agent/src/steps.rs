//! What happened in a turn, as neutral steps. The trace, the terminal and every other door only encode them.
//!
//! Steps follow from journal events alone (and the rendered model requests that go with them), so a stored session gives
//! the same steps as a live one.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_converse::{Reply, Request as ModelRequest};
use bedplate_journal::{Body, CallId, Callee, Event, ExecId, Input, Outcome, Payload, Raw, Sender, Signal};
use serde::Deserialize;

use crate::turn::{ActionResult, Answer, Question, Request};
use crate::{Argument, fold, lambda, reply};

/// One thing that a client is shown.
#[derive(Clone, Debug)]
pub struct Step {
    /// When; never goes back within a turn.
    pub at: Timestamp,
    /// Which model call of this request it belongs to, from 0.
    pub iteration: u32,
    /// What.
    pub kind: Kind,
}

/// What a client is shown.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The model was called with this.
    ModelInput(Arc<ModelRequest>),
    /// The model answered.
    ModelOutput {
        /// From when to when, and under which id.
        span: Span,
        /// What it said.
        reply: Box<Reply>,
        /// The same as it was journaled: the Converse document.
        raw: Raw,
    },
    /// What the model thought.
    Rationale(String),
    /// A function was called.
    Action {
        /// Which, with what.
        invoked: Invoked,
        /// From when to when, and under which id.
        span: Span,
        /// The text that the model was told, or why the turn fails.
        output: Result<String, String>,
        /// All that the host tells, with start-up time and logs; absent when the call failed.
        host: Option<Raw>,
    },
    /// The client is asked to run or confirm a function.
    Asked {
        /// Which, with what.
        invoked: Invoked,
        /// Names the question.
        invocation_id: String,
    },
    /// The request ends with a question to the client.
    Question(Question),
    /// The client's result for a function.
    ClientResult(ActionResult),
    /// The turn's answer.
    Final {
        /// When the turn began.
        started: Timestamp,
        /// What the user is told.
        text: String,
        /// It is a question to the user.
        asks: bool,
    },
    /// The request is answered; the text is empty when only the session was ended.
    Answer(String),
    /// The request failed.
    Failed {
        /// A code of `turn::failure`.
        code: String,
        /// The service's words.
        message: String,
        /// What really happened, for people.
        detail: String,
        /// What failed, when the turn depends on it: `Lambda`, `Amazon Bedrock` (the model).
        resource: Option<&'static str>,
        /// It was refused before anything ran.
        refused: bool,
    },
}

impl Kind {
    /// Whether only a trace shows it.
    pub fn is_trace(&self) -> bool {
        !matches!(self, Self::Question(_) | Self::Answer(_) | Self::Failed { .. })
    }
}

/// A function and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// The action group.
    pub group: String,
    /// The function.
    pub function: String,
    /// The arguments.
    pub arguments: Vec<Argument>,
}

/// From when to when something ran, and under which id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its start.
    pub started: Timestamp,
    /// Its end.
    pub ended: Timestamp,
    /// The effect's key: equal over attempts.
    pub key: String,
}

/// Folds a session's events into the steps of one request.
pub struct Steps {
    exec: ExecId,
    request_id: Arc<str>,
    request: Option<Request>,
    started: Timestamp,
    /// Whether the turn that runs is this request's.
    active: bool,
    /// The model call that is running or was last; none before the first.
    iteration: Option<u32>,
    model: Option<(CallId, Timestamp, bedplate_journal::Step)>,
    actions: BTreeMap<u64, Running>,
    last_at: Timestamp,
    over: bool,
}

struct Running {
    invoked: Invoked,
    started: Timestamp,
    step: bedplate_journal::Step,
    done: Option<(Timestamp, Result<String, String>, Option<Raw>)>,
}

/// What is shown of a function's input.
#[derive(Default, Deserialize)]
struct LambdaInput {
    event: LambdaEvent,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LambdaEvent {
    action_group: String,
    function: String,
    parameters: Vec<Argument>,
}

impl Steps {
    /// The steps of the request `request_id` to the session `exec`.
    pub fn new(exec: ExecId, request_id: impl Into<Arc<str>>) -> Self {
        Self {
            exec,
            request_id: request_id.into(),
            request: None,
            started: Timestamp::default(),
            active: false,
            iteration: None,
            model: None,
            actions: BTreeMap::new(),
            last_at: Timestamp::default(),
            over: false,
        }
    }

    /// The request, once it was seen.
    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whether the request was answered, refused or ended with a question.
    pub fn over(&self) -> bool {
        self.over
    }

    /// Whether `call` is the model call of this request that is running.
    pub fn calls_model(&self, call: CallId) -> bool {
        self.active && self.model.as_ref().is_some_and(|(open, ..)| *open == call)
    }

    /// The steps that follow from one event; `rendered` is the model request that goes with a `Called`.
    pub fn push(&mut self, event: &Event, rendered: Option<&Payload>) -> Vec<Step> {
        let mut out = Vec::new();
        if self.over {
            return out;
        }
        match &event.body {
            Body::Signaled(Signal::Message {
                from: Sender::Client(id),
                payload,
                ..
            }) if *id == self.request_id => {
                self.request = serde_json::from_str(payload.raw().as_str()).ok();
                self.started = event.at;
            }
            Body::Noted(note) if !self.active => {
                self.active = note.parse()["turn"]["request"].as_str() == Some(&self.request_id);
            }
            Body::Called { step, callee, input, .. } if self.active => self.called(event, step, callee, input, rendered, &mut out),
            Body::Answered { call, outcome } => self.answered(*call, outcome, event.at, &mut out),
            Body::Replied {
                to: Sender::Client(id),
                outcome,
            } if *id == self.request_id => self.replied(outcome, event.at, &mut out),
            _ => {}
        }
        out
    }

    fn called(
        &mut self,
        event: &Event,
        step: &bedplate_journal::Step,
        callee: &Callee,
        input: &Input,
        rendered: Option<&Payload>,
        out: &mut Vec<Step>,
    ) {
        match (callee, input) {
            (Callee::Target(_), Input::Rendered) => {
                self.iteration = Some(self.iteration.map_or(0, |iteration| iteration + 1));
                self.model = Some((CallId(event.seq), event.at, step.clone()));
                if let Some(Payload::Typed(typed)) = rendered
                    && let Ok(request) = typed.clone().downcast::<ModelRequest>()
                {
                    self.step(event.at, Kind::ModelInput(request), out);
                }
            }
            (Callee::Target(_), Input::Value(value)) => {
                let input: LambdaInput = serde_json::from_str(value.raw().as_str()).unwrap_or_default();
                let invoked = Invoked {
                    group: input.event.action_group,
                    function: input.event.function,
                    arguments: input.event.parameters,
                };
                self.actions.insert(
                    event.seq,
                    Running {
                        invoked,
                        started: event.at,
                        step: step.clone(),
                        done: None,
                    },
                );
            }
            (Callee::Asker, Input::Value(value)) => {
                let question: Question = serde_json::from_str(value.raw().as_str()).unwrap_or_default();
                for asked in &question.inputs {
                    let invoked = Invoked {
                        group: asked.action_group.clone(),
                        function: asked.function.clone(),
                        arguments: asked.parameters.clone(),
                    };
                    self.step(
                        event.at,
                        Kind::Asked {
                            invoked,
                            invocation_id: question.invocation_id.clone(),
                        },
                        out,
                    );
                }
                self.step(event.at, Kind::Question(question), out);
                self.over = true;
            }
            _ => {}
        }
    }

    fn answered(&mut self, call: CallId, outcome: &Outcome, at: Timestamp, out: &mut Vec<Step>) {
        if !self.active {
            return self.client_answered(outcome, at, out);
        }
        if self.model.as_ref().is_some_and(|(open, ..)| *open == call)
            && let Some((_, started, step)) = self.model.take()
        {
            return self.model_answered(outcome, started, &step, at, out);
        }
        let Some(running) = self.actions.get_mut(&call.0) else { return };
        let output = match lambda::read(&running.invoked.function, outcome) {
            lambda::Answer::Body { text, .. } => Ok(text),
            lambda::Answer::Failed { detail, .. } => Err(detail),
        };
        let host = match outcome {
            Outcome::Success(value) => Some(value.raw().clone()),
            _ => None,
        };
        running.done = Some((at, output, host));
        if self.actions.values().all(|running| running.done.is_some()) {
            self.flush(at, out);
        }
    }

    fn model_answered(&mut self, outcome: &Outcome, started: Timestamp, step: &bedplate_journal::Step, at: Timestamp, out: &mut Vec<Step>) {
        let Outcome::Success(value) = outcome else { return };
        let Ok(reply) = Reply::from_text(value.raw().as_str()) else {
            return;
        };
        let reading = reply::read(&reply);
        let span = Span {
            started,
            ended: at,
            key: self.key(step),
        };
        self.step(
            at,
            Kind::ModelOutput {
                span,
                reply: Box::new(reply),
                raw: value.raw().clone(),
            },
            out,
        );
        if let Some(rationale) = reading.rationale {
            self.step(at, Kind::Rationale(rationale), out);
        }
    }

    /// The answer to the question of an earlier request: this request's turn goes on.
    fn client_answered(&mut self, outcome: &Outcome, at: Timestamp, out: &mut Vec<Step>) {
        let (Outcome::Success(value), Some(expected)) = (outcome, self.request.as_ref().and_then(|request| request.answer.as_ref())) else {
            return;
        };
        let Ok(answer) = serde_json::from_str::<Answer>(value.raw().as_str()) else {
            return;
        };
        if answer.invocation_id != expected.invocation_id {
            return;
        }
        self.active = true;
        self.iteration = Some(0);
        for result in answer.results {
            if result.body.is_some() {
                self.step(at, Kind::ClientResult(result), out);
            }
        }
    }

    fn replied(&mut self, outcome: &Outcome, at: Timestamp, out: &mut Vec<Step>) {
        self.flush(at, out);
        self.over = true;
        match outcome {
            Outcome::Success(value) => {
                let answer = value.raw().parse();
                let text = answer["text"].as_str().unwrap_or_default().to_owned();
                let asks = answer["asks"] == true;
                if self.iteration.is_some() {
                    self.step(
                        at,
                        Kind::Final {
                            started: self.started,
                            text: text.clone(),
                            asks,
                        },
                        out,
                    );
                }
                self.step(at, Kind::Answer(text), out);
            }
            Outcome::Failure { error, cause } => {
                let (message, detail) = cause.split_once('\n').unwrap_or((cause, ""));
                let (code, refused) = (error.clone(), !self.active);
                let kind = Kind::Failed {
                    code,
                    message: message.to_owned(),
                    detail: detail.to_owned(),
                    resource: resource(message),
                    refused,
                };
                self.step(at, kind, out);
            }
            Outcome::Aborted | Outcome::TimedOut(_) => {
                let (code, message) = (crate::turn::failure::DEPENDENCY.to_owned(), "The session was stopped.".to_owned());
                self.step(
                    at,
                    Kind::Failed {
                        code,
                        message,
                        detail: String::new(),
                        resource: None,
                        refused: !self.active,
                    },
                    out,
                );
            }
        }
    }

    /// Functions are shown when all of them have returned: in call order, each at a time of its own.
    fn flush(&mut self, at: Timestamp, out: &mut Vec<Step>) {
        let actions = std::mem::take(&mut self.actions);
        let count = actions.values().filter(|running| running.done.is_some()).count();
        let mut index = 0;
        for running in actions.into_values() {
            let Some((ended, output, host)) = running.done else { continue };
            index += 1;
            let span = Span {
                started: running.started,
                ended,
                key: self.key(&running.step),
            };
            let back = i64::try_from(count - index).unwrap_or(0) * 1_000;
            let shown = Timestamp(at.nanos() - back).max(self.last_at);
            self.step(
                shown,
                Kind::Action {
                    invoked: running.invoked,
                    span,
                    output,
                    host,
                },
                out,
            );
        }
    }

    fn key(&self, step: &bedplate_journal::Step) -> String {
        bedplate_journal::EffectKey::of(&self.exec, step).0
    }

    fn step(&mut self, at: Timestamp, kind: Kind, out: &mut Vec<Step>) {
        self.last_at = self.last_at.max(at);
        out.push(Step {
            at: self.last_at,
            iteration: self.iteration.unwrap_or(0),
            kind,
        });
    }
}

/// What failed, by the service's words for it.
fn resource(message: &str) -> Option<&'static str> {
    match message {
        lambda::FAILED | lambda::MALFORMED => Some("Lambda"),
        fold::MODEL_FAILED => Some("Amazon Bedrock"),
        _ => None,
    }
}
