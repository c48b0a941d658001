//! A stored session, shown as it was streamed: the same steps, the same encoder, from the journal.

use std::collections::VecDeque;

use bedplate_agent::steps::{Kind, Steps};
use bedplate_agent::turn::{Request, failure};
use bedplate_base::{Result, Timestamp};
use bedplate_engine::Engine;
use bedplate_journal::{Body, Event, ExecId, Payload, Sender, Signal};

use super::encode::{Encoder, Outgoing};

/// One request to a session and what was sent for it.
#[derive(Clone, Debug)]
pub struct StoredTurn {
    /// The request's id.
    pub request_id: String,
    /// When it came.
    pub at: Timestamp,
    /// What it said.
    pub request: Request,
    /// How it ended.
    pub outcome: TurnOutcome,
    /// What its stream carried with trace on: traces byte for byte; the answer in as few chunks as possible, because the pieces in
    /// which it came are not kept.
    pub events: Vec<Outgoing>,
    /// What functions printed, in the order of their calls.
    pub logs: Vec<FunctionLog>,
}

/// What a function printed during one call, and how long its process took to start when it did.
#[derive(Clone, Debug)]
pub struct FunctionLog {
    /// The function of the action group.
    pub function: String,
    /// Milliseconds of the start, of a cold one.
    pub init_ms: Option<u64>,
    /// The end of its log.
    pub text: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnOutcome {
    /// It runs, or waits for another turn to end.
    Running,
    /// It was answered.
    Answered,
    /// It ended with a question to the client.
    Asked,
    /// It failed or was refused.
    Failed,
    /// It was another try of a request that had been taken: what became of it is shown there, so a session does not list it.
    Repeated,
}

impl TurnOutcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Answered => "answered",
            Self::Asked => "asked",
            Self::Failed => "failed",
            Self::Repeated => "repeated",
        }
    }
}

/// The last requests to a session, and how many earlier ones were left out.
#[derive(Clone, Debug, Default)]
pub struct StoredSession {
    /// The requests, in order of arrival.
    pub turns: Vec<StoredTurn>,
    /// Requests before these.
    pub earlier: usize,
}

/// Folds a session's journal into what was streamed for its last `turns_max` requests. None when there is no such session.
/// `strict` as it was when the session ran: it decides how much errors tell.
///
/// # Errors
/// The store cannot be read.
pub async fn stored(engine: &Engine, exec: &ExecId, strict: bool, turns_max: usize) -> Result<Option<StoredSession>> {
    let mut folding = Folding {
        exec: exec.clone(),
        strict,
        turns_max,
        open: Vec::new(),
        session: VecDeque::new(),
        earlier: 0,
    };
    let found = engine.replay(exec, &mut |event, rendered| folding.push(event, rendered)).await?;
    Ok(found.then(|| folding.finish()))
}

struct Folding {
    exec: ExecId,
    strict: bool,
    turns_max: usize,
    /// Requests that are not over.
    open: Vec<Open>,
    session: VecDeque<StoredTurn>,
    earlier: usize,
}

struct Open {
    /// Its place among all requests of the session.
    number: usize,
    steps: Steps,
    encoder: Encoder,
}

impl Folding {
    fn push(&mut self, event: &Event, rendered: Option<&Payload>) {
        if let Body::Signaled(Signal::Message {
            from: Sender::Client(id),
            payload,
            ..
        }) = &event.body
        {
            let number = self.earlier + self.session.len();
            let steps = Steps::new(self.exec.clone(), id.clone());
            self.open.push(Open {
                number,
                steps,
                encoder: Encoder::new(id.to_string(), self.strict),
            });
            self.session.push_back(StoredTurn {
                request_id: id.to_string(),
                at: event.at,
                request: serde_json::from_str(payload.raw().as_str()).unwrap_or_default(),
                outcome: TurnOutcome::Running,
                events: Vec::new(),
                logs: Vec::new(),
            });
            if self.session.len() > self.turns_max {
                self.session.pop_front();
                self.earlier += 1;
            }
        }
        for open in &mut self.open {
            let steps = open.steps.push(event, rendered);
            let Some(turn) = open.number.checked_sub(self.earlier).and_then(|at| self.session.get_mut(at)) else {
                continue;
            };
            for step in steps {
                turn.outcome = match &step.kind {
                    Kind::Answer(_) => TurnOutcome::Answered,
                    Kind::Question(_) => TurnOutcome::Asked,
                    Kind::Failed { code, .. } if code == failure::REPEATED => TurnOutcome::Repeated,
                    Kind::Failed { .. } => TurnOutcome::Failed,
                    _ => turn.outcome,
                };
                if let Kind::Action {
                    invoked, host: Some(host), ..
                } = &step.kind
                {
                    let host = host.parse();
                    let (init_ms, text) = (host["initMs"].as_u64(), host["log"].as_str().unwrap_or_default());
                    if init_ms.is_some() || !text.is_empty() {
                        turn.logs.push(FunctionLog {
                            function: invoked.function.clone(),
                            init_ms,
                            text: text.to_owned(),
                        });
                    }
                }
                turn.events.extend(open.encoder.step(&step, &turn.request));
            }
        }
        self.open.retain(|open| !open.steps.over());
    }

    fn finish(mut self) -> StoredSession {
        self.session.retain(|turn| turn.outcome != TurnOutcome::Repeated);
        StoredSession {
            turns: self.session.into(),
            earlier: self.earlier,
        }
    }
}
