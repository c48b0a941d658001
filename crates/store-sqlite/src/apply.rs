//! Writes one batch inside a transaction. Everything that may refuse it is read first, so a refused batch has written nothing.

use std::collections::BTreeMap;

use bedplate_base::Hash;
use bedplate_journal::{ExecId, encode_signal};
use bedplate_store::{Batch, CommitError, Expect, Resource, ResourceWrite, Send, Turn};
use rusqlite::{Connection, OptionalExtension, params};

use crate::documents::Documents;
use crate::failure::WriteFailure;
use crate::heads::{Heads, Known};
use crate::recent::{Marks, Pending, Recent};

/// Bits of a place that number the event; the others number the execution: 2^39 of them.
const SEQ_BITS: u32 = 24;
/// Events of one execution. AWS: a state machine's history ends at 25,000.
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// Uses blobs, and is not an execution.
const NO_EXECUTION: i64 = 0;

type Wrote<T = ()> = Result<T, WriteFailure>;

/// A resource as a batch left it.
pub(crate) type Document = (String, Option<Resource>);

/// What a transaction reads and changes. All of it is right as long as the transaction is not rolled back.
pub(crate) struct Scene<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) recent: &'a Recent,
    pub(crate) heads: &'a mut Heads,
    pub(crate) pending: Pending,
    pub(crate) documents: &'a Documents,
    /// This transaction wrote some, which `documents` does not know yet.
    pub(crate) wrote_documents: bool,
}

/// Writes `batch`, whose events have the bytes `events`, and tells which documents it wrote.
pub(crate) fn apply(scene: &mut Scene<'_>, batch: &Batch, events: &[u8]) -> Wrote<Vec<Document>> {
    let connection = scene.connection;
    let known = match &batch.turn {
        Some(turn) => check_turn(scene, turn)?,
        None => None,
    };
    let versions = check_resources(connection, &batch.resources)?;
    let number = match &batch.turn {
        Some(turn) => write_turn(scene, turn, events, known)?,
        None => None,
    };
    for (hash, raw) in &batch.blobs {
        write_blob(connection, hash, raw.as_str(), number.unwrap_or(NO_EXECUTION))?;
    }
    for send in &batch.sends {
        write_letter(connection, send)?;
    }
    scene.wrote_documents |= !versions.is_empty();
    let mut documents = Vec::with_capacity(versions.len());
    for (write, version) in batch.resources.iter().zip(versions) {
        write_resource(connection, write, version)?;
        let written = write.body.clone().map(|body| Resource {
            key: write.key.clone(),
            version: version + 1,
            body,
        });
        documents.push((write.key.clone(), written));
    }
    Ok(documents)
}

/// What is known of the execution, when it exists.
fn check_turn(scene: &Scene<'_>, turn: &Turn) -> Wrote<Option<Known>> {
    let connection = scene.connection;
    let known = known(scene, &turn.exec)?;
    let version = known.as_ref().map_or(0, |known| known.version);
    if version != turn.expected {
        let what = format!("{} has version {version}, expected was {}", turn.exec, turn.expected);
        return Err(CommitError::Conflict(what).into());
    }
    let owner = known.as_ref().and_then(|known| known.marks.owner);
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
    Ok(known)
}

/// What is known of an execution: remembered, or what the file and the recent entries say.
pub(crate) fn known(scene: &Scene<'_>, exec: &ExecId) -> rusqlite::Result<Option<Known>> {
    if let Some(known) = scene.heads.get(exec) {
        return Ok(Some(known.clone()));
    }
    let known = scene
        .connection
        .prepare_cached(
            "SELECT execution.n, ended, owner, ifnull(busy, 0),
                    (SELECT place FROM journal WHERE place > execution.n << 24 AND place < (execution.n + 1) << 24 ORDER BY place DESC LIMIT 1)
             FROM execution LEFT JOIN lease ON lease.n = execution.n WHERE id = ?1",
        )?
        .query_row([exec.as_str()], |row| {
            let marks = Marks {
                ended: row.get(1)?,
                owner: row.get(2)?,
                busy: row.get(3)?,
            };
            Ok(Known {
                number: row.get(0)?,
                version: version(row.get(4)?),
                marks,
            })
        })
        .optional()?;
    Ok(known.map(|known| match scene.recent.last(known.number) {
        Some(last) => Known {
            number: known.number,
            version: last.seq,
            marks: last.marks,
        },
        None => known,
    }))
}

/// The execution's number, when it exists now.
fn write_turn(scene: &mut Scene<'_>, turn: &Turn, events: &[u8], known: Option<Known>) -> Wrote<Option<i64>> {
    let connection = scene.connection;
    for letter in &turn.consumed {
        connection
            .prepare_cached("DELETE FROM inbox WHERE id = ?1")?
            .execute([signed(letter.0)])?;
    }
    let mut known = match (known, turn.events.first()) {
        (Some(known), _) => known,
        (None, None) => return Ok(None),
        (None, Some(first)) => {
            connection
                .prepare_cached("INSERT INTO execution (id, kind, ended, started_at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![turn.exec.as_str(), &*turn.kind, turn.ended, first.at.nanos()])?;
            Known {
                number: connection.last_insert_rowid(),
                version: 0,
                marks: Marks::default(),
            }
        }
    };
    let number = known.number;
    let marks = Marks {
        owner: (!turn.release).then(|| signed(turn.owner.0)),
        busy: turn.busy,
        ended: turn.ended,
    };
    if !turn.events.is_empty() || marks != known.marks {
        let from = known.version;
        known.version = turn.events.last().map_or(from, |last| last.seq);
        known.marks = marks;
        scene.pending.add(connection, (number, from), known.version, marks, events)?;
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
    scene.heads.put(&turn.exec, known);
    Ok(Some(number))
}

fn write_blob(connection: &Connection, hash: &Hash, text: &str, number: i64) -> Wrote {
    connection
        .prepare_cached("INSERT INTO blob (hash, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![hash.0.as_slice(), text])?;
    connection
        .prepare_cached("INSERT INTO blob_use (hash, n) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![hash.0.as_slice(), number])?;
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

/// The number of the last event of an execution whose last row stands at `last`.
pub(crate) fn version(last: Option<i64>) -> u64 {
    last.map_or(0, |place| place.cast_unsigned() & SEQ_MAX)
}

/// SQLite's integers are signed; the bits are kept.
pub(crate) fn signed(number: u64) -> i64 {
    number.cast_signed()
}
