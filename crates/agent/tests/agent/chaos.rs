//! Sessions at random: any reply of a model, any result of a function, any message of a client, in any order. Whatever comes,
//! the rules hold: the decider comes to rest, transcripts are what providers take, every request ends once, and a fresh fold
//! of the journal stands where the live one does. A seed repeats a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedplate_agent::turn::{ActionResult, Answer, Question, Request};
use bedplate_agent::{MODEL, Program, Programs, SessionDecider};
use bedplate_base::Timestamp;
use bedplate_converse::Request as ModelRequest;
use bedplate_journal::{Body, CallId, Callee, Commands, Decider, Event, Input, Limit, Now, Outcome, Payload, Raw, Sender, Signal, Value};
use serde_json::json;

use crate::scenario::{Function, Said, Use};
use crate::scenarios::check_transcript;

const SEEDS: u64 = 60;
const EVENTS: u64 = 120;
/// A decider that is asked more often than this after one input does not come to rest.
const ROUNDS_MAX: usize = 50;

struct Chaos {
    seed: u64,
    random: u64,
    program: Program,
    decider: SessionDecider,
    events: Vec<Event>,
    /// Calls that run, and whether they are model calls.
    open: BTreeMap<CallId, bool>,
    question: Option<Question>,
    /// Questions so far.
    questions: usize,
    requests: u64,
    /// Requests that were sent, with how often they ended.
    ended: BTreeMap<String, u32>,
}

fn function(name: &str, client: bool, confirm: bool, parameters: &[(&str, &str)]) -> Function {
    Function {
        name: name.into(),
        client,
        confirm,
        parameters: parameters
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect(),
    }
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let functions = [
            function("court.find", false, false, &[("day", "string")]),
            function("court.book", false, true, &[("hour", "integer?")]),
            function("light.on", true, false, &[]),
            function("light.off", true, true, &[]),
        ];
        let actions = functions.iter().map(Function::action).collect();
        let mut program = Program::new("chaos".into(), "test/model".into(), "Work.".into(), actions, 600);
        program.steps_max = 6;
        Self {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            program,
            decider: SessionDecider::new(Arc::new(Programs::default())),
            events: Vec::new(),
            open: BTreeMap::new(),
            question: None,
            questions: 0,
            requests: 0,
            ended: BTreeMap::new(),
        }
    }

    fn below(&mut self, many: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % many
    }

    fn play(mut self) -> Vec<Event> {
        while (self.events.len() as u64) < EVENTS {
            match self.below(5) {
                0 => self.message(),
                _ if self.open.is_empty() && self.question.is_none() => self.message(),
                1 | 2 if self.question.is_some() => self.answer(),
                _ => self.outcome(),
            }
            self.rest();
            if self.below(8) == 0 {
                self.check_fold();
            }
        }
        self.check_fold();
        self.events
    }

    /// A request of the client: text, sometimes the end of the session.
    fn message(&mut self) {
        let text = ["hi", "", "again", "<answer>"][self.below(4)];
        let end_session = self.below(8) == 0;
        let request = Request {
            text: (!end_session || self.below(2) == 0).then(|| text.to_owned()),
            streaming: self.below(2) == 0,
            end_session,
            ..Request::default()
        };
        self.send(&request);
    }

    /// The client answers the question, or does it wrong.
    fn answer(&mut self) {
        let Some(question) = self.question.clone() else { return };
        let wrong = self.below(4) == 0;
        let mut results: Vec<_> = question
            .inputs
            .iter()
            .map(|asked| self.result(&asked.action_group, &asked.function))
            .collect();
        if wrong {
            match self.below(3) {
                0 => results.clear(),
                1 => results.push(self.result("light", "on")),
                _ => results[0].function = "nothing".into(),
            }
        }
        let invocation_id = if wrong && self.below(2) == 0 {
            "other".into()
        } else {
            question.invocation_id
        };
        let request = Request {
            answer: Some(Answer { invocation_id, results }),
            end_session: self.below(9) == 0,
            ..Request::default()
        };
        self.send(&request);
    }

    fn result(&mut self, group: &str, function: &str) -> ActionResult {
        let state = [None, None, None, Some("REPROMPT"), Some("FAILURE")][self.below(5)];
        let confirmation = ["CONFIRM", "CONFIRM", "DENY"][self.below(3)];
        ActionResult {
            action_group: group.into(),
            function: function.into(),
            body: Some("done".into()),
            response_state: state.map(str::to_owned),
            confirmation: Some(confirmation.to_owned()),
        }
    }

    fn send(&mut self, request: &Request) {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        self.ended.insert(id.clone(), 0);
        self.event(Body::Signaled(Signal::Message {
            from: Sender::Client(id.into()),
            program: Some(self.program.to_value()),
            payload: Value::inline(Raw::new(serde_json::to_string(request).unwrap())),
        }));
    }

    /// Something that runs comes back.
    fn outcome(&mut self) {
        let many = self.open.len();
        if many == 0 {
            return;
        }
        let at = self.below(many);
        let (call, model) = self.open.iter().nth(at).map(|(call, model)| (*call, *model)).unwrap();
        self.open.remove(&call);
        let success = |json: serde_json::Value| Outcome::Success(Value::inline(Raw::json(&json)));
        let outcome = match (self.below(12), model) {
            (0, _) => Outcome::TimedOut(Limit::Total),
            (1, _) => Outcome::failure("Some.Error", "as it happens"),
            (2, _) => success(json!({"payload": ["odd"]})),
            (_, true) => success(self.said().reply(1, usize::try_from(call.0).unwrap()).to_json()),
            (_, false) => success(
                json!({"payload": json!({"response": {"functionResponse": {"responseBody": {"TEXT": {"body": "ok"}}}}}).to_string()}),
            ),
        };
        self.event(Body::Answered { call, outcome });
    }

    fn said(&mut self) -> Said {
        let texts = [
            "",
            "<answer>Done.</answer>",
            "thinking aloud",
            "<thinking>x",
            "<thinking>x</thinking>",
            " ",
        ];
        let text = texts[self.below(6)];
        let uses = if self.below(3) == 0 { 0 } else { self.below(8) };
        Said {
            text: (!text.is_empty()).then(|| text.to_owned()),
            uses: (0..uses).map(|_| self.used()).collect(),
            ..Said::default()
        }
    }

    fn used(&mut self) -> Use {
        let tools = ["court__find", "court__book", "light__on", "light__off", "unknown"];
        let inputs = [
            json!({}),
            json!({"day": "mon"}),
            json!({"hour": 7}),
            json!({"hour": "x"}),
            json!(null),
            json!([1]),
        ];
        Use {
            tool: tools[self.below(tools.len())].into(),
            input: inputs[self.below(inputs.len())].clone(),
            ..Use::default()
        }
    }

    /// Asks the decider until it wants nothing more.
    fn rest(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut commands = Commands::new(self.events.len() as u64 + 1);
            self.decider.decide(&Now { at: self.now() }, &mut commands);
            if commands.is_empty() {
                return self.check_nobody_waits();
            }
            commands.into_bodies().for_each(|body| self.event(body));
        }
        panic!("seed {}: the decider does not come to rest", self.seed);
    }

    /// When nothing runs, every request has ended: with its answer, or with one question each.
    fn check_nobody_waits(&self) {
        if self.open.is_empty() {
            let unanswered = self.ended.values().filter(|count| **count == 0).count();
            assert_eq!(unanswered, self.questions, "seed {}: somebody waits for ever", self.seed);
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.events.len()).unwrap())
    }

    fn event(&mut self, body: Body) {
        let event = Event {
            seq: self.events.len() as u64 + 1,
            at: self.now(),
            body,
        };
        self.decider.apply(&event);
        self.events.push(event.clone());
        let call = CallId(event.seq);
        match event.body {
            Body::Called {
                callee: Callee::Target(name),
                ..
            } => {
                let model = &*name == MODEL;
                self.open.insert(call, model);
                if model {
                    self.check_model(call);
                }
            }
            Body::Called {
                callee: Callee::Asker,
                input: Input::Value(value),
                ..
            } => {
                let question: Question = serde_json::from_str(value.raw().as_str()).unwrap();
                assert!((1..=5).contains(&question.inputs.len()), "seed {}: {question:?}", self.seed);
                assert!(self.open.is_empty(), "seed {}: asks while something runs", self.seed);
                self.question = Some(question);
                self.questions += 1;
            }
            Body::Answered { call, .. } => {
                let called = &self.events[usize::try_from(call.0 - 1).unwrap()].body;
                if matches!(called, Body::Called { callee: Callee::Asker, .. }) {
                    self.question = None;
                }
            }
            Body::Cancelled(_) => self.question = None,
            Body::Replied {
                to: Sender::Client(id), ..
            } => {
                let count = self.ended.get_mut(&*id).unwrap();
                *count += 1;
                assert_eq!(*count, 1, "seed {}: {id} is answered twice", self.seed);
            }
            _ => {}
        }
    }

    fn check_model(&self, call: CallId) {
        assert_eq!(self.open.len(), 1, "seed {}: the model is called while something runs", self.seed);
        check_transcript(&format!("seed {}", self.seed), &rendered(&self.decider, call));
    }

    /// A fresh fold wants nothing either, and renders the same.
    fn check_fold(&self) {
        let mut fresh = SessionDecider::new(Arc::new(Programs::default()));
        self.events.iter().for_each(|event| fresh.apply(event));
        let mut commands = Commands::new(1);
        fresh.decide(&Now { at: self.now() }, &mut commands);
        assert!(commands.is_empty(), "seed {}: {commands:?}", self.seed);
        if let Some((call, true)) = self.open.iter().next() {
            assert_eq!(rendered(&fresh, *call), rendered(&self.decider, *call), "seed {}", self.seed);
        }
    }
}

fn rendered(decider: &SessionDecider, call: CallId) -> String {
    let Payload::Typed(typed) = decider.render(call) else {
        panic!("models get typed payloads")
    };
    let request = typed.downcast::<ModelRequest>().unwrap_or_else(|_| panic!("a converse request"));
    request.to_trace_json().to_string()
}

#[test]
fn sessions_at_random_keep_the_rules() {
    let events: Vec<Event> = (1..=SEEDS).flat_map(|seed| Chaos::new(seed).play()).collect();
    // The dice reach everything that they are thrown for.
    let count = |wanted: fn(&Body) -> bool| events.iter().filter(|event| wanted(&event.body)).count();
    let counts = [
        count(|body| matches!(body, Body::Called { callee: Callee::Asker, .. })),
        count(|body| matches!(body, Body::Cancelled(_))),
        count(|body| matches!(body, Body::Noted(note) if note.as_str().contains("rejected"))),
        count(|body| {
            matches!(
                body,
                Body::Replied {
                    outcome: Outcome::Success(_),
                    ..
                }
            )
        }),
        count(|body| matches!(body, Body::Replied { outcome: Outcome::Failure { error, .. }, .. } if error == "Turn.DependencyFailed")),
        count(|body| matches!(body, Body::Replied { outcome: Outcome::Failure { error, .. }, .. } if error == "Turn.Validation")),
    ];
    assert!(counts.iter().all(|count| *count > 30), "{counts:?}");
}
