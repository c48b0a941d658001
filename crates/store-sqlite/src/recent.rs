//! What executions did lately, before it stands in the journal's tree.
//!
//! In the tree each execution's next row lies on a page of its own, so a commit there costs a page however short it is. Instead a
//! transaction appends what all its batches did as one row of the table `recent`, whose pages fill one after the other. The same entries
//! stay in memory, where readers look first; when they are many, one transaction moves them into the tree, an execution's entries
//! together. At the start they are read again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::{Connection, params};

use crate::apply::place;

/// Entries after which they are moved. With the bytes below, two of the largest groups; a session at work then has some tens of entries.
const ENTRIES_MAX: usize = 4_096;
/// Bytes after which entries are moved. Ours: a move takes some milliseconds, and everybody waits for it.
const BYTES_MAX: usize = 1024 * 1024;
/// How much more there may be when they cannot be moved, because the disk is full; beyond it nothing is written before they are.
const HARD: usize = 4;
/// Events of one commit that go to the tree at once: they would fill pages of their own anywhere.
const DIRECT_BYTES: usize = 4 * 1024;
/// Bytes of a row of the tree up to which commits are put together in it: about a page, because whoever wants the last event reads a row.
const ROW_BYTES: usize = 1_536;

/// Who works on an execution, and whether it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) owner: Option<i64>,
    pub(crate) busy: bool,
    pub(crate) ended: bool,
}

/// What one commit did to one execution.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The execution's version since.
    pub(crate) seq: u64,
    pub(crate) marks: Marks,
    /// The transaction's bytes, and where in them the events begin and end. No bytes: there were none, or they stand in the tree.
    bytes: Arc<[u8]>,
    begin: usize,
    end: usize,
}

/// The last of an execution's entries.
#[derive(Clone)]
pub(crate) struct Last {
    pub(crate) seq: u64,
    pub(crate) marks: Marks,
    /// The last entry that has events here.
    pub(crate) written: Option<Entry>,
}

/// A transaction's entries, until it is committed.
#[derive(Default)]
pub(crate) struct Pending {
    bytes: Vec<u8>,
    /// Execution, version, marks, and where in `bytes` the events are.
    entries: Vec<(i64, u64, Marks, usize, usize)>,
    moved: bool,
}

/// The entries that are committed and not in the tree. The writer changes them, readers look at them *before* they look at the tree: what
/// is missing here was in the tree by then.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    by_number: HashMap<i64, Vec<Entry>>,
    count: usize,
    bytes: usize,
}

impl Entry {
    /// The bytes of its events.
    pub(crate) fn events(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }
}

impl Recent {
    /// What a file holds.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let recent = Self::default();
        let mut query = connection.prepare("SELECT entries FROM recent ORDER BY id")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let row = row.get_ref(0)?.as_blob()?;
            let pending = decode(row).ok_or_else(|| {
                let what = "a row of what was done lately is cut off";
                rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, what.into())
            })?;
            recent.committed(pending);
        }
        Ok(recent)
    }

    /// An execution's entries, oldest first.
    pub(crate) fn of(&self, number: i64) -> Vec<Entry> {
        self.entries().by_number.get(&number).cloned().unwrap_or_default()
    }

    /// The last of them.
    pub(crate) fn last(&self, number: i64) -> Option<Last> {
        self.entries().by_number.get(&number).and_then(|entries| last(entries))
    }

    /// The last ones of all executions that have some.
    pub(crate) fn lasts(&self) -> HashMap<i64, Last> {
        let all = self.entries();
        let lasts = all.by_number.iter().filter_map(|(number, entries)| Some((*number, last(entries)?)));
        lasts.collect()
    }

    /// Whether it is time to move them.
    pub(crate) fn is_full(&self) -> bool {
        let all = self.entries();
        all.count >= ENTRIES_MAX || all.bytes >= BYTES_MAX
    }

    /// Whether nothing may be added before they are moved.
    pub(crate) fn is_overfull(&self) -> bool {
        let all = self.entries();
        all.count >= HARD * ENTRIES_MAX || all.bytes >= HARD * BYTES_MAX
    }

    /// A transaction was committed: its entries are there for readers.
    pub(crate) fn committed(&self, pending: Pending) {
        let mut all = self.entries();
        if pending.moved {
            *all = Entries::default();
        }
        all.count += pending.entries.len();
        all.bytes += pending.bytes.len();
        let bytes: Arc<[u8]> = pending.bytes.into();
        for (number, seq, marks, begin, end) in pending.entries {
            let bytes = bytes.clone();
            all.by_number.entry(number).or_default().push(Entry {
                seq,
                marks,
                bytes,
                begin,
                end,
            });
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("invariant: nothing panics while it holds the entries")
    }
}

fn last(entries: &[Entry]) -> Option<Last> {
    let last = entries.last()?;
    Some(Last {
        seq: last.seq,
        marks: last.marks,
        written: entries.iter().rev().find(|entry| !entry.events().is_empty()).cloned(),
    })
}

impl Pending {
    /// Adds what a commit did: `events` end with number `seq`, or are none.
    pub(crate) fn add(&mut self, connection: &Connection, number: i64, seq: u64, marks: Marks, events: &[u8]) -> rusqlite::Result<()> {
        let mut kept = events;
        if events.len() > DIRECT_BYTES {
            write_row(connection, number, seq, events)?;
            kept = &[];
        }
        self.bytes.extend(number.to_le_bytes());
        self.bytes.extend(seq.to_le_bytes());
        self.bytes.extend(marks.owner.unwrap_or_default().to_le_bytes());
        let bits = [marks.owner.is_some(), marks.busy, marks.ended];
        self.bytes.push(bits.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit)));
        let length = u32::try_from(kept.len()).expect("invariant: longer ones are not kept");
        self.bytes.extend(length.to_le_bytes());
        let begin = self.bytes.len();
        self.bytes.extend(kept);
        self.entries.push((number, seq, marks, begin, self.bytes.len()));
        Ok(())
    }

    /// Whether the execution has entries here.
    pub(crate) fn has(&self, number: i64) -> bool {
        self.entries.iter().any(|(of, ..)| *of == number)
    }

    /// Writes the row of this transaction.
    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.entries.is_empty() {
            connection
                .prepare_cached("INSERT INTO recent (entries) VALUES (?1)")?
                .execute([&self.bytes[..]])?;
        }
        Ok(())
    }

    /// Moves all entries, committed or not, into the tree.
    pub(crate) fn settle(&mut self, connection: &Connection, recent: &Recent) -> rusqlite::Result<()> {
        let all = recent.copy();
        all.committed(std::mem::take(self));
        self.moved = true;
        let all = all.0.into_inner().expect("invariant: it is not shared");
        for (number, entries) in all.by_number.into_iter().collect::<BTreeMap<_, _>>() {
            move_entries(connection, number, &entries)?;
        }
        connection.prepare_cached("DELETE FROM recent")?.execute([])?;
        Ok(())
    }
}

impl Recent {
    fn copy(&self) -> Self {
        let all = self.entries();
        Self(Mutex::new(Entries {
            by_number: all.by_number.clone(),
            count: all.count,
            bytes: all.bytes,
        }))
    }
}

fn move_entries(connection: &Connection, number: i64, entries: &[Entry]) -> rusqlite::Result<()> {
    let mut row: Vec<u8> = Vec::new();
    let mut entries_left = entries.iter().peekable();
    while let Some(entry) = entries_left.next() {
        row.extend(entry.events());
        // A row ends where the next one would make it too long, or stands in the tree already.
        let next = entries_left.peek().map_or(0, |next| next.events().len());
        if !row.is_empty() && (next == 0 || row.len() + next > ROW_BYTES) {
            write_row(connection, number, entry.seq, &row)?;
            row.clear();
        }
    }
    let Some(Marks { owner, busy, ended }) = entries.last().map(|entry| entry.marks) else {
        return Ok(());
    };
    connection
        .prepare_cached("UPDATE execution SET ended = ?2 WHERE n = ?1 AND ended <> ?2")?
        .execute(params![number, ended])?;
    // An execution that nobody works on has no row.
    if owner.is_none() && !busy {
        connection.prepare_cached("DELETE FROM lease WHERE n = ?1")?.execute([number])?;
    } else {
        connection
            .prepare_cached("INSERT OR REPLACE INTO lease (n, owner, busy) VALUES (?1, ?2, ?3)")?
            .execute(params![number, owner, busy])?;
    }
    Ok(())
}

fn write_row(connection: &Connection, number: i64, seq: u64, events: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO journal (place, events) VALUES (?1, ?2)")?
        .execute(params![place(number, seq), events])?;
    Ok(())
}

/// The entries of a row; none when it is damaged.
fn decode(row: &[u8]) -> Option<Pending> {
    let mut entries = Vec::new();
    let mut rest = row;
    while !rest.is_empty() {
        let number = i64::from_le_bytes(*take(&mut rest)?);
        let seq = u64::from_le_bytes(*take(&mut rest)?);
        let owner = i64::from_le_bytes(*take(&mut rest)?);
        let [bits] = *take::<1>(&mut rest)?;
        let length = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).ok()?;
        let begin = row.len() - rest.len();
        rest = rest.get(length..)?;
        let marks = Marks {
            owner: (bits & 1 != 0).then_some(owner),
            busy: bits & 2 != 0,
            ended: bits & 4 != 0,
        };
        entries.push((number, seq, marks, begin, begin + length));
    }
    Some(Pending {
        bytes: row.to_vec(),
        entries,
        moved: false,
    })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(head)
}
