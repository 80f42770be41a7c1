"""Cache of token-level states in a table: recomputable, bounded, lost in a crash of the server, and not on its replicas."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import psycopg

from ...errors import StoreError
from .session import Session


class ServerStates:
    """Blobs by (item, payload number, host). A cache that can't be read or written behaves as an empty one.

    Args:
        session: opens the database.
        max_bytes: bound of all blobs together.
    """

    def __init__(self, session: Callable[[], AbstractContextManager[Session]], max_bytes: int) -> None:
        self._session = session
        self._max_bytes = max_bytes

    def get(self, payloads: Mapping[str, int], host: str) -> dict[str, bytes]:
        """Return the blobs of the items that have one for their present payload."""
        found: dict[str, bytes] = {}
        with self._tolerant() as db:
            rows = db.execute(
                "SELECT s.item, s.data FROM unnest(?::text[], ?::bigint[]) w (item, payload)"
                " JOIN states s ON s.item = w.item AND s.payload = w.payload AND s.host = ?",
                (list(payloads), list(payloads.values()), host),
            )
            found.update((item, data) for item, data in rows)
        return found

    def put(self, states: Mapping[str, bytes], payloads: Mapping[str, int], host: str) -> None:
        """Cache blobs, dropping the least recently written beyond the bound. A blob larger than the bound isn't kept."""
        # in one order, so that two processes can't wait for each other
        rows = [(i, host, payloads[i], states[i]) for i in sorted(states) if i in payloads and len(states[i]) <= self._max_bytes]
        if not rows:
            return
        with self._tolerant() as db, db.connection.transaction():
            db.executemany("DELETE FROM states WHERE item = ? AND host = ?", [row[:2] for row in rows])
            db.executemany(
                "INSERT INTO states (item, host, payload, data) VALUES (?, ?, ?, ?) ON CONFLICT (item, host) DO NOTHING", rows
            )
            db.execute(
                "DELETE FROM states WHERE written <= (SELECT max(written) FROM (SELECT written, sum(octet_length(data))"
                " OVER (ORDER BY written DESC) AS bytes FROM states) newest WHERE bytes > ?)",
                (self._max_bytes,),
            )

    def drop(self, items: Sequence[str]) -> None:
        """Remove everything that is cached of some items."""
        if items:
            with self._tolerant() as db:
                db.execute("DELETE FROM states WHERE item = ANY(?)", (list(items),))

    @contextmanager
    def _tolerant(self) -> Iterator[Session]:
        try:
            with self._session() as db:
                yield db
        except (StoreError, psycopg.Error):
            # out of reach, full or read-only: perhaps better next time
            return
