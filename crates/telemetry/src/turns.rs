//! Folds a session's events into what is worth telling: a model call, a tool call, the end of a request.
//!
//! It is a fold of its own beside the steps that clients are shown: it keeps failures of calls, needs no rendered prompt, and parses only what
//! it tells of. Like them it follows from the journal alone, so a turn that a crash interrupted is told whole.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_converse::Request as ModelRequest;
use bedplate_journal::{Body, CallId, Callee, Event, Input, Outcome, Payload, Raw, Sender, Signal, Step};
use serde::Deserialize;

use crate::span::Span;

/// Requests of one session that are looked after at once; the engine lets 256 wait.
const PENDING_MAX: usize = 256;

/// One session while it has open requests.
#[derive(Default)]
pub(crate) struct Session {
    pending: Vec<Turn>,
    pub(crate) active: Option<Turn>,
    calls: BTreeMap<u64, Open>,
    iteration: u32,
}

/// One request to a session.
pub(crate) struct Turn {
    /// The request's id.
    pub(crate) id: Arc<str>,
    pub(crate) at: Timestamp,
    payload: Raw,
    message: OnceCell<Message>,
    /// A part of it was read from the journal: it was begun by another process.
    pub(crate) resumed: bool,
    pub(crate) model_calls: u32,
    pub(crate) tool_calls: u32,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// None as soon as one call has no known price.
    pub(crate) dollars: Option<f64>,
    pub(crate) spans: Vec<Span>,
}

/// What is told of a request's message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Message {
    pub(crate) agent: Agent,
    pub(crate) session_id: String,
    pub(crate) text: Option<String>,
    /// The W3C `traceparent` that it came with.
    pub(crate) trace_parent: Option<String>,
    answer: Option<Answer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) alias_id: String,
    pub(crate) version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    invocation_id: String,
}

#[derive(Deserialize)]
struct Note {
    turn: Option<NotedTurn>,
}

#[derive(Deserialize)]
struct NotedTurn {
    request: String,
}

/// An open call of a target.
pub(crate) struct Open {
    pub(crate) at: Timestamp,
    pub(crate) step: Step,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// With what was rendered, when it was seen.
    Model(Option<Arc<ModelRequest>>),
    Tool(Raw),
}

/// Something that is over.
pub(crate) enum Happened {
    Call {
        open: Open,
        /// The number of the event that ended it.
        seq: u64,
        ended: Timestamp,
        iteration: u32,
        outcome: Outcome,
    },
    /// The request is over.
    End { turn: Box<Turn>, ended: Timestamp, end: End },
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered {
        bytes: usize,
        asks: bool,
        text: String,
    },
    /// With a question to the client.
    Asked,
    Failed {
        code: String,
        message: String,
        detail: String,
    },
}

impl Turn {
    fn new(id: &Arc<str>, at: Timestamp, payload: Raw) -> Self {
        Self {
            id: Arc::clone(id),
            at,
            payload,
            message: OnceCell::new(),
            resumed: false,
            model_calls: 0,
            tool_calls: 0,
            input_tokens: 0,
            output_tokens: 0,
            dollars: Some(0.0),
            spans: Vec::new(),
        }
    }

    /// What it says; empty when that cannot be read.
    pub(crate) fn message(&self) -> &Message {
        self.message
            .get_or_init(|| serde_json::from_str(self.payload.as_str()).unwrap_or_default())
    }
}

impl Session {
    /// The state after `events`, a whole journal; all of it was told before, but for the requests that are open.
    pub(crate) fn fold(events: &[Event], mut told: impl FnMut(&mut Self, Happened)) -> Self {
        let over: HashSet<&str> = events.iter().filter_map(|event| replied(&event.body)).map(|(id, _)| id).collect();
        let mut session = Self::default();
        for event in events {
            // What is over is not even looked at.
            if let Body::Signaled(Signal::Message {
                from: Sender::Client(id), ..
            }) = &event.body
                && over.contains(&**id)
            {
                continue;
            }
            if let Some(happened) = session.push(event, None) {
                told(&mut session, happened);
            }
        }
        session
            .pending
            .iter_mut()
            .chain(&mut session.active)
            .for_each(|turn| turn.resumed = true);
        session
    }

    /// Whether there is nothing to look after.
    pub(crate) fn is_over(&self) -> bool {
        self.active.is_none() && self.pending.is_empty()
    }

    /// What is over by `event`; `rendered` is the model request that goes with a call.
    pub(crate) fn push(&mut self, event: &Event, rendered: Option<&Payload>) -> Option<Happened> {
        match &event.body {
            Body::Signaled(Signal::Message {
                from: Sender::Client(id),
                payload,
                ..
            }) => {
                if self.pending.len() < PENDING_MAX {
                    self.pending.push(Turn::new(id, event.at, payload.raw().clone()));
                }
                None
            }
            Body::Noted(note) if self.active.is_none() && !self.pending.is_empty() => {
                let turn = serde_json::from_str::<Note>(note.as_str()).ok().and_then(|note| note.turn);
                if let Some(turn) = turn {
                    self.begin(|pending| *pending.id == *turn.request);
                }
                None
            }
            Body::Called { step, callee, input, .. } if self.active.is_some() => self.called(event, step, callee, input, rendered),
            Body::Answered { call, outcome } => self.answered(*call, outcome, event),
            Body::Cancelled(CallId(call)) => {
                self.calls.remove(call);
                None
            }
            body => {
                let (id, outcome) = replied(body)?;
                let turn = match self.active.take_if(|turn| *turn.id == *id) {
                    Some(turn) => turn,
                    None => {
                        let at = self.pending.iter().position(|turn| *turn.id == *id)?;
                        self.pending.remove(at)
                    }
                };
                Some(Happened::End {
                    turn: Box::new(turn),
                    ended: event.at,
                    end: end(outcome),
                })
            }
        }
    }

    fn begin(&mut self, which: impl Fn(&Turn) -> bool) {
        if let Some(at) = self.pending.iter().position(which) {
            self.active = Some(self.pending.remove(at));
            self.iteration = 0;
        }
    }

    fn called(&mut self, event: &Event, step: &Step, callee: &Callee, input: &Input, rendered: Option<&Payload>) -> Option<Happened> {
        let what = match (callee, input) {
            (Callee::Target(_), Input::Rendered) => What::Model(rendered.and_then(|payload| match payload {
                Payload::Typed(typed) => typed.clone().downcast().ok(),
                Payload::Raw(_) => None,
            })),
            (Callee::Target(_), Input::Value(value)) => What::Tool(value.raw().clone()),
            (Callee::Asker, _) => {
                return Some(Happened::End {
                    turn: Box::new(self.active.take()?),
                    ended: event.at,
                    end: End::Asked,
                });
            }
            (Callee::Callback, _) => return None,
        };
        let (at, step) = (event.at, step.clone());
        self.calls.insert(event.seq, Open { at, step, what });
        None
    }

    fn answered(&mut self, call: CallId, outcome: &Outcome, event: &Event) -> Option<Happened> {
        let Some(open) = self.calls.remove(&call.0) else {
            // The answer to a question of an earlier request: this request's turn goes on.
            if let (None, Outcome::Success(value)) = (&self.active, outcome)
                && self.pending.iter().any(|turn| turn.message().answer.is_some())
                && let Ok(answer) = serde_json::from_str::<Answer>(value.raw().as_str())
            {
                self.begin(|turn| {
                    turn.message()
                        .answer
                        .as_ref()
                        .is_some_and(|mine| mine.invocation_id == answer.invocation_id)
                });
            }
            return None;
        };
        let iteration = self.iteration;
        self.iteration += u32::from(matches!(open.what, What::Model(_)));
        Some(Happened::Call {
            open,
            seq: event.seq,
            ended: event.at,
            iteration,
            outcome: outcome.clone(),
        })
    }
}

fn replied(body: &Body) -> Option<(&str, &Outcome)> {
    match body {
        Body::Replied {
            to: Sender::Client(id),
            outcome,
        } => Some((id, outcome)),
        _ => None,
    }
}

fn end(outcome: &Outcome) -> End {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Said {
        text: String,
        asks: bool,
    }
    match outcome {
        Outcome::Success(value) => {
            let said: Said = serde_json::from_str(value.raw().as_str()).unwrap_or_default();
            End::Answered {
                bytes: said.text.len(),
                asks: said.asks,
                text: said.text,
            }
        }
        Outcome::Failure { error, cause } => {
            let (message, detail) = cause.split_once('\n').unwrap_or((cause, ""));
            End::Failed {
                code: error.to_string(),
                message: message.to_owned(),
                detail: detail.to_owned(),
            }
        }
        Outcome::Aborted | Outcome::TimedOut(_) => End::Failed {
            code: "Turn.Stopped".into(),
            message: "The session was stopped.".into(),
            detail: String::new(),
        },
    }
}
