"""Reading what can be read of a damaged database, row by row."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from ..errors import Corrupt, SchemaTooNew, rule_got_do
from . import schema
from .connection import connect

Rows = dict[int, dict[str, Any]]
"""By row number, the columns by name."""
_TABLES = ("encoder", "scopes", "items", "journal", "payloads", "vectors", "counters", "operations")
_BEYOND = 4096
"""Row numbers looked at beyond the last that was read, where nothing says how many there are."""


def read_tables(path: Path) -> tuple[dict[str, Rows], list[str]]:
    """Return the readable rows of every table, and which of them have others, in words.

    Raises:
        Corrupt: if the tables aren't described any more, or are another program's.
        SchemaTooNew: if they are of another format than this one's.
        sqlite3.OperationalError: if another process has it open.
    """
    with closing(connect(str(path))) as db:
        db.text_factory = lambda data: data.decode("utf-8", "replace")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        # nothing is written through it: SQLite then opens files that are shorter than they should be
        db.execute("PRAGMA writable_schema = ON")
        try:
            application, version = db.execute("PRAGMA application_id").fetchone()[0], schema.version_of(db)
            names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise Corrupt(
                rule_got_do("A database is read by what describes its tables.", str(error), "Restore a backup.")
            ) from error
        if application != schema.APPLICATION_ID or not names.issuperset(_TABLES):
            raise Corrupt(rule_got_do("A store that is mended is one of Mnemic's.", str(path), "Restore a backup."))
        if version != len(schema.MIGRATIONS):
            raise SchemaTooNew(
                rule_got_do(
                    f"A damaged store is mended in format {len(schema.MIGRATIONS)}.",
                    f"format {version}",
                    "Mend it with the version of Mnemic that wrote it.",
                )
            )
        last = _last(db, "journal")
        highest = {"items": _last(db, "items"), "journal": last, **dict.fromkeys(("payloads", "vectors", "operations"), last)}
        tables: dict[str, Rows] = {}
        unreadable = []
        for name in _TABLES:
            top = highest["items"] if name == "counters" else highest.get(name, _last(db, name))
            tables[name], gaps = _read(db, name, top)
            if gaps:
                unreadable.append(f"rows of {name!r} between {gaps[0][0]} and {gaps[-1][1]} that can't be read")
    return tables, unreadable


def _last(db: sqlite3.Connection, table: str) -> int:
    """Return the highest row number that a table can have."""
    for sql, values in (
        ("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)),
        (f"SELECT max(rowid) FROM {table}", ()),
    ):
        try:
            row = db.execute(sql, values).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            return int(row[0] or 0)
    rows, _ = _upwards(db, table, 0, 2**62)
    return max(rows, default=0) + _BEYOND


def _read(db: sqlite3.Connection, table: str, highest: int) -> tuple[Rows, list[tuple[int, int]]]:
    """Return the readable rows up to a number, and the ranges in which reading fails."""
    found: Rows = {}
    gaps: list[tuple[int, int]] = []
    ranges = [(0, highest)]
    while ranges:
        low, high = ranges.pop()
        rows, whole = _upwards(db, table, low, high)
        found |= rows
        if whole:
            continue
        low = max(rows, default=low - 1) + 1
        rows, _ = _upwards(db, table, low, high, order="DESC")
        found |= rows
        high = min(rows, default=high + 1) - 1
        if low >= high:
            gaps += [(low, low)] if low == high else []
        else:
            middle = (low + high) // 2
            ranges += [(middle + 1, high), (low, middle)]
    return dict(sorted(found.items())), sorted(gaps)


def _upwards(db: sqlite3.Connection, table: str, low: int, high: int, order: str = "ASC") -> tuple[Rows, bool]:
    """Return the rows in a range up to the first that can't be read, and whether that was all."""
    rows: Rows = {}
    try:
        cursor = db.execute(
            f"SELECT rowid, * FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid {order}", (low, high)
        )
        names = [column[0] for column in cursor.description][1:]
        for number, *values in cursor:
            rows[number] = dict(zip(names, values, strict=True))
    except sqlite3.DatabaseError as error:
        # somebody else's lock is no damage
        if "locked" in str(error):
            raise
        return rows, False
    return rows, True
