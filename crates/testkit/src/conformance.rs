//! What every store must do, as one suite: a new store is done when this passes.

use std::sync::Arc;

use bedplate_base::{BoxFuture, Hash, Timestamp, sha256};
use bedplate_journal::{Blob, Body, CallId, Event, ExecId, Outcome, Raw, Sender, Signal, Step, TimerId, Value};
use bedplate_store::{
    Batch, CommitError, Expect, Head, Letter, LetterId, Owner, Page, Resource, ResourceWrite, Send, Store, TimerRow, Turn, prefix_end,
};
use futures_util::future::join_all;

type Case = (&'static str, fn(Arc<dyn Store>) -> BoxFuture<'static, ()>);

type PageCase = (&'static str, Option<&'static str>, usize, bool, &'static [usize]);

const US: Owner = Owner(u64::MAX);
const THEM: Owner = Owner(1);

/// Runs the suite; each case gets a store of its own.
///
/// # Panics
/// When the store breaks a rule; the message names the case.
pub fn store_conformance(make: impl Fn() -> Arc<dyn Store>) {
    let cases: &[Case] = &[
        ("versions", |store| Box::pin(versions(store))),
        ("owners", |store| Box::pin(owners(store))),
        ("a turn without events", |store| Box::pin(without_events(store))),
        ("letters", |store| Box::pin(letters(store))),
        ("timers", |store| Box::pin(timers(store))),
        ("work", |store| Box::pin(work(store))),
        ("resources", |store| Box::pin(resources(store))),
        ("pages", |store| Box::pin(pages(store))),
        ("blobs", |store| Box::pin(blobs(store))),
        ("events come back as they were", |store| Box::pin(round_trip(store))),
        ("all or nothing", |store| Box::pin(all_or_nothing(store))),
        ("sizes", |store| Box::pin(sizes(store))),
        ("many at once", |store| Box::pin(many_at_once(store))),
        ("changes", |store| Box::pin(changes(store))),
        ("removal", |store| Box::pin(removal(store))),
        ("blobs without a name", |store| Box::pin(collection(store))),
    ];
    for (name, case) in cases {
        eprintln!("store conformance: {name}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(case(make()));
    }
}

fn exec(name: &str) -> ExecId {
    ExecId::new(format!("test/{name}"))
}

fn turn(exec: &ExecId, expected: u64, notes: &[&str]) -> Turn {
    let events = notes.iter().zip(expected + 1..).map(|(note, seq)| {
        Arc::new(Event {
            seq,
            at: Timestamp(1_000 + i64::try_from(seq).expect("small")),
            body: Body::Noted(Raw::new(format!("{note:?}"))),
        })
    });
    Turn {
        exec: exec.clone(),
        kind: "test".into(),
        expected,
        owner: US,
        steal: false,
        events: events.collect(),
        consumed: Vec::new(),
        timers_set: Vec::new(),
        timers_cleared: Vec::new(),
        busy: false,
        ended: false,
        release: false,
    }
}

fn of(turn: Turn) -> Batch {
    Batch {
        turn: Some(turn),
        ..Batch::default()
    }
}

fn conflict(result: Result<(), CommitError>) {
    assert!(
        matches!(result, Err(CommitError::Conflict(_))),
        "a conflict was expected: {result:?}"
    );
}

async fn head(store: &Arc<dyn Store>, exec: &ExecId) -> Option<Head> {
    store.head(exec).await.expect("a head")
}

async fn versions(store: Arc<dyn Store>) {
    let x = exec("x");
    assert_eq!(head(&store, &x).await, None);
    assert_eq!(store.events(&x, 0, 10).await.expect("events"), []);
    store.commit(Batch::default()).await.expect("an empty batch");
    conflict(store.commit(of(turn(&x, 1, &["a"]))).await);
    store.commit(of(turn(&x, 0, &["a", "b"]))).await.expect("the first");
    conflict(store.commit(of(turn(&x, 0, &["a"]))).await);
    conflict(store.commit(of(turn(&x, 1, &["c"]))).await);
    store.commit(of(turn(&x, 2, &["c"]))).await.expect("the second");
    let expected = Head {
        exec: x.clone(),
        kind: "test".into(),
        version: 3,
        owner: Some(US),
        busy: false,
        ended: false,
        started_at: Timestamp(1_001),
        updated_at: Timestamp(1_003),
    };
    assert_eq!(head(&store, &x).await, Some(expected));
    let seqs = |events: Vec<Event>| events.iter().map(|event| event.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.events(&x, 0, 10).await.expect("events")), [1, 2, 3]);
    assert_eq!(seqs(store.events(&x, 1, 1).await.expect("events")), [2]);
    assert_eq!(seqs(store.events(&x, 3, 10).await.expect("events")), [0; 0]);
    assert_eq!(seqs(store.events(&x, 0, 0).await.expect("events")), [0; 0]);
    let mut misnumbered = turn(&x, 3, &["d"]);
    misnumbered.expected = 4;
    assert!(store.commit(of(misnumbered)).await.is_err());
    assert_eq!(store.server_key(), store.server_key());
}

async fn owners(store: Arc<dyn Store>) {
    let x = exec("x");
    store.commit(of(turn(&x, 0, &["a"]))).await.expect("the first");
    let theirs = |expected, steal| Turn {
        owner: THEM,
        steal,
        ..turn(&x, expected, &["b"])
    };
    conflict(store.commit(of(theirs(1, false))).await);
    store.commit(of(theirs(1, true))).await.expect("a theft");
    conflict(store.commit(of(turn(&x, 2, &["c"]))).await);
    let release = Turn {
        release: true,
        busy: true,
        ..theirs(2, false)
    };
    store.commit(of(release)).await.expect("a release");
    let released = head(&store, &x).await.expect("a head");
    assert_eq!((released.owner, released.busy), (None, true));
    store.commit(of(turn(&x, 3, &["d"]))).await.expect("a free lease is anybody's");
    assert_eq!(head(&store, &x).await.and_then(|head| head.owner), Some(US));
}

async fn without_events(store: Arc<dyn Store>) {
    let x = exec("x");
    store.commit(of(turn(&x, 0, &[]))).await.expect("nothing of nothing");
    assert_eq!(head(&store, &x).await, None);
    store.commit(of(turn(&x, 0, &["a"]))).await.expect("the first");
    let claim = Turn {
        owner: THEM,
        steal: true,
        busy: true,
        ..turn(&x, 1, &[])
    };
    store.commit(of(claim)).await.expect("a claim");
    let claimed = head(&store, &x).await.expect("a head");
    assert_eq!((claimed.owner, claimed.busy, claimed.version), (Some(THEM), true, 1));
    assert_eq!(claimed.updated_at, Timestamp(1_001));
    conflict(store.commit(of(turn(&x, 1, &["b"]))).await);
}

fn letter(text: &str, start: bool) -> Letter {
    Letter {
        start: start.then(|| ("test".into(), Raw::new("{}"))),
        signal: Signal::Message {
            from: Sender::Client(text.into()),
            program: None,
            payload: Value::inline(Raw::new(format!("{text:?}"))),
        },
    }
}

async fn letters(store: Arc<dyn Store>) {
    let (x, y) = (exec("x"), exec("y"));
    let sends = [(&x, letter("1", true)), (&y, letter("2", false)), (&x, letter("3", false))]
        .map(|(to, letter)| Send { to: to.clone(), letter })
        .to_vec();
    store.commit(Batch { sends, ..Batch::default() }).await.expect("letters");
    let waiting = store.inbox(&x, 10).await.expect("an inbox");
    let texts: Vec<_> = waiting.iter().map(|(_, letter)| letter.clone()).collect();
    assert_eq!(texts, [letter("1", true), letter("3", false)]);
    assert!(waiting[0].0 < waiting[1].0);
    assert_eq!(store.inbox(&x, 1).await.expect("an inbox").len(), 1);
    let consumed = |ids: &[LetterId], expected, exec: &ExecId| Turn {
        consumed: ids.to_vec(),
        ..turn(exec, expected, &["a"])
    };
    conflict(store.commit(of(consumed(&[waiting[0].0], 0, &y))).await);
    store.commit(of(consumed(&[waiting[0].0], 0, &x))).await.expect("consumed");
    conflict(store.commit(of(consumed(&[waiting[0].0], 1, &x))).await);
    assert_eq!(store.inbox(&x, 10).await.expect("an inbox"), [(waiting[1].0, letter("3", false))]);
    let drop_last = Turn {
        consumed: vec![store.inbox(&y, 1).await.expect("an inbox")[0].0],
        release: true,
        ..turn(&y, 0, &[])
    };
    store.commit(of(drop_last)).await.expect("a letter to nobody is dropped");
    assert_eq!(store.inbox(&y, 10).await.expect("an inbox"), []);
    assert_eq!(head(&store, &y).await, None);
    let again = vec![Send {
        to: x.clone(),
        letter: letter("4", false),
    }];
    store
        .commit(Batch {
            sends: again,
            ..Batch::default()
        })
        .await
        .expect("a letter");
    let last = store.inbox(&x, 10).await.expect("an inbox");
    assert!(last[1].0 > waiting[1].0, "numbers of letters are never used again");
}

async fn timers(store: Arc<dyn Store>) {
    let (x, y) = (exec("x"), exec("y"));
    let set = |exec: &ExecId, expected, set: &[(u64, i64)], cleared: &[u64]| Turn {
        timers_set: set.iter().map(|(timer, due)| (TimerId(*timer), Timestamp(*due))).collect(),
        timers_cleared: cleared.iter().map(|timer| TimerId(*timer)).collect(),
        ..turn(exec, expected, &["a"])
    };
    store.commit(of(set(&x, 0, &[(1, 300), (2, -5)], &[]))).await.expect("timers");
    store.commit(of(set(&y, 0, &[(1, 200)], &[]))).await.expect("timers");
    let row = |exec: &ExecId, timer, due| TimerRow {
        exec: exec.clone(),
        timer: TimerId(timer),
        due: Timestamp(due),
    };
    let all = [row(&x, 2, -5), row(&y, 1, 200), row(&x, 1, 300)];
    assert_eq!(store.timers(10).await.expect("timers"), all);
    assert_eq!(store.timers(1).await.expect("timers"), all[..1]);
    store.commit(of(set(&x, 1, &[(3, 100)], &[2, 9]))).await.expect("cleared");
    assert_eq!(
        store.timers(10).await.expect("timers"),
        [row(&x, 3, 100), row(&y, 1, 200), row(&x, 1, 300)]
    );
}

async fn work(store: Arc<dyn Store>) {
    for (name, busy) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        let turn = Turn {
            busy,
            ..turn(&exec(name), 0, &["a"])
        };
        store.commit(of(turn)).await.expect("a turn");
    }
    for name in ["d", "c", "e"] {
        let sends = vec![Send {
            to: exec(name),
            letter: letter("1", true),
        }];
        store.commit(Batch { sends, ..Batch::default() }).await.expect("a letter");
    }
    let all = ["a", "c", "d", "e"].map(exec);
    assert_eq!(store.work(None, 10).await.expect("work"), all);
    assert_eq!(store.work(Some(&all[0]), 2).await.expect("work"), all[1..3]);
    assert_eq!(store.work(Some(&all[3]), 2).await.expect("work"), []);
    store.commit(of(turn(&exec("a"), 1, &["b"]))).await.expect("done");
    assert_eq!(store.work(None, 10).await.expect("work"), all[1..]);
}

fn write(key: &str, expect: Expect, body: Option<&str>) -> ResourceWrite {
    ResourceWrite {
        key: key.to_owned(),
        expect,
        body: body.map(Arc::from),
    }
}

async fn put(store: &Arc<dyn Store>, writes: &[ResourceWrite]) -> Result<(), CommitError> {
    let resources = writes.to_vec();
    store
        .commit(Batch {
            resources,
            ..Batch::default()
        })
        .await
}

async fn get(store: &Arc<dyn Store>, key: &str) -> Option<(u64, String)> {
    let found = store.resource(key).await.expect("a resource");
    found.map(|Resource { version, body, .. }| (version, body.to_string()))
}

async fn resources(store: Arc<dyn Store>) {
    conflict(put(&store, &[write("k", Expect::Version(0), Some("{}"))]).await);
    put(&store, &[write("k", Expect::Absent, Some("1"))]).await.expect("made");
    conflict(put(&store, &[write("k", Expect::Absent, Some("2"))]).await);
    conflict(put(&store, &[write("k", Expect::Version(2), Some("2"))]).await);
    put(&store, &[write("k", Expect::Version(1), Some("2"))]).await.expect("changed");
    put(&store, &[write("k", Expect::Any, Some("3"))]).await.expect("changed");
    assert_eq!(get(&store, "k").await, Some((3, "3".into())));
    conflict(put(&store, &[write("k", Expect::Version(2), None)]).await);
    put(&store, &[write("k", Expect::Version(3), None)]).await.expect("deleted");
    assert_eq!(get(&store, "k").await, None);
    conflict(put(&store, &[write("k", Expect::Version(3), Some("4"))]).await);
    put(&store, &[write("k", Expect::Any, None)]).await.expect("nothing to delete");
    put(&store, &[write("k", Expect::Absent, Some("5"))]).await.expect("made again");
    assert_eq!(get(&store, "k").await, Some((1, "5".into())));
    // Writes of one batch see each other.
    conflict(
        put(
            &store,
            &[write("n", Expect::Absent, Some("1")), write("n", Expect::Absent, Some("2"))],
        )
        .await,
    );
    assert_eq!(get(&store, "n").await, None);
    put(
        &store,
        &[write("n", Expect::Absent, Some("1")), write("n", Expect::Version(1), Some("2"))],
    )
    .await
    .expect("twice");
    assert_eq!(get(&store, "n").await, Some((2, "2".into())));
    put(&store, &[write("n", Expect::Any, None), write("n", Expect::Absent, Some("3"))])
        .await
        .expect("replaced");
    assert_eq!(get(&store, "n").await, Some((1, "3".into())));
}

async fn pages(store: Arc<dyn Store>) {
    let keys = ["a", "a/", "a/1", "a/2", "a/é", "a/\u{10ffff}", "a0", "b/1", "b/\u{10ffff}x"];
    for key in keys {
        put(&store, &[write(key, Expect::Absent, Some("{}"))]).await.expect("made");
        store.commit(of(turn(&ExecId::new(key), 0, &["a"]))).await.expect("made");
    }
    // Prefix, after, limit, backwards; which keys.
    let cases: &[PageCase] = &[
        ("", None, 100, false, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("a/", None, 100, false, &[1, 2, 3, 4, 5]),
        ("a/", None, 2, false, &[1, 2]),
        ("a/", Some("a/1"), 2, false, &[3, 4]),
        ("a/", Some("a/15"), 1, false, &[3]),
        ("a/", Some("a/\u{10ffff}"), 2, false, &[]),
        ("a/", Some("z"), 2, false, &[]),
        ("a/", Some(""), 1, false, &[1]),
        ("a/", None, 100, true, &[5, 4, 3, 2, 1]),
        ("a/", Some("a/2"), 1, true, &[2]),
        ("a/", Some("a/"), 1, true, &[]),
        ("a/", Some("z"), 1, true, &[5]),
        ("b/", None, 10, true, &[8, 7]),
        ("b/\u{10ffff}", None, 10, false, &[8]),
        ("c", None, 10, false, &[]),
        ("", None, 0, false, &[]),
    ];
    for (prefix, after, limit, backwards, expected) in cases {
        let page = Page {
            after: after.map(str::to_owned),
            limit: *limit,
            backwards: *backwards,
        };
        let expected: Vec<_> = expected.iter().map(|index| keys[*index]).collect();
        let found = store.resources(prefix, page.clone()).await.expect("a page");
        let found: Vec<_> = found.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(found, expected, "resources {prefix:?} {page:?}");
        let found = store.executions(prefix, page.clone()).await.expect("a page");
        let found: Vec<_> = found.iter().map(|row| row.exec.as_str()).collect();
        assert_eq!(found, expected, "executions {prefix:?} {page:?}");
    }
    assert_eq!(prefix_end("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
    assert_eq!(prefix_end("\u{10ffff}"), None);
}

async fn blobs(store: Arc<dyn Store>) {
    let raw = Raw::new("x".repeat(3 * Value::INLINE_BYTES_MAX));
    let hash = sha256(raw.as_str().as_bytes());
    assert_eq!(store.blob(hash).await.expect("a read"), None);
    let mut first = turn(&exec("x"), 0, &[]);
    first.events = vec![Arc::new(Event {
        seq: 1,
        at: Timestamp(1),
        body: Body::Ended(Outcome::Success(Value::blob(raw.clone()))),
    })];
    let batch = Batch {
        turn: Some(first),
        blobs: vec![(hash, raw.clone()), (hash, raw.clone())],
        ..Batch::default()
    };
    store.commit(batch).await.expect("a blob");
    assert_eq!(store.blob(hash).await.expect("a read"), Some(raw));
    let event = store.events(&exec("x"), 0, 1).await.expect("events").remove(0);
    let Body::Ended(Outcome::Success(Value::Blob(Blob { hash: named, raw }))) = event.body else {
        panic!("an end with a blob was expected: {event:?}");
    };
    assert_eq!((named, raw), (hash, None), "the journal names the blob and does not hold it");
}

async fn round_trip(store: Arc<dyn Store>) {
    let bodies = [
        Body::Started {
            kind: "test".into(),
            input: Value::inline(Raw::new("{ \"spaces\" :  1 }")),
        },
        Body::Signaled(Signal::Stop),
        Body::Answered {
            call: CallId(u64::from(u32::MAX)),
            outcome: Outcome::failure("é\u{0}", ""),
        },
        Body::TimerSet {
            step: Step::new(""),
            due: Timestamp(i64::MIN),
        },
        Body::Noted(Raw::new("\"\u{0}\"")),
    ];
    let events: Vec<_> = bodies
        .into_iter()
        .zip(1..)
        .map(|(body, seq)| {
            Arc::new(Event {
                seq,
                at: Timestamp(i64::MAX),
                body,
            })
        })
        .collect();
    let mut first = turn(&exec("x"), 0, &[]);
    first.events.clone_from(&events);
    store.commit(of(first)).await.expect("written");
    let read: Vec<_> = store
        .events(&exec("x"), 0, 10)
        .await
        .expect("events")
        .into_iter()
        .map(Arc::new)
        .collect();
    assert_eq!(read, events);
}

async fn all_or_nothing(store: Arc<dyn Store>) {
    let (x, y) = (exec("x"), exec("y"));
    put(&store, &[write("k", Expect::Absent, Some("1"))]).await.expect("made");
    store.commit(of(turn(&y, 0, &["a"]))).await.expect("made");
    let raw = Raw::new("\"blob\"");
    let hash = sha256(raw.as_str().as_bytes());
    let full = |turn: Turn, expect| Batch {
        turn: Some(Turn {
            timers_set: vec![(TimerId(1), Timestamp(1))],
            ..turn
        }),
        sends: vec![Send {
            to: x.clone(),
            letter: letter("1", true),
        }],
        resources: vec![write("new", Expect::Any, Some("1")), write("k", expect, Some("2"))],
        blobs: vec![(hash, raw.clone())],
    };
    let mut consuming = turn(&x, 0, &["a"]);
    consuming.consumed = vec![LetterId(99)];
    conflict(store.commit(full(turn(&x, 0, &["a"]), Expect::Absent)).await);
    conflict(store.commit(full(turn(&x, 7, &["a"]), Expect::Any)).await);
    conflict(store.commit(full(turn(&y, 0, &["a"]), Expect::Any)).await);
    conflict(store.commit(full(consuming, Expect::Any)).await);
    assert_eq!(head(&store, &x).await, None);
    assert_eq!(head(&store, &y).await.map(|head| head.version), Some(1));
    assert_eq!(store.inbox(&x, 10).await.expect("an inbox"), []);
    assert_eq!(store.timers(10).await.expect("timers"), []);
    assert_eq!(store.blob(hash).await.expect("a blob"), None);
    assert_eq!((get(&store, "k").await, get(&store, "new").await), (Some((1, "1".into())), None));
    store
        .commit(full(turn(&x, 0, &["a"]), Expect::Version(1)))
        .await
        .expect("everything holds");
    assert_eq!(store.inbox(&x, 10).await.expect("an inbox").len(), 1);
    assert_eq!(store.timers(10).await.expect("timers").len(), 1);
    assert_eq!(store.blob(hash).await.expect("a blob"), Some(raw));
}

async fn sizes(store: Arc<dyn Store>) {
    let long = ExecId::new("x".repeat(ExecId::BYTES_MAX + 1));
    let refused = store.commit(of(turn(&long, 0, &["a"]))).await;
    assert!(matches!(refused, Err(CommitError::TooLarge(_))), "{refused:?}");
    let key = "x".repeat(Batch::KEY_BYTES_MAX + 1);
    let refused = put(&store, &[write(&key, Expect::Any, Some("{}"))]).await;
    assert!(matches!(refused, Err(CommitError::TooLarge(_))), "{refused:?}");
}

/// What changed after a position, over commits that share transactions, commits without events, and removals. A store may say that it does not know.
async fn changes(store: Arc<dyn Store>) {
    let since = |position| {
        let store = store.clone();
        async move {
            let changes = store.changed(position).await.expect("a read")?;
            let mut changes: Vec<_> = changes
                .iter()
                .map(|change| (change.exec.as_str().to_owned(), change.from))
                .collect();
            changes.sort();
            Some(changes)
        }
    };
    let named = |names: &[(&str, u64)]| Some(names.iter().map(|(name, from)| (format!("test/{name}"), *from)).collect::<Vec<_>>());
    let (a, b) = (exec("a"), exec("b"));
    let released = |turn: Turn| of(Turn { release: true, ..turn });
    let start = store.position();
    if since(start).await.is_none() {
        return;
    }
    store.commit(released(turn(&a, 0, &["1", "2"]))).await.expect("made");
    let first = store.position();
    assert!(first > start);
    store.commit(released(turn(&b, 0, &["1"]))).await.expect("made");
    store.commit(released(turn(&a, 2, &["3"]))).await.expect("more");
    let second = store.position();
    conflict(store.commit(of(turn(&a, 2, &["3"]))).await);
    put(&store, &[write("agent/1", Expect::Any, Some("{}"))]).await.expect("written");
    assert_eq!(store.position(), second, "nothing was done to executions");
    assert_eq!(since(start).await, named(&[("a", 0), ("b", 0)]));
    assert_eq!(since(first).await, named(&[("a", 2), ("b", 0)]));
    assert_eq!(since(second).await, named(&[]));
    store.commit(of(turn(&a, 3, &[]))).await.expect("a lease");
    store.commit(released(turn(&a, 3, &["4"]))).await.expect("more");
    assert_eq!(since(second).await, named(&[("a", 3)]));
    store.remove(&b, 1).await.expect("removed");
    assert_eq!(since(start).await, named(&[("a", 0)]));
    assert_eq!(since(second).await, named(&[("a", 3)]), "a removal moves nothing into the past");
    store.commit(released(turn(&b, 0, &["new"]))).await.expect("made anew");
    assert_eq!(since(second).await, named(&[("a", 3), ("b", 0)]));
    let many = (0..50).map(|index| {
        let store = store.clone();
        async move { store.commit(of(turn(&exec(&format!("many-{index}")), 0, &["1"]))).await }
    });
    let before = store.position();
    join_all(many).await.into_iter().for_each(|made| made.expect("made"));
    assert_eq!(since(before).await.map(|found| found.len()), Some(50));
    assert_eq!(since(store.position()).await, named(&[]));
}

async fn removal(store: Arc<dyn Store>) {
    let (x, y) = (exec("x"), exec("y"));
    let (shared, own) = (Raw::new("\"shared\""), Raw::new("\"own\""));
    let [shared, own] = [shared, own].map(|raw| (sha256(raw.as_str().as_bytes()), raw));
    let batch = |turn: Turn, blobs: &[&(Hash, Raw)]| Batch {
        turn: Some(turn),
        blobs: blobs.iter().map(|blob| (*blob).clone()).collect(),
        ..Batch::default()
    };
    let released = |turn: Turn| Turn { release: true, ..turn };
    store.commit(batch(turn(&x, 0, &["a", "b"]), &[&shared, &own])).await.expect("made");
    store.commit(batch(released(turn(&y, 0, &["a"])), &[&shared])).await.expect("made");
    conflict(store.remove(&x, 2).await);
    let waiting = Turn {
        timers_set: vec![(TimerId(1), Timestamp(1))],
        ..released(turn(&x, 2, &["c"]))
    };
    store.commit(of(waiting)).await.expect("released");
    conflict(store.remove(&x, 3).await);
    let cleared = Turn {
        timers_cleared: vec![TimerId(1)],
        ..released(turn(&x, 3, &["d"]))
    };
    store.commit(of(cleared)).await.expect("cleared");
    let sends = vec![Send {
        to: x.clone(),
        letter: letter("1", false),
    }];
    store.commit(Batch { sends, ..Batch::default() }).await.expect("a letter");
    conflict(store.remove(&x, 4).await);
    let consumed = Turn {
        consumed: vec![store.inbox(&x, 1).await.expect("an inbox")[0].0],
        ..released(turn(&x, 4, &["e"]))
    };
    store.commit(of(consumed)).await.expect("consumed");
    conflict(store.remove(&x, 4).await);
    conflict(store.remove(&exec("nobody"), 0).await);
    store.remove(&x, 5).await.expect("removed");
    conflict(store.remove(&x, 5).await);
    assert_eq!(head(&store, &x).await, None);
    assert_eq!(store.events(&x, 0, 10).await.expect("events"), []);
    conflict(store.commit(of(turn(&x, 5, &["f"]))).await);
    // Another may begin under its name before its rows are gone, and keeps its own.
    store.commit(of(released(turn(&x, 0, &["new"])))).await.expect("made anew");
    let mut steps = 0;
    while store.sweep(1).await.expect("a step") {
        steps += 1;
        assert!(steps < 100, "it never ends");
    }
    assert_eq!(store.events(&x, 0, 10).await.expect("events").len(), 1);
    assert_eq!(store.blob(own.0).await.expect("a read"), None);
    assert_eq!(store.blob(shared.0).await.expect("a read"), Some(shared.1));
    assert_eq!(store.events(&y, 0, 10).await.expect("events").len(), 1);
}

/// Blobs that no execution uses and no resource names go, at the second look.
async fn collection(store: Arc<dyn Store>) {
    let x = exec("x");
    let blob = |text: &str| (sha256(text.as_bytes()), Raw::new(text));
    let [named, renamed, used, late] = ["\"named\"", "\"renamed\"", "\"used\"", "\"late\""].map(blob);
    let naming = |hashes: &[Hash], blobs: &[&(Hash, Raw)]| {
        let names: Vec<_> = hashes.iter().map(|hash| format!("\"{hash}\"")).collect();
        Batch {
            resources: vec![write("agent/1", Expect::Any, Some(&format!("[{}]", names.join(","))))],
            blobs: blobs.iter().map(|blob| (*blob).clone()).collect(),
            ..Batch::default()
        }
    };
    let all = [&named, &renamed, &used];
    store.commit(naming(&all.map(|(hash, _)| *hash), &all)).await.expect("named");
    let turn = Turn {
        release: true,
        ..turn(&x, 0, &["a"])
    };
    let blobs = vec![used.clone()];
    store
        .commit(Batch {
            turn: Some(turn),
            blobs,
            ..Batch::default()
        })
        .await
        .expect("used");
    for _ in 0..3 {
        assert_eq!(store.collect().await, Ok(0), "all are named");
    }
    store.commit(naming(&[named.0], &[])).await.expect("renamed");
    assert_eq!(store.collect().await, Ok(0), "whoever read the name may still need it");
    // One that was named again in time stays, and so does what is new.
    store.commit(naming(&[named.0, renamed.0], &[])).await.expect("named again");
    assert_eq!(store.collect().await, Ok(0));
    store.commit(naming(&[named.0], &[&late])).await.expect("renamed");
    let sends = vec![Send {
        to: x.clone(),
        letter: letter("1", false),
    }];
    store.commit(Batch { sends, ..Batch::default() }).await.expect("a letter");
    for _ in 0..2 {
        assert_eq!(store.collect().await, Ok(0), "a letter may name anything");
    }
    let consumed = vec![store.inbox(&x, 1).await.expect("an inbox")[0].0];
    let turn = Turn {
        consumed,
        release: true,
        ..self::turn(&x, 1, &[])
    };
    store.commit(of(turn)).await.expect("consumed");
    assert_eq!(store.collect().await, Ok(0), "the first look");
    assert_eq!(store.collect().await, Ok(2), "the second");
    for (blob, stays) in [(&named, true), (&used, true), (&renamed, false), (&late, false)] {
        assert_eq!(store.blob(blob.0).await.expect("a read").is_some(), stays, "{}", blob.1.as_str());
    }
    store.commit(naming(&[named.0, late.0], &[&late])).await.expect("named anew");
    assert_eq!(store.blob(late.0).await.expect("a read"), Some(late.1));
    store.remove(&x, 1).await.expect("removed");
    while store.sweep(10).await.expect("a step") {}
    for gone in [0, 1, 0] {
        let collected = store.collect().await.expect("a look");
        // Where the execution was the last to use it, it went with it.
        assert!(collected <= gone, "{collected}");
    }
    assert_eq!(store.blob(used.0).await.expect("a read"), None);
}

async fn many_at_once(store: Arc<dyn Store>) {
    let commits = (0..200).map(|index| {
        let store = store.clone();
        // Every fourth names a version that cannot be.
        let wrong = index % 4 == 3;
        let turn = turn(&exec(&format!("{index}")), u64::from(wrong), &["a", "b"]);
        async move {
            let result = store.commit(of(turn)).await;
            assert_eq!(result.is_err(), wrong, "{index}");
        }
    });
    join_all(commits).await;
    // Of those that race for one execution one wins.
    let race = (0..20).map(|_| store.commit(of(turn(&exec("race"), 0, &["a"]))));
    let won = join_all(race).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
    let all = Page {
        limit: 1_000,
        ..Page::default()
    };
    let heads = store.executions("test/", all).await.expect("heads");
    assert_eq!(heads.len(), 151);
    assert!(heads.iter().all(|head| head.version == 2 || head.exec == exec("race")));
}
