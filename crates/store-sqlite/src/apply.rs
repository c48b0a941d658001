//! Writes one batch inside a transaction. Everything that may refuse it is read first, so a refused batch has written nothing.

use std::collections::BTreeMap;

use bedplate_journal::{encode, encode_signal};
use bedplate_store::{Batch, CommitError, Expect, ResourceWrite, Send, Turn};
use rusqlite::{Connection, OptionalExtension, params};

use crate::failure::WriteFailure;

/// Bits of a place that number the event; the others number the execution: 2^39 of them.
const SEQ_BITS: u32 = 24;
/// Events of one execution. AWS: a state machine's history ends at 25,000.
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

type Wrote<T = ()> = Result<T, WriteFailure>;

/// Writes `batch`.
pub(crate) fn apply(connection: &Connection, batch: &Batch) -> Wrote {
    let number = match &batch.turn {
        Some(turn) => check_turn(connection, turn)?,
        None => None,
    };
    let versions = check_resources(connection, &batch.resources)?;
    for (hash, raw) in &batch.blobs {
        connection
            .prepare_cached("INSERT INTO blob (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![hash.0.as_slice(), raw.as_str()])?;
    }
    if let Some(turn) = &batch.turn {
        write_turn(connection, turn, number)?;
    }
    for send in &batch.sends {
        write_letter(connection, send)?;
    }
    for (write, version) in batch.resources.iter().zip(versions) {
        write_resource(connection, write, version)?;
    }
    Ok(())
}

/// The number of the execution, when it exists.
fn check_turn(connection: &Connection, turn: &Turn) -> Wrote<Option<i64>> {
    let head = connection
        .prepare_cached("SELECT n, version, owner FROM execution WHERE id = ?1")?
        .query_row([turn.exec.as_str()], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?.cast_unsigned(),
                row.get::<_, Option<i64>>(2)?,
            ))
        })
        .optional()?;
    let version = head.map_or(0, |(_, version, _)| version);
    if version != turn.expected {
        let what = format!("{} has version {version}, expected was {}", turn.exec, turn.expected);
        return Err(CommitError::Conflict(what).into());
    }
    let owner = head.and_then(|(_, _, owner)| owner);
    if !turn.steal && owner.is_some_and(|owner| owner != signed(turn.owner.0)) {
        return Err(CommitError::Conflict(format!("{} is worked on by another owner", turn.exec)).into());
    }
    for letter in &turn.consumed {
        let there = connection
            .prepare_cached("SELECT 1 FROM inbox WHERE id = ?1 AND exec = ?2")?
            .exists(params![signed(letter.0), turn.exec.as_str()])?;
        if !there {
            return Err(CommitError::Conflict(format!("letter {} of {} is gone", letter.0, turn.exec)).into());
        }
    }
    if turn.expected + turn.events.len() as u64 > SEQ_MAX {
        let what = format!("{} would have more than {SEQ_MAX} events", turn.exec);
        return Err(CommitError::TooLarge(what).into());
    }
    Ok(head.map(|(number, _, _)| number))
}

fn write_turn(connection: &Connection, turn: &Turn, number: Option<i64>) -> Wrote {
    for letter in &turn.consumed {
        connection
            .prepare_cached("DELETE FROM inbox WHERE id = ?1")?
            .execute([signed(letter.0)])?;
    }
    let owner = (!turn.release).then(|| signed(turn.owner.0));
    let version = turn.expected + turn.events.len() as u64;
    let last = turn.events.last().map(|event| event.at.nanos());
    let number = match (number, turn.events.first()) {
        (Some(number), _) => {
            connection
                .prepare_cached(
                    "UPDATE execution SET version = ?2, owner = ?3, busy = ?4, ended = ?5, updated_at = ifnull(?6, updated_at) WHERE n = ?1",
                )?
                .execute(params![number, signed(version), owner, turn.busy, turn.ended, last])?;
            number
        }
        (None, None) => return Ok(()),
        (None, Some(first)) => {
            connection
                .prepare_cached(
                    "INSERT INTO execution (id, kind, version, owner, busy, ended, started_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    turn.exec.as_str(),
                    &*turn.kind,
                    signed(version),
                    owner,
                    turn.busy,
                    turn.ended,
                    first.at.nanos(),
                    last
                ])?;
            connection.last_insert_rowid()
        }
    };
    let mut insert = connection.prepare_cached("INSERT INTO journal (place, event) VALUES (?1, ?2)")?;
    for event in &turn.events {
        insert.execute(params![place(number, event.seq), encode(event)])?;
    }
    for timer in &turn.timers_cleared {
        connection
            .prepare_cached("DELETE FROM timer WHERE n = ?1 AND timer = ?2")?
            .execute(params![number, signed(timer.0)])?;
    }
    for (timer, due) in &turn.timers_set {
        connection
            .prepare_cached("INSERT OR REPLACE INTO timer (n, timer, due) VALUES (?1, ?2, ?3)")?
            .execute(params![number, signed(timer.0), due.nanos()])?;
    }
    Ok(())
}

fn write_letter(connection: &Connection, send: &Send) -> Wrote {
    let (kind, input) = match &send.letter.start {
        Some((kind, input)) => (Some(&**kind), Some(input.as_str())),
        None => (None, None),
    };
    connection
        .prepare_cached("INSERT INTO inbox (exec, kind, input, signal) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![send.to.as_str(), kind, input, encode_signal(&send.letter.signal)])?;
    Ok(())
}

/// The version that each write finds.
fn check_resources(connection: &Connection, writes: &[ResourceWrite]) -> Wrote<Vec<u64>> {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let mut versions = Vec::with_capacity(writes.len());
    for write in writes {
        let version = match seen.get(write.key.as_str()) {
            Some(version) => *version,
            None => connection
                .prepare_cached("SELECT version FROM resource WHERE key = ?1")?
                .query_row([&write.key], |row| row.get::<_, i64>(0))
                .optional()?
                .unwrap_or(0)
                .cast_unsigned(),
        };
        let holds = match write.expect {
            Expect::Any => true,
            Expect::Absent => version == 0,
            Expect::Version(expected) => version == expected && version > 0,
        };
        if !holds {
            let what = format!("{} has version {version}, expected was {:?}", write.key, write.expect);
            return Err(CommitError::Conflict(what).into());
        }
        seen.insert(&write.key, if write.body.is_some() { version + 1 } else { 0 });
        versions.push(version);
    }
    Ok(versions)
}

fn write_resource(connection: &Connection, write: &ResourceWrite, version: u64) -> Wrote {
    match &write.body {
        Some(body) => connection
            .prepare_cached(
                "INSERT INTO resource (key, version, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body",
            )?
            .execute(params![write.key, signed(version + 1), &**body])?,
        None => connection
            .prepare_cached("DELETE FROM resource WHERE key = ?1")?
            .execute([&write.key])?,
    };
    Ok(())
}

/// Where an event stands in the journal's tree.
pub(crate) fn place(number: i64, seq: u64) -> i64 {
    (number << SEQ_BITS) | signed(seq.min(SEQ_MAX))
}

/// SQLite's integers are signed; the bits are kept.
pub(crate) fn signed(number: u64) -> i64 {
    number.cast_signed()
}
