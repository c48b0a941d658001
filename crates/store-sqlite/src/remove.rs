//! Deletes executions: the head at once, the rest in small steps. An execution that lost its id is one whose rows are still going.

use bedplate_base::Hash;
use bedplate_journal::ExecId;
use bedplate_store::CommitError;
use rusqlite::{Connection, OptionalExtension, params};

use crate::apply::{Scene, known, place};
use crate::documents::Moment;
use crate::failure::WriteFailure;

/// Blobs that one step deletes: they are large, so they count as this many rows each.
const ROWS_A_BLOB: usize = 16;

pub(crate) fn remove(scene: &mut Scene<'_>, exec: &ExecId, version: u64) -> Result<(), WriteFailure> {
    let connection = scene.connection;
    let kept = |what: &str| Err(CommitError::Conflict(format!("{exec} {what}")).into());
    let Some(known) = known(scene, exec)?.filter(|known| known.version == version) else {
        return kept("has another version");
    };
    if known.marks.busy || known.marks.owner.is_some() {
        return kept("is worked on");
    }
    let waits = connection
        .prepare_cached("SELECT 1 FROM inbox WHERE exec = ?1 UNION ALL SELECT 1 FROM timer WHERE n = ?2")?
        .exists(params![exec.as_str(), known.number])?;
    if waits {
        return kept("has letters or timers");
    }
    // What the steps delete must all stand in the tree: a number is given again when its execution's row is gone.
    if scene.pending.has(known.number) || scene.recent.last(known.number).is_some() {
        scene.pending.settle(connection, scene.recent)?;
    }
    connection
        .prepare_cached("UPDATE execution SET id = NULL WHERE n = ?1")?
        .execute([known.number])?;
    scene.heads.forget(exec);
    Ok(())
}

/// Deletes about `rows` rows of one execution without an id; false when there is none.
pub(crate) fn sweep(connection: &Connection, rows: usize) -> Result<bool, WriteFailure> {
    let number: Option<i64> = connection
        .prepare_cached("SELECT n FROM execution WHERE id IS NULL LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(number) = number else { return Ok(false) };
    let limit = i64::try_from(rows.max(1)).unwrap_or(i64::MAX);
    let deleted = connection
        .prepare_cached(
            "DELETE FROM journal WHERE place IN (SELECT place FROM journal WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3)",
        )?
        .execute(params![place(number, 0), place(number, u64::MAX), limit])?;
    if deleted > 0 {
        return Ok(true);
    }
    let blobs = rows.div_ceil(ROWS_A_BLOB).max(1);
    let hashes: Vec<Vec<u8>> = connection
        .prepare_cached("SELECT hash FROM blob_use WHERE n = ?1 LIMIT ?2")?
        .query_map(params![number, i64::try_from(blobs).unwrap_or(i64::MAX)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for hash in &hashes {
        connection
            .prepare_cached("DELETE FROM blob_use WHERE hash = ?1 AND n = ?2")?
            .execute(params![hash, number])?;
        connection
            .prepare_cached("DELETE FROM blob WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM blob_use WHERE hash = ?1)")?
            .execute([hash])?;
    }
    if hashes.is_empty() {
        connection.prepare_cached("DELETE FROM execution WHERE n = ?1")?.execute([number])?;
    }
    Ok(true)
}

/// Deletes blobs of which it was found, when `looked`, that nobody needs them.
pub(crate) fn collect(scene: &Scene<'_>, hashes: &[Hash], looked: Moment) -> Result<(), WriteFailure> {
    let connection = scene.connection;
    let letters = connection.prepare_cached("SELECT 1 FROM inbox")?.exists([])?;
    if letters || scene.wrote_documents || scene.documents.moment() != looked {
        return Err(CommitError::Conflict("documents or letters were written meanwhile".into()).into());
    }
    for hash in hashes {
        let deleted = connection
            .prepare_cached("DELETE FROM blob WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM blob_use WHERE hash = ?1 AND n <> 0)")?
            .execute([hash.0.as_slice()])?;
        if deleted > 0 {
            connection
                .prepare_cached("DELETE FROM blob_use WHERE hash = ?1")?
                .execute([hash.0.as_slice()])?;
        }
    }
    Ok(())
}
