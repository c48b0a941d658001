-- The rows of format 1, as its binaries made them.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal names an execution by its number: ids are long and stand here only.
CREATE TABLE execution (
    n          INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    owner      INTEGER,
    busy       INTEGER NOT NULL,
    ended      INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX execution_busy ON execution (busy) WHERE busy = 1;

-- `place` is n * 2^24 + seq: one tree, an execution's events side by side, and rows of up to a page stay out of overflow pages.
CREATE TABLE journal (
    place INTEGER PRIMARY KEY,
    event BLOB NOT NULL
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

CREATE TABLE resource (
    key     TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT;
