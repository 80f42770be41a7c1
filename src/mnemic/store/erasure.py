"""Erasing: what an item was made of is removed, and then every file of the store is searched for it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import records
from .connection import BACKUPS, CONVERSATION, DAMAGED, DRAFTS
from .database import Database
from .lifecycle import ERASED

_PIECE = 24
"""Bytes of a piece that is searched for. A long text or a vector may lie in several pages of a file."""
_PIECES = 8
"""How many are searched for, spread evenly over a text or vector."""
_WORD = 8
_SHORTEST = 8
"""Bytes below which a text isn't searched for: a short word is in anything."""
_CHUNK = 2**22
HOLDERS = [
    *[("payloads", name) for name in ("text", "category", "source")],
    *[("journal", name) for name in ("reason", "kind", "status")],
    *[("items", name) for name in ("id", "status")],
    *[(table, "name") for table in ("scopes", "encoder", "reindex", "migrations")],
    *[(table, "key") for table in ("vectors", "new_vectors")],
]
"""Where words stand that are nobody's secret only because another item, or the store itself, has them too."""
_OLD = 60.0
"""Seconds after which a file that was being made was left by a killed process."""


class Said(NamedTuple):
    """What an item was made of."""

    texts: list[str]
    vectors: list[bytes]


def erase(db: Database, item_id: str, scope: str) -> tuple[Said, tuple[str, ...]]:
    """Remove everything of an item but its events, in a transaction that the caller holds. Return what it was made of.

    Raises:
        NotFound: if the scope has no such item, or it is erased already.
    """
    seq, item = records.find(db, item_id, scope)
    of_item = "SELECT seq FROM journal WHERE item = ?"
    rows = db.execute(f"SELECT text, category, source FROM payloads WHERE event IN ({of_item})", (seq,))
    texts = [value for row in rows for value in row]
    kept = [f"SELECT key FROM {table} WHERE event IN ({of_item})" for table in ("vectors", "new_vectors")]
    vectors = [key for sql in kept for (key,) in db.execute(sql, (seq,))]
    reasons = [reason for (reason,) in db.execute("SELECT reason FROM journal WHERE item = ?", (seq,))]
    related = db.execute(
        "SELECT i.id FROM items i WHERE i.payload IS NOT NULL AND i.seq <> ?1 AND (i.supersedes = ?1 OR i.superseded_by = ?1"
        " OR i.seq IN (SELECT supersedes FROM items WHERE seq = ?1)"
        " OR i.seq IN (SELECT superseded_by FROM items WHERE seq = ?1)) ORDER BY i.seq",
        (seq,),
    ).fetchall()
    db.execute("UPDATE items SET payload = NULL, status = ? WHERE seq = ?", (ERASED, seq))
    # vectors go with their payloads
    db.execute(f"DELETE FROM payloads WHERE event IN ({of_item})", (seq,))
    db.execute("DELETE FROM counters WHERE item = ?", (seq,))
    db.execute("UPDATE journal SET reason = ?, said = NULL WHERE item = ?", (ERASED, seq))
    if item.status == "active":
        db.execute("UPDATE scopes SET active = active - 1 WHERE name = ?", (scope,))
    records.keep(db, records.log(db, time.time(), "erase", seq, ERASED))
    return Said([*(text for text in texts if text), *reasons], vectors), tuple(one for (one,) in related)


def search(db: sqlite3.Connection, folder: Path, said: Said) -> tuple[int, tuple[str, ...]]:
    """Return how many files of a folder were searched, and the names of those that hold a piece of what an item was made of.

    What something else in the store says too doesn't count.
    """
    wanted = pieces_of(said)
    files, look = sorted(path for path in folder.iterdir() if path.is_file()), _Search(wanted)
    found = {path.name: _held(path, look) for path in files}
    legitimate = {piece for held in found.values() for piece in held or () if _elsewhere(db, piece)}
    # what can't be read isn't known to be free of it
    return len(files), tuple(name for name, held in found.items() if held is None or held - legitimate)


def pieces_of(said: Said) -> set[bytes]:
    """Return what has to be searched for to know whether anything is left."""
    wanted = {piece for text in said.texts for piece in _cut(text.encode()) if len(piece) >= _SHORTEST}
    # a piece of few different bytes, such as zeros, is in anything
    return wanted | {piece for vector in said.vectors for piece in _cut(vector) if len(set(piece)) > _PIECE // 2}


def _cut(data: bytes) -> Iterator[bytes]:
    last = max(0, len(data) - _PIECE)
    for begin in sorted({last * n // (_PIECES - 1) for n in range(_PIECES)}):
        yield data[begin : begin + _PIECE]


def _elsewhere(db: sqlite3.Connection, piece: bytes) -> bool:
    """Return whether something that is still there holds a piece."""
    return any(
        db.execute(f"SELECT 1 FROM {table} WHERE instr(CAST({name} AS BLOB), ?) > 0 LIMIT 1", (piece,)).fetchone()
        for table, name in [*HOLDERS, ("sqlite_master", "sql")]
    )


class _Search:
    """Looks for all of many pieces in one pass.

    Wherever a piece of 15 bytes or more begins, 8 of its bytes begin at a place that 8 divides: only these places are looked at,
    first by two bytes in a table, then by all 8, and what is left byte by byte. Shorter pieces are looked for one by one.
    """

    def __init__(self, pieces: set[bytes]) -> None:
        self._short = {piece for piece in pieces if len(piece) < 2 * _WORD - 1}
        self._at: dict[int, set[tuple[bytes, int]]] = {}
        for piece in pieces - self._short:
            for place in range(_WORD):
                word = int.from_bytes(piece[place : place + _WORD], "little")
                self._at.setdefault(word, set()).add((piece, place))
        self._words = np.array(sorted(self._at), dtype="<u8")
        self._possible = np.zeros(2**16, dtype=np.bool_)
        self._possible[(self._words & np.uint64(0xFFFF)).astype(np.intp)] = True

    def found(self, data: bytes) -> set[bytes]:
        """Return the pieces that data holds."""
        held = {piece for piece in self._short if piece in data}
        words = np.frombuffer(data + bytes(-len(data) % _WORD), dtype="<u8")
        places = np.flatnonzero(self._possible[words.view("<u2")[:: _WORD // 2]])
        for number in places[np.isin(words[places], self._words)].tolist():
            for piece, place in self._at[int(words[number])]:
                begin = number * _WORD - place
                if begin >= 0 and data[begin : begin + len(piece)] == piece:
                    held.add(piece)
        return held


def _held(path: Path, look: _Search) -> set[bytes] | None:
    """Return the pieces that a file holds; None if it can't be read."""
    tail, held = b"", set[bytes]()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                window = tail + chunk
                held |= look.found(window)
                tail = window[-_PIECE:]
    except FileNotFoundError:
        # another process removed it meanwhile
        return set()
    except OSError:
        return None
    return held


def remove_copies(folder: Path, database: str) -> None:
    """Remove what holds the erased too: copies that migrations left, what a killed one left of a copy, the kept conversation."""
    left = [path for path in folder.glob(f"{database}{DRAFTS}*") if time.time() - path.stat().st_mtime > _OLD]
    copies = [path for part in (BACKUPS, DAMAGED) for path in folder.glob(f"{database}{part}*")]
    for path in [*copies, folder / CONVERSATION, *left]:
        with suppress(OSError):
            path.unlink(missing_ok=True)
