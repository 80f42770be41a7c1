"""Statements of the SQL stores that read or write single items, inside a transaction that the caller holds."""

import secrets
import time
from base64 import b32encode
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..errors import NotFound, StoreError, rule_got_do
from ..types import FloatArray, Item, NewItem
from . import checks
from .database import Database
from .schema import digest_of

SHOWN_SCOPES = 5

SELECT_ITEMS = """
SELECT i.seq, i.id, s.name, p.text, p.category, p.importance, p.source, j.reason, i.status, i.created, j.at, c.last_used,
       coalesce(c.uses, 0), older.id, newer.id
FROM items i
JOIN scopes s ON s.id = i.scope
JOIN payloads p ON p.event = i.payload
JOIN journal j ON j.seq = i.payload
LEFT JOIN counters c ON c.item = i.seq
LEFT JOIN items older ON older.seq = i.supersedes
LEFT JOIN items newer ON newer.seq = i.superseded_by
"""
SELECT_ITEMS_AS_OF = """
SELECT i.seq, i.id, s.name, p.text, p.category, p.importance, p.source, j.reason, e.status, i.created, j.at, c.last_used,
       coalesce(c.uses, 0), older.id, newer.id
FROM (SELECT item, max(seq) AS seq FROM journal WHERE at <= :as_of GROUP BY item) last
JOIN journal e ON e.seq = last.seq
JOIN items i ON i.seq = e.item
JOIN scopes s ON s.id = i.scope
JOIN payloads p ON p.event = e.said
JOIN journal j ON j.seq = e.said
LEFT JOIN counters c ON c.item = i.seq
LEFT JOIN items older ON older.seq = i.supersedes
LEFT JOIN items newer ON newer.seq = e.superseded_by
"""
"""The same columns, as they were at a time; uses are those of today. Erased items were never there."""
_SELECT_INDEXED = """
SELECT i.seq, i.id, i.status, p.text, p.category, v.key
FROM {source} JOIN payloads p ON p.event = i.payload JOIN vectors v ON v.event = i.payload
WHERE i.scope = (SELECT id FROM scopes WHERE name = :scope)
"""
SELECT_ACTIVE = f"{_SELECT_INDEXED.format(source='items i')} AND i.status = 'active' ORDER BY i.seq"
"""What an index needs of all active items of :scope."""
# cross join and unary plus: SQLite then starts from the few changes, and not from all items or the whole journal
_SELECT_CHANGED = _SELECT_INDEXED.format(
    source="(SELECT DISTINCT +item AS item FROM journal WHERE seq > :after) c CROSS JOIN items i"
)
SELECT_CHANGED = f"{_SELECT_CHANGED} AND i.seq = c.item"
"""The same of the items of :scope that changed after a revision, whatever their status."""


class Found(NamedTuple):
    """An item and its row number, which is its place in time."""

    seq: int
    item: Item


def revision_of(db: Database) -> int:
    """Return the number of the last journal event."""
    revision: int = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
    return revision


def erased_after(db: Database, scope: str, revision: int) -> list[int]:
    """Return the row numbers of the items of a scope that were erased after a revision."""
    # cross join: SQLite then starts from the few events, and not from all items
    sql = (
        "SELECT DISTINCT i.seq FROM journal j CROSS JOIN items i"
        " WHERE i.seq = j.item AND j.seq > ? AND j.kind = 'erase' AND i.scope = (SELECT id FROM scopes WHERE name = ?)"
    )
    return [seq for (seq,) in db.execute(sql, (revision, scope))]


def changed_after(db: Database, scope: str, revision: int) -> int:
    """Return how many items of a scope changed after a revision."""
    sql = (
        "SELECT count(*) FROM (SELECT DISTINCT +item AS item FROM journal WHERE seq > ?) c CROSS JOIN items i"
        " WHERE i.seq = c.item AND i.scope = (SELECT id FROM scopes WHERE name = ?)"
    )
    count: int = db.execute(sql, (revision, scope)).fetchone()[0]
    return count


def find(db: Database, item_id: str, scope: str) -> Found:
    """Return an item of a scope, whatever its status.

    Raises:
        InputError: if the id is no text.
        NotFound: if the scope has no such item.
    """
    row = db.execute(f"{SELECT_ITEMS} WHERE i.id = ? AND s.name = ?", (checks.check_id(item_id), scope)).fetchone()
    if row is None:
        raise no_item(item_id, scope)
    return Found(row[0], item_of(row))


def seq_of(db: Database, item_id: str, scope: str) -> int:
    """Return the row number of an item of a scope, also of an erased one.

    Raises:
        InputError: if the id is no text.
        NotFound: if the scope never had such an item.
    """
    row = db.execute(
        "SELECT i.seq FROM items i JOIN scopes s ON s.id = i.scope WHERE i.id = ? AND s.name = ?",
        (checks.check_id(item_id), scope),
    ).fetchone()
    if row is None:
        raise no_item(item_id, scope)
    seq: int = row[0]
    return seq


def item_of(row: tuple[Any, ...]) -> Item:
    """Return the item of a row of `SELECT_ITEMS`."""
    _, item_id, scope, text, category, importance, source, reason, status, created, said, last_used, uses, older, newer = row
    return Item(
        id=item_id,
        scope=scope,
        text=text,
        category=category,
        importance=importance,
        source=source,
        reason=reason,
        status=status,
        created=created,
        said=said,
        last_used=last_used,
        uses=uses,
        supersedes=older,
        superseded_by=newer,
    )


def no_item(item_id: str, scope: str) -> NotFound:
    """Return the error for an id that the scope doesn't have. It is the same for an id of another scope."""
    return NotFound(
        rule_got_do(f"An item id must be one of the scope {scope!r}.", repr(item_id)[:80], "List them with `mnemic list`.")
    )


def require_scope(db: Database, scope: str) -> None:
    """Refuse a scope that was never written to, unless the store is new.

    Raises:
        NotFound: naming some of the scopes there are.
    """
    known = db.execute("SELECT name FROM scopes ORDER BY name = ? DESC, name LIMIT ?", (scope, SHOWN_SCOPES)).fetchall()
    if known and known[0][0] != scope:
        names = ", ".join(repr(name) for (name,) in known)
        raise NotFound(rule_got_do("A scope must have been written to before it is read.", repr(scope), f"Scopes here: {names}."))


def require_active(item: Item, done: str) -> None:
    """Refuse to change an item that isn't active.

    Raises:
        StoreError: naming its status.
    """
    if item.status != "active":
        raise StoreError(
            rule_got_do(f"Only an active item can be {done}.", f"{item.id!r}, which is {item.status}", "Choose an active one.")
        )


def payload_numbers(db: Database, ids: Sequence[str]) -> dict[str, int]:
    """Return the number of the present payload of those items that are active."""
    found = {}
    for item_id in ids:
        row = db.execute("SELECT payload FROM items WHERE id = ? AND status = 'active'", (item_id,)).fetchone()
        if row:
            found[item_id] = row[0]
    return found


def checked_key(new: NewItem, dim: int) -> FloatArray:
    """Check every field of an item to be written, and return its key as it is stored."""
    checks.check_scope(new.scope)
    checks.check_text(new.text)
    checks.check_importance(new.importance)
    for name, value in (("category", new.category), ("source", new.source), ("reason", new.reason)):
        checks.check_label(name, value)
    return checks.check_key(new.key, dim)


def add(db: Database, new: NewItem, key: FloatArray) -> Item:
    """Write a new item and supersede those that it replaces, if any."""
    now = time.time()
    db.execute("INSERT INTO scopes (name) VALUES (?) ON CONFLICT DO NOTHING", (new.scope,))
    scope = db.execute("SELECT id FROM scopes WHERE name = ?", (new.scope,)).fetchone()[0]
    replaced = [find(db, item_id, new.scope) for item_id in replaced_by(new)]
    for older in replaced:
        require_active(older.item, "superseded")
    item_id = new_id()
    (seq,) = db.execute(
        "INSERT INTO items (id, scope, status, created, supersedes) VALUES (?, ?, 'active', ?, ?) RETURNING seq",
        (item_id, scope, now, replaced[0].seq if replaced else None),
    ).fetchone()
    event = log(db, now, "add", seq, new.reason)
    say(db, event, seq, new, key)
    keep(db, event)
    db.execute("UPDATE scopes SET active = active + ? WHERE id = ?", (1 - len(replaced), scope))
    for older in replaced:
        db.execute("UPDATE items SET status = 'superseded', superseded_by = ? WHERE seq = ?", (seq, older.seq))
        keep(db, log(db, now, "supersede", older.seq, new.reason, operation=event))
    return Item(
        id=item_id,
        scope=new.scope,
        text=new.text,
        category=new.category,
        importance=float(new.importance),
        source=new.source,
        reason=new.reason,
        status="active",
        created=now,
        said=now,
        last_used=None,
        uses=0,
        supersedes=new.supersedes,
        superseded_by=None,
    )


def replaced_by(new: NewItem) -> list[str]:
    """Return the ids of all items that a new one replaces, each once, the first one first."""
    return list(dict.fromkeys([*([] if new.supersedes is None else [new.supersedes]), *new.also_supersedes]))


def log(db: Database, at: float, kind: str, seq: int, reason: str, *, operation: int | None = None) -> int:
    """Append an event to the journal and return its number. Without an operation that it belongs to, it begins one.

    `keep` has to follow, once the item is what the event made of it.
    """
    event = revision_of(db) + 1
    db.execute(
        "INSERT INTO journal (seq, at, kind, item, reason, operation) VALUES (?, ?, ?, ?, ?, ?)",
        (event, at, kind, seq, reason, event if operation is None else operation),
    )
    if operation is None:
        db.execute("INSERT INTO operations (seq, scope) SELECT ?, scope FROM items WHERE seq = ?", (event, seq))
    return event


def keep(db: Database, event: int) -> None:
    """Write what its item is now beside an event."""
    db.execute(
        "UPDATE journal SET (status, said, superseded_by) ="
        " (SELECT i.status, i.payload, i.superseded_by FROM items i WHERE i.seq = journal.item) WHERE seq = ?",
        (event,),
    )


def say(db: Database, event: int, seq: int, new: NewItem, key: FloatArray) -> None:
    """Write what an event brought, and make it what the item says now."""
    write_payload(db, event, new.text, new.category, float(new.importance), new.source, key)
    db.execute("UPDATE items SET payload = ? WHERE seq = ?", (event, seq))


def write_payload(
    db: Database, event: int, text: str, category: str | None, importance: float, source: str | None, key: FloatArray
) -> None:
    """Write what an event brought, with its vector."""
    db.execute(
        "INSERT INTO payloads (event, text, category, importance, source, digest) VALUES (?, ?, ?, ?, ?, ?)",
        (event, text, category, importance, source, digest_of(text)),
    )
    db.execute("INSERT INTO vectors (event, key) VALUES (?, ?)", (event, key.tobytes()))


def known_texts(db: Database, texts: Iterable[str], scope: str) -> set[str]:
    """Return those of the texts that an active item of a scope says exactly."""
    # without the signs, SQLite would start from all items of the scope
    sql = (
        "SELECT 1 FROM payloads p JOIN journal j ON j.seq = p.event JOIN items i ON i.seq = j.item AND i.payload = p.event"
        " JOIN scopes s ON s.id = +i.scope WHERE p.digest = ? AND p.text = ? AND i.status = 'active' AND s.name = ? LIMIT 1"
    )
    return {text for text in texts if db.execute(sql, (digest_of(text), text, scope)).fetchone()}


def new_id() -> str:
    """Return a random id: 60 bits, short enough to type."""
    return b32encode(secrets.token_bytes(8)).decode().lower()[:12]
