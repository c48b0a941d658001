-- Format 1 kept version, owner and marks in the execution's row, one event in a row of the journal, and did not know who names a blob.
-- Its blobs stay for ever.
BEGIN;
CREATE TABLE lease (
    n     INTEGER PRIMARY KEY,
    owner INTEGER,
    busy  INTEGER NOT NULL
) STRICT;
INSERT INTO lease SELECT n, owner, busy FROM execution WHERE busy = 1 OR owner IS NOT NULL;
CREATE TABLE execution_new (
    n          INTEGER PRIMARY KEY,
    id         TEXT UNIQUE,
    kind       TEXT NOT NULL,
    ended      INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;
INSERT INTO execution_new SELECT n, id, kind, ended, started_at FROM execution;
DROP TABLE execution;
ALTER TABLE execution_new RENAME TO execution;
ALTER TABLE journal RENAME COLUMN event TO events;
CREATE TABLE blob_use (
    hash BLOB NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (hash, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_use_n ON blob_use (n);
INSERT INTO blob_use SELECT hash, 0 FROM blob;
PRAGMA user_version = 2;
COMMIT;
