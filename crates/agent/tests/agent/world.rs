//! Runs a scenario over the engine: one thread, a clock that jumps, processes that may die.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bedplate_agent::steps::Steps;
use bedplate_agent::turn::Question;
use bedplate_agent::{KIND, Programs, SessionDecider};
use bedplate_base::Clock;
use bedplate_engine::{Engine, Feed, Item};
use bedplate_journal::{Body, Callee, Event, ExecId, Input as CallInput, Raw, Sender, Signal, Value};
use bedplate_store::{Letter, MemoryStore, Owner, Store};
use bedplate_testkit::{Effect, Fault, FaultyStore, Ledger, Plan, VirtualClock};
use futures_util::future::{Either, select};

use crate::scenario::{Input, Scenario};
use crate::show;

/// Everything that outlives a process.
pub(crate) struct World {
    pub scenario: Arc<Scenario>,
    store: Arc<dyn Store>,
    clock: VirtualClock,
    pub ledger: Ledger,
    processes: u64,
    next: usize,
    /// What was sent.
    pub sent: Vec<Letter>,
    /// What subscribers saw, by request; of the last process only.
    pub seen: BTreeMap<String, Vec<String>>,
}

/// One request, followed.
struct Watch {
    request: String,
    feed: Feed,
    steps: Steps,
    version: u64,
    lines: Vec<String>,
    streamed: Vec<String>,
}

pub(crate) fn exec() -> ExecId {
    ExecId::new("agent/test/session-1")
}

impl World {
    pub(crate) fn new(scenario: Arc<Scenario>) -> Self {
        Self {
            scenario,
            store: Arc::new(MemoryStore::with_key([7; 32])),
            clock: VirtualClock::automatic(),
            ledger: Ledger::default(),
            processes: 0,
            next: 0,
            sent: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Runs one process until the scenario is over (the number of its commits) or it dies (none).
    pub(crate) fn process(&mut self, crash: Option<(u64, Fault)>) -> Option<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plan = crash.map_or_else(Plan::default, |(commit, fault)| Plan::one(commit, fault));
        let store = Arc::new(FaultyStore::under(plan, self.store.clone(), self.clock.clone()));
        self.processes += 1;
        self.seen.clear();
        let engine = runtime.block_on(async { self.engine(store.clone()) });
        runtime.block_on(async {
            let work = std::pin::pin!(self.drive(&engine));
            let death = std::pin::pin!(store.died());
            match select(work, death).await {
                Either::Left(_) => Some(store.commits()),
                Either::Right(_) => None,
            }
        })
    }

    fn engine(&self, store: Arc<dyn Store>) -> Engine {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let programs = Arc::new(Programs::default());
        let builder = Engine::builder(store, clock.clone())
            .kind(KIND, move |_| Box::new(SessionDecider::new(programs.clone())))
            .owner(Owner(self.processes));
        self.scenario
            .targets(&clock, &self.ledger)
            .into_iter()
            .fold(builder, |builder, (name, target)| builder.target(name, Arc::new(target)))
            .build()
    }

    /// Sends what was not sent yet and waits for the answers.
    async fn drive(&mut self, engine: &Engine) {
        engine.recover().await.unwrap();
        let mut watches = Vec::new();
        while let Some(input) = self.scenario.clone().inputs.get(self.next) {
            if let Some(seconds) = input.wait_s {
                self.clock.advance(Duration::from_secs(seconds));
            } else {
                let mut watch = self.watch(engine).await;
                if watch.steps.request().is_none() {
                    let letter = self.letter(engine, input, &watch.request).await;
                    self.sent.push(letter.clone());
                    engine.send(&exec(), letter).await.unwrap();
                }
                if !input.background {
                    watch.until_over().await;
                }
                watches.push(watch);
            }
            self.next += 1;
        }
        for mut watch in watches {
            watch.until_over().await;
            if !watch.streamed.is_empty() {
                watch.lines.push(format!("  streamed {}", watch.streamed.join("|")));
            }
            self.seen.insert(watch.request, watch.lines);
        }
        let mut feed = engine.subscribe(&exec());
        while engine.head(&exec()).await.unwrap().is_some_and(|head| head.busy) {
            feed.next().await;
        }
    }

    /// Follows the request of the next input; what an earlier process journaled of it is read.
    async fn watch(&self, engine: &Engine) -> Watch {
        let number = self.scenario.inputs[..=self.next]
            .iter()
            .filter(|input| input.wait_s.is_none())
            .count();
        let request = format!("r{number}");
        let mut watch = Watch {
            feed: engine.subscribe(&exec()),
            steps: Steps::new(exec(), request.as_str()),
            request,
            version: 0,
            lines: Vec::new(),
            streamed: Vec::new(),
        };
        if self.processes > 1 {
            for event in engine.events(&exec(), 0, 10_000).await.unwrap() {
                watch.event(&event, None);
            }
        }
        watch
    }

    async fn letter(&self, engine: &Engine, input: &Input, request: &str) -> Letter {
        let question = engine.events(&exec(), 0, 10_000).await.unwrap().iter().rev().find_map(question_of);
        let message = input.request(question.as_deref());
        Letter {
            start: Some((KIND.into(), Raw::new("{}"))),
            signal: Signal::Message {
                from: Sender::Client(request.into()),
                program: Some(self.scenario.program().to_value()),
                payload: Value::inline(Raw::new(serde_json::to_string(&message).unwrap())),
            },
        }
    }

    /// The steps of every request as the journal tells them.
    pub(crate) fn replay(&self) -> BTreeMap<String, Vec<String>> {
        let requests: Vec<_> = self.events().iter().filter_map(request_of).collect();
        let mut all: Vec<_> = requests
            .into_iter()
            .map(|request| (Steps::new(exec(), request.as_str()), request, Vec::new(), None))
            .collect();
        self.with_engine(async |engine| {
            let mut see = |event: &Event, rendered: Option<&bedplate_journal::Payload>| {
                for (steps, _, lines, last) in &mut all {
                    for step in steps.push(event, rendered) {
                        assert!(*last <= Some(step.at), "time goes back at {}", show::step(&step));
                        *last = Some(step.at);
                        lines.push(format!("  {}", show::step(&step)));
                    }
                }
            };
            assert!(engine.replay(&exec(), &mut see).await.unwrap());
        });
        all.into_iter().map(|(_, request, lines, _)| (request, lines)).collect()
    }

    /// The journal.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.with_engine(async |engine| events = engine.events(&exec(), 0, 10_000).await.unwrap());
        events
    }

    fn with_engine(&self, see: impl AsyncFnOnce(Engine)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(see(self.engine(self.store.clone())));
    }

    /// Performed calls of one target.
    pub(crate) fn effects(&self, target: &str) -> Vec<Effect> {
        self.ledger.effects().into_iter().filter(|effect| effect.target == target).collect()
    }
}

impl Watch {
    fn event(&mut self, event: &Event, rendered: Option<&bedplate_journal::Payload>) {
        if event.seq <= self.version {
            return;
        }
        self.version = event.seq;
        let steps = self.steps.push(event, rendered);
        self.lines.extend(steps.iter().map(|step| format!("  {}", show::step(step))));
    }

    async fn until_over(&mut self) {
        while !self.steps.over() {
            match self.feed.next().await.expect("the feed goes on") {
                Item::Committed(events) => {
                    for committed in events.iter() {
                        self.event(&committed.event, committed.rendered.as_ref());
                    }
                }
                Item::Text { call, text } => {
                    if self.steps.calls_model(call) {
                        self.streamed.push(text);
                    }
                }
                Item::Lost(why) => panic!("{why}"),
            }
        }
    }
}

/// Who sent the message of this event.
pub(crate) fn request_of(event: &Event) -> Option<String> {
    match &event.body {
        Body::Signaled(Signal::Message {
            from: Sender::Client(request),
            ..
        }) => Some(request.to_string()),
        _ => None,
    }
}

fn question_of(event: &Event) -> Option<String> {
    match &event.body {
        Body::Called {
            callee: Callee::Asker,
            input: CallInput::Value(value),
            ..
        } => Some(serde_json::from_str::<Question>(value.raw().as_str()).unwrap().invocation_id),
        _ => None,
    }
}
