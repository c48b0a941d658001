//! What executions did lately, before it stands in the journal's tree.
//!
//! In the tree each execution's next row lies on a page of its own, so a commit there costs a page however short it is. Instead a
//! transaction appends what all its batches did as one row of the table `recent`, whose pages fill one after the other. The same entries
//! stay in memory, where readers look first; when they are many, one transaction moves them into the tree, an execution's entries
//! together. At the start they are read again.
//!
//! Each transaction has a number, the place in the order of commits. What was moved leaves a short line in the table `moved`: which execution, its
//! version before, which transaction. So whoever knows how far it has seen finds what came after without looking at all executions.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Moves whose lines are kept. Ours: with the entries above 262,144 commits, and at 16 bytes a line four megabytes at most.
const MOVES_MAX: i64 = 64;

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
    /// The transaction's number.
    id: u64,
    /// The execution's version before.
    from: u64,
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
pub(crate) struct Pending {
    /// The transaction's number.
    id: u64,
    bytes: Vec<u8>,
    entries: Vec<Item>,
    moved: bool,
}

/// One of them.
struct Item {
    number: i64,
    from: u64,
    seq: u64,
    marks: Marks,
    /// Where in the transaction's bytes the events are.
    begin: usize,
    end: usize,
}

/// That an execution was committed to.
pub(crate) struct Line {
    pub(crate) number: i64,
    /// Its version before.
    pub(crate) from: u64,
    /// The transaction's number.
    id: u64,
}

/// What was committed to after some transaction, as far as it was not moved.
pub(crate) struct Later {
    pub(crate) lines: Vec<Line>,
    /// Other transactions after it were moved: `moved` has their lines.
    pub(crate) more: bool,
}

/// The entries that are committed and not in the tree. The writer changes them, readers look at them *before* they look at the tree: what
/// is missing here was in the tree by then.
#[derive(Default)]
pub(crate) struct Recent {
    entries: Mutex<Entries>,
    /// The number of the last transaction.
    position: AtomicU64,
}

#[derive(Default)]
struct Entries {
    by_number: HashMap<i64, Vec<Entry>>,
    count: usize,
    bytes: usize,
    /// The number of the last transaction that was moved.
    moved: u64,
}

impl Entry {
    fn line(&self, number: i64) -> Line {
        Line {
            number,
            from: self.from,
            id: self.id,
        }
    }

    /// The bytes of its events.
    pub(crate) fn events(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }
}

impl Recent {
    /// What a file holds.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let recent = Self::default();
        let moved: Option<i64> = connection.query_row("SELECT max(id) FROM moved", [], |row| row.get(0))?;
        let moved = moved.unwrap_or_default().cast_unsigned();
        recent.entries().moved = moved;
        recent.position.store(moved, Ordering::Release);
        let mut query = connection.prepare("SELECT id, entries FROM recent ORDER BY id")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get::<_, i64>(0)?.cast_unsigned();
            let pending = decode(id, row.get_ref(1)?.as_blob()?).ok_or_else(|| cut_off("a row of what was done lately is cut off"))?;
            recent.committed(pending);
        }
        Ok(recent)
    }

    /// The number of the last transaction that had entries; whoever was told of one finds at least its number.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// What was committed to after the transaction `id`.
    pub(crate) fn after(&self, id: u64) -> Later {
        let all = self.entries();
        let mut lines = Vec::new();
        for (number, entries) in &all.by_number {
            let later = entries.iter().filter(|entry| entry.id > id);
            lines.extend(later.map(|entry| entry.line(*number)));
        }
        Later {
            lines,
            more: id < all.moved,
        }
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
            *all = Entries {
                moved: pending.id,
                ..Entries::default()
            };
        }
        all.add(pending, &self.position);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("invariant: nothing panics while it holds the entries")
    }
}

impl Entries {
    fn add(&mut self, pending: Pending, position: &AtomicU64) {
        if pending.moved || !pending.entries.is_empty() {
            position.fetch_max(pending.id, Ordering::AcqRel);
        }
        self.count += pending.entries.len();
        self.bytes += pending.bytes.len();
        let bytes: Arc<[u8]> = pending.bytes.into();
        for item in pending.entries {
            self.by_number.entry(item.number).or_default().push(Entry {
                id: pending.id,
                from: item.from,
                seq: item.seq,
                marks: item.marks,
                bytes: bytes.clone(),
                begin: item.begin,
                end: item.end,
            });
        }
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
    /// The entries of the transaction after all that are committed.
    pub(crate) fn after(recent: &Recent) -> Self {
        Self::new(recent.position() + 1)
    }

    fn new(id: u64) -> Self {
        Self {
            id,
            bytes: Vec::new(),
            entries: Vec::new(),
            moved: false,
        }
    }

    /// Adds what a commit did to an execution that had version `from`: `events` end with number `seq`, or are none.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        (number, from): (i64, u64),
        seq: u64,
        marks: Marks,
        events: &[u8],
    ) -> rusqlite::Result<()> {
        let mut kept = events;
        if events.len() > DIRECT_BYTES {
            write_row(connection, number, seq, events)?;
            kept = &[];
        }
        self.bytes.extend(number.to_le_bytes());
        // Versions have 24 bits. Format 3 left the upper half empty.
        self.bytes.extend((seq | from << 32).to_le_bytes());
        self.bytes.extend(marks.owner.unwrap_or_default().to_le_bytes());
        let bits = [marks.owner.is_some(), marks.busy, marks.ended];
        self.bytes.push(bits.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit)));
        let length = u32::try_from(kept.len()).expect("invariant: longer ones are not kept");
        self.bytes.extend(length.to_le_bytes());
        let begin = self.bytes.len();
        self.bytes.extend(kept);
        self.entries.push(Item {
            number,
            from,
            seq,
            marks,
            begin,
            end: self.bytes.len(),
        });
        Ok(())
    }

    /// Whether the execution has entries here.
    pub(crate) fn has(&self, number: i64) -> bool {
        self.entries.iter().any(|item| item.number == number)
    }

    /// Writes the row of this transaction.
    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.entries.is_empty() {
            connection
                .prepare_cached("INSERT INTO recent (id, entries) VALUES (?1, ?2)")?
                .execute(params![self.id.cast_signed(), &self.bytes[..]])?;
        }
        Ok(())
    }

    /// Moves all entries, committed or not, into the tree.
    pub(crate) fn settle(&mut self, connection: &Connection, recent: &Recent) -> rusqlite::Result<()> {
        let mut all = recent.copy();
        let pending = std::mem::replace(self, Self::new(self.id));
        all.add(pending, &AtomicU64::default());
        if all.by_number.is_empty() {
            return Ok(());
        }
        self.moved = true;
        let mut lines = all.moved.to_le_bytes().to_vec();
        for (number, entries) in all.by_number.into_iter().collect::<BTreeMap<_, _>>() {
            move_entries(connection, number, &entries)?;
            entries.iter().for_each(|entry| entry.line(number).write(all.moved, &mut lines));
        }
        connection.prepare_cached("DELETE FROM recent")?.execute([])?;
        connection
            .prepare_cached("INSERT INTO moved (id, lines) VALUES (?1, ?2)")?
            .execute(params![self.id.cast_signed(), lines])?;
        connection
            .prepare_cached("DELETE FROM moved WHERE id <= (SELECT id FROM moved ORDER BY id DESC LIMIT 1 OFFSET ?1)")?
            .execute([MOVES_MAX])?;
        Ok(())
    }
}

impl Recent {
    fn copy(&self) -> Entries {
        let all = self.entries();
        Entries {
            by_number: all.by_number.clone(),
            ..*all
        }
    }
}

/// What was committed to after the transaction `id` and was moved; none when older lines were deleted already.
pub(crate) fn moved_after(connection: &Connection, id: u64) -> rusqlite::Result<Option<Vec<Line>>> {
    let mut query = connection.prepare_cached("SELECT lines FROM moved WHERE id > ?1 ORDER BY id")?;
    let mut rows = query.query([id.cast_signed()])?;
    let (mut found, mut is_first) = (Vec::new(), true);
    while let Some(row) = rows.next()? {
        let mut lines = row.get_ref(0)?.as_blob()?;
        let row_is_cut_off = || cut_off("a row of what was moved is cut off");
        let begin = u64::from_le_bytes(*take(&mut lines).ok_or_else(row_is_cut_off)?);
        if is_first && begin > id {
            return Ok(None);
        }
        is_first = false;
        while !lines.is_empty() {
            let line = Line::read(begin, &mut lines).ok_or_else(row_is_cut_off)?;
            if line.id > id {
                found.push(line);
            }
        }
    }
    Ok((!is_first).then_some(found))
}

impl Line {
    /// Beside others of a move that came after the transaction `begin`.
    fn write(&self, begin: u64, lines: &mut Vec<u8>) {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        lines.extend(self.number.to_le_bytes());
        lines.extend(small(self.from));
        lines.extend(small(self.id - begin));
    }

    fn read(begin: u64, lines: &mut &[u8]) -> Option<Self> {
        Some(Self {
            number: i64::from_le_bytes(*take(lines)?),
            from: u32::from_le_bytes(*take(lines)?).into(),
            id: begin + u64::from(u32::from_le_bytes(*take(lines)?)),
        })
    }
}

fn cut_off(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, what.into())
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

/// The entries of the row of transaction `id`; none when it is damaged.
fn decode(id: u64, row: &[u8]) -> Option<Pending> {
    let mut entries = Vec::new();
    let mut rest = row;
    while !rest.is_empty() {
        let number = i64::from_le_bytes(*take(&mut rest)?);
        let versions = u64::from_le_bytes(*take(&mut rest)?);
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
        entries.push(Item {
            number,
            from: versions >> 32,
            seq: versions & u64::from(u32::MAX),
            marks,
            begin,
            end: begin + length,
        });
    }
    Some(Pending {
        id,
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
