//! Queries: rows as readers see them.

use std::sync::Arc;

use bedplate_base::{Hash, Timestamp};
use bedplate_journal::{Event, ExecId, Raw, TimerId, decode_all, decode_signal};
use bedplate_store::{Head, Letter, LetterId, Owner, Page, Resource, TimerRow, prefix_end};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::apply::{place, signed, version};
use crate::failure::undecodable;

type Read<T> = rusqlite::Result<T>;

/// Version and time of the last event are those of the last row of the journal.
const HEAD: &str = "SELECT id, kind, owner, ifnull(busy, 0), ended, started_at, place, events
     FROM execution LEFT JOIN lease ON lease.n = execution.n LEFT JOIN journal ON place =
     (SELECT place FROM journal WHERE place > execution.n << 24 AND place < (execution.n + 1) << 24 ORDER BY place DESC LIMIT 1)";

pub(crate) fn head(connection: &Connection, exec: &ExecId) -> Read<Option<Head>> {
    connection
        .prepare_cached(&format!("{HEAD} WHERE id = ?1"))?
        .query_row([exec.as_str()], head_of)
        .optional()
}

pub(crate) fn events(connection: &Connection, exec: &ExecId, after: u64, limit: usize) -> Read<Vec<Event>> {
    let number: Option<i64> = connection
        .prepare_cached("SELECT n FROM execution WHERE id = ?1")?
        .query_row([exec.as_str()], |row| row.get(0))
        .optional()?;
    let Some(number) = number else { return Ok(Vec::new()) };
    let mut query = connection.prepare_cached("SELECT events FROM journal WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3")?;
    let mut rows = query.query(params![place(number, after), place(number, u64::MAX), bound(limit as u64)])?;
    let mut events = Vec::new();
    while events.len() < limit
        && let Some(row) = rows.next()?
    {
        events.extend(decode_all(row.get_ref(0)?.as_blob()?).map_err(undecodable)?);
        // The first row may begin before.
        if events.first().is_some_and(|event| event.seq <= after) {
            events.retain(|event| event.seq > after);
        }
    }
    events.truncate(limit);
    Ok(events)
}

pub(crate) fn inbox(connection: &Connection, exec: &ExecId, limit: usize) -> Read<Vec<(LetterId, Letter)>> {
    let mut query = connection.prepare_cached("SELECT id, kind, input, signal FROM inbox WHERE exec = ?1 ORDER BY id LIMIT ?2")?;
    let letter = |row: &Row<'_>| {
        let start = row.get::<_, Option<String>>(1)?.zip(row.get::<_, Option<String>>(2)?);
        let letter = Letter {
            start: start.map(|(kind, input)| (Arc::from(kind), Raw::new(input))),
            signal: decode_signal(row.get_ref(3)?.as_blob()?).map_err(undecodable)?,
        };
        Ok((LetterId(row.get::<_, i64>(0)?.cast_unsigned()), letter))
    };
    query.query_map(params![exec.as_str(), bound(limit as u64)], letter)?.collect()
}

pub(crate) fn timers(connection: &Connection, limit: usize) -> Read<Vec<TimerRow>> {
    let mut query = connection.prepare_cached(
        "SELECT execution.id, timer.timer, timer.due FROM timer JOIN execution ON execution.n = timer.n ORDER BY timer.due LIMIT ?1",
    )?;
    let timer = |row: &Row<'_>| {
        Ok(TimerRow {
            exec: ExecId::new(row.get::<_, String>(0)?),
            timer: TimerId(row.get::<_, i64>(1)?.cast_unsigned()),
            due: Timestamp(row.get(2)?),
        })
    };
    query.query_map([bound(limit as u64)], timer)?.collect()
}

pub(crate) fn work(connection: &Connection, after: Option<&ExecId>, limit: usize) -> Read<Vec<ExecId>> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM lease JOIN execution ON execution.n = lease.n WHERE busy = 1 AND id > ?1 UNION SELECT exec FROM inbox WHERE exec > ?1 ORDER BY 1 LIMIT ?2",
    )?;
    let after = after.map_or("", |exec| exec.as_str());
    let id = |row: &Row<'_>| row.get::<_, String>(0).map(ExecId::new);
    query.query_map(params![after, bound(limit as u64)], id)?.collect()
}

pub(crate) fn executions(connection: &Connection, prefix: &str, page: &Page) -> Read<Vec<Head>> {
    paged(connection, HEAD, "id", prefix, page, head_of)
}

pub(crate) fn blob(connection: &Connection, hash: Hash) -> Read<Option<Raw>> {
    connection
        .prepare_cached("SELECT text FROM blob WHERE hash = ?1")?
        .query_row([hash.0.as_slice()], |row| Ok(Raw::new(row.get_ref(0)?.as_str()?)))
        .optional()
}

const RESOURCE: &str = "SELECT key, version, body FROM resource";

pub(crate) fn resource(connection: &Connection, key: &str) -> Read<Option<Resource>> {
    connection
        .prepare_cached(&format!("{RESOURCE} WHERE key = ?1"))?
        .query_row([key], resource_of)
        .optional()
}

pub(crate) fn resources(connection: &Connection, prefix: &str, page: &Page) -> Read<Vec<Resource>> {
    paged(connection, RESOURCE, "key", prefix, page, resource_of)
}

/// A page of rows whose `key` begins with `prefix`.
fn paged<T>(connection: &Connection, select: &str, key: &str, prefix: &str, page: &Page, read: fn(&Row<'_>) -> Read<T>) -> Read<Vec<T>> {
    let end = prefix_end(prefix);
    let after = page.after.as_deref();
    // One bound below and one above, so that the index is entered at the page's place and left at its end.
    let (above, low, high) = match after {
        Some(after) if page.backwards => (">=", prefix, Some(end.as_deref().map_or(after, |end| end.min(after)))),
        Some(after) if after >= prefix => (">", after, end.as_deref()),
        _ => (">=", prefix, end.as_deref()),
    };
    let order = if page.backwards { "DESC" } else { "ASC" };
    let below = if high.is_some() { format!("AND {key} < ?3") } else { String::new() };
    let sql = format!("{select} WHERE {key} {above} ?1 {below} ORDER BY {key} {order} LIMIT ?2");
    let mut query = connection.prepare_cached(&sql)?;
    let limit = bound(page.limit as u64);
    match high {
        Some(high) => query.query_map(params![low, limit, high], read)?.collect(),
        None => query.query_map(params![low, limit], read)?.collect(),
    }
}

fn head_of(row: &Row<'_>) -> Read<Head> {
    let last = row
        .get_ref(7)?
        .as_blob_or_null()?
        .map(decode_all)
        .transpose()
        .map_err(undecodable)?;
    let started_at = Timestamp(row.get(5)?);
    Ok(Head {
        exec: ExecId::new(row.get::<_, String>(0)?),
        kind: row.get::<_, String>(1)?.into(),
        owner: row.get::<_, Option<i64>>(2)?.map(|owner| Owner(owner.cast_unsigned())),
        busy: row.get(3)?,
        ended: row.get(4)?,
        started_at,
        version: version(row.get(6)?),
        updated_at: last.and_then(|events| events.last().map(|event| event.at)).unwrap_or(started_at),
    })
}

fn resource_of(row: &Row<'_>) -> Read<Resource> {
    Ok(Resource {
        key: row.get(0)?,
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        body: row.get::<_, String>(2)?.into(),
    })
}

/// A limit or position that fits SQLite's integers.
fn bound(number: u64) -> i64 {
    signed(number.min(i64::MAX.cast_unsigned()))
}
