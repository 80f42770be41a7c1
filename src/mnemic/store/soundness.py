"""What can be wrong with a database, in words."""

import sqlite3

from .database import Database

MISCOUNTED = (
    "SELECT name, active, n FROM (SELECT s.name, s.active,"
    " (SELECT count(*) FROM items i WHERE i.scope = s.id AND i.status = 'active') AS n FROM scopes s) counted WHERE active <> n"
    " ORDER BY name"
)
"""Scopes whose counter isn't the number of their active items, with both."""

NO_VECTOR = "texts have no vector"
"""End of the line that says how many: `mnemic reindex` with the store's own encoder makes them again."""


def differences(db: Database) -> list[str]:
    """Return where what is counted or derived differs from what it is of: in every SQL store."""
    found = [f"scope {name!r} counts {active} active items and has {n}" for name, active, n in db.execute(MISCOUNTED)]
    lacking = "SELECT count(*) FROM payloads p WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.event = p.event)"
    (bare,) = db.execute(lacking).fetchone()
    return [*found, f"{bare} {NO_VECTOR}"] if bare else found


def problems(db: sqlite3.Connection) -> list[str]:
    """Read the whole database of an embedded store and return what is wrong with it; an empty list when it is sound."""
    try:
        found = [line for (line,) in db.execute("PRAGMA integrity_check") if line != "ok"]
        strays = db.execute("PRAGMA foreign_key_check")
        found += [f"{table} row {row} refers to a missing {parent}" for table, row, parent, _ in strays]
        found += differences(db)
    except sqlite3.DatabaseError as error:
        # so damaged that SQLite can't even go on reading
        return [str(error)]
    return found
