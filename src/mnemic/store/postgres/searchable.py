"""The copy of the active items' vectors that is searched on the server: kept with every write, indexed where a scope is large."""

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from ...types import FloatArray
from ..base import Scored
from ..index import ExactIndex, Ranked, best_of
from ..scan import Mask, Rows, Scan, cosines
from .schema import PARTITIONS
from .session import Session, unhurried

LARGEST = 4000
"""Numbers of a vector beyond which pgvector's HNSW can't index it in half precision."""
_CANDIDATES = 100
"""Least number of items that the index hands to fp32."""
_BREADTH = (100, 1000)
"""Least and most of `hnsw.ef_search`."""
_AT_ONCE = 1000
"""Rows that are copied together."""
_SCANNED = 100_000
"""Rows that a search through the index may visit for a scope's or category's share of them."""


class Half(NamedTuple):
    """A vector `[E]` on its way to a `halfvec`."""

    key: FloatArray

    def bytes(self) -> bytes:
        """Return it as pgvector reads it: the size, two spare bytes, big-endian halves."""
        return struct.pack(">HH", len(self.key), 0) + self.key.astype(">f2").tobytes()


class HalfDumper(Dumper):
    """Sends a `Half` in binary; what it is for tells the server its type."""

    format = Format.BINARY

    def dump(self, obj: Half) -> bytes:
        """Return the bytes to send."""
        return obj.bytes()


psycopg.adapters.register_dumper(Half, HalfDumper)


class WordsOnly(ExactIndex):
    """The index of a scope whose vectors are searched on the server: it holds none."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, scan=_NoScan())


class _NoScan(Scan):
    @property
    def keys(self) -> FloatArray:
        """No rows."""
        return np.empty((0, 0), dtype=np.float32)

    def append(self, key: FloatArray) -> None:
        """Keep nothing."""

    def top(self, key: FloatArray, k: int, wanted: Mask) -> tuple[Rows, FloatArray]:
        """Find nothing."""
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)


class Place(NamedTuple):
    """Where a scope's vectors are."""

    scope: int
    partition: int


def place_of(db: Session, scope: str) -> Place | None:
    """Return where a scope's vectors are, or None for a scope that was never written to."""
    row = db.execute(
        "SELECT s.id, n FROM scopes s, generate_series(0, ?) n"
        " WHERE s.name = ? AND satisfies_hash_partition('searchable'::regclass, ?, n, s.id)",
        (PARTITIONS - 1, scope, PARTITIONS),
    ).fetchone()
    return None if row is None else Place(*row)


def follow(db: Session, after: int) -> list[int]:
    """Copy what changed after a revision, inside the transaction that changed it. Return the scopes' numbers."""
    changed = db.execute(
        "SELECT i.scope, i.seq, i.status, p.event, p.category, v.key FROM items i"
        " LEFT JOIN payloads p ON p.event = i.payload LEFT JOIN vectors v ON v.event = i.payload"
        " WHERE i.seq IN (SELECT item FROM journal WHERE seq > ?) ORDER BY i.scope, i.seq",
        (after,),
    ).fetchall()
    scopes = []
    for scope, rows in groupby(changed, key=lambda row: row[0]):
        scopes.append(scope)
        here = list(rows)
        db.execute("DELETE FROM searchable WHERE scope = ? AND item = ANY(?)", (scope, [row[1] for row in here]))
        _write(db, [(scope, item, event, category, key) for _, item, status, event, category, key in here if status == "active"])
    return scopes


def fill(db: Session) -> None:
    """Copy all active items anew, by vectors of another encoder that `new_vectors` holds, in a transaction of the caller's.

    The indexes go: they are of vectors of one size, and those who search do so exactly until they are there again.
    """
    for partition in range(PARTITIONS):
        # nobody begins to build one of the old size meanwhile
        db.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()), ?)", (partition,))
        drop_index(db, partition)
    db.execute("TRUNCATE searchable")
    after = 0
    while rows := db.execute(
        "SELECT i.seq, i.scope, p.event, p.category, n.key FROM items i JOIN payloads p ON p.event = i.payload"
        " JOIN new_vectors n ON n.event = p.event WHERE i.status = 'active' AND i.seq > ? ORDER BY i.seq LIMIT ?",
        (after, _AT_ONCE),
    ).fetchall():
        _write(db, [(scope, seq, event, category, key) for seq, scope, event, category, key in rows])
        after = rows[-1][0]


def _write(db: Session, rows: Iterable[tuple[int, int, int, str | None, bytes]]) -> None:
    halves = ((scope, seq, event, category, Half(np.frombuffer(key, dtype="<f4"))) for scope, seq, event, category, key in rows)
    db.executemany("INSERT INTO searchable (scope, item, event, category, key) VALUES (?, ?, ?, ?, ?)", halves)


def is_indexed(db: Session, partition: int) -> bool:
    """Return whether a partition has an index that searches can use."""
    row = db.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?)", (_index(partition),)).fetchone()
    return row is not None and row[0]


def make_index(db: Session, partition: int) -> None:
    """Index a partition, while others go on reading and writing it. Takes minutes for millions; one process does it at a time."""
    with unhurried(db):
        if not db.execute("SELECT pg_try_advisory_lock(hashtext(current_schema()), ?)", (partition,)).fetchone()[0]:
            return
        try:
            if not is_indexed(db, partition):
                # what an interrupted attempt left
                drop_index(db, partition)
                # it can't change while the lock is held
                (dim,) = db.execute("SELECT dim FROM encoder").fetchone()
                db.execute(
                    f"CREATE INDEX CONCURRENTLY {_index(partition)} ON searchable_{partition:d}"
                    f" USING hnsw ((key::halfvec({dim:d})) halfvec_ip_ops)"
                )
        finally:
            if not db.connection.closed:
                db.execute("SELECT pg_advisory_unlock(hashtext(current_schema()), ?)", (partition,))


def drop_index(db: Session, partition: int) -> None:
    """Remove a partition's index, whole or not."""
    db.execute(f"DROP INDEX IF EXISTS {_index(partition)}")


def search(db: Session, key: FloatArray, k: int, place: Place, category: str | None) -> list[Scored]:
    """Return the k active items with the highest cosine of those that the index finds, scored in fp32; the older first on ties.

    Where the index runs dry before it has found enough, the scope's rows are all looked at.
    """
    wanted = max(_CANDIDATES, 4 * k)
    found = _near(db, key, wanted, place, category, indexed=True)
    if len(found) < wanted:
        found = _near(db, key, wanted, place, category, indexed=False)
    if not found:
        return []
    scores = cosines(np.stack([np.frombuffer(row[2], dtype="<f4") for row in found]), key)
    return best_of((Ranked(float(score), row[0], row[1]) for score, row in zip(scores, found, strict=True)), k)


def _near(
    db: Session, key: FloatArray, wanted: int, place: Place, category: str | None, *, indexed: bool
) -> list[tuple[int, str, bytes]]:
    """Return (place in time, id, fp32 key) of the rows nearest in half precision."""
    # an expression that the index isn't on is computed for every row
    distance = f"(s.key::halfvec({len(key):d}) <#> :key::halfvec({len(key):d}))" + ("" if indexed else " + 0")
    only = "" if category is None else " AND s.category = :category"
    with _searching(db, wanted):
        return db.execute(
            "WITH near AS MATERIALIZED (SELECT s.item, s.event FROM searchable s"
            f" WHERE s.scope = :scope{only} ORDER BY {distance} LIMIT :wanted)"
            " SELECT i.seq, i.id, v.key FROM near n JOIN items i ON i.seq = n.item JOIN vectors v ON v.event = n.event",
            {"scope": place.scope, "category": category, "key": Half(key), "wanted": wanted},
        ).fetchall()


@contextmanager
def _searching(db: Session, wanted: int) -> Iterator[None]:
    with db.connection.transaction():
        db.execute(
            "SELECT set_config('hnsw.ef_search', ?, true), set_config('hnsw.iterative_scan', 'relaxed_order', true),"
            " set_config('hnsw.max_scan_tuples', ?, true)",
            (str(min(max(_BREADTH[0], 2 * wanted), _BREADTH[1])), str(_SCANNED)),
        )
        yield


def _index(partition: int) -> str:
    return f"searchable_{partition:d}_near"
