//! The test kit tested: the memory store against the conformance suite, the simulator against good and bad deciders.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bedplate_journal::{Body, CallId, Command, Commands, Decider, Event, Now, Outcome, Payload, Raw, Reader, Value};
use bedplate_store::MemoryStore;
use bedplate_testkit::demo::{Demo, KIND, decider, exec, message, reply_of};
use bedplate_testkit::{
    Answer, Fault, Plan, Rest, Sabotage, Scenario, crash_everywhere, same, seeds, shake, simulate, store_conformance, storm,
};
use serde_json::{Value as Json, json};

#[test]
fn the_memory_store_conforms() {
    store_conformance(|| Arc::new(MemoryStore::new()));
}

fn echo(payload: &Payload) -> Outcome {
    match payload {
        Payload::Raw(raw) => Outcome::Success(Value::inline(raw.clone())),
        Payload::Typed(_) => Outcome::failure("Test", "raw payloads only"),
    }
}

/// Calls take as many milliseconds as their payload has bytes: no two end at once.
fn slow_echo(payload: &Payload) -> Answer {
    let bytes = match payload {
        Payload::Raw(raw) => raw.as_str().len() as u64,
        Payload::Typed(_) => 0,
    };
    Answer::after(Duration::from_millis(bytes), echo(payload))
}

fn scenario() -> Scenario {
    let long = "x".repeat(2 * Value::INLINE_BYTES_MAX);
    let turns = [
        (
            "x",
            json!([{"say": "hi"}, {"call": ["a", "bb", "cccc"]}, {"model": "m"}, {"wait_ms": 60000}, {"call": [long]}]),
        ),
        ("x", json!([{"call": ["b"]}, {"ask": "sure?"}, {"wait_ms": 10}, {"say": "x"}])),
        ("x", json!([{"say": "yes"}])),
        ("y", json!([{"wait_ms": 5}, {"call": ["y"], "total_ms": 1}, {"end": true}])),
        ("y", json!([{"say": "too late"}])),
    ];
    let with_targets = Scenario::new(KIND, decider)
        .target("tool", |_, payload| slow_echo(payload))
        .target("model", |_, payload| echo(payload));
    turns.into_iter().zip(1..).fold(with_targets, |scenario, ((name, steps), index)| {
        scenario.input_at(Rest::Timers, &exec(name), message(&format!("r{index}"), steps))
    })
}

#[test]
fn a_crash_anywhere_changes_nothing() {
    let calm = crash_everywhere(&scenario()).unwrap();
    assert!(calm.commits > 12, "{}", calm.commits);
    assert_eq!(calm.lives, 1);
    let x = &calm.journals[&exec("x")];
    let reply = |request: &str| match reply_of(x, request) {
        Some(Outcome::Success(value)) => value.raw().parse(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reply("r2"), json!({"ask": "sure?"}));
    assert_eq!(reply("r3"), json!(["b", "yes", "waited", "x"]));
    let keys: std::collections::HashSet<_> = calm.effects.iter().map(|effect| &effect.key).collect();
    assert_eq!(keys.len(), calm.effects.len(), "without faults each effect happens once");
}

#[test]
fn simulated_faults_change_nothing() {
    shake(&scenario(), seeds(0..300)).unwrap();
}

/// Two executions and every kind of input, as few commits as that takes: a run costs a millisecond or two.
fn quick() -> Scenario {
    let turns = [
        ("x", json!([{"call": ["a", "bb"]}, {"wait_ms": 50}, {"model": "m"}])),
        ("x", json!([{"ask": "sure?"}])),
        ("x", json!([{"say": "yes"}])),
        ("y", json!([{"call": ["c"]}, {"end": true}])),
    ];
    let with_targets = Scenario::new(KIND, decider)
        .target("tool", |_, payload| slow_echo(payload))
        .target("model", |_, payload| echo(payload));
    turns.into_iter().zip(1..).fold(with_targets, |scenario, ((name, steps), index)| {
        scenario.input_at(Rest::Timers, &exec(name), message(&format!("r{index}"), steps))
    })
}

// Ten thousand seeds, in two halves so that two cores share them.

#[test]
fn simulated_seeds_change_nothing_first_half() {
    storm(&quick(), seeds(0..5_000)).unwrap();
}

#[test]
fn simulated_seeds_change_nothing_second_half() {
    storm(&quick(), seeds(5_000..10_000)).unwrap();
}

#[test]
fn simulated_bugs_are_found() {
    for (bug, text) in [
        (Sabotage::LostSignal, "took the message of"),
        (Sabotage::DoubleEffect, "performed by this engine: 2"),
        (Sabotage::NoVersionCheck, "closes"),
        (Sabotage::DroppedTimer, "does not come to rest"),
        (Sabotage::AppliedBeforeCommit, "begun: false"),
    ] {
        let error = storm(&quick().sabotage(bug), 0..1_000).expect_err("the bug is found");
        assert!(error.contains(text), "{bug:?}: {error}");
    }
}

#[test]
fn a_run_repeats() {
    let plan = Plan::seeded(42, 60);
    let (first, second) = (simulate(&scenario(), &plan).unwrap(), simulate(&scenario(), &plan).unwrap());
    same(&first, &second).unwrap();
    assert_eq!(
        (first.effects, first.commits, first.lives),
        (second.effects, second.commits, second.lives)
    );
    assert!(first.lives > 1);
}

/// Wraps the demo's decider and breaks one rule.
struct Bad {
    inner: Demo,
    bug: Bug,
    decided: Cell<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Bug {
    /// What it wants depends on how often it was asked.
    CountsQuestions,
    /// It renders something else each time.
    RendersAnew,
    /// It forgets timers.
    ForgetsTimers,
}

impl Decider for Bad {
    fn apply(&mut self, event: &Event) {
        match (&self.bug, &event.body) {
            (Bug::ForgetsTimers, Body::TimerFired(_)) => {}
            _ => self.inner.apply(event),
        }
    }

    fn decide(&self, now: &Now, out: &mut Commands) {
        self.decided.set(self.decided.get() + 1);
        if matches!(self.bug, Bug::CountsQuestions) && self.decided.get() == 3 {
            out.push(Command::Note(Raw::new("\"third time\"")));
        }
        self.inner.decide(now, out);
    }

    fn render(&self, _: CallId) -> Payload {
        match self.bug {
            Bug::RendersAnew => Payload::Raw(Raw::new(format!("{}", self.decided.get()))),
            Bug::CountsQuestions | Bug::ForgetsTimers => Payload::Raw(Raw::new("0")),
        }
    }

    fn reader(&self, _: CallId) -> Option<Box<dyn Reader>> {
        None
    }
}

#[test]
fn bad_deciders_are_found() {
    let steps: Json = json!([{"call": ["a"]}, {"model": "m"}, {"wait_ms": 5}]);
    for (bug, text) in [
        (Bug::CountsQuestions, "differs from event"),
        (Bug::RendersAnew, "one key, two effects"),
        (Bug::ForgetsTimers, "no reply"),
    ] {
        let scenario = Scenario::new(KIND, move |_| {
            Box::new(Bad {
                inner: Demo::default(),
                bug,
                decided: Cell::new(0),
            })
        })
        .target("tool", |_, payload| slow_echo(payload))
        .target("model", |_, _| Outcome::failure("Test", "always the same"))
        .input(&exec("x"), message("r1", steps.clone()));
        let found = crash_everywhere(&scenario).and_then(|report| match reply_of(&report.journals[&exec("x")], "r1") {
            Some(_) => Ok(()),
            None => Err("no reply".to_owned()),
        });
        let error = found.expect_err("the bug is found");
        assert!(error.contains(text), "{bug:?}: {error}");
    }
}

#[test]
fn plans_repeat_by_seed() {
    assert_eq!(Plan::seeded(7, 100), Plan::seeded(7, 100));
    assert_ne!(Plan::seeded(7, 100), Plan::seeded(8, 100));
    let kinds: std::collections::BTreeSet<Fault> = (0..20).flat_map(|seed| Plan::seeded(seed, 50).0.into_values()).collect();
    assert_eq!(kinds.len(), 5);
    let kinds: std::collections::BTreeSet<Fault> = (0..20).flat_map(|seed| Plan::wild(seed, 50).0.into_values()).collect();
    assert_eq!(kinds.len(), 8);
}
