-- Format 3 did not know in which order commits were made once they were moved. Numbers of transactions began again with each move.
BEGIN;
CREATE TABLE moved (
    id    INTEGER PRIMARY KEY,
    lines BLOB NOT NULL
) STRICT;
PRAGMA user_version = 4;
COMMIT;
