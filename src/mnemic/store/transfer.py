"""Items with their whole past, out of a store and into another: statements inside a transaction that the caller holds."""

import sqlite3
from collections.abc import Iterable, Iterator

import numpy as np

from ..types import FloatArray, Past, Record, Restored
from . import checks

_AT_ONCE = 500


def dump(db: sqlite3.Connection, scope: str | None, *, after: int) -> list[tuple[int, Record]]:
    """Return the next items of a scope (None: of all) after a row number, with these numbers, oldest first. Erased ones too."""
    items = db.execute(
        "SELECT i.seq, i.id, s.name, i.created, older.id, coalesce(c.uses, 0), c.last_used"
        " FROM items i JOIN scopes s ON s.id = i.scope"
        " LEFT JOIN items older ON older.seq = i.supersedes LEFT JOIN counters c ON c.item = i.seq"
        " WHERE i.seq > :after AND (:scope IS NULL OR s.name = :scope) ORDER BY i.seq LIMIT :limit",
        {"after": after, "scope": scope, "limit": _AT_ONCE},
    ).fetchall()
    return [
        (
            seq,
            Record(
                id=item_id,
                scope=name,
                created=created,
                supersedes=older,
                uses=uses,
                last_used=last_used,
                past=tuple(_past(db, seq)),
            ),
        )
        for seq, item_id, name, created, older, uses, last_used in items
    ]


def _past(db: sqlite3.Connection, seq: int) -> Iterator[Past]:
    rows = db.execute(
        "SELECT j.seq, j.at, j.kind, j.reason, j.operation, o.undoes, j.status, j.said, newer.id,"
        " p.text, p.category, p.importance, p.source, v.key FROM journal j"
        " LEFT JOIN operations o ON o.seq = j.seq LEFT JOIN items newer ON newer.seq = j.superseded_by"
        " LEFT JOIN payloads p ON p.event = j.seq LEFT JOIN vectors v ON v.event = j.seq WHERE j.item = ? ORDER BY j.seq",
        (seq,),
    )
    for event, at, kind, reason, operation, undoes, status, said, newer, text, category, importance, source, key in rows:
        yield Past(
            event=event,
            at=at,
            kind=kind,
            reason=reason,
            operation=operation,
            undoes=undoes,
            status=status,
            said=said,
            superseded_by=newer,
            text=text,
            category=category,
            importance=importance,
            source=source,
            key=None if key is None else np.frombuffer(key, dtype="<f4"),
        )


def restore(db: sqlite3.Connection, records: Iterable[Record], dim: int) -> Restored:
    """Write items with their past behind everything that is there. Every text of a record has its key.

    Raises:
        InputError, ConfigError, ShapeError: if one of them breaks a rule.
    """
    # items and operations name each other across records, in either direction
    db.execute("PRAGMA defer_foreign_keys = ON")
    db.execute("CREATE TEMP TABLE links (item INTEGER, event INTEGER, target TEXT NOT NULL)")
    try:
        offset: int = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
        added = known = 0
        for record in records:
            if db.execute("SELECT 1 FROM items WHERE id = ?", (record.id,)).fetchone():
                known += 1
            else:
                _write(db, record, offset, dim)
                added += 1
        _link(db)
        _settle_undone(db, offset)
    finally:
        db.execute("DROP TABLE links")
    return Restored(added, known)


def _write(db: sqlite3.Connection, record: Record, offset: int, dim: int) -> None:
    db.execute("INSERT INTO scopes (name) VALUES (?) ON CONFLICT DO NOTHING", (checks.check_scope(record.scope),))
    (scope,) = db.execute("SELECT id FROM scopes WHERE name = ?", (record.scope,)).fetchone()
    last = record.past[-1]
    said = None if last.said is None else offset + last.said
    seq = db.execute(
        "INSERT INTO items (id, scope, status, created, payload) VALUES (?, ?, ?, ?, ?)",
        (record.id, scope, last.status, record.created, said),
    ).lastrowid
    links: list[tuple[int | None, int | None, str]] = [(seq, None, record.supersedes)] if record.supersedes else []
    for past in record.past:
        _write_past(db, past, seq, scope, offset, dim)
        if past.superseded_by:
            links.append((seq, offset + past.event, past.superseded_by))
    db.executemany("INSERT INTO links VALUES (?, ?, ?)", links)
    if record.uses:
        db.execute("INSERT INTO counters VALUES (?, ?, ?)", (seq, record.uses, record.last_used))
    db.execute("UPDATE scopes SET active = active + ? WHERE id = ?", (last.status == "active", scope))


def _write_past(db: sqlite3.Connection, past: Past, seq: int | None, scope: int, offset: int, dim: int) -> None:
    event, checked = offset + past.event, checks.check_label("reason", past.reason)
    db.execute(
        "INSERT INTO journal (seq, at, kind, item, reason, operation, status, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event,
            past.at,
            past.kind,
            seq,
            checked,
            offset + past.operation,
            past.status,
            None if past.said is None else offset + past.said,
        ),
    )
    if past.operation == past.event:
        undoes = None if past.undoes is None else offset + past.undoes
        db.execute("INSERT INTO operations (seq, scope, undoes) VALUES (?, ?, ?)", (event, scope, undoes))
    if past.text is not None:
        labels = [checks.check_label(name, value) for name, value in (("category", past.category), ("source", past.source))]
        importance = checks.check_importance(0.5 if past.importance is None else past.importance)
        db.execute(
            "INSERT INTO payloads VALUES (?, ?, ?, ?, ?)", (event, checks.check_text(past.text), labels[0], importance, labels[1])
        )
        db.execute("INSERT INTO vectors VALUES (?, ?)", (event, _checked(past.key, dim).tobytes()))


def _checked(key: FloatArray | None, dim: int) -> FloatArray:
    assert key is not None, "every text of a record has its key"
    return checks.check_key(key, dim)


def _link(db: sqlite3.Connection) -> None:
    """Turn the ids that records name into row numbers; what isn't there stays unnamed."""
    target = "(SELECT i.seq FROM links l JOIN items i ON i.id = l.target WHERE {})"
    db.execute(
        f"UPDATE items SET supersedes = {target.format('l.item = items.seq AND l.event IS NULL')}"
        " WHERE seq IN (SELECT item FROM links WHERE event IS NULL)"
    )
    db.execute("CREATE INDEX temp.links_by_event ON links (event)")
    db.execute(
        f"UPDATE journal SET superseded_by = {target.format('l.event = journal.seq')}"
        " WHERE seq IN (SELECT event FROM links WHERE event IS NOT NULL)"
    )
    db.execute(
        "UPDATE items SET superseded_by ="
        " (SELECT j.superseded_by FROM journal j WHERE j.item = items.seq ORDER BY j.seq DESC LIMIT 1)"
        " WHERE seq IN (SELECT item FROM links WHERE event IS NOT NULL)"
    )


def _settle_undone(db: sqlite3.Connection, offset: int) -> None:
    """Say of operations that later ones undid them; what undid something that isn't there undoes nothing any more."""
    undos = db.execute(
        "SELECT seq, undoes FROM operations WHERE seq > ? AND undoes IS NOT NULL ORDER BY seq", (offset,)
    ).fetchall()
    for seq, undone in undos:
        row = db.execute("SELECT undoes FROM operations WHERE seq = ?", (undone,)).fetchone()
        if row is None:
            db.execute("UPDATE operations SET undoes = NULL WHERE seq = ?", (seq,))
            continue
        db.execute("UPDATE operations SET undone_by = ? WHERE seq = ?", (seq, undone))
        if row[0] is not None:
            db.execute("UPDATE operations SET undone_by = NULL WHERE seq = ?", (row[0],))
