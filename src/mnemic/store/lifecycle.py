"""Forgetting several items, undoing operations: statements inside a transaction of the caller's. See docs/design/lifecycle.md."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ..errors import NotFound, StoreError, rule_got_do
from ..types import Item
from . import records
from .database import Database

ERASED = "erased"
"""Status of an item of which nothing is left but its events, and what takes the place of their reasons."""


class _Kept(NamedTuple):
    """What an item was after an event."""

    status: str
    said: int | None
    superseded_by: int | None


def prune(db: Database, reasons: Mapping[str, str], scope: str) -> list[Item]:
    """Forget the active ones of several items as one operation, and return them.

    Raises:
        NotFound: if the scope has no such item.
    """
    found = [records.find(db, item_id, scope) for item_id in reasons]
    active = [one for one in found if one.item.status == "active"]
    now, first = time.time(), None
    for seq, item in active:
        db.execute("UPDATE items SET status = 'forgotten' WHERE seq = ?", (seq,))
        event = records.log(db, now, "prune", seq, reasons[item.id], operation=first)
        first = event if first is None else first
        records.keep(db, event)
    db.execute("UPDATE scopes SET active = active - ? WHERE name = ?", (len(active), scope))
    return [replace(item, status="forgotten") for _, item in active]


def last_operation(db: Database, scope: str) -> int:
    """Return the last operation of a scope that still holds and can be undone.

    Raises:
        NotFound: if there is none.
    """
    row = db.execute(
        "SELECT max(o.seq) FROM operations o JOIN scopes s ON s.id = o.scope"
        " WHERE s.name = ? AND o.undoes IS NULL AND o.undone_by IS NULL"
        " AND EXISTS (SELECT 1 FROM journal j JOIN items i ON i.seq = j.item WHERE j.operation = o.seq AND i.status <> ?)"
        " AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.operation = o.seq AND j.kind = 'erase')",
        (scope, ERASED),
    ).fetchone()
    if row[0] is None:
        raise NotFound(
            rule_got_do(
                "Something must have happened to be undone.",
                f"nothing that still holds in scope {scope!r}",
                "Give a number: `mnemic history ID` shows them.",
            )
        )
    found: int = row[0]
    return found


def undo(db: Database, operation: int, scope: str, reason: str) -> list[str]:
    """Undo an operation, and return the ids of its items that are not as they were any more.

    Raises:
        NotFound: if the scope has no such operation.
        StoreError: if it is undone already, erased something, or something later has to be undone first.
    """
    row = db.execute(
        "SELECT o.undone_by FROM operations o JOIN scopes s ON s.id = o.scope WHERE o.seq = ? AND s.name = ?",
        (operation, scope),
    ).fetchone()
    if row is None:
        raise NotFound(
            rule_got_do(
                f"What is undone is an operation of the scope {scope!r}.",
                repr(operation)[:80],
                "Give the number of its first event, as `mnemic history` shows it.",
            )
        )
    (undone_by,) = row
    if undone_by is not None:
        raise _cannot(f"operation {operation}, which operation {undone_by} undid", f"Undo {undone_by} to bring it back.")
    events = db.execute(
        "SELECT j.seq, j.item, j.kind, i.id, i.status, i.payload, i.superseded_by, j.status, j.said, j.superseded_by"
        " FROM journal j JOIN items i ON i.seq = j.item WHERE j.operation = ? ORDER BY j.seq",
        (operation,),
    ).fetchall()
    if any(kind == "erase" for _, _, kind, *_ in events):
        raise _cannot(f"operation {operation}, which erased", "Teach it again.")
    left = [event for event in events if event[4] != ERASED]
    if not left:
        raise _cannot(f"operation {operation}, whose items are erased", "Teach them again.")
    for _, seq, _, item_id, *states in left:
        if _Kept(*states[:3]) != _Kept(*states[3:]):
            later = db.execute("SELECT max(operation) FROM journal WHERE item = ?", (seq,)).fetchone()[0]
            raise _cannot(
                f"operation {operation}, after which operation {later} changed the item {item_id!r}", f"Undo {later} first."
            )
    now, first = time.time(), None
    for event, seq, _, _, status, *_ in reversed(left):
        before = _before(db, event, seq)
        db.execute(
            "UPDATE items SET status = ?, payload = ?, superseded_by = ? WHERE seq = ?",
            (before.status, before.said, before.superseded_by, seq),
        )
        change = (before.status == "active") - (status == "active")
        db.execute("UPDATE scopes SET active = active + ? WHERE name = ?", (change, scope))
        made = records.log(db, now, "undo", seq, reason, operation=first)
        first = made if first is None else first
        records.keep(db, made)
    assert first is not None, "something is left to undo"
    mark_undone(db, operation, first)
    return [item_id for _, _, _, item_id, *_ in left]


def mark_undone(db: Database, operation: int, by: int) -> None:
    """Write that an operation was undone by another one: what it undid holds again, what that undid doesn't, and so on."""
    db.execute("UPDATE operations SET undoes = ? WHERE seq = ?", (operation, by))
    db.execute("UPDATE operations SET undone_by = ? WHERE seq = ?", (by, operation))
    holds = False
    while (undone := db.execute("SELECT undoes FROM operations WHERE seq = ?", (operation,)).fetchone()[0]) is not None:
        db.execute("UPDATE operations SET undone_by = ? WHERE seq = ?", (operation if holds else None, undone))
        operation, holds = undone, not holds


def _before(db: Database, event: int, seq: int) -> _Kept:
    """Return what an item was before an event; before its first one it is forgotten, with what it says."""
    row = db.execute(
        "SELECT status, said, superseded_by FROM journal WHERE item = ? AND seq < ? ORDER BY seq DESC LIMIT 1", (seq, event)
    ).fetchone()
    if row is not None:
        return _Kept(*row)
    said = db.execute("SELECT payload FROM items WHERE seq = ?", (seq,)).fetchone()[0]
    return _Kept("forgotten", said, None)


def _cannot(got: str, do: str) -> StoreError:
    return StoreError(rule_got_do("An operation is undone while its items are as it left them.", got, do))
