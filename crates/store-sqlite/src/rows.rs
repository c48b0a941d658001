//! Queries: rows as readers see them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bedplate_base::{Hash, Timestamp};
use bedplate_journal::{Event, ExecId, Raw, TimerId, decode_all, decode_signal};
use bedplate_store::{Change, Head, Letter, LetterId, Owner, Page, Resource, TimerRow, blob_names, prefix_end};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::apply::{place, signed, version};
use crate::failure::undecodable;
use crate::recent::{Last, Recent, moved_after};

/// Blobs that are looked at at once; the others wait for the next look. Ours.
const COLLECTED_MAX: usize = 10_000;

type Read<T> = rusqlite::Result<T>;

/// Version and time of the last event are those of the last row of the journal.
const HEAD: &str = "SELECT id, kind, owner, ifnull(busy, 0), ended, started_at, place, events, execution.n
     FROM execution LEFT JOIN lease ON lease.n = execution.n LEFT JOIN journal ON place =
     (SELECT place FROM journal WHERE place > execution.n << 24 AND place < (execution.n + 1) << 24 ORDER BY place DESC LIMIT 1)";

fn number_of(connection: &Connection, exec: &ExecId) -> Read<Option<i64>> {
    connection
        .prepare_cached("SELECT n FROM execution WHERE id = ?1")?
        .query_row([exec.as_str()], |row| row.get(0))
        .optional()
}

pub(crate) fn head(connection: &Connection, recent: &Recent, exec: &ExecId) -> Read<Option<Head>> {
    let Some(number) = number_of(connection, exec)? else {
        return Ok(None);
    };
    let last = recent.last(number);
    let row = connection
        .prepare_cached(&format!("{HEAD} WHERE execution.n = ?1 AND id IS NOT NULL"))?
        .query_row([number], head_of)
        .optional()?;
    row.map_or(Ok(None), |row| row.with(last.as_ref()))
}

pub(crate) fn events(connection: &Connection, recent: &Recent, exec: &ExecId, after: u64, limit: usize) -> Read<Vec<Event>> {
    let Some(number) = number_of(connection, exec)? else {
        return Ok(Vec::new());
    };
    let entries = recent.of(number);
    let mut entries = entries
        .iter()
        .filter(|entry| entry.seq > after && !entry.events().is_empty())
        .peekable();
    let mut query =
        connection.prepare_cached("SELECT place, events FROM journal WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3")?;
    let mut rows = query.query(params![place(number, after), place(number, u64::MAX), bound(limit as u64)])?;
    let mut events = Vec::new();
    // A row may begin before what is wanted, and may have been moved out of the recent entries after we took them.
    let mut add = |bytes: &[u8]| -> Read<bool> {
        let last = events.last().map_or(after, |event: &Event| event.seq);
        events.extend(decode_all(bytes).map_err(undecodable)?.into_iter().filter(|event| event.seq > last));
        Ok(events.len() < limit)
    };
    let mut more = limit > 0;
    while more && let Some(row) = rows.next()? {
        let until = version(row.get(0)?);
        while more && let Some(entry) = entries.next_if(|entry| entry.seq < until) {
            more = add(entry.events())?;
        }
        more = more && add(row.get_ref(1)?.as_blob()?)?;
    }
    while more && let Some(entry) = entries.next() {
        more = add(entry.events())?;
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

pub(crate) fn work(connection: &Connection, recent: &Recent, after: Option<&ExecId>, limit: usize) -> Read<Vec<ExecId>> {
    let lasts = recent.lasts();
    let after = after.map_or("", |exec| exec.as_str());
    let mut found = BTreeSet::new();
    for (number, _) in lasts.iter().filter(|(_, last)| last.marks.busy) {
        let id = connection
            .prepare_cached("SELECT id FROM execution WHERE n = ?1 AND id > ?2")?
            .query_row(params![number, after], |row| row.get::<_, String>(0));
        found.extend(id.optional()?);
    }
    let mut query = connection
        .prepare_cached("SELECT id, lease.n FROM lease JOIN execution ON execution.n = lease.n WHERE busy = 1 AND id > ?1 ORDER BY id")?;
    let mut rows = query.query([after])?;
    let mut taken = 0;
    while taken < limit
        && let Some(row) = rows.next()?
    {
        if lasts.get(&row.get(1)?).is_none_or(|last| last.marks.busy) {
            found.insert(row.get(0)?);
            taken += 1;
        }
    }
    let mut query = connection.prepare_cached("SELECT DISTINCT exec FROM inbox WHERE exec > ?1 ORDER BY exec LIMIT ?2")?;
    for id in query.query_map(params![after, bound(limit as u64)], |row| row.get::<_, String>(0))? {
        found.insert(id?);
    }
    Ok(found.into_iter().take(limit).map(ExecId::new).collect())
}

pub(crate) fn executions(connection: &Connection, recent: &Recent, prefix: &str, page: &Page) -> Read<Vec<Head>> {
    let lasts = recent.lasts();
    let (mut page, limit) = (page.clone(), page.limit);
    let mut heads = Vec::new();
    // A page is short at the end only, so those whose first commit is only about to be there are made up for.
    loop {
        page.limit = limit - heads.len();
        let rows = paged(connection, HEAD, "id", prefix, &page, head_of)?;
        let is_full = rows.len() == page.limit;
        page.after = rows.last().map(|row| row.head.exec.as_str().to_owned());
        for row in rows {
            let last = lasts.get(&row.number);
            heads.extend(row.with(last)?);
        }
        if !is_full || heads.len() == limit {
            return Ok(heads);
        }
    }
}

/// What was committed to after the transaction `position`; none when that is too long ago.
pub(crate) fn changed(connection: &Connection, recent: &Recent, position: u64) -> Read<Option<Vec<Change>>> {
    let later = recent.after(position);
    let mut lines = later.lines;
    if later.more {
        match moved_after(connection, position)? {
            Some(moved) => lines.extend(moved),
            None => return Ok(None),
        }
    }
    let mut least: BTreeMap<i64, u64> = BTreeMap::new();
    for line in lines {
        let from = least.entry(line.number).or_insert(line.from);
        *from = (*from).min(line.from);
    }
    let mut changes = Vec::with_capacity(least.len());
    let mut query = connection.prepare_cached("SELECT id FROM execution WHERE n = ?1 AND id IS NOT NULL")?;
    for (number, from) in least {
        if let Some(id) = query.query_row([number], |row| row.get::<_, String>(0)).optional()? {
            changes.push(Change {
                exec: ExecId::new(id),
                from,
            });
        }
    }
    Ok(Some(changes))
}

pub(crate) fn blob(connection: &Connection, hash: Hash) -> Read<Option<Raw>> {
    connection
        .prepare_cached("SELECT text FROM blob WHERE hash = ?1")?
        .query_row([hash.0.as_slice()], |row| Ok(Raw::new(row.get_ref(0)?.as_str()?)))
        .optional()
}

/// Blobs that no execution uses and no resource names; none while letters wait.
pub(crate) fn unnamed_blobs(connection: &Connection) -> Read<HashSet<Hash>> {
    let mut unnamed = HashSet::new();
    let mut query = connection.prepare_cached(
        "SELECT hash FROM blob_use AS used WHERE n = 0 AND NOT EXISTS (SELECT 1 FROM inbox)
         AND NOT EXISTS (SELECT 1 FROM blob_use WHERE hash = used.hash AND n <> 0) LIMIT ?1",
    )?;
    for hash in query.query_map([bound(COLLECTED_MAX as u64)], |row| row.get(0))? {
        unnamed.insert(Hash(hash?));
    }
    if !unnamed.is_empty() {
        let mut query = connection.prepare_cached("SELECT body FROM resource")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            for name in blob_names(row.get_ref(0)?.as_str()?) {
                unnamed.remove(&name);
            }
        }
    }
    Ok(unnamed)
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

/// What the tree says of an execution.
struct HeadRow {
    number: i64,
    head: Head,
}

impl HeadRow {
    /// The head, with what was done lately. None when its first commit is only about to be there.
    fn with(self, last: Option<&Last>) -> Read<Option<Head>> {
        let mut head = self.head;
        if let Some(last) = last
            && last.seq >= head.version
        {
            head.version = last.seq;
            head.owner = last.marks.owner.map(|owner| Owner(owner.cast_unsigned()));
            head.busy = last.marks.busy;
            head.ended = last.marks.ended;
            if let Some(entry) = &last.written {
                head.updated_at = head.updated_at.max(time_of(entry.events())?.unwrap_or_default());
            }
        }
        Ok((head.version > 0).then_some(head))
    }
}

/// When the last of some events happened.
fn time_of(events: &[u8]) -> Read<Option<Timestamp>> {
    Ok(decode_all(events).map_err(undecodable)?.last().map(|event| event.at))
}

fn head_of(row: &Row<'_>) -> Read<HeadRow> {
    let last = row.get_ref(7)?.as_blob_or_null()?.map(time_of).transpose()?.flatten();
    let started_at = Timestamp(row.get(5)?);
    let head = Head {
        exec: ExecId::new(row.get::<_, String>(0)?),
        kind: row.get::<_, String>(1)?.into(),
        owner: row.get::<_, Option<i64>>(2)?.map(|owner| Owner(owner.cast_unsigned())),
        busy: row.get(3)?,
        ended: row.get(4)?,
        started_at,
        version: version(row.get(6)?),
        updated_at: last.unwrap_or(started_at),
    };
    Ok(HeadRow { number: row.get(8)?, head })
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
