//! The journal's encoding: CBOR arrays `[tag, field…]`, self-describing, with a format number kept by the store.
//!
//! Fields are only ever added at the end of an array and tags are never reused, so a newer binary reads every older
//! journal.

use std::sync::Arc;

use bedplate_base::{Hash, Timestamp};
use minicbor::{Decoder, Encoder};

use crate::{Blob, Body, CallId, Callee, Event, Input, Limit, Limits, Outcome, Raw, Sender, Signal, Step, TimerId, Value};

/// The format that this binary writes; it reads all up to it and refuses state folders beyond it.
pub const FORMAT: u32 = 1;

/// A journal row could not be read: it is damaged or from a newer binary.
#[derive(Debug)]
pub struct DecodeError(pub String);

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a journal row could not be read: {}", self.0)
    }
}

impl std::error::Error for DecodeError {}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self(error.to_string())
    }
}

type Out = Encoder<Vec<u8>>;
type In<'a> = Decoder<'a>;
type Read<T> = Result<T, DecodeError>;

/// The bytes of an event.
pub fn encode(event: &Event) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(128));
    write_event(&mut out, event).expect("invariant: writing to memory cannot fail");
    out.into_writer()
}

/// The bytes of several events, one after the other.
pub fn encode_all<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(512));
    for event in events {
        write_event(&mut out, event).expect("invariant: writing to memory cannot fail");
    }
    out.into_writer()
}

/// The event of some bytes; blobs are not hydrated.
pub fn decode(bytes: &[u8]) -> Result<Event, DecodeError> {
    read_event(&mut Decoder::new(bytes))
}

/// The events of some bytes, one after the other to the end; blobs are not hydrated.
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut input = Decoder::new(bytes);
    let mut events = Vec::new();
    while input.position() < bytes.len() {
        events.push(read_event(&mut input)?);
    }
    Ok(events)
}

fn read_event(input: &mut In<'_>) -> Read<Event> {
    let fields = open(input)?;
    let seq = input.u64()?;
    let at = Timestamp(input.i64()?);
    let body = read_body(input)?;
    close(input, fields, 3)?;
    Ok(Event { seq, at, body })
}

type Wrote = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write_event(out: &mut Out, event: &Event) -> Wrote {
    out.array(3)?.u64(event.seq)?.i64(event.at.nanos())?;
    write_body(out, &event.body)
}

fn write_body(out: &mut Out, body: &Body) -> Wrote {
    match body {
        Body::Started { kind, input } => {
            out.array(3)?.u8(0)?.str(kind)?;
            write_value(out, input)
        }
        Body::Signaled(signal) => {
            out.array(2)?.u8(1)?;
            write_signal(out, signal)
        }
        Body::Called {
            step,
            callee,
            input,
            limits,
        } => {
            out.array(5)?.u8(2)?.str(&step.0)?;
            write_callee(out, callee)?;
            match input {
                Input::Rendered => out.null().map(drop)?,
                Input::Value(value) => write_value(out, value)?,
            }
            out.array(2)?.encode(limits.total_ms)?.encode(limits.heartbeat_ms)?;
            Ok(())
        }
        Body::Answered { call, outcome } => {
            out.array(3)?.u8(3)?.u64(call.0)?;
            write_outcome(out, outcome)
        }
        Body::Cancelled(call) => out.array(2)?.u8(4)?.u64(call.0).map(drop),
        Body::Replied { to, outcome } => {
            out.array(3)?.u8(5)?;
            write_sender(out, to)?;
            write_outcome(out, outcome)
        }
        Body::TimerSet { step, due } => out.array(3)?.u8(6)?.str(&step.0)?.i64(due.nanos()).map(drop),
        Body::TimerFired(timer) => out.array(2)?.u8(7)?.u64(timer.0).map(drop),
        Body::TimerCancelled(timer) => out.array(2)?.u8(8)?.u64(timer.0).map(drop),
        Body::Noted(raw) => out.array(2)?.u8(9)?.str(raw.as_str()).map(drop),
        Body::Ended(outcome) => {
            out.array(2)?.u8(10)?;
            write_outcome(out, outcome)
        }
    }
}

fn read_body(input: &mut In<'_>) -> Read<Body> {
    let fields = open(input)?;
    let tag = input.u8()?;
    let (body, read) = match tag {
        0 => (
            Body::Started {
                kind: input.str()?.into(),
                input: read_value(input)?,
            },
            3,
        ),
        1 => (Body::Signaled(read_signal(input)?), 2),
        2 => {
            let step = Step::new(input.str()?);
            let callee = read_callee(input)?;
            let value = if null(input)? {
                Input::Rendered
            } else {
                Input::Value(read_value(input)?)
            };
            let inner = open(input)?;
            let limits = Limits {
                total_ms: input.decode()?,
                heartbeat_ms: input.decode()?,
            };
            close(input, inner, 2)?;
            (
                Body::Called {
                    step,
                    callee,
                    input: value,
                    limits,
                },
                5,
            )
        }
        3 => (
            Body::Answered {
                call: CallId(input.u64()?),
                outcome: read_outcome(input)?,
            },
            3,
        ),
        4 => (Body::Cancelled(CallId(input.u64()?)), 2),
        5 => (
            Body::Replied {
                to: read_sender(input)?,
                outcome: read_outcome(input)?,
            },
            3,
        ),
        6 => (
            Body::TimerSet {
                step: Step::new(input.str()?),
                due: Timestamp(input.i64()?),
            },
            3,
        ),
        7 => (Body::TimerFired(TimerId(input.u64()?)), 2),
        8 => (Body::TimerCancelled(TimerId(input.u64()?)), 2),
        9 => (Body::Noted(read_raw(input)?), 2),
        10 => (Body::Ended(read_outcome(input)?), 2),
        other => return Err(unknown("event", other)),
    };
    close(input, fields, read)?;
    Ok(body)
}

fn write_value(out: &mut Out, value: &Value) -> Wrote {
    match value {
        Value::Inline(raw) => out.str(raw.as_str()).map(drop),
        Value::Blob(blob) => out.bytes(&blob.hash.0).map(drop),
    }
}

fn read_value(input: &mut In<'_>) -> Read<Value> {
    if input.datatype()? == minicbor::data::Type::Bytes {
        let hash = input
            .bytes()?
            .try_into()
            .map_err(|_| DecodeError("a blob reference is not 32 bytes".into()))?;
        return Ok(Value::Blob(Blob {
            hash: Hash(hash),
            raw: None,
        }));
    }
    Ok(Value::Inline(read_raw(input)?))
}

fn read_raw(input: &mut In<'_>) -> Read<Raw> {
    Ok(Raw::new(input.str()?))
}

fn write_signal(out: &mut Out, signal: &Signal) -> Wrote {
    match signal {
        Signal::Message { from, program, payload } => {
            out.array(4)?.u8(0)?;
            write_sender(out, from)?;
            match program {
                None => out.null().map(drop)?,
                Some(program) => write_value(out, program)?,
            }
            write_value(out, payload)
        }
        Signal::Settled { call, outcome } => {
            out.array(3)?.u8(1)?.u64(call.0)?;
            write_outcome(out, outcome)
        }
        Signal::Stop => out.array(1)?.u8(2).map(drop),
    }
}

fn read_signal(input: &mut In<'_>) -> Read<Signal> {
    let fields = open(input)?;
    let tag = input.u8()?;
    let (signal, read) = match tag {
        0 => {
            let from = read_sender(input)?;
            let program = if null(input)? { None } else { Some(read_value(input)?) };
            (
                Signal::Message {
                    from,
                    program,
                    payload: read_value(input)?,
                },
                4,
            )
        }
        1 => (
            Signal::Settled {
                call: CallId(input.u64()?),
                outcome: read_outcome(input)?,
            },
            3,
        ),
        2 => (Signal::Stop, 1),
        other => return Err(unknown("signal", other)),
    };
    close(input, fields, read)?;
    Ok(signal)
}

fn write_sender(out: &mut Out, sender: &Sender) -> Wrote {
    match sender {
        Sender::Client(request) => out.array(2)?.u8(0)?.str(request).map(drop),
    }
}

fn read_sender(input: &mut In<'_>) -> Read<Sender> {
    let fields = open(input)?;
    let sender = match input.u8()? {
        0 => Sender::Client(Arc::from(input.str()?)),
        other => return Err(unknown("sender", other)),
    };
    close(input, fields, 2)?;
    Ok(sender)
}

fn write_callee(out: &mut Out, callee: &Callee) -> Wrote {
    match callee {
        Callee::Target(name) => out.array(2)?.u8(0)?.str(name).map(drop),
        Callee::Asker => out.array(1)?.u8(1).map(drop),
        Callee::Callback => out.array(1)?.u8(2).map(drop),
    }
}

fn read_callee(input: &mut In<'_>) -> Read<Callee> {
    let fields = open(input)?;
    let (callee, read) = match input.u8()? {
        0 => (Callee::Target(input.str()?.into()), 2),
        1 => (Callee::Asker, 1),
        2 => (Callee::Callback, 1),
        other => return Err(unknown("callee", other)),
    };
    close(input, fields, read)?;
    Ok(callee)
}

fn write_outcome(out: &mut Out, outcome: &Outcome) -> Wrote {
    match outcome {
        Outcome::Success(value) => {
            out.array(2)?.u8(0)?;
            write_value(out, value)
        }
        Outcome::Failure { error, cause } => out.array(3)?.u8(1)?.str(error)?.str(cause).map(drop),
        Outcome::Aborted => out.array(1)?.u8(2).map(drop),
        Outcome::TimedOut(limit) => out.array(2)?.u8(3)?.u8(u8::from(*limit == Limit::Heartbeat)).map(drop),
    }
}

fn read_outcome(input: &mut In<'_>) -> Read<Outcome> {
    let fields = open(input)?;
    let (outcome, read) = match input.u8()? {
        0 => (Outcome::Success(read_value(input)?), 2),
        1 => (
            Outcome::Failure {
                error: input.str()?.to_owned(),
                cause: input.str()?.to_owned(),
            },
            3,
        ),
        2 => (Outcome::Aborted, 1),
        3 => (Outcome::TimedOut(if input.u8()? == 0 { Limit::Total } else { Limit::Heartbeat }), 2),
        other => return Err(unknown("outcome", other)),
    };
    close(input, fields, read)?;
    Ok(outcome)
}

fn open(input: &mut In<'_>) -> Read<u64> {
    input.array()?.ok_or_else(|| DecodeError("an array of unknown length".into()))
}

/// Skips fields that a newer binary added.
fn close(input: &mut In<'_>, fields: u64, read: u64) -> Read<()> {
    for _ in read..fields {
        input.skip()?;
    }
    Ok(())
}

fn null(input: &mut In<'_>) -> Read<bool> {
    if input.datatype()? == minicbor::data::Type::Null {
        input.null()?;
        return Ok(true);
    }
    Ok(false)
}

fn unknown(what: &str, tag: u8) -> DecodeError {
    DecodeError(format!("{what} tag {tag} is unknown"))
}

/// The bytes of a signal, as an inbox row holds it.
pub fn encode_signal(signal: &Signal) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(128));
    write_signal(&mut out, signal).expect("invariant: writing to memory cannot fail");
    out.into_writer()
}

/// The signal of some bytes; blobs are not hydrated.
pub fn decode_signal(bytes: &[u8]) -> Result<Signal, DecodeError> {
    read_signal(&mut Decoder::new(bytes))
}
