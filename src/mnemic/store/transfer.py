"""Items with their whole past, out of a store and into another: statements inside a transaction that the caller holds."""

from collections.abc import Iterable, Iterator

import numpy as np

from ..errors import InputError, rule_got_do
from ..types import FloatArray, Past, Record, Restored
from . import checks, records
from .database import Database
from .lifecycle import mark_undone


def dump(db: Database, scope: str | None) -> Iterator[Record]:
    """Yield the items of a scope (None: of all), oldest first, erased ones as events alone."""
    items = db.execute(
        "SELECT i.seq, i.id, s.name, i.created, older.id, coalesce(c.uses, 0), c.last_used"
        " FROM items i JOIN scopes s ON s.id = i.scope"
        " LEFT JOIN items older ON older.seq = i.supersedes LEFT JOIN counters c ON c.item = i.seq"
        " WHERE s.name = :scope OR CAST(:scope AS TEXT) IS NULL ORDER BY i.seq",
        {"scope": scope},
    )
    for seq, item_id, name, created, older, uses, last_used in items:
        yield Record(
            id=item_id,
            scope=name,
            created=created,
            supersedes=older,
            uses=uses,
            last_used=last_used,
            past=tuple(_past(db, seq)),
        )


def _past(db: Database, seq: int) -> Iterator[Past]:
    rows = db.execute(
        "SELECT j.seq, j.at, j.kind, j.reason, j.operation, o.undoes, j.status, j.said, newer.id,"
        " p.text, p.category, p.importance, p.source, v.key FROM journal j"
        " LEFT JOIN operations o ON o.seq = j.operation LEFT JOIN items newer ON newer.seq = j.superseded_by"
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


def restore(db: Database, dumped: Iterable[Record], dim: int) -> Restored:
    """Write items with their past behind everything that is there. Every text of a record has its key.

    Raises:
        InputError, ConfigError, ShapeError: if one of them breaks a rule.
    """
    # supersedes, superseded_by: ids by the item (event: of the event, else of the item itself). events: to which operation of the
    # store that they come from they belong
    db.execute("CREATE TEMP TABLE links (item BIGINT, event BIGINT, target TEXT NOT NULL)")
    db.execute("CREATE TEMP TABLE events (event BIGINT PRIMARY KEY, scope BIGINT, operation BIGINT, undoes BIGINT)")
    offset = records.revision_of(db)
    added = known = 0
    for record in dumped:
        # of an erased one nothing but its id is carried over, so that it isn't brought back
        counts = record.past[-1].status != "erased"
        there = db.execute("SELECT s.name FROM items i JOIN scopes s ON s.id = i.scope WHERE i.id = ?", (record.id,)).fetchone()
        if there is not None and there[0] != record.scope:
            raise InputError(
                rule_got_do(
                    "An id belongs to one scope of a store; nothing was written.",
                    f"the item {record.id!r} for the scope {record.scope!r}, which another scope has",
                    "Import it where it is, or into another store.",
                )
            )
        if there is not None:
            known += counts
        else:
            _write(db, record, offset, dim)
            added += counts
    _link(db)
    _form_operations(db)
    # whatever stops this before leaves the transaction, and them with it
    db.execute("DROP TABLE links")
    db.execute("DROP TABLE events")
    return Restored(added, known)


def _write(db: Database, record: Record, offset: int, dim: int) -> None:
    db.execute("INSERT INTO scopes (name) VALUES (?) ON CONFLICT DO NOTHING", (checks.check_scope(record.scope),))
    (scope,) = db.execute("SELECT id FROM scopes WHERE name = ?", (record.scope,)).fetchone()
    last = record.past[-1]
    said = None if last.said is None else offset + last.said
    (seq,) = db.execute(
        "INSERT INTO items (id, scope, status, created) VALUES (?, ?, ?, ?) RETURNING seq",
        (record.id, scope, last.status, record.created),
    ).fetchone()
    links: list[tuple[int | None, int | None, str]] = [(seq, None, record.supersedes)] if record.supersedes else []
    for past in record.past:
        _write_past(db, past, seq, scope, offset, dim)
        if past.superseded_by:
            links.append((seq, offset + past.event, past.superseded_by))
    # once it is there: a reference that has to wait for what it names is looked for at every insertion
    db.execute("UPDATE items SET payload = ? WHERE seq = ?", (said, seq))
    db.executemany("INSERT INTO links VALUES (?, ?, ?)", links)
    if record.uses:
        db.execute("INSERT INTO counters VALUES (?, ?, ?)", (seq, record.uses, record.last_used))
    db.execute("UPDATE scopes SET active = active + ? WHERE id = ?", (int(last.status == "active"), scope))


def _write_past(db: Database, past: Past, seq: int, scope: int, offset: int, dim: int) -> None:
    event, checked = offset + past.event, checks.check_label("reason", past.reason)
    db.execute(
        "INSERT INTO journal (seq, at, kind, item, reason, operation, status, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event,
            past.at,
            past.kind,
            seq,
            checked,
            event,
            past.status,
            None if past.said is None else offset + past.said,
        ),
    )
    db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (event, scope, past.operation, past.undoes))
    if past.text is not None:
        labels = [checks.check_label(name, value) for name, value in (("category", past.category), ("source", past.source))]
        importance = checks.check_importance(0.5 if past.importance is None else past.importance)
        text, key = checks.check_text(past.text), _checked(past.key, dim)
        records.write_payload(db, event, text, labels[0], importance, labels[1], key)


def _checked(key: FloatArray | None, dim: int) -> FloatArray:
    assert key is not None, "every text of a record has its key"
    return checks.check_key(key, dim)


def _link(db: Database) -> None:
    """Turn the ids that records name into row numbers of the same scope; what isn't there stays unnamed."""
    db.execute("CREATE INDEX links_by_item ON links (item, event)")
    db.execute("CREATE INDEX links_by_event ON links (event)")
    target = (
        "(SELECT o.seq FROM links l JOIN items i ON i.seq = l.item"
        " JOIN items o ON o.id = l.target AND o.scope = i.scope WHERE {})"
    )
    db.execute(
        f"UPDATE items SET supersedes = {target.format('l.item = items.seq AND l.event IS NULL')}"
        " WHERE seq IN (SELECT item FROM links WHERE event IS NULL)"
    )
    db.execute(
        f"UPDATE journal SET superseded_by = {target.format('l.event = journal.seq')}"
        " WHERE seq IN (SELECT event FROM links WHERE event IS NOT NULL)"
    )
    db.execute(
        "UPDATE items SET superseded_by ="
        " (SELECT j.superseded_by FROM journal j WHERE j.item = items.seq ORDER BY j.seq DESC LIMIT 1)"
        " WHERE seq IN (SELECT item FROM links WHERE event IS NOT NULL)"
    )


def _form_operations(db: Database) -> None:
    """Make operations of the events that came, scope by scope: numbers of a file reach nothing that was there before.

    An operation whose first event didn't come begins with the first one that did. What undid something that didn't come undoes
    nothing any more.
    """
    db.execute("CREATE INDEX events_by_operation ON events (operation, scope)")
    db.execute(
        "UPDATE journal SET operation = (SELECT min(b.event) FROM events a JOIN events b"
        " ON b.operation = a.operation AND b.scope = a.scope WHERE a.event = journal.seq) WHERE seq IN (SELECT event FROM events)"
    )
    db.execute("INSERT INTO operations (seq, scope) SELECT min(event), scope FROM events GROUP BY operation, scope")
    undos = db.execute(
        "SELECT a.event, (SELECT min(b.event) FROM events b WHERE b.operation = a.undoes AND b.scope = a.scope) FROM events a"
        " WHERE a.event IN (SELECT min(f.event) FROM events f WHERE f.undoes IS NOT NULL GROUP BY f.operation, f.scope)"
        " ORDER BY a.event"
    ).fetchall()
    for operation, undone in undos:
        if undone is not None and undone < operation:
            mark_undone(db, undone, operation)
