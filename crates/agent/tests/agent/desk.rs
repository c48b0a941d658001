//! The decider by hand, without an engine: one turn, one reply of the model at a time.

use std::sync::Arc;

use bedplate_agent::steps::{Step, Steps};
use bedplate_agent::turn::Request;
use bedplate_agent::{Program, Programs, SessionDecider};
use bedplate_base::Timestamp;
use bedplate_converse::Reply;
use bedplate_journal::{Body, CallId, Callee, Commands, Decider, Event, ExecId, Input, Now, Outcome, Raw, Reader, Sender, Signal, Value};

pub(crate) struct Desk {
    decider: SessionDecider,
    steps: Steps,
    seq: u64,
    model: Option<CallId>,
    pub shown: Vec<Step>,
    /// Inputs of functions that were called.
    pub called: Vec<serde_json::Value>,
    /// What was written down.
    pub notes: Vec<serde_json::Value>,
    /// The answer's text.
    pub answer: Option<String>,
}

impl Desk {
    /// A session whose first turn calls the model.
    pub(crate) fn new(program: &Program, streaming: bool) -> Self {
        let mut desk = Self {
            decider: SessionDecider::new(Arc::new(Programs::default())),
            steps: Steps::new(ExecId::new("agent/desk"), "r1"),
            seq: 0,
            model: None,
            shown: Vec::new(),
            called: Vec::new(),
            notes: Vec::new(),
            answer: None,
        };
        let request = Request {
            text: Some("go".into()),
            streaming,
            ..Request::default()
        };
        desk.event(Body::Signaled(Signal::Message {
            from: Sender::Client("r1".into()),
            program: Some(program.to_value()),
            payload: Value::inline(Raw::new(serde_json::to_string(&request).unwrap())),
        }));
        desk.decide();
        desk
    }

    /// The reader of the open model call.
    pub(crate) fn reader(&self) -> Option<Box<dyn Reader>> {
        self.decider.reader(self.model.expect("the model is called"))
    }

    /// The model replies.
    pub(crate) fn reply(&mut self, reply: &Reply) {
        let call = self.model.take().expect("the model is called");
        let outcome = Outcome::Success(Value::inline(Raw::json(&reply.to_json())));
        self.event(Body::Answered { call, outcome });
        self.decide();
    }

    fn decide(&mut self) {
        loop {
            let mut commands = Commands::new(self.seq + 1);
            let now = Now {
                at: Timestamp::from_millis(i64::try_from(self.seq).unwrap()),
            };
            self.decider.decide(&now, &mut commands);
            if commands.is_empty() {
                return;
            }
            commands.into_bodies().for_each(|body| self.event(body));
        }
    }

    fn event(&mut self, body: Body) {
        self.seq += 1;
        match &body {
            Body::Called {
                callee: Callee::Target(_),
                input: Input::Rendered,
                ..
            } => self.model = Some(CallId(self.seq)),
            Body::Called {
                input: Input::Value(value),
                ..
            } => self.called.push(value.raw().parse()),
            Body::Noted(note) => self.notes.push(note.parse()),
            Body::Replied {
                outcome: Outcome::Success(value),
                ..
            } => self.answer = value.raw().parse()["text"].as_str().map(str::to_owned),
            _ => {}
        }
        let event = Event {
            seq: self.seq,
            at: Timestamp::from_millis(i64::try_from(self.seq).unwrap()),
            body,
        };
        self.decider.apply(&event);
        self.shown.extend(self.steps.push(&event, None));
    }
}
