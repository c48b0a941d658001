//! Targets that answer by script and write down what they were asked.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock};
use bedplate_journal::{Call, CallId, EffectKey, ExecId, Outcome, Part, Payload, Progress, Step, Target};

/// What a scripted target does with one call.
#[derive(Clone, Debug)]
pub struct Answer {
    parts: Vec<Part>,
    delay: Duration,
    outcome: Option<Outcome>,
}

/// One performance of a call: an effect in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Name of the target.
    pub target: String,
    /// Who called.
    pub exec: ExecId,
    /// Number of the call.
    pub call: CallId,
    /// Where in the program.
    pub step: Step,
    /// Under which key.
    pub key: EffectKey,
    /// With what, as text.
    pub payload: String,
}

/// What happened in the world, in order. Clones share it.
#[derive(Clone, Default)]
pub struct Ledger {
    effects: Arc<Mutex<Vec<Effect>>>,
}

/// How a payload is written down: typed ones are known to the test only.
pub type Describe = Arc<dyn Fn(&Payload) -> String + Send + Sync>;

type Script = Arc<dyn Fn(&Call, &Payload) -> Answer + Send + Sync>;

/// A target that answers by a function.
pub struct ScriptedTarget {
    name: String,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    describe: Describe,
    script: Script,
}

impl Answer {
    /// Answers after a while.
    pub fn after(delay: Duration, outcome: Outcome) -> Self {
        Self {
            parts: Vec::new(),
            delay,
            outcome: Some(outcome),
        }
    }

    /// Never answers.
    pub fn never() -> Self {
        Self {
            parts: Vec::new(),
            delay: Duration::ZERO,
            outcome: None,
        }
    }

    /// Reports a part first.
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self::after(Duration::ZERO, outcome)
    }
}

impl Ledger {
    /// What happened so far.
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().clone()
    }

    /// Writes an effect down.
    pub fn push(&self, effect: Effect) {
        self.lock().push(effect);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Effect>> {
        self.effects.lock().expect("invariant: nothing panics while it holds the ledger")
    }
}

impl ScriptedTarget {
    /// A target that answers by `script`.
    pub fn new<A: Into<Answer>>(name: &str, clock: Arc<dyn Clock>, script: impl Fn(&Call, &Payload) -> A + Send + Sync + 'static) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            ledger: Ledger::default(),
            describe: Arc::new(describe_raw),
            script: Arc::new(move |call, payload| script(call, payload).into()),
        }
    }

    /// Writes into a ledger that others see.
    pub fn ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = ledger;
        self
    }

    /// Writes payloads down in a way of its own.
    pub fn describe(mut self, describe: Describe) -> Self {
        self.describe = describe;
        self
    }

    /// What it was asked so far.
    pub fn effects(&self) -> Vec<Effect> {
        self.ledger.effects()
    }
}

/// JSON as it is; typed payloads are not told apart.
pub fn describe_raw(payload: &Payload) -> String {
    match payload {
        Payload::Raw(raw) => raw.as_str().to_owned(),
        Payload::Typed(_) => "typed".to_owned(),
    }
}

impl Target for ScriptedTarget {
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, progress: Progress) -> BoxFuture<'a, Outcome> {
        self.ledger.push(Effect {
            target: self.name.clone(),
            exec: call.exec.clone(),
            call: call.id,
            step: call.step.clone(),
            key: call.key(),
            payload: (self.describe)(&payload),
        });
        let answer = (self.script)(call, &payload);
        Box::pin(async move {
            answer.parts.into_iter().for_each(|part| progress.part(part));
            if answer.delay > Duration::ZERO {
                self.clock.sleep_until(self.clock.now() + answer.delay).await;
            }
            match answer.outcome {
                Some(outcome) => outcome,
                None => std::future::pending().await,
            }
        })
    }
}
