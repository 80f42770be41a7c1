"""Sweeping up on a server after an item was erased: tables are rewritten, and then their files are searched for what is left.

A deleted row stays in its page until something overwrites it, after an ordinary VACUUM too. So tables that aren't too large are
written anew. The write-ahead log, replicas and backups are out of reach.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from psycopg import errors

from ...types import FloatArray
from ..erasure import HOLDERS, Said, pieces_of
from . import searchable
from .session import Session, unhurried

REWRITTEN_BYTES = 256 * 2**20
"""Largest table that is written anew, which nobody can use meanwhile: about a second. A larger one is only vacuumed."""
_TABLES = ("payloads", "vectors", "new_vectors", "journal", "states")
"""What held something of an item, beside the partition of its scope."""
_ATTEMPTS = 3
"""How often tables are written anew while something is left: the server itself reads tables now and then, and keeps rows."""
_PAUSE = 1.0
"""Seconds between."""
_CHUNK = 2**22
_UNSEARCHED = "{} (not searched: the role needs EXECUTE on pg_read_binary_file, and pg_checkpoint)"


class _File(NamedTuple):
    """A file of a table or index."""

    relation: str
    path: str


def sweep(db: Session, said: Said, item_id: str, place: searchable.Place) -> tuple[int, tuple[str, ...]]:
    """Remove what deleted rows left. Return how many files were searched, and the tables and indexes that hold a piece still."""
    blobs = [data for (data,) in db.execute("SELECT data FROM states WHERE item = ?", (item_id,))]
    db.execute("DELETE FROM states WHERE item = ?", (item_id,))
    tables = [*_TABLES, f"searchable_{place.partition}"]
    with unhurried(db):
        for _ in range(_ATTEMPTS - 1):
            files, left = _swept(db, tables, place, said, blobs)
            if not left or not files:
                return files, left
            time.sleep(_PAUSE)
        return _swept(db, tables, place, said, blobs)


def _swept(
    db: Session, tables: list[str], place: searchable.Place, said: Said, blobs: list[bytes]
) -> tuple[int, tuple[str, ...]]:
    """Write tables anew, and search their files."""
    indexed = searchable.is_indexed(db, place.partition)
    if indexed:
        # it would be built anew inside the rewriting, while nobody can use the table
        searchable.drop_index(db, place.partition)
    for table in tables:
        _rewrite(db, table)
    if indexed:
        searchable.make_index(db, place.partition)
    return _search(db, tables, said, blobs)


def _rewrite(db: Session, table: str) -> None:
    (size,) = db.execute("SELECT pg_table_size(to_regclass(?))", (table,)).fetchone()
    if table == "states" and size > REWRITTEN_BYTES:
        db.execute("TRUNCATE states")
        return
    # who may not, or can't have the table to himself, finds out by the search what is left
    with suppress(errors.LockNotAvailable, errors.DeadlockDetected):
        db.execute(f"VACUUM (FULL) {table}" if size <= REWRITTEN_BYTES else f"VACUUM {table}")


def _search(db: Session, tables: list[str], said: Said, blobs: list[bytes]) -> tuple[int, tuple[str, ...]]:
    halves = {_half(vector): vector for vector in said.vectors}
    wanted = pieces_of(Said(said.texts, [*said.vectors, *halves, *blobs]))
    files = list(_files(db, tables))
    try:
        # what is only in the server's memory isn't in the files yet
        db.execute("CHECKPOINT")
        held = {file: _held(db, file.path, wanted) for file in files}
    except errors.InsufficientPrivilege:
        return 0, tuple(_UNSEARCHED.format(table) for table in tables)
    legitimate = {piece for found in held.values() for piece in found if _elsewhere(db, piece, halves)}
    return len(files), tuple(sorted({file.relation for file, found in held.items() if found - legitimate}))


def _files(db: Session, tables: list[str]) -> Iterator[_File]:
    """Yield the files of tables, of what is too long for their rows, and of their indexes."""
    rows = db.execute(
        "WITH t AS (SELECT c.oid, c.reltoastrelid, c.relname FROM pg_class c WHERE c.oid = ANY(?::regclass[])),"
        " r AS (SELECT oid, relname FROM t UNION ALL SELECT reltoastrelid, relname FROM t WHERE reltoastrelid <> 0),"
        " a AS (SELECT oid, relname FROM r UNION ALL SELECT x.indexrelid, r.relname FROM pg_index x JOIN r ON x.indrelid = r.oid)"
        " SELECT a.oid::regclass::text, pg_relation_filepath(a.oid) FROM a ORDER BY 1",
        (tables,),
    ).fetchall()
    for relation, path in rows:
        yield _File(relation, path)


def _held(db: Session, path: str, wanted: set[bytes]) -> set[bytes]:
    """Return the pieces that a relation's file holds, in all its segments of 1 GiB."""
    found = set[bytes]()
    overlap = max(map(len, wanted), default=0)
    segment, offset = 0, 0
    while True:
        name = f"{path}.{segment}" if segment else path
        rows = db.execute(
            "WITH chunk AS MATERIALIZED (SELECT pg_read_binary_file(?, ?, ?, true) AS data)"
            " SELECT octet_length(data), p FROM chunk LEFT JOIN unnest(?::bytea[]) p ON position(p IN data) > 0",
            (name, offset, _CHUNK, sorted(wanted - found)),
        ).fetchall()
        size = rows[0][0]
        found |= {piece for _, piece in rows if piece is not None}
        if size == _CHUNK:
            offset += _CHUNK - overlap
        elif size is not None and offset:
            segment, offset = segment + 1, 0
        else:
            return found


def _elsewhere(db: Session, piece: bytes, halves: dict[bytes, bytes]) -> bool:
    """Return whether something that is still there holds a piece."""
    whole = next((vector for half, vector in halves.items() if piece in half), None)
    if whole is not None:
        return db.execute("SELECT 1 FROM vectors WHERE key = ? LIMIT 1", (whole,)).fetchone() is not None
    return any(
        db.execute(
            f"SELECT 1 FROM {table} WHERE position(?::bytea IN "
            + (name if name in ("key", "data") else f"convert_to({name}, 'UTF8')")
            + ") > 0 LIMIT 1",
            (piece,),
        ).fetchone()
        for table, name in [*HOLDERS, ("states", "data")]
    )


def _half(vector: bytes) -> bytes:
    """Return a vector as the files of `searchable` hold it: little-endian halves."""
    key: FloatArray = np.frombuffer(vector, dtype="<f4")
    return key.astype("<f2").tobytes()
