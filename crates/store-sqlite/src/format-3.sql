-- Format 2 wrote every commit into the journal's tree at once.
BEGIN;
CREATE TABLE recent (
    id      INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;
PRAGMA user_version = 3;
COMMIT;
