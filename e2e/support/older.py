"""Makes of a state folder what an older binary would have left: format 2, which wrote every commit into the journal's tree at once."""

import sqlite3
import struct

ENTRY = struct.Struct("<qQqBI")


def to_format_2(folder):
    """Rewrites the state file of a server that has ended."""
    old = sqlite3.connect(folder / "state.db")
    with old:
        assert old.execute("PRAGMA user_version").fetchone() == (4,), "a new format needs a step back here"
        for (row,) in old.execute("SELECT entries FROM recent ORDER BY id").fetchall():
            at = 0
            while at < len(row):
                number, last, owner, bits, length = ENTRY.unpack_from(row, at)
                at += ENTRY.size
                last &= 0xFFFFFFFF  # the version before stands in the upper half since format 4
                events, at = row[at : at + length], at + length
                if events:
                    old.execute("INSERT INTO journal (place, events) VALUES (?, ?)", ((number << 24) + last, events))
                old.execute("UPDATE execution SET ended = ? WHERE n = ?", (bool(bits & 4), number))
                old.execute("DELETE FROM lease WHERE n = ?", (number,))
                if bits & 3:
                    old.execute("INSERT INTO lease VALUES (?, ?, ?)", (number, owner if bits & 1 else None, bool(bits & 2)))
        # Format 3 had no order of what was moved.
        old.execute("DROP TABLE moved")
        old.execute("DROP TABLE recent")
        old.execute("PRAGMA user_version = 2")
    old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old.close()
