//! Bytes of strangers against everything that reads them: the corpus of `fuzz/corpus/<target>` as it is, and mutated by a seeded
//! generator. Nothing may panic or hang; what can be read must come out the same when it is written and read again.
//!
//! It needs no nightly compiler and no fuzzer: the same inputs on every machine, within seconds. A finding becomes a file of the corpus.
//! The binary's tests are its place because only the binary knows all these crates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_cli::Frames;
use bedplate_converse::{Message, Request};
use bedplate_http::{Credentials, Head, Key, Secret};
use bedplate_journal as journal;
use bedplate_providers::Draft;
use bedplate_providers::anthropic::AnthropicDraft;
use bedplate_providers::bedrock::BedrockDraft;
use bedplate_providers::frames::{Frame, Frames as StreamFrames, Framing};
use bedplate_providers::openai::OpenAiDraft;
use bedplate_providers::sse::REPLY_BYTES_MAX;
use bedplate_wire::Value;

/// Mutants of each target.
const MUTANTS: usize = 3_000;
/// Bytes of a mutant at most: readers are tried with odd input here, not with large input.
const BYTES_MAX: usize = 8 * 1024;

/// A xorshift generator: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides.max(1)).expect("small")).expect("below sides")
    }
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// Names and bytes of a target's corpus.
fn files(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(corpus(target)).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("an entry"))
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                fs::read(entry.path()).expect("a file"),
            )
        })
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{target} has {} files", files.len());
    files
}

/// Gives `read` every file of the corpus and its mutants. How many it understood is returned: both kinds must be among them.
fn check(target: &str, mut read: impl FnMut(&[u8]) -> bool) {
    let files = files(target);
    let mut understood = 0;
    for (name, bytes) in &files {
        trace(target, name, bytes);
        understood += usize::from(read(bytes));
    }
    assert!(understood > 0, "{target}: nothing of the corpus can be read");
    let mut dice = Dice(0x5EED_0000 + target.len() as u64);
    let mut refused = 0;
    for number in 0..MUTANTS {
        let mut bytes = files[dice.roll(files.len())].1.clone();
        for _ in 0..=dice.roll(4) {
            let other = &files[dice.roll(files.len())].1;
            mutate(&mut bytes, other, &mut dice);
        }
        bytes.truncate(BYTES_MAX);
        trace(target, &format!("mutant {number}"), &bytes);
        refused += usize::from(!read(&bytes));
    }
    assert!(refused > 0, "{target}: nothing was refused");
    assert!(refused < MUTANTS, "{target}: every mutant was refused");
}

/// Printed when the test fails, so that a finding can be put into the corpus.
fn trace(target: &str, name: &str, bytes: &[u8]) {
    println!("{target} {name}: {}", bytes.escape_ascii());
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    const ODD: [u8; 16] = [
        0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'[', b'\\', b'\n', b'\r', b':', b'&', b'%', b'=', b'9',
    ];
    let at = dice.roll(bytes.len());
    let length = dice.roll(16).min(bytes.len() - at.min(bytes.len()));
    match dice.roll(7) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
        1 if !bytes.is_empty() => bytes[at] = ODD[dice.roll(ODD.len())],
        2 => bytes.insert(at, ODD[dice.roll(ODD.len())]),
        3 => {
            bytes.drain(at..at + length);
        }
        4 => {
            let part = bytes[at..at + length].to_vec();
            bytes.splice(at..at, part);
        }
        5 => bytes.truncate(at),
        _ => {
            let from = dice.roll(other.len());
            bytes.splice(at..at + length, other[from..].iter().take(32).copied());
        }
    }
}

/// Whether two values are equal, but for the last digit of fractions: the JSON reader rounds the quick way, not the exact one.
fn close(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| close(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |((name, left), (other, right)): ((&String, &Value), (&String, &Value))| name == other && close(left, right);
            left.len() == right.len() && left.iter().zip(right).all(same)
        }
        (Value::Number(left), Value::Number(right)) if left.is_f64() && right.is_f64() => {
            let (left, right) = (left.as_f64().unwrap_or_default(), right.as_f64().unwrap_or_default());
            (left - right).abs() <= left.abs() * 4.0 * f64::EPSILON
        }
        _ => left == right,
    }
}

#[test]
fn json() {
    check("json", |bytes| {
        let Ok(value) = bedplate_wire::parse(bytes) else { return false };
        let again = bedplate_wire::parse(value.to_string().as_bytes()).expect("what we write can be read");
        assert!(close(&again, &value), "{again} {value}");
        true
    });
}

#[test]
fn query() {
    check("query", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(pairs) = bedplate_wire::query_pairs(&text) else {
            return false;
        };
        assert!(pairs.len() <= text.len() + 1);
        true
    });
}

/// Frames and how it ended, for a body that comes in pieces of `size` bytes.
fn frames(bytes: &[u8], size: usize) -> (Vec<bedplate_cli::Frame>, Result<(), String>) {
    let (mut reader, mut out) = (Frames::default(), Vec::new());
    for piece in bytes.chunks(size) {
        reader.push(piece);
        loop {
            match reader.pop() {
                Ok(Some(frame)) => out.push(frame),
                Ok(None) => break,
                Err(why) => return (out, Err(why)),
            }
        }
    }
    (out, reader.finish())
}

#[test]
fn event_stream_frames() {
    check("frames", |bytes| {
        let whole = frames(bytes, bytes.len().max(1));
        // However it is cut, it says the same.
        assert_eq!(frames(bytes, 1).0, whole.0);
        assert_eq!(frames(bytes, 7), whole);
        whole.1.is_ok() && !whole.0.is_empty()
    });
}

#[test]
fn frames_that_we_write_can_be_read() {
    for (_, bytes) in files("json") {
        let Ok(value) = bedplate_wire::parse(&bytes) else { continue };
        let (read, end) = frames(&bedplate_wire::frame::event("chunk", &value), 5);
        assert_eq!(end, Ok(()));
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].payload, value.to_string());
    }
}

/// A request as a text: method and target, headers, an empty line, the body.
fn request(bytes: &[u8]) -> Option<(http::Method, http::Uri, http::HeaderMap, Vec<u8>)> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let method = http::Method::from_bytes(first.next()?).ok()?;
    let uri = http::Uri::try_from(first.next()?).ok()?;
    let mut headers = http::HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = http::HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = http::HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        headers.append(name, value);
    }
    Some((method, uri, headers, bytes[end + 2..].to_vec()))
}

#[test]
fn signatures() {
    let key = Key {
        name: "fuzz".into(),
        access_key: "AKIAFUZZ".into(),
        secret: Secret::new("fuzz/only+this0is1no2secret3at4all5"),
        bearer: None,
        session_token: None,
        account: None,
        regions: Vec::new(),
        admin: false,
    };
    let keys = Credentials::Keys(vec![key]);
    // 2026-11-21T12:00:00Z, when the corpus was signed.
    let now = Timestamp(1_795_262_400_000_000_000);
    let examine = |credentials: &Credentials, bytes: &[u8]| {
        let (method, uri, headers, body) = request(bytes)?;
        let head = Head {
            method: &method,
            uri: &uri,
            headers: &headers,
        };
        let settled = credentials.examine(&head, now).and_then(|proof| proof.settle(body.into()));
        Some(settled.map_err(|denied| denied.message))
    };
    for (name, bytes) in files("sigv4") {
        let examined = examine(&keys, &bytes).expect("the corpus has requests");
        assert_eq!(examined.is_ok(), name.starts_with("good"), "{name}: {examined:?}");
        if name == "good-chunked.txt" {
            assert_eq!(examined.as_deref(), Ok(&br#"{"inputText":"Book a court"}"#[..]));
        }
    }
    check("sigv4", |bytes| {
        let without_keys = examine(&Credentials::Any, bytes);
        let with_keys = examine(&keys, bytes);
        assert_eq!(without_keys.is_some(), with_keys.is_some());
        matches!(with_keys, Some(Ok(_)))
    });
}

/// An empty reply to a request, as each kind of provider reads it.
type Begin = for<'a> fn(&'a Request) -> Box<dyn Draft + 'a>;

/// What a stream of a provider comes to: events, then a draft of the reply. The events, and whether a reply was made of them.
fn stream(framing: Framing, begin: Begin, bytes: &[u8], size: usize) -> Option<(Vec<Frame>, bool)> {
    let (mut reader, mut events) = (StreamFrames::new(framing, REPLY_BYTES_MAX), Vec::new());
    for piece in bytes.chunks(size) {
        reader.push(piece, &mut events).ok()?;
    }
    events.extend(reader.finish());
    let request = Request {
        model: "fuzz".into(),
        messages: vec![Arc::new(Message::user("Hello"))],
        streaming: true,
        ..Request::default()
    };
    let mut draft = begin(&request);
    let mut read = 0;
    for event in &events {
        read += usize::from(draft.event(event, &mut |_| {}).is_ok());
    }
    // A whole reply of the same bytes goes through the other door.
    if let Ok(value) = bedplate_wire::parse(bytes) {
        let _ = begin(&request).whole(&value, &mut |_| {});
    }
    let done = draft.is_finished();
    let _ = draft.finish();
    Some((events, done && read > 0))
}

#[test]
fn provider_streams() {
    let kinds: [(&str, Framing, Begin); 3] = [
        ("sse", Framing::Sse, |request| Box::new(OpenAiDraft::new(request, "fuzz"))),
        ("messages", Framing::Sse, |request| Box::new(AnthropicDraft::new(request, "fuzz"))),
        ("converse", Framing::EventStream, |request| {
            Box::new(BedrockDraft::new(request, "fuzz"))
        }),
    ];
    for (target, framing, begin) in kinds {
        check(target, |bytes| {
            let whole = stream(framing, begin, bytes, bytes.len().max(1));
            assert_eq!(stream(framing, begin, bytes, 1), whole);
            assert_eq!(stream(framing, begin, bytes, 5), whole);
            whole.is_some_and(|(_, done)| done)
        });
    }
}

/// One event of each kind.
fn events() -> Vec<journal::Event> {
    use journal::{Body, CallId, Callee, Input, Limit, Limits, Outcome, Raw, Sender, Signal, Step, TimerId, Value as Stored};
    let value = |text: &str| Stored::Inline(Raw::new(text));
    let step = || Step::new("turn.1/model.0");
    let client = || Sender::Client("r-1".into());
    let bodies = vec![
        Body::Started {
            kind: "agent".into(),
            input: value("{}"),
        },
        Body::Signaled(Signal::Message {
            from: client(),
            program: Some(value("[1]")),
            payload: value(r#"{"text":"Hello"}"#),
        }),
        Body::Called {
            step: step(),
            callee: Callee::Target("model".into()),
            input: Input::Rendered,
            limits: Limits {
                total_ms: Some(60_000),
                heartbeat_ms: None,
            },
        },
        Body::Answered {
            call: CallId(3),
            outcome: Outcome::Failure {
                error: "Model.Throttled".into(),
                cause: "too many".into(),
            },
        },
        Body::Called {
            step: step(),
            callee: Callee::Asker,
            input: Input::Value(value("null")),
            limits: Limits::default(),
        },
        Body::Signaled(Signal::Settled {
            call: CallId(5),
            outcome: Outcome::Success(value("7")),
        }),
        Body::Cancelled(CallId(5)),
        Body::Replied {
            to: client(),
            outcome: Outcome::TimedOut(Limit::Total),
        },
        Body::TimerSet {
            step: step(),
            due: Timestamp(1),
        },
        Body::TimerFired(TimerId(9)),
        Body::TimerCancelled(TimerId(9)),
        Body::Noted(Raw::new(r#"{"turn":{}}"#)),
        Body::Signaled(Signal::Stop),
        Body::Ended(Outcome::Aborted),
    ];
    let number = |(index, body)| journal::Event {
        seq: index as u64 + 1,
        at: Timestamp(1_795_262_400_000_000_000),
        body,
    };
    bodies.into_iter().enumerate().map(number).collect()
}

#[test]
fn journals() {
    let events = events();
    // UPDATE=1 writes the corpus anew; that the files are still read is the promise to old state folders.
    if std::env::var_os("UPDATE").is_some() {
        for (name, part) in [("whole", &events[..]), ("turn", &events[1..4]), ("end", &events[13..])] {
            fs::write(corpus("journal").join(format!("{name}.cbor")), journal::encode_all(part)).expect("a file");
        }
    }
    let whole = fs::read(corpus("journal").join("whole.cbor")).expect("a file");
    assert_eq!(journal::decode_all(&whole).expect("a journal"), events);
    check("journal", |bytes| {
        let _ = (journal::decode(bytes), journal::decode_signal(bytes));
        let Ok(events) = journal::decode_all(bytes) else { return false };
        let written = journal::encode_all(&events);
        let again = journal::decode_all(&written).expect("what we write can be read");
        assert_eq!(journal::encode_all(&again), written);
        !events.is_empty()
    });
}
