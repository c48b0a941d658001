//! The store on disk: the conformance suite, and what a folder can do to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bedplate_base::Timestamp;
use bedplate_journal::{Body, Event, ExecId, Raw};
use bedplate_store::{Batch, CommitError, Expect, Owner, Position, ResourceWrite, Store, Turn};
use bedplate_store_sqlite::{OpenError, SqliteStore};
use bedplate_testkit::store_conformance;
use tempfile::TempDir;

#[test]
fn it_conforms() {
    let folders: Mutex<Vec<TempDir>> = Mutex::default();
    store_conformance(|| {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        folders.lock().unwrap().push(folder);
        Arc::new(store)
    });
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn batch(name: &str, expected: u64, text: &str) -> Batch {
    let event = Event {
        seq: expected + 1,
        at: Timestamp(1),
        body: Body::Noted(Raw::new(text)),
    };
    Batch {
        turn: Some(Turn {
            exec: ExecId::new(name),
            kind: "test".into(),
            expected,
            owner: Owner(1),
            steal: false,
            events: vec![Arc::new(event)],
            consumed: Vec::new(),
            timers_set: Vec::new(),
            timers_cleared: Vec::new(),
            busy: false,
            ended: false,
            release: true,
        }),
        ..Batch::default()
    }
}

fn open_error(folder: &Path) -> String {
    match SqliteStore::open(folder) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let folder = TempDir::new().unwrap();
    let nested = folder.path().join("a/b");
    let key = {
        let store = SqliteStore::open(&nested).unwrap();
        run(store.commit(batch("x", 0, "1"))).unwrap();
        store.server_key()
    };
    let store = SqliteStore::open(&nested).unwrap();
    assert_eq!(store.server_key(), key);
    assert_eq!(run(store.head(&ExecId::new("x"))).unwrap().unwrap().version, 1);
    assert_ne!(key, [0; 32]);
}

#[test]
fn commits_that_were_handed_over_are_written_before_it_closes() {
    let folder = TempDir::new().unwrap();
    run(async {
        let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let copy = store.clone();
        let mut commit = Box::pin(async move { copy.commit(batch("x", 0, "1")).await });
        assert!(futures_poll_once(&mut commit).is_none_or(|result| result.is_ok()));
        drop(commit);
        drop(store);
        let store = SqliteStore::open(folder.path()).unwrap();
        assert!(store.head(&ExecId::new("x")).await.unwrap().is_some());
    });
}

fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn one_process_at_a_time() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let message = open_error(folder.path());
    assert!(message.contains(&std::process::id().to_string()), "{message}");
    assert!(message.contains("--state"), "{message}");
    drop(store);
    SqliteStore::open(folder.path()).unwrap();
}

/// A folder with some state whose file was then changed; opening it must fail with a text and leave the file as it is.
fn damaged(change: impl Fn(&mut Vec<u8>), expected: &str) {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    run(store.commit(batch("x", 0, "1"))).unwrap();
    drop(store);
    let file = folder.path().join(SqliteStore::FILE);
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(&file, &bytes).unwrap();
    let message = open_error(folder.path());
    assert!(message.contains(expected), "{message}");
    assert!(message.contains(&file.display().to_string()), "{message}");
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn damaged_files_are_refused_and_left_alone() {
    damaged(Vec::clear, "shorter than its header");
    damaged(|bytes| bytes.truncate(50), "shorter than its header");
    damaged(|bytes| bytes.truncate(bytes.len() - 2048), "bytes of");
    damaged(|bytes| bytes[..16].fill(0), "does not begin");
    damaged(|bytes| bytes[68..72].fill(0), "another program");
    damaged(|bytes| bytes[60..64].copy_from_slice(&9_u32.to_be_bytes()), "format 9");
    damaged(|bytes| bytes[100..].fill(0xff), "damaged");
}

#[test]
fn a_lost_file_is_not_made_again_beside_its_log() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("state.db-wal"), b"x").unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Damaged { .. })));
    assert!(!folder.path().join(SqliteStore::FILE).exists());
}

#[test]
fn a_crash_while_the_file_is_made_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("state.db.new"), b"half").unwrap();
    SqliteStore::open(folder.path()).unwrap();
    assert!(!folder.path().join("state.db.new").exists());
}

#[test]
fn a_folder_that_cannot_be_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"").unwrap();
    let message = open_error(&path);
    assert!(message.contains(&path.display().to_string()), "{message}");
}

/// A small file system in memory; needs root, and a system that mounts one.
struct Disk(TempDir);

impl Disk {
    fn new(bytes: u64) -> Option<Self> {
        let disk = Self(TempDir::new().unwrap());
        let is_mounted = mount(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"], disk.0.path());
        if !is_mounted {
            eprintln!("SKIPPED: no file system can be mounted here");
        }
        is_mounted.then_some(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let mounted = std::process::Command::new("mount").args(arguments).arg(at).output();
    mounted.is_ok_and(|output| output.status.success())
}

#[test]
fn a_disk_that_fills_up_is_told_and_used_again_when_it_has_space() {
    let Some(disk) = Disk::new(8 * 1024 * 1024) else { return };
    let folder = disk.0.path();
    let store = SqliteStore::open(folder).unwrap();
    let text = format!("\"{}\"", "x".repeat(3_000));
    let (mut version, mut refused) = (0, 0);
    // Long enough for what is moved late to find no space either.
    while refused < 50 {
        match run(store.commit(batch("x", version, &text))) {
            Ok(()) => version += 1,
            Err(error) => {
                assert_eq!(error, CommitError::Full);
                refused += 1;
            }
        }
        assert!(version < 10_000);
    }
    assert!(version > 500, "{version} commits");
    let events = |store: &SqliteStore| run(store.events(&ExecId::new("x"), 0, 10_000)).unwrap().len() as u64;
    assert_eq!(events(&store), version);
    drop(store);
    // A full disk does not keep what was written from being read.
    if let Ok(store) = SqliteStore::open(folder) {
        assert_eq!(events(&store), version);
    }
    assert!(mount(&["-o", "remount,size=64m"], folder));
    let store = SqliteStore::open(folder).unwrap();
    assert_eq!(events(&store), version);
    for version in version..version + 2_000 {
        run(store.commit(batch("x", version, &text))).unwrap();
    }
    assert_eq!(events(&store), version + 2_000);
}

#[test]
fn a_folder_that_may_not_be_written_is_told_in_words() {
    let Some(disk) = Disk::new(16 * 1024 * 1024) else { return };
    let folder = disk.0.path();
    let store = SqliteStore::open(folder).unwrap();
    run(store.commit(batch("x", 0, "1"))).unwrap();
    drop(store);
    assert!(mount(&["-o", "remount,ro"], folder));
    let Err(error) = SqliteStore::open(folder) else {
        panic!("it was opened")
    };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let message = error.to_string();
    assert!(
        message.contains("cannot be read or written") && message.contains("--state"),
        "{message}"
    );
    assert!(cause.contains("Read-only") && !message.contains(&cause), "{message}: {cause}");
    assert!(mount(&["-o", "remount,rw"], folder));
    let store = SqliteStore::open(folder).unwrap();
    run(store.commit(batch("x", 1, "1"))).unwrap();
}

#[test]
fn a_damaged_journal_row_is_an_error_of_its_execution() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    run(store.commit(batch("x", 0, "1"))).unwrap();
    run(store.commit(batch("y", 0, "1"))).unwrap();
    drop(store);
    let connection = rusqlite::Connection::open(folder.path().join(SqliteStore::FILE)).unwrap();
    connection
        .execute("UPDATE journal SET events = x'82' WHERE place = (1 << 24) + 1", [])
        .unwrap();
    drop(connection);
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(run(store.events(&ExecId::new("x"), 0, 10)).is_err());
    assert_eq!(run(store.events(&ExecId::new("y"), 0, 10)).unwrap().len(), 1);
}

#[test]
fn nothing_is_accepted_into_a_file_that_was_deleted() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    run(store.commit(batch("a", 0, "before"))).unwrap();
    let (file, away) = (folder.path().join(SqliteStore::FILE), folder.path().join("away"));
    fs::rename(&file, &away).unwrap();
    let Err(CommitError::Unavailable(what)) = run(store.commit(batch("b", 0, "after"))) else {
        panic!("a commit that nobody will find was accepted")
    };
    assert!(what.contains("deleted or replaced") && what.contains("state.db"), "{what}");
    fs::rename(&away, &file).unwrap();
    run(store.commit(batch("c", 0, "it is back"))).unwrap();
}

#[test]
fn a_full_disk_is_told_and_nothing_is_half_written() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open_bounded(folder.path(), Some(300_000)).unwrap();
    run(store.commit(batch("x", 0, "1"))).unwrap();
    let mut version = 1;
    let error = loop {
        match run(store.commit(batch("x", version, &"x".repeat(10_000)))) {
            Ok(()) => version += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, CommitError::Full);
    assert_eq!(run(store.head(&ExecId::new("x"))).unwrap().unwrap().version, version);
    assert_eq!(run(store.events(&ExecId::new("x"), 0, 1_000)).unwrap().len() as u64, version);
    run(store.commit(batch("y", 0, "1"))).unwrap();
}

/// A file as an older binary left it.
fn old_file(folder: &Path, format: u32, schema: &str) -> rusqlite::Connection {
    let old = rusqlite::Connection::open(folder.join(SqliteStore::FILE)).unwrap();
    old.execute_batch(schema).unwrap();
    old.execute_batch(&format!("PRAGMA user_version = {format}; PRAGMA application_id = 0x4244504c;"))
        .unwrap();
    old.execute("INSERT INTO meta VALUES ('server_key', ?1)", [[7_u8; 32].as_slice()])
        .unwrap();
    for (number, seq) in [(1, 1), (1, 2), (2, 1)] {
        let event = Event {
            seq,
            at: Timestamp(9 + seq.cast_signed()),
            body: Body::Noted(Raw::new("1")),
        };
        let place = (number << 24) + seq.cast_signed();
        old.execute(
            "INSERT INTO journal VALUES (?1, ?2)",
            rusqlite::params![place, bedplate_journal::encode(&event)],
        )
        .unwrap();
    }
    old
}

#[test]
fn files_of_older_formats_are_brought_up() {
    let rows_1 = "INSERT INTO execution VALUES (1, 'x', 'test', 2, 5, 1, 0, 10, 11), (2, 'y', 'test', 1, NULL, 0, 1, 10, 10)";
    let rows_2 = "INSERT INTO execution VALUES (1, 'x', 'test', 0, 10), (2, 'y', 'test', 1, 10); INSERT INTO lease VALUES (1, 5, 1)";
    // Who works on it stands in what was done lately.
    let rows_3 = "INSERT INTO execution VALUES (1, 'x', 'test', 0, 10), (2, 'y', 'test', 1, 10);
        INSERT INTO recent VALUES (1, x'0100000000000000020000000000000005000000000000000300000000')";
    let formats = [
        (1, include_str!("format-1.sql"), rows_1),
        (2, include_str!("format-2.sql"), rows_2),
        (3, include_str!("format-3.sql"), rows_3),
    ];
    for (format, schema, rows) in formats {
        let folder = TempDir::new().unwrap();
        let old = old_file(folder.path(), format, schema);
        old.execute_batch(rows).unwrap();
        drop(old);
        for _ in 0..2 {
            let store = SqliteStore::open(folder.path()).unwrap();
            assert_eq!(store.server_key(), [7; 32]);
            let head = |name: &str| run(store.head(&ExecId::new(name))).unwrap().unwrap();
            let (x, y) = (head("x"), head("y"));
            assert_eq!((x.version, x.owner, x.busy, x.ended), (2, Some(Owner(5)), true, false));
            assert_eq!((x.started_at, x.updated_at), (Timestamp(10), Timestamp(11)));
            assert_eq!((y.version, y.owner, y.busy, y.ended), (1, None, false, true));
            assert_eq!(run(store.events(&ExecId::new("x"), 0, 10)).unwrap().len(), 2);
            assert_eq!(run(store.work(None, 10)).unwrap(), [ExecId::new("x")]);
        }
    }
}

/// A snapshot is one moment of a store that goes on, and of one that nobody works with; older formats stay what they are.
#[test]
fn a_snapshot_is_the_state_of_one_moment() {
    let (folder, copy, later) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = SqliteStore::open(folder.path()).unwrap();
    for version in 0..20 {
        run(store.commit(batch("x", version, &"x".repeat(3_000)))).unwrap();
    }
    let into = |folder: &TempDir| folder.path().join(SqliteStore::FILE);
    assert_eq!(SqliteStore::snapshot(folder.path(), &into(&copy)).unwrap(), SqliteStore::FORMAT);
    let refused = SqliteStore::snapshot(folder.path(), &into(&copy)).unwrap_err();
    assert!(matches!(refused, bedplate_store_sqlite::OpenError::Sqlite { .. }), "{refused:?}");
    run(store.commit(batch("x", 20, "1"))).unwrap();
    let key = store.server_key();
    drop(store);
    SqliteStore::snapshot(folder.path(), &into(&later)).unwrap();
    for (folder, version) in [(&copy, 20), (&later, 21)] {
        let store = SqliteStore::open(folder.path()).unwrap();
        assert_eq!(store.server_key(), key);
        assert_eq!(run(store.head(&ExecId::new("x"))).unwrap().unwrap().version, version);
        assert_eq!(run(store.events(&ExecId::new("x"), 0, 100)).unwrap().len() as u64, version);
        run(store.commit(batch("x", version, "1"))).unwrap();
    }
    let old = TempDir::new().unwrap();
    drop(old_file(old.path(), 2, include_str!("format-2.sql")));
    let copy = TempDir::new().unwrap();
    assert_eq!(SqliteStore::snapshot(old.path(), &into(&copy)).unwrap(), 2);
    assert_eq!(SqliteStore::format_of(old.path()).unwrap(), 2);
    SqliteStore::open(copy.path()).unwrap();
    assert!(SqliteStore::snapshot(later.path().join("nothing").as_path(), &into(&later)).is_err());
}

/// What stands in a new file before SQLite opens it: what older and newer binaries, and `file`, know it by.
#[test]
fn the_header_of_a_new_file() {
    let folder = TempDir::new().unwrap();
    drop(SqliteStore::open(folder.path()).unwrap());
    let bytes = fs::read(folder.path().join(SqliteStore::FILE)).unwrap();
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&bytes[..16], b"SQLite format 3\0");
    assert_eq!(u16::from_be_bytes([bytes[16], bytes[17]]), 2048, "bytes of a page");
    assert_eq!((bytes[18], bytes[19]), (2, 2), "it is written through a log");
    assert_eq!(
        number(60),
        4,
        "the format; a change of rows or of the journal's encoding needs a new one, and a step from the one before"
    );
    assert_eq!(number(68), u32::from_be_bytes(*b"BDPL"));
    assert_eq!(
        bedplate_journal::FORMAT,
        1,
        "the journal's encoding: a new one needs a new format of the file"
    );
    let schema = rusqlite::Connection::open(folder.path().join(SqliteStore::FILE)).unwrap();
    let tables: String = schema
        .query_row(
            "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        tables,
        "blob blob_use blob_use_n execution inbox inbox_exec journal lease meta moved recent resource sqlite_sequence timer timer_due"
    );
}

/// Commits of many executions, so many that they are moved into the tree several times, read at every moment and after a crash.
#[test]
fn commits_read_the_same_before_and_after_they_are_moved() {
    const EXECUTIONS: u64 = 40;
    const COMMITS: u64 = 300;
    let (folder, crashed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = SqliteStore::open(folder.path()).unwrap();
    let name = |index: u64| format!("x{index:02}");
    // Every tenth is too long to wait, every seventh changes only who works on it.
    let commit = |index: u64, version: u64, round: u64| {
        let text = format!("\"{}\"", "x".repeat(if round % 10 == 9 { 9_000 } else { 100 }));
        let mut batch = batch(&name(index), version, &text);
        let turn = batch.turn.as_mut().unwrap();
        if round % 7 == 3 {
            turn.events.clear();
        }
        turn.release = (round + index).is_multiple_of(3);
        // A server that ends gives up work that is not done.
        turn.busy = !turn.release || index.is_multiple_of(4);
        turn.ended = round + 1 == COMMITS && index.is_multiple_of(2);
        batch
    };
    let past: Mutex<Vec<(Position, Vec<u64>)>> = Mutex::default();
    let check = |store: &SqliteStore, versions: &[u64], round: u64| {
        run(async {
            let known = past.lock().unwrap().clone();
            for (position, before) in &known {
                let changes = store.changed(*position).await.unwrap().expect("that much is remembered");
                let from: std::collections::BTreeMap<_, _> = changes.iter().map(|change| (change.exec.as_str(), change.from)).collect();
                for (index, (before, now)) in (0..).zip(before.iter().zip(versions)) {
                    let found = from.get(&*name(index)).copied();
                    let expected = (found.is_some() || before != now).then_some(*before);
                    assert_eq!(found, expected, "{index} in round {round} since {position:?}");
                }
            }
            for (index, version) in (0..).zip(versions) {
                let exec = ExecId::new(name(index));
                let head = store.head(&exec).await.unwrap().unwrap();
                let released = (round + index).is_multiple_of(3);
                assert_eq!(
                    (head.version, head.owner, head.busy),
                    (*version, (!released).then_some(Owner(1)), !released || index % 4 == 0)
                );
                assert_eq!(head.ended, round + 1 == COMMITS && index % 2 == 0);
                let after = index * 5 % version;
                let events = store.events(&exec, after, 1_000).await.unwrap();
                assert!(
                    events.iter().map(|event| event.seq).eq(after + 1..=*version),
                    "{index} in round {round}"
                );
                let some = store.events(&exec, after, 3).await.unwrap();
                assert_eq!(some, events[..events.len().min(3)]);
            }
            let heads = store
                .executions(
                    "x",
                    bedplate_store::Page {
                        limit: 1_000,
                        ..Default::default()
                    },
                )
                .await
                .unwrap();
            assert!(heads.iter().map(|head| head.version).eq(versions.iter().copied()));
            let work: Vec<_> = heads.iter().filter(|head| head.busy).map(|head| head.exec.clone()).collect();
            assert_eq!(store.work(None, 1_000).await.unwrap(), work);
            assert_eq!(store.work(Some(&work[1]), 2).await.unwrap(), work[2..4]);
        });
    };
    let mut versions = vec![0; EXECUTIONS as usize];
    for round in 0..COMMITS {
        run(async {
            let commits = (0..)
                .zip(&versions)
                .map(|(index, version)| store.commit(commit(index, *version, round)));
            for (index, result) in futures_util::future::join_all(commits).await.into_iter().enumerate() {
                result.unwrap();
                versions[index] += u64::from(round % 7 != 3);
            }
        });
        if round % 29 == 11 || round + 1 == COMMITS {
            past.lock().unwrap().push((store.position(), versions.clone()));
            check(&store, &versions, round);
            // As a crash leaves it: the files as they are now.
            let copy = crashed.path().join(round.to_string());
            fs::create_dir(&copy).unwrap();
            for file in ["state.db", "state.db-wal"] {
                fs::copy(folder.path().join(file), copy.join(file)).unwrap();
            }
            let copy = SqliteStore::open(&copy).unwrap();
            assert_eq!(copy.position(), store.position());
            check(&copy, &versions, round);
            for (index, version) in (0..).zip(&versions) {
                assert!(matches!(
                    run(copy.commit(commit(index, version + 1, 0))),
                    Err(CommitError::Conflict(_))
                ));
                run(copy.commit(commit(index, *version, 0))).unwrap();
            }
        }
    }
    let last = versions.clone();
    drop(store);
    check(&SqliteStore::open(folder.path()).unwrap(), &last, COMMITS - 1);
    let file = rusqlite::Connection::open(folder.path().join(SqliteStore::FILE)).unwrap();
    let left: i64 = file.query_row("SELECT count(*) FROM recent", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "a clean end moves everything");
}

/// What is too long ago is told to be so; the lines that are kept are few.
#[test]
fn changes_of_long_ago_are_forgotten() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    run(store.commit(batch("first", 0, "1"))).unwrap();
    let first = store.position();
    // So long that a round makes a move.
    let text = format!("\"{}\"", "x".repeat(3_000));
    let mut middle = first;
    for round in 0..80 {
        if round == 40 {
            middle = store.position();
        }
        let commits = (0..400).map(|index| store.commit(batch(&format!("x{index}"), round, &text)));
        let done = run(futures_util::future::join_all(commits));
        done.into_iter().for_each(|done| done.unwrap());
    }
    assert_eq!(run(store.changed(first)).unwrap(), None);
    let from: Vec<u64> = run(store.changed(middle))
        .unwrap()
        .unwrap()
        .iter()
        .map(|change| change.from)
        .collect();
    assert_eq!(from, [40; 400]);
    drop(store);
    let file = rusqlite::Connection::open(folder.path().join(SqliteStore::FILE)).unwrap();
    let kept: i64 = file.query_row("SELECT count(*) FROM moved", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 64);
}

/// The state as a power cut leaves it: the log ends anywhere. What is left is a beginning of what was written, whole commit by whole commit.
#[test]
fn a_torn_log_loses_its_end_and_nothing_else() {
    let (folder, torn) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = SqliteStore::open(folder.path()).unwrap();
    for version in 0..30 {
        run(store.commit(batch("x", version, &"x".repeat(700)))).unwrap();
    }
    let mut log = fs::read(folder.path().join("state.db-wal")).unwrap();
    // What follows is laid out and not written yet.
    log.truncate(log.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    let mut versions = Vec::new();
    for cut in (0..=log.len()).step_by(1_000).chain([log.len()]) {
        let state = torn.path().join(cut.to_string());
        fs::create_dir(&state).unwrap();
        fs::copy(folder.path().join(SqliteStore::FILE), state.join(SqliteStore::FILE)).unwrap();
        let mut log = log[..cut].to_vec();
        // The last sector may hold anything.
        let sector = cut.saturating_sub(512);
        log[sector..].fill(0x5a);
        if cut == 0 || versions.len() % 2 == 0 {
            log.truncate(sector);
        } else if cut % 3 == 0 {
            log.resize(log.len() + 10_000, 0);
        }
        fs::write(state.join("state.db-wal"), log).unwrap();
        let store = SqliteStore::open(&state).unwrap();
        let version = run(store.head(&ExecId::new("x"))).unwrap().map_or(0, |head| head.version);
        let events = run(store.events(&ExecId::new("x"), 0, 100)).unwrap();
        assert_eq!(events.len() as u64, version, "cut at {cut}");
        run(store.commit(batch("x", version, "1"))).unwrap();
        versions.push(version);
    }
    assert!(versions.is_sorted(), "{versions:?}");
    assert!(versions.iter().any(|version| (1..29).contains(version)), "{versions:?}");
    assert!(*versions.last().unwrap() >= 28, "{versions:?}");
}

#[test]
fn deleting_many_events_lets_others_write() {
    const COMMITS: u64 = 10_000;
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    // Two of them fill a row of the journal's tree.
    let text = format!("\"{}\"", "x".repeat(700));
    run(async {
        // Handed over in order, written in groups; tokio stops a task that does much more at once.
        for base in (0..COMMITS).step_by(50) {
            let commits: Vec<_> = (base..base + 50)
                .map(|version| store.commit(batch("many", version, &text)))
                .collect();
            for result in futures_util::future::join_all(commits).await {
                result.unwrap();
            }
            tokio::task::yield_now().await;
        }
        store.remove(&ExecId::new("many"), COMMITS).await.unwrap();
        let (mut steps, mut version) = (0, 0);
        loop {
            // Another's commit gets in between any two steps, even into the same transaction.
            let (more, written) = futures_util::future::join(store.sweep(256), store.commit(batch("other", version, "1"))).await;
            written.unwrap();
            version += 1;
            if !more.unwrap() {
                break;
            }
            steps += 1;
        }
        assert!(steps > COMMITS / 2 / 256, "{steps} steps were few and large");
        assert_eq!(store.events(&ExecId::new("many"), 0, 10).await.unwrap(), []);
        assert_eq!(store.head(&ExecId::new("other")).await.unwrap().unwrap().version, version);
    });
}

#[test]
fn documents_in_memory_are_those_on_disk() {
    let folder = TempDir::new().unwrap();
    let write = |key: &str, body: Option<&str>| Batch {
        resources: vec![ResourceWrite {
            key: key.into(),
            expect: Expect::Any,
            body: body.map(Into::into),
        }],
        ..Batch::default()
    };
    let store = SqliteStore::open(folder.path()).unwrap();
    let large = "x".repeat(3_000_000);
    run(async {
        assert_eq!(store.resource("a").await.unwrap(), None);
        store.commit(write("a", Some("1"))).await.unwrap();
        for (key, body) in [("a", Some("2")), ("b", Some("3")), ("a", None), ("c", Some(large.as_str()))] {
            store.commit(write(key, body)).await.unwrap();
            let found = store.resource(key).await.unwrap();
            assert_eq!(found.as_ref().map(|found| &*found.body), body, "{key}");
        }
        // More than is kept: the old ones are read from the file again.
        for index in 0..8 {
            store.commit(write(&format!("large{index}"), Some(&large))).await.unwrap();
        }
        assert_eq!(store.resource("b").await.unwrap().unwrap().version, 1);
        assert_eq!(store.resource("large0").await.unwrap().unwrap().body.len(), large.len());
        assert_eq!(store.resource("a").await.unwrap(), None);
        // A batch that is refused leaves no trace.
        let mut refused = write("b", Some("4"));
        refused.resources.push(ResourceWrite {
            key: "b".into(),
            expect: Expect::Absent,
            body: None,
        });
        assert!(store.commit(refused).await.is_err());
        assert_eq!(&*store.resource("b").await.unwrap().unwrap().body, "3");
    });
}
