//! The engine against a small decider, on one thread and a clock that jumps: everything repeats.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "tests own their tasks")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock, Kind};
use bedplate_engine::{Engine, Feed, Item, Limits, Retention, SignalError};
use bedplate_journal::{Body, Call, CallId, Callee, ExecId, Input, Outcome, Part, Payload, Progress, Raw, Target, Value};
use bedplate_store::{Batch, MemoryStore, Owner, Page, Send, Store};
use bedplate_store_sqlite::SqliteStore;
use bedplate_testkit::demo::{self, KIND, exec, message, reply_of};
use bedplate_testkit::{Answer, Fault, FaultyStore, Ledger, Plan, Scenario, ScriptedTarget, VirtualClock, same, simulate, simulate_on};
use serde_json::{Value as Json, json};

struct World {
    store: Arc<dyn Store>,
    clock: VirtualClock,
    ledger: Ledger,
}

impl World {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::with_key([7; 32])),
            clock: VirtualClock::automatic(),
            ledger: Ledger::default(),
        }
    }

    fn engine_with(&self, owner: u64, limits: Limits, tool: impl Fn(&Payload) -> Answer + std::marker::Send + Sync + 'static) -> Engine {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let tool = ScriptedTarget::new("tool", clock.clone(), move |_, payload| tool(payload)).ledger(self.ledger.clone());
        let model = ScriptedTarget::new("model", clock.clone(), |_, payload| {
            Answer::from(echo(payload))
                .part(Part::Text("hel".into()))
                .part(Part::Thinking("hidden".into()))
                .part(Part::Text("lo".into()))
        });
        let targets: [(&str, Arc<dyn Target>); 2] = [("tool", Arc::new(tool)), ("model", Arc::new(model.ledger(self.ledger.clone())))];
        let builder = Engine::builder(self.store.clone(), clock)
            .kind(KIND, demo::decider)
            .owner(Owner(owner))
            .limits(limits);
        targets
            .into_iter()
            .fold(builder, |builder, (name, target)| builder.target(name, target))
            .build()
    }

    fn engine(&self) -> Engine {
        self.engine_with(1, Limits::default(), |payload| echo(payload).into())
    }
}

fn echo(payload: &Payload) -> Outcome {
    match payload {
        Payload::Raw(raw) => Outcome::Success(Value::inline(raw.clone())),
        Payload::Typed(_) => Outcome::failure("Test", "raw payloads only"),
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

/// Reads the feed until `request` is answered.
async fn answer(feed: &mut Feed, request: &str) -> Json {
    loop {
        match feed.next().await.expect("the feed goes on") {
            Item::Committed(events) => {
                if let Some(outcome) = reply_of(events.iter().map(|committed| &*committed.event), request) {
                    return told(&outcome);
                }
            }
            Item::Text { .. } => {}
            Item::Lost(why) => panic!("{why}"),
        }
    }
}

fn told(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Success(value) => value.raw().parse(),
        Outcome::Failure { error, .. } => json!({ "error": error }),
        other => json!(format!("{other:?}")),
    }
}

async fn ask(engine: &Engine, exec: &ExecId, request: &str, steps: Json) -> Json {
    let mut feed = engine.request(exec, message(request, steps)).await.unwrap();
    answer(&mut feed, request).await
}

#[test]
fn turns() {
    let cases = [
        ("nothing", json!([]), json!([])),
        (
            "parallel calls",
            json!([{"call": ["a", "b"]}, {"call": [{"n": 1}]}]),
            json!(["a", "b", {"n": 1}]),
        ),
        ("a rendered call", json!([{"model": "m"}]), json!([{"after": 3}])),
        ("a timer", json!([{"wait_ms": 5000}, {"say": "x"}]), json!(["waited", "x"])),
        ("an end", json!([{"end": true}]), json!({"error": "Execution.Ended"})),
    ];
    for (name, steps, expected) in cases {
        let world = World::new();
        let got = run(async { ask(&world.engine(), &exec("x"), "r1", steps).await });
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn a_turn_commits_once_per_round_of_effects() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        ask(&engine, &exec("x"), "r1", json!([{"say": "1"}, {"call": ["a", "b"]}, {"say": "2"}])).await;
        let events = engine.events(&exec("x"), 0, 100).await.unwrap();
        let names: Vec<_> = events.iter().map(|event| name(&event.body)).collect();
        assert_eq!(
            names,
            [
                "Started", "Signaled", "Noted", "Called", "Called", "Answered", "Answered", "Noted", "Replied"
            ]
        );
        assert!(
            events.windows(2).all(|pair| pair[0].at < pair[1].at),
            "times are distinct and in order"
        );
        let head = engine
            .heads(
                "demo/",
                Page {
                    limit: 10,
                    ..Page::default()
                },
            )
            .await
            .unwrap()
            .remove(0);
        assert_eq!((head.version, head.busy, head.ended, head.owner), (9, false, false, None));
    });
}

fn name(body: &Body) -> &'static str {
    match body {
        Body::Started { .. } => "Started",
        Body::Signaled(_) => "Signaled",
        Body::Called { .. } => "Called",
        Body::Answered { .. } => "Answered",
        Body::Cancelled(_) => "Cancelled",
        Body::Replied { .. } => "Replied",
        Body::TimerSet { .. } => "TimerSet",
        Body::TimerFired(_) => "TimerFired",
        Body::TimerCancelled(_) => "TimerCancelled",
        Body::Noted(_) => "Noted",
        Body::Ended(_) => "Ended",
    }
}

#[test]
fn text_comes_before_the_answer_and_replay_shows_what_the_feed_showed() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        let mut feed = engine
            .request(&exec("x"), message("r1", json!([{"model": "m"}, {"call": ["a"]}])))
            .await
            .unwrap();
        let mut live = Vec::new();
        let mut text = String::new();
        loop {
            match feed.next().await.unwrap() {
                Item::Committed(events) => {
                    if events.iter().any(|committed| matches!(committed.event.body, Body::Answered { .. })) {
                        assert_eq!(text, "hello");
                    }
                    live.extend(
                        events
                            .iter()
                            .map(|committed| (committed.event.seq, show(committed.rendered.as_ref()))),
                    );
                    if reply_of(events.iter().map(|committed| &*committed.event), "r1").is_some() {
                        break;
                    }
                }
                Item::Text { text: more, .. } => text.push_str(&more),
                Item::Lost(why) => panic!("{why}"),
            }
        }
        let mut again = Vec::new();
        let found = engine
            .replay(&exec("x"), &mut |event, rendered| again.push((event.seq, show(rendered))))
            .await
            .unwrap();
        assert!(found);
        assert_eq!(live, again);
        assert!(live.iter().any(|(_, rendered)| rendered.is_some()));
        assert!(!engine.replay(&exec("none"), &mut |_, _| {}).await.unwrap());
    });
}

fn show(payload: Option<&Payload>) -> Option<String> {
    payload.map(bedplate_testkit::describe_raw)
}

#[test]
fn a_question_waits_for_the_next_message() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        assert_eq!(
            ask(&engine, &exec("x"), "r1", json!([{"ask": "sure?"}, {"call": ["go"]}])).await,
            json!({"ask": "sure?"})
        );
        assert_eq!(ask(&engine, &exec("x"), "r2", json!([{"say": "yes"}])).await, json!(["yes", "go"]));
    });
}

#[test]
fn a_callback_is_settled_once() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        let mut feed = engine.request(&exec("x"), message("r1", json!([{"token": "t"}]))).await.unwrap();
        let success = |text: &str| Outcome::Success(Value::inline(Raw::json(&json!(text))));
        let token = engine.token(&exec("x"), CallId(3));
        for forged in [
            &token[1..],
            &token.replace(".3.", ".4."),
            &token.replace("demo/x", "demo/y"),
            "",
            "é.3.x",
        ] {
            assert_eq!(
                engine.settle(forged, success("forged")).await,
                Err(SignalError::InvalidToken),
                "{forged}"
            );
        }
        engine.settle(&token, success("first")).await.unwrap();
        engine.settle(&token, success("second")).await.unwrap();
        let model = engine.token(&exec("x"), CallId(1));
        engine.settle(&model, success("no callback")).await.unwrap();
        assert_eq!(answer(&mut feed, "r1").await, json!(["first"]));
        assert_eq!(engine.head(&exec("x")).await.unwrap().unwrap().version, 5);
    });
}

#[test]
fn limits_of_calls() {
    run(async {
        let world = World::new();
        let engine = world.engine_with(1, Limits::default(), |_| Answer::never());
        let before = world.clock.now();
        assert_eq!(
            ask(&engine, &exec("x"), "r1", json!([{"call": ["a"], "total_ms": 1500}])).await,
            json!([{"error": "timed out"}])
        );
        assert_eq!(world.clock.now().since(before), Duration::from_millis(1500));
    });
}

/// Says so many times that it is alive, then answers.
struct Beating {
    clock: VirtualClock,
    times: u32,
}

impl Target for Beating {
    fn call<'a>(&'a self, _: &'a Call, _: Payload, progress: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            for _ in 0..self.times {
                self.clock.sleep_until(self.clock.now() + Duration::from_millis(80)).await;
                progress.part(Part::Text("alive".into()));
            }
            self.clock.sleep_until(self.clock.now() + Duration::from_millis(150)).await;
            Outcome::Success(Value::inline(Raw::new("1")))
        })
    }
}

#[test]
fn a_call_that_is_silent_for_too_long_times_out() {
    run(async {
        // Silence of 150 ms at the end; how long until the call is given up, by its limits.
        for (limits, result, after) in [
            (json!({"heartbeat_ms": 200}), json!([1]), 390),
            (json!({"heartbeat_ms": 100}), json!([{"error": "timed out"}]), 340),
            (json!({"heartbeat_ms": 50}), json!([{"error": "timed out"}]), 50),
            (json!({"heartbeat_ms": 100, "total_ms": 130}), json!([{"error": "timed out"}]), 130),
            (json!({"heartbeat_ms": 0}), json!([{"error": "timed out"}]), 0),
        ] {
            let clock = VirtualClock::automatic();
            let target = Beating {
                clock: clock.clone(),
                times: 3,
            };
            let engine = Engine::builder(Arc::new(MemoryStore::new()), Arc::new(clock.clone()))
                .kind(KIND, demo::decider)
                .target("tool", Arc::new(target))
                .build();
            let mut step = json!({"call": ["a"]});
            step.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
            let before = clock.now();
            assert_eq!(ask(&engine, &exec("x"), "r1", json!([step])).await, result, "{limits}");
            assert_eq!(clock.now().since(before), Duration::from_millis(after), "{limits}");
        }
    });
}

#[test]
fn what_is_over_is_deleted_and_the_rest_stays() {
    let day = Duration::from_secs(24 * 3600);
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(SqliteStore::open(folder.path()).unwrap())];
    for store in stores {
        run(async {
            let mut world = World::new();
            world.store = store;
            let retention = Retention {
                ended: Some(day),
                idle: Some(7 * day),
            };
            let limits = Limits {
                retention,
                ..Limits::default()
            };
            // Real disks take no virtual time: the clock is turned by hand.
            world.clock = VirtualClock::new();
            let engine = world.engine_with(1, limits, |payload| echo(payload).into());
            let long = json!([{"call": ["x".repeat(20_000)]}, {"end": true}]);
            ask(&engine, &exec("ended"), "r1", long.clone()).await;
            ask(&engine, &exec("idle"), "r1", json!([{"say": "x"}])).await;
            engine
                .send(&exec("waits"), message("r1", json!([{"wait_ms": 1_000_000_000_000_u64}])))
                .await
                .unwrap();
            let left = || async {
                let all = Page {
                    limit: 10,
                    ..Page::default()
                };
                let heads = engine.heads("", all).await.unwrap();
                heads.iter().map(|head| head.exec.as_str().to_owned()).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(left().await, "demo/ended demo/idle demo/waits");
            assert_eq!(engine.retain().await.unwrap(), 0);
            // Events of one moment are told apart by nanoseconds.
            world.clock.advance(day + Duration::from_secs(1));
            engine.retain().await.unwrap();
            assert_eq!(left().await, "demo/idle demo/waits");
            world.clock.advance(6 * day);
            engine.retain().await.unwrap();
            assert_eq!(left().await, "demo/waits");
            // A name that was deleted can begin again, with nothing of the old one.
            assert_eq!(ask(&engine, &exec("idle"), "r2", json!([{"say": "y"}])).await, json!(["y"]));
            assert_eq!(engine.head(&exec("idle")).await.unwrap().unwrap().version, 4);
        });
    }
}

#[test]
fn failures_of_targets_are_outcomes() {
    run(async {
        let world = World::new();
        let limits = Limits {
            outcome_bytes_max: 100,
            ..Limits::default()
        };
        let engine = world.engine_with(1, limits, |payload| match payload {
            Payload::Raw(raw) if raw.as_str() == "\"panic\"" => panic!("told to"),
            _ => Outcome::Success(Value::inline(Raw::json(&json!("x".repeat(200))))).into(),
        });
        assert_eq!(
            ask(&engine, &exec("x"), "r1", json!([{"call": ["panic", "long"]}])).await,
            json!([{"error": "Engine.Panic"}, {"error": "Engine.TooLarge"}])
        );
        let bare = Engine::builder(world.store.clone(), Arc::new(world.clock.clone()))
            .kind(KIND, demo::decider)
            .build();
        assert_eq!(
            ask(&bare, &exec("y"), "r1", json!([{"call": ["a"]}])).await,
            json!([{"error": "Engine.NoTarget"}])
        );
    });
}

#[test]
fn a_decider_that_panics_breaks_its_execution_only() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        let broken = engine.request(&exec("x"), message("r1", json!([{"panic": "decide"}]))).await;
        assert!(matches!(broken.err(), Some(SignalError::Broken(_))));
        let again = engine.send(&exec("x"), message("r2", json!([]))).await;
        assert!(matches!(again, Err(SignalError::Broken(_))));
        assert_eq!(ask(&engine, &exec("y"), "r1", json!([{"call": ["a"]}])).await, json!(["a"]));
    });
}

#[test]
fn stop_closes_everything() {
    run(async {
        let world = World::new();
        let engine = world.engine_with(1, Limits::default(), |_| Answer::never());
        let mut feed = engine
            .request(&exec("x"), message("r1", json!([{"call": ["a", "b"]}])))
            .await
            .unwrap();
        engine.stop(&exec("x")).await.unwrap();
        assert_eq!(answer(&mut feed, "r1").await, json!("Aborted"));
        let events = engine.events(&exec("x"), 4, 100).await.unwrap();
        let names: Vec<_> = events.iter().map(|event| name(&event.body)).collect();
        assert_eq!(names, ["Signaled", "Cancelled", "Cancelled", "Replied", "Ended"]);
        let head = engine.head(&exec("x")).await.unwrap().unwrap();
        assert_eq!((head.busy, head.ended), (false, true));
        assert_eq!(ask(&engine, &exec("x"), "r2", json!([])).await, json!({"error": "Execution.Ended"}));
        engine.stop(&exec("x")).await.unwrap();
    });
}

#[test]
fn a_timer_of_a_stopped_execution_is_gone() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        let _feed = engine.request(&exec("x"), message("r1", json!([{"wait_ms": 5}]))).await.unwrap();
        assert_eq!(world.store.timers(10).await.unwrap().len(), 1);
        engine.stop(&exec("x")).await.unwrap();
        assert_eq!(world.store.timers(10).await.unwrap(), []);
    });
}

#[test]
fn signals_that_cannot_be_taken() {
    run(async {
        let world = World::new();
        let engine = world.engine();
        assert_eq!(engine.stop(&exec("none")).await, Err(SignalError::NotFound(exec("none"))));
        let mut letter = message("r1", json!([]));
        letter.start = Some(("other".into(), Raw::new("{}")));
        assert_eq!(engine.send(&exec("x"), letter).await, Err(SignalError::UnknownKind("other".into())));
        let long = ExecId::new("x".repeat(513));
        let error = engine.send(&long, message("r1", json!([]))).await.unwrap_err();
        assert_eq!(bedplate_base::Error::from(error).kind, Kind::Validation);
        engine.shutdown(Duration::ZERO).await;
        let error = engine.send(&exec("x"), message("r1", json!([]))).await.unwrap_err();
        assert_eq!(bedplate_base::Error::from(error).kind, Kind::Unavailable);
    });
}

#[test]
fn too_much_is_throttled() {
    run(async {
        let world = World::new();
        let limits = Limits {
            active_executions_max: 1,
            ..Limits::default()
        };
        let engine = world.engine_with(1, limits, |_| Answer::never());
        engine.send(&exec("x"), message("r1", json!([{"call": ["a"]}]))).await.unwrap();
        let error = engine.send(&exec("y"), message("r1", json!([]))).await.unwrap_err();
        assert!(matches!(error, SignalError::Throttled(_)));
        engine.send(&exec("x"), message("r2", json!([]))).await.unwrap();
    });
}

#[test]
fn a_slow_subscriber_is_told_and_the_execution_goes_on() {
    run(async {
        let world = World::new();
        let limits = Limits {
            feed_items_max: 2,
            ..Limits::default()
        };
        let engine = world.engine_with(1, limits, |payload| echo(payload).into());
        let mut slow = engine.subscribe(&exec("x"));
        for request in ["r1", "r2", "r3"] {
            ask(&engine, &exec("x"), request, json!([{"say": "x"}])).await;
        }
        assert!(matches!(slow.next().await, Some(Item::Committed(_))));
        assert!(matches!(slow.next().await, Some(Item::Committed(_))));
        assert!(matches!(slow.next().await, Some(Item::Lost(_))));
        assert!(slow.next().await.is_none());
    });
}

#[test]
fn long_values_go_to_blobs_and_come_back() {
    let world = World::new();
    let long = "x".repeat(2 * Value::INLINE_BYTES_MAX);
    run(async {
        let engine = world.engine();
        assert_eq!(
            ask(&engine, &exec("x"), "r1", json!([{"call": [long]}, {"ask": "?"}])).await,
            json!({"ask": "?"})
        );
    });
    run(async {
        let stored = world.store.events(&exec("x"), 2, 1).await.unwrap().remove(0);
        assert!(matches!(stored.body, Body::Called { input: Input::Value(Value::Blob(ref blob)), .. } if blob.raw.is_none()));
        let engine = world.engine();
        assert_eq!(ask(&engine, &exec("x"), "r2", json!([{"say": "y"}])).await, json!([long, "y"]));
        let loaded = engine.events(&exec("x"), 2, 1).await.unwrap().remove(0);
        assert!(matches!(loaded.body, Body::Called { input: Input::Value(ref value), .. } if value.raw().as_str().len() > long.len()));
    });
}

#[test]
fn a_restart_performs_open_calls_again_under_the_same_key() {
    let world = World::new();
    run(async {
        let engine = world.engine_with(1, Limits::default(), |_| Answer::never());
        engine
            .send(&exec("x"), message("r1", json!([{"call": ["a"]}, {"say": "end"}])))
            .await
            .unwrap();
        tokio::task::yield_now().await;
        assert!(world.store.head(&exec("x")).await.unwrap().unwrap().busy);
    });
    run(async {
        let engine = world.engine_with(2, Limits::default(), |payload| echo(payload).into());
        let mut feed = engine.subscribe(&exec("x"));
        assert_eq!(engine.recover().await.unwrap(), 1);
        assert_eq!(answer(&mut feed, "r1").await, json!(["a", "end"]));
    });
    let effects = world.ledger.effects();
    assert_eq!(effects.len(), 2);
    assert_eq!(effects[0], effects[1]);
}

#[test]
fn a_restart_keeps_timers_and_letters() {
    let world = World::new();
    run(async {
        let engine = world.engine();
        engine.send(&exec("x"), message("r1", json!([{"wait_ms": 60000}]))).await.unwrap();
        let letter = message("r2", json!([{"say": "x"}]));
        let sends = vec![Send { to: exec("y"), letter }];
        world.store.commit(Batch { sends, ..Batch::default() }).await.unwrap();
    });
    run(async {
        let engine = world.engine();
        let (mut x, mut y) = (engine.subscribe(&exec("x")), engine.subscribe(&exec("y")));
        assert_eq!(engine.recover().await.unwrap(), 1);
        assert_eq!(answer(&mut y, "r2").await, json!(["x"]));
        assert_eq!(answer(&mut x, "r1").await, json!(["waited"]));
        assert_eq!(world.store.inbox(&exec("y"), 10).await.unwrap(), []);
    });
}

/// Who waits for a turn is told when nothing can be written for some seconds; the turn itself goes on when that is over.
#[test]
fn a_store_that_refuses_for_long_loses_listeners_and_no_work() {
    run(async {
        let mut world = World::new();
        let refused = Plan((2..10).map(|commit| (commit, Fault::Refused)).collect());
        world.store = Arc::new(FaultyStore::under(refused, world.store, world.clock.clone()));
        let engine = world.engine();
        let mut feed = engine.request(&exec("x"), message("r1", json!([{"call": ["a"]}]))).await.unwrap();
        let told = async { while !matches!(feed.next().await.expect("it is told"), Item::Lost(_)) {} };
        tokio::select! {
            () = told => {}
            () = world.clock.sleep_until(world.clock.now() + Duration::from_secs(60)) => panic!("nobody was told"),
        }
        let mut again = engine.subscribe(&exec("x"));
        assert_eq!(answer(&mut again, "r1").await, json!(["a"]));
        assert_eq!(world.ledger.effects().len(), 1);
    });
}

#[test]
fn shutdown_lets_calls_finish_and_performs_no_new_ones() {
    let world = World::new();
    run(async {
        let slow = |payload: &Payload| Answer::after(Duration::from_secs(3), echo(payload));
        let engine = world.engine_with(1, Limits::default(), slow);
        let mut feed = engine
            .request(&exec("x"), message("r1", json!([{"call": ["a"]}, {"call": ["b"]}])))
            .await
            .unwrap();
        engine.shutdown(Duration::from_secs(25)).await;
        let mut last = None;
        while let Some(item) = feed.next().await {
            last = Some(item);
        }
        assert!(matches!(last, Some(Item::Lost(_))));
        assert_eq!(world.ledger.effects().len(), 1);
        let events = world.store.events(&exec("x"), 0, 10).await.unwrap();
        assert!(matches!(
            events.last().unwrap().body,
            Body::Called {
                callee: Callee::Target(_),
                ..
            }
        ));
    });
    run(async {
        let engine = world.engine();
        let mut feed = engine.subscribe(&exec("x"));
        engine.recover().await.unwrap();
        assert_eq!(answer(&mut feed, "r1").await, json!(["a", "b"]));
    });
    assert_eq!(world.ledger.effects().len(), 2);
}

#[test]
fn an_owner_that_lost_its_lease_drops_its_outcomes() {
    run(async {
        let world = World::new();
        let slow = |payload: &Payload| Answer::after(Duration::from_secs(3), echo(payload));
        let first = world.engine_with(1, Limits::default(), slow);
        first.send(&exec("x"), message("r1", json!([{"call": ["a"]}]))).await.unwrap();
        let second = world.engine_with(2, Limits::default(), |payload| Answer::after(Duration::from_secs(9), echo(payload)));
        let mut feed = second.subscribe(&exec("x"));
        second.recover().await.unwrap();
        assert_eq!(answer(&mut feed, "r1").await, json!(["a"]));
        assert_eq!(second.head(&exec("x")).await.unwrap().unwrap().version, 5);
        // The first one has folded state that is stale: it folds again and goes on.
        assert_eq!(ask(&first, &exec("x"), "r2", json!([{"say": "x"}])).await, json!(["x"]));
    });
}

#[test]
fn idle_executions_leave_memory_and_come_back() {
    run(async {
        let world = World::new();
        let limits = Limits {
            idle_executions_max: 2,
            ..Limits::default()
        };
        let engine = world.engine_with(1, limits, |payload| echo(payload).into());
        for index in 0..5 {
            ask(&engine, &exec(&index.to_string()), "r1", json!([{"ask": "?"}])).await;
        }
        for index in 0..5 {
            assert_eq!(
                ask(&engine, &exec(&index.to_string()), "r2", json!([{"say": index.to_string()}])).await,
                json!([index.to_string()])
            );
        }
    });
}

#[test]
fn on_disk_as_in_memory() {
    let scenario = Scenario::new(KIND, demo::decider)
        .target("tool", |_, payload| {
            Answer::after(
                Duration::from_millis(show(Some(payload)).map_or(0, |text| text.len() as u64)),
                echo(payload),
            )
        })
        .target("model", |_, payload| echo(payload))
        .input(
            &exec("x"),
            message(
                "r1",
                json!([{"model": "m"}, {"call": ["a", "bb", "x".repeat(20_000)]}, {"ask": "?"}, {"wait_ms": 5}]),
            ),
        )
        .input(&exec("x"), message("r2", json!([{"say": "yes"}])))
        .input(&exec("y"), message("r3", json!([{"call": ["a"], "total_ms": 1}, {"end": true}])));
    let expected = simulate(&scenario, &Plan::default()).unwrap();
    for seed in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let plan = if seed == 0 { Plan::default() } else { Plan::seeded(seed, 30) };
        let report = simulate_on(&scenario, &plan, store).unwrap();
        same(&expected, &report).unwrap_or_else(|error| panic!("{plan:?}: {error}"));
    }
}

#[test]
fn more_timers_than_fit_into_memory_all_fire() {
    let world = World::new();
    let count = 10_300;
    run(async {
        let engine = world.engine();
        for index in 0..count {
            // A thousand are due at once, the others one after another.
            let wait = 100_000 + u64::from(index / 1_000 != 3) * index;
            engine
                .send(&exec(&index.to_string()), message("r", json!([{"wait_ms": wait}])))
                .await
                .unwrap();
        }
    });
    run(async {
        let engine = world.engine();
        assert_eq!(engine.recover().await.unwrap(), 0);
        let mut last = engine.subscribe(&exec(&(count - 1).to_string()));
        assert_eq!(answer(&mut last, "r").await, json!(["waited"]));
        while !world.store.timers(1).await.unwrap().is_empty() {
            world.clock.sleep_until(world.clock.now() + Duration::from_secs(1)).await;
        }
    });
}

#[test]
fn a_full_disk_refuses_the_request_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new();
    let long = "x".repeat(100_000);
    world.store = Arc::new(SqliteStore::open_bounded(folder.path(), Some(1_000_000)).unwrap());
    let mut taken = 0;
    run(async {
        let engine = world.engine();
        let error = loop {
            let request = format!("r{taken}");
            match engine.send(&exec("x"), message(&request, json!([{"say": long}]))).await {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, SignalError::Full);
        assert!(taken > 0);
    });
    drop(std::mem::replace(&mut world.store, Arc::new(MemoryStore::new())));
    world.store = Arc::new(SqliteStore::open(folder.path()).unwrap());
    run(async {
        let engine = world.engine();
        engine.recover().await.unwrap();
        assert_eq!(ask(&engine, &exec("x"), "last", json!([{"say": "y"}])).await, json!(["y"]));
    });
}
