//! The store on disk: the conformance suite, and what a folder can do to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bedplate_base::Timestamp;
use bedplate_journal::{Body, Event, ExecId, Raw};
use bedplate_store::{Batch, CommitError, Owner, Store, Turn};
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
