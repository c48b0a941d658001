//! A small decider for tests of the engine: a message says what to do, step by step.
//!
//! `{"do": [{"call": ["a", "b"]}, {"wait_ms": 500}, {"ask": "sure?"}, {"say": "x"}, {"end": true}]}`: calls of one step run in
//! parallel on the target `tool` (`{"call": ["a"], "total_ms": 5, "heartbeat_ms": 1}` limits them); `model` calls the target `model` with a rendered
//! payload; `ask` answers the message with the question and the next message answers it; `token` opens a callback. The reply of
//! the message is the list of all results.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bedplate_journal::{
    Body, CallId, Callee, Command, Commands, Decider, Event, ExecId, Input, Limits, Now, Outcome, Part, Payload, Raw, Reader, Sender,
    Signal, Step, TimerId, Value,
};
use bedplate_store::Letter;
use serde_json::{Value as Json, json};

/// The name under which tests register it.
pub const KIND: &str = "demo";

/// The decider.
#[derive(Default)]
pub struct Demo {
    waiting: VecDeque<(Sender, Json)>,
    turn: Option<Turn>,
    turns: u64,
    ended: bool,
    seen: u64,
}

struct Turn {
    from: Sender,
    steps: Vec<Json>,
    at: usize,
    begun: bool,
    calls: BTreeMap<CallId, Option<Json>>,
    asked: Option<CallId>,
    told: bool,
    timer: Option<TimerId>,
    results: Vec<Json>,
    replied: bool,
}

/// A demo execution's id.
pub fn exec(name: &str) -> ExecId {
    ExecId::new(format!("demo/{name}"))
}

/// A message that begins the execution if needed.
pub fn message(request: &str, steps: Json) -> Letter {
    Letter {
        start: Some((KIND.into(), Raw::json(&json!({})))),
        signal: Signal::Message {
            from: Sender::Client(request.into()),
            program: None,
            payload: Value::inline(Raw::json(&json!({ "do": steps }))),
        },
    }
}

/// A fresh decider, in the shape of a factory.
pub fn decider(_: &ExecId) -> Box<dyn Decider> {
    Box::<Demo>::default()
}

/// The reply to `request` in some events.
pub fn reply_of<'a>(events: impl IntoIterator<Item = &'a Event>, request: &str) -> Option<Outcome> {
    events.into_iter().find_map(|event| match &event.body {
        Body::Replied {
            to: Sender::Client(id),
            outcome,
        } if **id == *request => Some(outcome.clone()),
        _ => None,
    })
}

fn success(value: &Json) -> Outcome {
    Outcome::Success(Value::inline(Raw::json(value)))
}

fn result_of(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Success(value) => value.raw().parse(),
        Outcome::Failure { error, .. } => json!({ "error": error }),
        Outcome::Aborted => json!({ "error": "aborted" }),
        Outcome::TimedOut(_) => json!({ "error": "timed out" }),
    }
}

impl Demo {
    fn begin_next(&mut self) {
        if self.turn.is_some() {
            return;
        }
        if let Some((from, payload)) = self.waiting.pop_front() {
            self.turns += 1;
            self.turn = Some(Turn {
                from,
                steps: payload["do"].as_array().cloned().unwrap_or_default(),
                at: 0,
                begun: false,
                calls: BTreeMap::new(),
                asked: None,
                told: false,
                timer: None,
                results: Vec::new(),
                replied: false,
            });
        }
    }

    fn answered(&mut self, call: CallId, outcome: &Outcome) {
        let Some(turn) = &mut self.turn else { return };
        if let Some(slot) = turn.calls.get_mut(&call) {
            *slot = Some(result_of(outcome));
        }
        if turn.calls.values().all(Option::is_some) {
            let results = std::mem::take(&mut turn.calls);
            turn.results.extend(results.into_values().flatten());
            turn.next();
        }
    }
}

impl Turn {
    fn next(&mut self) {
        self.at += 1;
        self.begun = false;
    }

    fn decide(&self, turns: u64, now: &Now, out: &mut Commands) {
        let Some(step) = self.steps.get(self.at) else {
            if !self.replied {
                out.push(Command::Reply(self.from.clone(), success(&json!(self.results))));
            }
            return;
        };
        if self.begun {
            return;
        }
        let path = |index: usize| Step::new(format!("turn.{turns}/step.{}/{index}", self.at));
        let limits = Limits {
            total_ms: step["total_ms"].as_u64(),
            heartbeat_ms: step["heartbeat_ms"].as_u64(),
        };
        if let Some(names) = step["call"].as_array() {
            for (index, name) in names.iter().enumerate() {
                out.push(Command::Call {
                    step: path(index),
                    callee: Callee::Target("tool".into()),
                    input: Input::Value(Value::inline(Raw::json(name))),
                    limits,
                });
            }
        } else if step["model"].is_string() {
            out.push(Command::Call {
                step: path(0),
                callee: Callee::Target("model".into()),
                input: Input::Rendered,
                limits,
            });
        } else if let Some(question) = step["ask"].as_str() {
            out.push(Command::Call {
                step: path(0),
                callee: Callee::Asker,
                input: Input::Value(Value::inline(Raw::json(&json!(question)))),
                limits: Limits::default(),
            });
            out.push(Command::Reply(self.from.clone(), success(&json!({ "ask": question }))));
        } else if step["token"].is_string() {
            out.push(Command::Call {
                step: path(0),
                callee: Callee::Callback,
                input: Input::Value(Value::inline(Raw::json(&step["token"]))),
                limits: Limits::default(),
            });
        } else if let Some(millis) = step["wait_ms"].as_u64() {
            out.push(Command::SetTimer {
                step: path(0),
                due: now.at + Duration::from_millis(millis),
            });
        } else if let Some(text) = step["say"].as_str() {
            out.push(Command::Note(Raw::json(&json!(text))));
        } else if step["panic"].as_str() == Some("decide") {
            panic!("told to");
        } else {
            out.push(Command::End(success(&json!("ended"))));
        }
    }
}

impl Decider for Demo {
    fn apply(&mut self, event: &Event) {
        self.seen += 1;
        match &event.body {
            Body::Signaled(Signal::Message { from, payload, .. }) => {
                let payload = payload.raw().parse();
                match &mut self.turn {
                    Some(turn) if turn.asked.is_some() && turn.replied => {
                        turn.from = from.clone();
                        turn.replied = false;
                        turn.told = true;
                        turn.results.push(payload["do"][0]["say"].clone());
                    }
                    _ => self.waiting.push_back((from.clone(), payload)),
                }
                self.begin_next();
            }
            Body::Called { callee, .. } => {
                if let Some(turn) = &mut self.turn {
                    turn.begun = true;
                    if *callee == Callee::Asker {
                        turn.asked = Some(CallId(event.seq));
                    } else {
                        turn.calls.insert(CallId(event.seq), None);
                    }
                }
            }
            Body::Answered { call, outcome } => {
                if let Some(turn) = &mut self.turn
                    && turn.asked == Some(*call)
                {
                    turn.asked = None;
                    turn.told = false;
                    turn.next();
                } else {
                    self.answered(*call, outcome);
                }
            }
            Body::Cancelled(call) => self.answered(*call, &Outcome::Aborted),
            Body::TimerSet { .. } => {
                if let Some(turn) = &mut self.turn {
                    turn.begun = true;
                    turn.timer = Some(TimerId(event.seq));
                }
            }
            Body::TimerFired(timer) => {
                if let Some(turn) = &mut self.turn
                    && turn.timer == Some(*timer)
                {
                    turn.timer = None;
                    turn.results.push(json!("waited"));
                    turn.next();
                }
            }
            Body::Noted(note) => {
                if let Some(turn) = &mut self.turn {
                    turn.results.push(note.parse());
                    turn.next();
                }
            }
            Body::Replied { to, .. } => {
                if let Some(turn) = &mut self.turn
                    && turn.from == *to
                {
                    turn.replied = true;
                    if turn.asked.is_none() {
                        self.turn = None;
                        self.begin_next();
                    }
                }
            }
            Body::Ended(_) => self.ended = true,
            _ => {}
        }
    }

    fn decide(&self, now: &Now, out: &mut Commands) {
        if self.ended {
            return;
        }
        let Some(turn) = &self.turn else { return };
        match turn.asked {
            Some(call) if turn.told => {
                out.push(Command::Answer(call, success(turn.results.last().unwrap_or(&Json::Null))));
            }
            Some(_) => {}
            None => turn.decide(self.turns, now, out),
        }
    }

    fn render(&self, _: CallId) -> Payload {
        Payload::Raw(Raw::json(&json!({ "after": self.seen })))
    }

    fn reader(&self, _: CallId) -> Option<Box<dyn Reader>> {
        Some(Box::new(Plain))
    }
}

/// Shows text, hides thoughts.
struct Plain;

impl Reader for Plain {
    fn read(&mut self, part: &Part) -> String {
        match part {
            Part::Text(text) => text.clone(),
            _ => String::new(),
        }
    }
}
