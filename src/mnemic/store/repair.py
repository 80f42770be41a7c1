"""Mending a store's folder: what can be made again is, and of a damaged database all readable rows go into a new one."""

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Corrupt, StoreError, rule_got_do
from . import schema, soundness
from .connection import DAMAGED, DATABASE, DRAFTS, STATES, connect, explained, open_database
from .lifecycle import ERASED
from .records import new_id
from .salvage import Rows, read_tables

_OLD = 60.0
"""Seconds after which a file that was being made was left by a killed process."""
LOST = "lost with a damaged page"
"""Reason of the events that say so."""


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What was done, in words. lost: what is gone. aside: name of the copy of the damaged file. left: what is still wrong."""

    mended: tuple[str, ...]
    lost: tuple[str, ...] = ()
    aside: str | None = None
    left: tuple[str, ...] = ()


def repair(folder: Path, *, accept: Callable[[Sequence[str]], bool]) -> Repaired:
    """Mend a store. No other process may have it open.

    Args:
        folder: the store's.
        accept: asked, with what would be lost, before anything is; false leaves the database as it is.

    Raises:
        Corrupt: if there is nothing to read: no database, or another program's.
        StoreError: if another process holds the store, or its disk can't be written.
    """
    path = folder / DATABASE
    if not path.is_file():
        raise Corrupt(rule_got_do(f"A store that is mended has its {DATABASE}.", str(folder), "Restore it from a backup."))
    mended = [*_leftovers(folder), *_states(folder)]
    try:
        with explained(str(folder)), closing(open_database(folder)) as db:
            found = soundness.problems(db)
            if found:
                mended += _counters(db)
                found = soundness.problems(db)
    except Corrupt as error:
        found = [str(error)]
    if not [line for line in found if not line.endswith(soundness.NO_VECTOR)]:
        return Repaired(mended=tuple(mended), left=tuple(found))
    with explained(str(folder)):
        made = _salvage(folder, accept)
    return Repaired(mended=(*mended, *made.mended), lost=made.lost, aside=made.aside, left=made.left)


def _leftovers(folder: Path) -> list[str]:
    """Remove what killed processes left of files that they were making."""
    drafts = [path for path in folder.glob(f"*{DRAFTS}*") if time.time() - path.stat().st_mtime > _OLD]
    for path in drafts:
        path.unlink(missing_ok=True)
    return [f"removed {path.name}, left by an interrupted process" for path in drafts]


def _states(folder: Path) -> list[str]:
    """Remove a damaged cache: what is in it can be computed again."""
    path = folder / STATES
    if not path.is_file():
        return []
    try:
        with closing(connect(str(path))) as db:
            if db.execute("PRAGMA integrity_check").fetchone()[0] == "ok":
                return []
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return []
    except sqlite3.DatabaseError:
        pass
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{STATES}{suffix}").unlink(missing_ok=True)
    return [f"removed {STATES}, a damaged cache that is made again"]


def _counters(db: sqlite3.Connection) -> list[str]:
    """Count again, and drop uses of items that aren't there."""
    mended = []
    with suppress(sqlite3.DatabaseError):
        db.execute("BEGIN IMMEDIATE")
        wrong = db.execute(soundness.MISCOUNTED).fetchall()
        db.execute("UPDATE scopes SET active = (SELECT count(*) FROM items i WHERE i.scope = scopes.id AND i.status = 'active')")
        gone = db.execute("DELETE FROM counters WHERE item NOT IN (SELECT seq FROM items)").rowcount
        db.execute("COMMIT")
        mended = [f"counted the active items of scope {name!r} again: {there}, not {active}" for name, active, there in wrong]
        mended += [f"dropped the uses of {gone} items that aren't there"] if gone else []
    if db.in_transaction:
        db.execute("ROLLBACK")
    return mended


def _salvage(folder: Path, accept: Callable[[Sequence[str]], bool]) -> Repaired:
    path = folder / DATABASE
    aside = path.with_name(f"{DATABASE}{DAMAGED}{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
    draft = path.with_name(f"{DATABASE}{DRAFTS}{secrets.token_hex(4)}")
    for suffix in ("", "-wal"):
        # first of all: reading moves the log into the file
        with suppress(FileNotFoundError):
            shutil.copy2(f"{path}{suffix}", f"{aside}{suffix}")
    try:
        draft.touch(mode=0o600)
        tables, unreadable = read_tables(path)
        with closing(connect(str(draft))) as db:
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("BEGIN IMMEDIATE")
            schema.migrate(db)
            lost = [*_rebuild(db, tables), *unreadable]
            db.execute("COMMIT")
            left = soundness.problems(db)
        if [line for line in left if not line.endswith(soundness.NO_VECTOR)]:
            raise StoreError(
                rule_got_do("A salvaged database is sound.", "; ".join(left), f"Restore a backup; the copy is {aside.name}.")
            )
        if lost and not accept(lost):
            _remove(aside)
            draft.unlink()
            return Repaired(mended=(), lost=tuple(lost), left=("nothing was changed: something would be lost",))
        with draft.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        _remove(aside)
        draft.unlink(missing_ok=True)
        raise
    # from here on the copy is what the damaged database can be had from
    for suffix in ("-wal", "-shm"):
        path.with_name(f"{DATABASE}{suffix}").unlink(missing_ok=True)
    draft.replace(path)
    kept = f"put the {len(tables['payloads'])} readable texts into a new database; the damaged one is {aside.name}"
    return Repaired(mended=(kept,), lost=tuple(lost), aside=aside.name, left=tuple(left))


def _remove(aside: Path) -> None:
    for suffix in ("", "-wal"):
        aside.with_name(f"{aside.name}{suffix}").unlink(missing_ok=True)


def _rebuild(db: sqlite3.Connection, tables: dict[str, Rows]) -> list[str]:
    """Write what was read so that it fits together, and return what is lost, in words."""
    lost = []
    for name in ("encoder", "scopes", "items", "journal", "payloads", "vectors", "counters", "operations"):
        for row in tables[name].values():
            with suppress(sqlite3.IntegrityError):
                db.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    # a text whose digest isn't its own was overwritten
    for event, text, digest in db.execute("SELECT event, text, digest FROM payloads").fetchall():
        if not isinstance(text, str) or schema.digest_of(text) != digest:
            db.execute("DELETE FROM payloads WHERE event = ?", (event,))
    db.execute("DELETE FROM vectors WHERE event NOT IN (SELECT event FROM payloads)")
    db.execute("DELETE FROM vectors WHERE length(key) <> (SELECT 4 * dim FROM encoder)")
    lost += _without_rows(db)
    lost += _without_texts(db)
    db.execute("DELETE FROM counters WHERE item NOT IN (SELECT seq FROM items)")
    for column in ("supersedes", "superseded_by"):
        db.execute(f"UPDATE items SET {column} = NULL WHERE {column} NOT IN (SELECT seq FROM items)")
    _operations(db)
    db.execute("UPDATE scopes SET active = (SELECT count(*) FROM items i WHERE i.scope = scopes.id AND i.status = 'active')")
    if not tables["encoder"] and tables["vectors"]:
        size = len(next(iter(tables["vectors"].values()))["key"]) // 4
        db.execute("INSERT INTO encoder VALUES (1, 'lost', ?)", (size,))
        lost.append("the encoder's name: run `mnemic reindex --encoder NAME`")
    return lost


def _without_rows(db: sqlite3.Connection) -> list[str]:
    """Make rows anew that others need, from what these say."""
    lost = []
    orphans = db.execute(
        "SELECT item, max(seq), min(at) FROM journal WHERE item NOT IN (SELECT seq FROM items) GROUP BY item"
    ).fetchall()
    for seq, last, first in orphans:
        row = db.execute(
            "SELECT o.scope FROM journal j JOIN operations o ON o.seq = j.operation WHERE j.item = ? LIMIT 1", (seq,)
        ).fetchone()
        status, said, newer = db.execute("SELECT status, said, superseded_by FROM journal WHERE seq = ?", (last,)).fetchone()
        item_id = new_id()
        db.execute(
            "INSERT INTO items (seq, id, scope, status, created, superseded_by, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, item_id, row[0] if row else 0, status, first, newer, said),
        )
        lost.append(f"the id of an item, now {item_id}")
    for (scope,) in db.execute("SELECT DISTINCT scope FROM items WHERE scope NOT IN (SELECT id FROM scopes)").fetchall():
        name = f"recovered-{scope}"
        db.execute("INSERT INTO scopes (id, name) VALUES (?, ?)", (scope, name))
        lost.append(f"the name of a scope, now {name!r}")
    bare = db.execute(
        "SELECT i.seq, i.id, i.status, i.created, i.payload FROM items i"
        " WHERE i.payload IN (SELECT event FROM payloads) AND i.payload NOT IN (SELECT seq FROM journal)"
    ).fetchall()
    for seq, item_id, status, created, event in bare:
        db.execute(
            "INSERT INTO journal (seq, at, kind, item, reason, operation, status, said) VALUES (?, ?, 'add', ?, ?, ?, ?, ?)",
            (event, created, seq, LOST, event, status, event),
        )
        lost.append(f"how the item {item_id} came to say what it says")
    db.execute("DELETE FROM payloads WHERE event NOT IN (SELECT seq FROM journal)")
    db.execute("DELETE FROM vectors WHERE event NOT IN (SELECT event FROM payloads)")
    return lost


def _without_texts(db: sqlite3.Connection) -> list[str]:
    """Mark items whose text is gone as erased."""
    gone = db.execute(
        "SELECT seq, id FROM items WHERE status <> ? AND (payload IS NULL OR payload NOT IN (SELECT event FROM payloads))",
        (ERASED,),
    ).fetchall()
    for seq, _ in gone:
        db.execute("DELETE FROM payloads WHERE event IN (SELECT seq FROM journal WHERE item = ?)", (seq,))
        db.execute("DELETE FROM counters WHERE item = ?", (seq,))
        db.execute("UPDATE items SET status = ?, payload = NULL WHERE seq = ?", (ERASED, seq))
        (event,) = db.execute("SELECT coalesce(max(seq), 0) + 1 FROM journal").fetchone()
        db.execute(
            "INSERT INTO journal (seq, at, kind, item, reason, operation, status) VALUES (?, ?, 'erase', ?, ?, ?, ?)",
            (event, time.time(), seq, LOST, event, ERASED),
        )
    db.execute("DELETE FROM vectors WHERE event NOT IN (SELECT event FROM payloads)")
    earlier = db.execute(
        "UPDATE journal SET said = NULL WHERE said IS NOT NULL AND said NOT IN (SELECT event FROM payloads)"
        " AND item IN (SELECT seq FROM items WHERE status <> ?)",
        (ERASED,),
    ).rowcount
    db.execute("UPDATE journal SET said = NULL WHERE said NOT IN (SELECT event FROM payloads)")
    lost = [f"the text of the item {item_id}" for _, item_id in gone]
    return [*lost, f"what was said before, after {earlier} events"] if earlier else lost


def _operations(db: sqlite3.Connection) -> None:
    """Make operations of the events that are there; one whose first event is gone begins with the first that isn't."""
    db.execute("UPDATE journal SET operation = (SELECT min(j.seq) FROM journal j WHERE j.operation = journal.operation)")
    db.execute("DELETE FROM operations WHERE seq NOT IN (SELECT operation FROM journal)")
    db.execute(
        "INSERT INTO operations (seq, scope) SELECT j.seq, i.scope FROM journal j JOIN items i ON i.seq = j.item"
        " WHERE j.operation = j.seq AND j.seq NOT IN (SELECT seq FROM operations)"
    )
    for column in ("undoes", "undone_by"):
        db.execute(f"UPDATE operations SET {column} = NULL WHERE {column} NOT IN (SELECT seq FROM operations)")
