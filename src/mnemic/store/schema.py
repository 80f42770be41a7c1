"""Tables of the embedded store, as append-only named migrations. The format version is the number of migrations applied."""

import sqlite3
import time
from hashlib import blake2b

APPLICATION_ID = 0x4D6E656D
"""SQLite's `application_id` of our files: "Mnem"."""

NEW_VECTORS = (
    "CREATE TABLE new_vectors (event INTEGER PRIMARY KEY REFERENCES payloads (event) ON DELETE CASCADE, key BLOB NOT NULL)"
)
"""Vectors of the encoder that a store is changed to; they take the place of `vectors` when they are complete."""

_FIRST = """
CREATE TABLE migrations (name TEXT PRIMARY KEY, applied REAL NOT NULL);

-- the encoder whose vectors are stored; at most one row
CREATE TABLE encoder (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, dim INTEGER NOT NULL);

-- `active` is kept by every write, so that counting needs no scan
CREATE TABLE scopes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, active INTEGER NOT NULL DEFAULT 0);

-- the life cycle of an item; what was said is in `payloads`, under the journal number in `payload`
CREATE TABLE items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    scope INTEGER NOT NULL REFERENCES scopes (id),
    status TEXT NOT NULL,
    created REAL NOT NULL,
    supersedes INTEGER REFERENCES items (seq),
    superseded_by INTEGER REFERENCES items (seq),
    payload INTEGER REFERENCES payloads (event) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX items_by_scope ON items (scope, status, seq);

-- what happened and why; never what was said
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    item INTEGER NOT NULL REFERENCES items (seq),
    reason TEXT NOT NULL
);
CREATE INDEX journal_by_item ON journal (item, seq);

-- every text an item ever had, by the event that brought it
CREATE TABLE payloads (
    event INTEGER PRIMARY KEY REFERENCES journal (seq),
    text TEXT NOT NULL,
    category TEXT,
    importance REAL NOT NULL,
    source TEXT
);

-- fp32 little-endian, apart from the texts so that listing doesn't read them
CREATE TABLE vectors (event INTEGER PRIMARY KEY REFERENCES payloads (event) ON DELETE CASCADE, key BLOB NOT NULL);

-- apart from the items: a use must not rewrite what it counts
CREATE TABLE counters (item INTEGER PRIMARY KEY REFERENCES items (seq), uses INTEGER NOT NULL, last_used REAL NOT NULL);
"""

_SECOND = """
-- what is undone as a whole: events that one call wrote; its number is its first event's
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY REFERENCES journal (seq),
    scope INTEGER NOT NULL REFERENCES scopes (id),
    undoes INTEGER REFERENCES operations (seq),
    undone_by INTEGER REFERENCES operations (seq)
);
CREATE INDEX operations_by_scope ON operations (scope, seq);

-- of its item, after the event; `said` is the payload that it then had
ALTER TABLE journal ADD COLUMN operation INTEGER;
ALTER TABLE journal ADD COLUMN status TEXT;
ALTER TABLE journal ADD COLUMN said INTEGER;
ALTER TABLE journal ADD COLUMN superseded_by INTEGER;

-- superseding belongs to the addition that did it, which until now had the same time; everything else is on its own
UPDATE journal SET
    operation = coalesce((SELECT a.seq FROM items i JOIN journal a ON a.item = i.superseded_by AND a.kind = 'add'
        WHERE journal.kind = 'supersede' AND i.seq = journal.item AND a.at = journal.at AND a.seq < journal.seq), seq),
    status = CASE kind WHEN 'supersede' THEN 'superseded' WHEN 'forget' THEN 'forgotten' ELSE 'active' END,
    said = (SELECT j.seq FROM journal j WHERE j.item = journal.item AND j.seq <= journal.seq AND j.kind IN ('add', 'update')
            ORDER BY j.seq DESC LIMIT 1),
    superseded_by = (SELECT i.superseded_by FROM items i WHERE i.seq = journal.item AND EXISTS (
        SELECT 1 FROM journal j WHERE j.item = journal.item AND j.seq <= journal.seq AND j.kind = 'supersede'));
INSERT INTO operations (seq, scope)
    SELECT j.seq, i.scope FROM journal j JOIN items i ON i.seq = j.item WHERE j.operation = j.seq;
CREATE INDEX journal_by_operation ON journal (operation, seq);
-- a process that opened the store before this and writes as it did then is told so
CREATE TRIGGER journal_of_today BEFORE INSERT ON journal WHEN new.operation IS NULL
    BEGIN SELECT RAISE(ABORT, 'a newer mnemic has opened this store: restart this one with it'); END;
"""

_THIRD = f"""
-- of a text: whether it is known is asked without reading texts
ALTER TABLE payloads ADD COLUMN digest INTEGER;
UPDATE payloads SET digest = mnemic_digest(text);
CREATE INDEX payloads_by_digest ON payloads (digest);

-- a change to another encoder that is under way, and its vectors so far; at most one row
CREATE TABLE reindex (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, dim INTEGER NOT NULL);
{NEW_VECTORS};
"""

MIGRATIONS: list[tuple[str, str]] = [
    ("0001_items_journal_payloads", _FIRST),
    ("0002_operations", _SECOND),
    ("0003_digests_reindex", _THIRD),
]
"""(name, SQL). Only ever appended to."""


def digest_of(text: str) -> int:
    """Return 64 bits of a text's BLAKE2b, as SQLite's signed integer."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def version_of(db: sqlite3.Connection) -> int:
    """Return the format version of an open database."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(db: sqlite3.Connection) -> None:
    """Bring a database of an older format, or an empty one, to the current format. Call inside a write transaction."""
    done = version_of(db)
    db.create_function("mnemic_digest", 1, digest_of, deterministic=True)
    for name, sql in MIGRATIONS[done:]:
        for statement in _statements(sql):
            db.execute(statement)
        db.execute("INSERT INTO migrations VALUES (?, ?)", (name, time.time()))
    if done < len(MIGRATIONS):
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _statements(sql: str) -> list[str]:
    # `executescript` would commit the surrounding transaction
    statements, pending = [], ""
    for part in sql.strip().removesuffix(";").split(";"):
        pending += f"{part};"
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
