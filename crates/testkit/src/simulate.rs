//! The crash simulator: runs a scenario, dies where the plan says, starts again on the same store, and compares.
//!
//! Each life of the process is a runtime of its own with one thread; a crash drops it with everything in it. The clock jumps to
//! the next sleeper, so a run repeats exactly.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock, Timestamp};
use bedplate_engine::{Engine, Sabotage, SignalError};
use bedplate_journal::{
    Body, Call, CallId, Callee, Decider, EffectKey, Event, ExecId, Outcome, Payload, Progress, Sender, Signal, Target, Value,
};
use bedplate_store::{Letter, MemoryStore, Owner, Page, Store};
use futures_util::future::{Either, select};

use crate::faults::{Fault, FaultyStore, Plan, Signals};
use crate::{Answer, Describe, Effect, Ledger, ScriptedTarget, VirtualClock, describe_raw};

type Factory = Arc<dyn Fn(&ExecId) -> Box<dyn Decider> + Send + Sync>;
type Script = Arc<dyn Fn(&Call, &Payload) -> Answer + Send + Sync>;

/// Starts of the process in one run.
const LIVES_MAX: u32 = 1_000;
/// Virtual time after which a scenario that does not come to rest is given up.
const REST_MAX: Duration = Duration::from_secs(400 * 24 * 3600);
/// Differences between journals that are told at most.
const EVENTS_TOLD: usize = 6;

/// When an input is sent, and when a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// As soon as the one before is durable.
    None,
    /// When no execution has work to do: turns are over, timers may be set.
    Work,
    /// When no timer is set either.
    Timers,
}

/// What happens in a run: deciders under test, targets, inputs from outside.
#[derive(Clone)]
pub struct Scenario {
    kinds: Vec<(String, Factory)>,
    targets: Vec<(String, Script)>,
    inputs: Vec<(Rest, ExecId, Letter)>,
    end: Rest,
    describe: Describe,
    normalize: Arc<dyn Fn(&mut Event) + Send + Sync>,
    sabotage: Option<Sabotage>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The journals of all executions, values loaded, times and dues set to zero.
    pub journals: BTreeMap<ExecId, Vec<Event>>,
    /// What targets were asked.
    pub effects: Vec<Effect>,
    /// How many commits were tried.
    pub commits: u64,
    /// How often the process was started.
    pub lives: u32,
}

impl Scenario {
    /// A scenario without targets and inputs; it is over when nothing has work to do and no timer is set.
    pub fn new(kind: &str, factory: impl Fn(&ExecId) -> Box<dyn Decider> + Send + Sync + 'static) -> Self {
        Self {
            kinds: vec![(kind.to_owned(), Arc::new(factory))],
            targets: Vec::new(),
            inputs: Vec::new(),
            end: Rest::Timers,
            describe: Arc::new(describe_raw),
            normalize: Arc::new(|_| {}),
            sabotage: None,
        }
    }

    /// Adds a target that answers by `script`.
    pub fn target<A: Into<Answer>>(mut self, name: &str, script: impl Fn(&Call, &Payload) -> A + Send + Sync + 'static) -> Self {
        let script: Script = Arc::new(move |call, payload| script(call, payload).into());
        self.targets.push((name.to_owned(), script));
        self
    }

    /// Adds an input that is sent when no execution has work to do.
    pub fn input(self, exec: &ExecId, letter: Letter) -> Self {
        self.input_at(Rest::Work, exec, letter)
    }

    /// Adds an input.
    pub fn input_at(mut self, when: Rest, exec: &ExecId, letter: Letter) -> Self {
        self.inputs.push((when, exec.clone(), letter));
        self
    }

    /// Ends the run at another rest: executions that set a timer for ever are over when they have no work.
    pub fn end_at(mut self, rest: Rest) -> Self {
        self.end = rest;
        self
    }

    /// Says how typed payloads are compared.
    pub fn describe(mut self, describe: impl Fn(&Payload) -> String + Send + Sync + 'static) -> Self {
        self.describe = Arc::new(describe);
        self
    }

    /// Breaks a rule of the engine, or lets nothing but one be found out.
    pub fn sabotage(mut self, sabotage: Sabotage) -> Self {
        self.sabotage = Some(sabotage);
        self
    }

    /// Takes out of events what may differ between runs: times inside values.
    pub fn normalize(mut self, normalize: impl Fn(&mut Event) + Send + Sync + 'static) -> Self {
        self.normalize = Arc::new(normalize);
        self
    }
}

/// Runs `scenario` with the faults of `plan`.
///
/// # Errors
/// A rule was broken: the text says which, and where.
pub fn simulate(scenario: &Scenario, plan: &Plan) -> Result<Report, String> {
    simulate_on(scenario, plan, Arc::new(MemoryStore::with_key([7; 32])))
}

/// Runs `scenario` on an empty store of any kind.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_on(scenario: &Scenario, plan: &Plan, store: Arc<dyn Store>) -> Result<Report, String> {
    let world = World::new(scenario, plan, store);
    let mut sent = 0;
    for life in 1..=LIVES_MAX {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| error.to_string())?;
        if runtime.block_on(world.live(life, &mut sent))? {
            let journals = runtime.block_on(world.journals())?;
            let report = Report {
                journals,
                effects: world.ledger.effects(),
                commits: world.signals.commits(),
                lives: life,
            };
            world.check(&report)?;
            return Ok(report);
        }
    }
    Err(format!("the process was started {LIVES_MAX} times and the scenario is not over"))
}

/// Runs `scenario` without faults, then with a crash before and after every commit: end state and journals must be the same.
///
/// # Errors
/// A rule was broken or a run ended differently: the text names the crash.
pub fn crash_everywhere(scenario: &Scenario) -> Result<Report, String> {
    let calm = simulate(scenario, &Plan::default())?;
    for commit in 1..=calm.commits {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let plan = Plan::one(commit, fault);
            let report = simulate(scenario, &plan).map_err(|error| format!("{plan:?}: {error}"))?;
            same(&calm, &report).map_err(|error| format!("{plan:?}: {error}"))?;
        }
    }
    Ok(calm)
}

/// Runs `scenario` under the faults of each seed: every run must end as the one without.
///
/// # Errors
/// A rule was broken or a run ended differently: the text names the seed.
pub fn shake(scenario: &Scenario, seeds: impl IntoIterator<Item = u64>) -> Result<Report, String> {
    let calm = simulate(scenario, &Plan::default())?;
    for seed in seeds {
        let plan = Plan::seeded(seed, 2 * calm.commits);
        let report = simulate(scenario, &plan).map_err(|error| format!("seed {seed}, {plan:?}: {error}"))?;
        same(&calm, &report).map_err(|error| format!("seed {seed}, {plan:?}: {error}"))?;
    }
    Ok(calm)
}

/// As [`shake`], with duplicates, delays and jumps of the clock among the faults: for scenarios in which no time-out races an answer.
///
/// # Errors
/// As [`shake`].
pub fn storm(scenario: &Scenario, seeds: impl IntoIterator<Item = u64>) -> Result<Report, String> {
    let calm = simulate(scenario, &Plan::default())?;
    for seed in seeds {
        let plan = Plan::wild(seed, 2 * calm.commits);
        let report = simulate(scenario, &plan).map_err(|error| format!("seed {seed}, {plan:?}: {error}"))?;
        same(&calm, &report).map_err(|error| format!("seed {seed}, {plan:?}: {error}"))?;
    }
    Ok(calm)
}

/// The seed that `BEDPLATE_SIM_SEED` asks for (`cargo xtask sim SEED`), or those that a test runs otherwise.
///
/// # Panics
/// When the variable is no whole number.
#[allow(clippy::disallowed_methods, reason = "the seed of a run comes from whoever runs the test")]
pub fn seeds(otherwise: std::ops::Range<u64>) -> std::ops::Range<u64> {
    match std::env::var("BEDPLATE_SIM_SEED") {
        Ok(text) => {
            let seed = text.parse().expect("BEDPLATE_SIM_SEED is a whole number, such as 42");
            eprintln!("seed {seed} instead of {otherwise:?}");
            seed..seed + 1
        }
        Err(_) => otherwise,
    }
}

/// Whether two runs ended with the same journals.
///
/// # Errors
/// They did not: the text shows the first difference.
pub fn same(expected: &Report, got: &Report) -> Result<(), String> {
    for (exec, events) in &expected.journals {
        let other = got.journals.get(exec).ok_or_else(|| format!("{exec} is missing"))?;
        let equal = events.iter().zip(other).take_while(|(a, b)| a == b).count();
        if equal < events.len().max(other.len()) {
            let tail = |events: &[Event]| format!("{:#?}", events.iter().skip(equal).take(EVENTS_TOLD).collect::<Vec<_>>());
            return Err(format!(
                "the journal of {exec} differs from event {} on: expected {}, got {}",
                equal + 1,
                tail(events),
                tail(other)
            ));
        }
    }
    match got.journals.keys().find(|exec| !expected.journals.contains_key(exec)) {
        Some(exec) => Err(format!("{exec} should not exist")),
        None => Ok(()),
    }
}

struct World<'a> {
    scenario: &'a Scenario,
    store: Arc<dyn Store>,
    signals: Arc<Signals>,
    clock: VirtualClock,
    ledger: Ledger,
    early: Ledger,
    performed: Performed,
    /// No rival engine is planned.
    alone: bool,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, plan: &Plan, store: Arc<dyn Store>) -> Self {
        let clock = VirtualClock::automatic();
        Self {
            scenario,
            store: Arc::new(FaultyStore::new(store, clock.clone(), None)),
            signals: Arc::new(Signals::new(plan.clone())),
            clock,
            ledger: Ledger::default(),
            early: Ledger::default(),
            performed: Performed::default(),
            alone: !plan.0.values().any(|fault| *fault == Fault::Rival),
        }
    }

    fn engine(&self, owner: u64) -> Engine {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let faulty = FaultyStore::new(self.store.clone(), self.clock.clone(), Some(self.signals.clone()))
            .unchecked(self.scenario.sabotage == Some(Sabotage::NoVersionCheck));
        let mut builder = Engine::builder(Arc::new(faulty), clock.clone()).owner(Owner(owner));
        if let Some(sabotage) = self.scenario.sabotage {
            builder = builder.sabotage(sabotage);
        }
        for (kind, factory) in &self.scenario.kinds {
            let factory = factory.clone();
            builder = builder.kind(kind, move |exec| factory(exec));
        }
        for (name, script) in &self.scenario.targets {
            let script = script.clone();
            let target = ScriptedTarget::new(name, clock.clone(), move |call, payload| script(call, payload))
                .ledger(self.ledger.clone())
                .describe(self.scenario.describe.clone());
            let watched = Watched {
                target,
                store: self.store.clone(),
                early: self.early.clone(),
                alone: self.alone,
                owner,
                performed: self.performed.clone(),
            };
            builder = builder.target(name, Arc::new(watched));
        }
        builder.build()
    }

    /// One life of the process; false when it died.
    async fn live(&self, life: u32, sent: &mut usize) -> Result<bool, String> {
        let work = std::pin::pin!(self.work(life, sent));
        let crash = std::pin::pin!(self.signals.crashed.notified());
        match select(work, crash).await {
            Either::Left((done, _)) => done.map(|()| true),
            Either::Right(_) => Ok(false),
        }
    }

    async fn work(&self, life: u32, sent: &mut usize) -> Result<(), String> {
        let owner = u64::from(life) << 32;
        let drive = std::pin::pin!(self.drive(owner, sent));
        let mut drive = drive;
        let mut rivals = Vec::new();
        loop {
            let rival = std::pin::pin!(self.signals.rival.notified());
            match select(drive, rival).await {
                Either::Left((done, _)) => return done,
                Either::Right((_, still)) => drive = still,
            }
            let engine = self.engine(owner + 1 + rivals.len() as u64);
            engine.recover().await.map_err(|error| error.to_string())?;
            rivals.push(engine);
            self.signals.rival_started.notify_one();
        }
    }

    async fn drive(&self, owner: u64, sent: &mut usize) -> Result<(), String> {
        let engine = self.engine(owner);
        engine.recover().await.map_err(|error| error.to_string())?;
        while let Some((when, exec, letter)) = self.scenario.inputs.get(*sent) {
            self.rest(&engine, *when).await?;
            self.send(&engine, exec, letter).await?;
            *sent += 1;
        }
        self.rest(&engine, self.scenario.end).await
    }

    /// Sends as a client does that tries again when it does not know, and attaches when its message was taken.
    async fn send(&self, engine: &Engine, exec: &ExecId, letter: &Letter) -> Result<(), String> {
        loop {
            if let Signal::Message { from, .. } = &letter.signal
                && self.taken(exec, from).await? > 0
            {
                return Ok(());
            }
            match engine.send(exec, letter.clone()).await {
                Ok(()) => return Ok(()),
                Err(SignalError::Unavailable(_)) => self.clock.sleep_until(self.clock.now() + Duration::from_millis(10)).await,
                Err(error) => return Err(format!("{exec} did not take a signal: {error}")),
            }
        }
    }

    async fn taken(&self, exec: &ExecId, sender: &Sender) -> Result<usize, String> {
        let events = self.events(exec).await?;
        Ok(count(
            &events,
            |body| matches!(body, Body::Signaled(Signal::Message { from, .. }) if from == sender),
        ))
    }

    /// Waits, longer each time, until there is nothing to do.
    async fn rest(&self, engine: &Engine, rest: Rest) -> Result<(), String> {
        let begin = self.clock.now();
        let mut pause = Duration::from_millis(1);
        loop {
            let work = self.store.work(None, 8).await.map_err(|error| error.to_string())?;
            let timers = self.store.timers(8).await.map_err(|error| error.to_string())?;
            let rests = match rest {
                Rest::None => true,
                Rest::Work => work.is_empty(),
                Rest::Timers => work.is_empty() && timers.is_empty(),
            };
            if rests {
                return Ok(());
            }
            if self.clock.now().since(begin) > REST_MAX {
                return Err(format!("it does not come to rest: work {work:?}, timers {timers:?}"));
            }
            // Hints may be lost: whoever owns the work looks on his own from time to time.
            for exec in &work {
                if pause > Duration::from_secs(60) && engine.nudge(exec).is_err() {
                    return Err(format!("{exec} is broken"));
                }
            }
            self.clock.sleep_until(self.clock.now() + pause).await;
            pause = (pause * 2).min(Duration::from_secs(24 * 3600));
        }
    }

    async fn events(&self, exec: &ExecId) -> Result<Vec<Event>, String> {
        let mut events = self.store.events(exec, 0, usize::MAX).await.map_err(|error| error.to_string())?;
        for event in &mut events {
            for value in event.body.values_mut() {
                if let Value::Blob(blob) = value {
                    let raw = self.store.blob(blob.hash).await.map_err(|error| error.to_string())?;
                    blob.raw = Some(raw.ok_or_else(|| format!("{exec} names the blob {} that is missing", blob.hash))?);
                }
            }
        }
        Ok(events)
    }

    async fn journals(&self) -> Result<BTreeMap<ExecId, Vec<Event>>, String> {
        let all = Page {
            limit: usize::MAX,
            ..Page::default()
        };
        let heads = self.store.executions("", all).await.map_err(|error| error.to_string())?;
        let mut journals = BTreeMap::new();
        for head in heads {
            let mut events = self.events(&head.exec).await?;
            if head.version != events.len() as u64 {
                return Err(format!(
                    "the head of {} says {} events of {}",
                    head.exec,
                    head.version,
                    events.len()
                ));
            }
            for event in &mut events {
                event.at = Timestamp::default();
                if let Body::TimerSet { due, .. } = &mut event.body {
                    *due = Timestamp::default();
                }
                (self.scenario.normalize)(event);
            }
            journals.insert(head.exec, events);
        }
        Ok(journals)
    }

    /// The rules that hold in every run.
    fn check(&self, report: &Report) -> Result<(), String> {
        if let Some(effect) = self.early.effects().first() {
            return Err(format!(
                "an effect before its call was durable, after its answer, or twice: {effect:?}"
            ));
        }
        let mut payloads: HashMap<&EffectKey, &Effect> = HashMap::new();
        for effect in &report.effects {
            let first = payloads.entry(&effect.key).or_insert(effect);
            if (&first.payload, &first.target) != (&effect.payload, &effect.target) {
                return Err(format!("one key, two effects: {first:?} and {effect:?}"));
            }
        }
        for (_, exec, letter) in &self.scenario.inputs {
            let Signal::Message { from, .. } = &letter.signal else { continue };
            let events = report.journals.get(exec).map(Vec::as_slice).unwrap_or_default();
            let taken = count(
                events,
                |body| matches!(body, Body::Signaled(Signal::Message { from: sender, .. }) if sender == from),
            );
            if taken != 1 {
                return Err(format!("{exec} took the message of {from:?} {taken} times"));
            }
        }
        for (exec, events) in &report.journals {
            check_journal(events, self.scenario.end).map_err(|error| format!("{exec}: {error}"))?;
        }
        Ok(())
    }
}

/// Every answer and every firing has its call or timer, once; what must be over by the end of the run is.
fn check_journal(events: &[Event], end: Rest) -> Result<(), String> {
    let mut open = BTreeMap::new();
    for event in events {
        let closed = match &event.body {
            Body::Called { callee, .. } => {
                open.insert(event.seq, matches!(callee, Callee::Target(_)) && end != Rest::None);
                continue;
            }
            Body::TimerSet { .. } => {
                open.insert(event.seq, end == Rest::Timers);
                continue;
            }
            Body::Answered { call, .. } => call.0,
            Body::TimerFired(timer) => timer.0,
            Body::Cancelled(CallId(id)) => {
                open.remove(id);
                continue;
            }
            Body::TimerCancelled(timer) => {
                open.remove(&timer.0);
                continue;
            }
            _ => continue,
        };
        if open.remove(&closed).is_none() {
            return Err(format!("event {} closes {closed}, which is not open", event.seq));
        }
    }
    match open.iter().find(|(_, must_close)| **must_close) {
        Some((left, _)) => Err(format!("what event {left} began never came to its end")),
        None => Ok(()),
    }
}

fn count(events: &[Event], matches: impl Fn(&Body) -> bool) -> usize {
    events.iter().filter(|event| matches(&event.body)).count()
}

/// How often each engine performed each call.
type Performed = Arc<Mutex<HashMap<(u64, ExecId, CallId), u32>>>;

/// Looks into the store before it performs: the call must be there, and open.
struct Watched {
    target: ScriptedTarget,
    store: Arc<dyn Store>,
    early: Ledger,
    /// With a rival the answer may become durable between the lease and the performance; the key is the same, so that is allowed.
    alone: bool,
    owner: u64,
    performed: Performed,
}

impl Target for Watched {
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, progress: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let events = self.store.events(&call.exec, call.id.0 - 1, usize::MAX).await.unwrap_or_default();
            let begun = matches!(events.first().map(|event| &event.body), Some(Body::Called { step, .. }) if *step == call.step);
            let closed = count(
                &events,
                |body| matches!(body, Body::Answered { call: id, .. } | Body::Cancelled(id) if *id == call.id),
            );
            let times = {
                let mut performed = self.performed.lock().expect("invariant: nothing panics while it counts");
                let times = performed.entry((self.owner, call.exec.clone(), call.id)).or_default();
                *times += 1;
                *times
            };
            // An engine that keeps its lease performs a call once; after a crash another engine does it again under the same key.
            if !begun || ((closed > 0 || times > 1) && self.alone) {
                self.early.push(Effect {
                    target: "watched".into(),
                    exec: call.exec.clone(),
                    call: call.id,
                    step: call.step.clone(),
                    key: call.key(),
                    payload: format!("begun: {begun}, closed: {closed}, performed by this engine: {times}"),
                });
            }
            self.target.call(call, payload, progress).await
        })
    }
}
