-- The rows of format 3, as its binaries made them.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal names an execution by its number: ids are long and stand here only. Version and time of the last event are the journal's.
-- An execution without an id was deleted: its rows go in small steps, and its number with the last of them.
CREATE TABLE execution (
    n          INTEGER PRIMARY KEY,
    id         TEXT UNIQUE,
    kind       TEXT NOT NULL,
    ended      INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

-- Executions that somebody works on: few, so these rows stay on few pages.
CREATE TABLE lease (
    n     INTEGER PRIMARY KEY,
    owner INTEGER,
    busy  INTEGER NOT NULL
) STRICT;

-- A row is one commit or several. `place` is n * 2^24 + the number of its last event: one tree, an execution's rows side by side.
CREATE TABLE journal (
    place  INTEGER PRIMARY KEY,
    events BLOB NOT NULL
) STRICT;

-- What executions did lately, a row a transaction (see recent.rs). It goes to `journal`, `lease` and `execution.ended` in large steps, and is newer
-- than what stands there.
CREATE TABLE recent (
    id      INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;

CREATE TABLE inbox (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    exec   TEXT NOT NULL,
    kind   TEXT,
    input  TEXT,
    signal BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_exec ON inbox (exec, id);

CREATE TABLE timer (
    n     INTEGER NOT NULL,
    timer INTEGER NOT NULL,
    due   INTEGER NOT NULL,
    PRIMARY KEY (n, timer)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due);

CREATE TABLE blob (
    hash BLOB NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which executions name a blob; 0 is somebody who is not an execution, and stays.
CREATE TABLE blob_use (
    hash BLOB NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (hash, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_use_n ON blob_use (n);

CREATE TABLE resource (
    key     TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT;
