"""Cache of token-level states: recomputable, bounded, in a file of its own that may be deleted at any time."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .connection import connect, empty_log
from .schema import version_of

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
        found: dict[str, bytes] = {}
        with self._tolerant():
            db = self._database()
            for item, payload in payloads.items():
                row = db.execute(
                    "SELECT data FROM states WHERE item = ? AND host = ? AND payload = ?", (item, host, payload)
                ).fetchone()
                if row:
                    found[item] = row[0]
        return found

    def put(self, states: Mapping[str, bytes], payloads: Mapping[str, int], host: str) -> None:
        """Cache blobs, dropping the least recently written beyond the bound. A blob larger than the bound isn't kept."""
        rows = [(i, host, payloads[i], data) for i, data in states.items() if i in payloads and len(data) <= self._max_bytes]
        if not rows:
            return
        with self._tolerant():
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

    def drop(self, items: Sequence[str]) -> None:
        """Remove everything that is cached of some items."""
        if items and (self._open is not None or (self._path is not None and self._path.exists())):
            with self._tolerant():
                self._database().executemany("DELETE FROM states WHERE item = ?", [(item,) for item in items])

    def erase(self, items: Sequence[str]) -> bool:
        """Remove everything that is cached of some items, from the write-ahead log too. Return whether other processes let it."""
        if self._open is None and (self._path is None or not self._path.exists()):
            return True
        try:
            db = self._database()
            db.executemany("DELETE FROM states WHERE item = ?", [(item,) for item in items])
            return empty_log(db)
        except sqlite3.OperationalError:
            self.close()
            return False
        except (sqlite3.DatabaseError, OSError):
            # what can't be read is thrown away
            self._discard()
            return True

    def close(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _evict(self, db: sqlite3.Connection) -> None:
        excess: int = db.execute("SELECT bytes FROM total").fetchone()[0] - self._max_bytes
        last = 0
        for written, size in db.execute("SELECT written, length(data) FROM states ORDER BY written"):
            if excess <= 0:
                break
            last, excess = written, excess - size
        db.execute("DELETE FROM states WHERE written <= ?", (last,))

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError:
            # busy, full or not writable: perhaps better next time
            self.close()
        except (sqlite3.DatabaseError, OSError):
            self._discard()

    def _database(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._connected()
            if version_of(self._open) not in (0, _VERSION):
                self._discard()
                self._open = self._connected()
            if version_of(self._open) == 0:
                self._open.execute("PRAGMA page_size = 32768")
                self._open.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
            self._open.execute("PRAGMA journal_mode = WAL")
            self._open.execute("PRAGMA synchronous = OFF")
        return self._open

    def _connected(self) -> sqlite3.Connection:
        if self._path is None:
            return connect(":memory:")
        self._path.touch(mode=0o600)
        return connect(str(self._path))

    def _discard(self) -> None:
        """Throw a damaged or foreign file away."""
        self.close()
        if self._path is not None:
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    self._path.with_name(f"{self._path.name}{suffix}").unlink()
