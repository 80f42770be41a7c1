"""Cache of token-level states: recomputable, bounded, in a file of its own that may be deleted at any time."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from .connection import connect

STATES_BYTES = 256 * 2**20
"""Default bound of the cached blobs together."""

_VERSION = 1
_TABLES = """
CREATE TABLE states (
    written INTEGER PRIMARY KEY AUTOINCREMENT,
    item TEXT NOT NULL,
    host TEXT NOT NULL,
    payload INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (item, host)
);
CREATE TABLE total (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
CREATE TRIGGER states_in AFTER INSERT ON states BEGIN UPDATE total SET bytes = bytes + length(new.data); END;
CREATE TRIGGER states_out AFTER DELETE ON states BEGIN UPDATE total SET bytes = bytes - length(old.data); END;
INSERT INTO total VALUES (1, 0);
"""


class StateCache:
    """Blobs by (item, payload number, host). A blob of an older payload is never returned.

    A cache that can't be read or written behaves as an empty one: everything in it can be computed again.

    Args:
        path: file to use, or None for memory.
        max_bytes: bound of all blobs together.
    """

    def __init__(self, path: Path | None, max_bytes: int = STATES_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._open: sqlite3.Connection | None = None

    def get(self, payloads: Mapping[str, int], host: str) -> dict[str, bytes]:
        """Return the blobs of the items that have one for their present payload. `payloads` maps item id to payload number."""
        try:
            db = self._database()
            found = {}
            for item, payload in payloads.items():
                row = db.execute(
                    "SELECT data FROM states WHERE item = ? AND host = ? AND payload = ?", (item, host, payload)
                ).fetchone()
                if row:
                    found[item] = row[0]
            return found
        except (sqlite3.Error, OSError):
            self._reset()
            return {}

    def put(self, states: Mapping[str, bytes], payloads: Mapping[str, int], host: str) -> None:
        """Cache blobs, dropping the least recently written beyond the bound. A blob larger than the bound isn't kept."""
        rows = [(i, host, payloads[i], data) for i, data in states.items() if i in payloads and len(data) <= self._max_bytes]
        if not rows:
            return
        try:
            db = self._database()
            try:
                db.execute("BEGIN IMMEDIATE")
                db.executemany("DELETE FROM states WHERE item = ? AND host = ?", [row[:2] for row in rows])
                db.executemany("INSERT INTO states (item, host, payload, data) VALUES (?, ?, ?, ?)", rows)
                self._evict(db)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except (sqlite3.Error, OSError):
            self._reset()

    def drop(self, items: list[str]) -> None:
        """Remove everything that is cached of some items."""
        if self._open is None and (self._path is None or not self._path.exists()):
            return
        try:
            self._database().executemany("DELETE FROM states WHERE item = ?", [(item,) for item in items])
        except (sqlite3.Error, OSError):
            self._reset()

    def close(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _evict(self, db: sqlite3.Connection) -> None:
        excess: int = db.execute("SELECT bytes FROM total").fetchone()[0] - self._max_bytes
        for written, size in (
            db.execute("SELECT written, length(data) FROM states ORDER BY written").fetchall() if excess > 0 else ()
        ):
            if excess <= 0:
                break
            db.execute("DELETE FROM states WHERE written = ?", (written,))
            excess -= size

    def _database(self) -> sqlite3.Connection:
        if self._open is None:
            if self._path is not None:
                self._path.touch(mode=0o600)
            db = connect(":memory:" if self._path is None else str(self._path))
            self._open = db
            db.execute("PRAGMA recursive_triggers = ON")
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                db.execute("PRAGMA page_size = 32768")
                db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
        return self._open

    def _reset(self) -> None:
        # a damaged or foreign file is thrown away; a busy or full one is left for the next time
        self.close()
