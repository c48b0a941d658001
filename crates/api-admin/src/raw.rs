//! The journal as readable JSON: one object an event, its kind as member.

use bedplate_base::Result;
use bedplate_engine::Engine;
use bedplate_journal::{Body, Callee, Event, ExecId, Input, Outcome, Sender, Signal, Value as Stored};
use serde_json::{Value, json};

/// Bytes of values in one page, about. Ours: a page of long prompts ends early.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Events of one read.
const STEP: usize = 100;

/// Events after `after`, at most `limit`, and where the next page begins.
pub(crate) async fn page(engine: &Engine, exec: &ExecId, after: u64, limit: usize) -> Result<Value> {
    let mut out: Vec<Value> = Vec::new();
    let (mut last, mut bytes) = (after, 0);
    let more = loop {
        let step = STEP.min(limit - out.len());
        let events = engine.events(exec, last, step).await?;
        let full = events.len() == step;
        for event in events {
            last = event.seq;
            let shown = show(&event);
            bytes += shown.to_string().len();
            out.push(shown);
        }
        if !full {
            break false;
        }
        if out.len() == limit || bytes > PAGE_BYTES {
            break true;
        }
    };
    Ok(json!({"id": exec.as_str(), "events": out, "next": more.then_some(last)}))
}

/// One event: `{"seq": 3, "at": "…", "called": {…}}`.
pub(crate) fn show(event: &Event) -> Value {
    let (kind, body) = match &event.body {
        Body::Started { kind, input } => ("started", json!({"kind": &**kind, "input": value(input)})),
        Body::Signaled(Signal::Message { from, program, payload }) => {
            // A program is long and the same for many messages: its hash names it.
            let program = program.as_ref().map(hash);
            (
                "message",
                json!({"from": sender(from), "program": program, "payload": value(payload)}),
            )
        }
        Body::Signaled(Signal::Settled { call, outcome }) => ("settled", json!({"call": call.0, "outcome": ended(outcome)})),
        Body::Signaled(Signal::Stop) => ("stop", json!({})),
        Body::Called {
            step,
            callee,
            input,
            limits,
        } => {
            let callee = match callee {
                Callee::Target(name) => json!({"target": &**name}),
                Callee::Asker => json!("asker"),
                Callee::Callback => json!("callback"),
            };
            let input = match input {
                Input::Value(input) => value(input),
                Input::Rendered => json!("rendered"),
            };
            let limits = json!({"totalMs": limits.total_ms, "heartbeatMs": limits.heartbeat_ms});
            (
                "called",
                json!({"step": &*step.0, "callee": callee, "input": input, "limits": limits}),
            )
        }
        Body::Answered { call, outcome } => ("answered", json!({"call": call.0, "outcome": ended(outcome)})),
        Body::Cancelled(call) => ("cancelled", json!({"call": call.0})),
        Body::Replied { to, outcome } => ("replied", json!({"to": sender(to), "outcome": ended(outcome)})),
        Body::TimerSet { step, due } => ("timerSet", json!({"step": &*step.0, "due": due.iso_nanos()})),
        Body::TimerFired(timer) => ("timerFired", json!({"timer": timer.0})),
        Body::TimerCancelled(timer) => ("timerCancelled", json!({"timer": timer.0})),
        Body::Noted(note) => ("noted", text(note.as_str())),
        Body::Ended(outcome) => ("ended", json!({"outcome": ended(outcome)})),
    };
    json!({"seq": event.seq, "at": event.at.iso_nanos(), kind: body})
}

fn sender(sender: &Sender) -> Value {
    match sender {
        Sender::Client(id) => json!({"client": &**id}),
    }
}

fn ended(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Success(success) => json!({"success": value(success)}),
        Outcome::Failure { error, cause } => json!({"failure": {"error": error, "cause": cause}}),
        Outcome::Aborted => json!("aborted"),
        Outcome::TimedOut(limit) => json!({"timedOut": format!("{limit:?}").to_lowercase()}),
    }
}

/// A value's JSON; the engine has loaded blobs.
fn value(stored: &Stored) -> Value {
    match stored {
        Stored::Blob(blob) if blob.raw.is_none() => json!({"blob": blob.hash.to_string()}),
        _ => text(stored.raw().as_str()),
    }
}

fn hash(stored: &Stored) -> Value {
    match stored {
        Stored::Blob(blob) => json!({"blob": blob.hash.to_string()}),
        Stored::Inline(raw) => text(raw.as_str()),
    }
}

fn text(raw: &str) -> Value {
    serde_json::from_str(raw).unwrap_or_else(|_| json!(raw))
}
