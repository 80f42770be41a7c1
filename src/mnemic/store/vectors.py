"""Vectors of the encoder that a store is changed to."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from ..errors import StoreError, rule_got_do
from ..types import FloatArray
from . import checks
from .database import Database

Opened = Callable[[], AbstractContextManager[Database]]
Encoder = tuple[str, int]


def encoder_of(db: Database) -> Encoder | None:
    """Return name and size of the encoder whose vectors a store holds; None while it is new."""
    found: Encoder | None = db.execute("SELECT name, dim FROM encoder").fetchone()
    return found


def under_way(db: Database) -> Encoder | None:
    """Return name and size of the encoder that a store is being changed to, if it is."""
    found: Encoder | None = db.execute("SELECT name, dim FROM reindex").fetchone()
    return found


def discard(db: Database) -> bool:
    """Throw away what was made of a change of encoder; return whether there was one."""
    there = under_way(db) is not None
    db.execute("DELETE FROM new_vectors")
    db.execute("DELETE FROM reindex")
    return there


class SqlReindexing:
    """`base.Reindexing` of an SQL store. Several processes may work on the same one.

    Args:
        encoder: name and size of the new encoder.
        reading: opens the database to read.
        writing: opens a write transaction.
        replace: puts `new_vectors` in the place of `vectors`, and leaves it empty.
        switched: called after the switch: what else holds vectors of the encoder before has to go.

    Raises:
        StoreError: if another encoder's is under way.
    """

    def __init__(
        self,
        encoder: Encoder,
        reading: Opened,
        writing: Opened,
        replace: Callable[[Database], None],
        switched: Callable[[], None],
    ) -> None:
        self._encoder = encoder
        self._reading = reading
        self._writing = writing
        self._replace = replace
        self._switched = switched
        with writing() as db:
            if encoder_of(db) is None:
                db.execute("INSERT INTO encoder VALUES (1, ?, ?)", encoder)
            if encoder_of(db) != encoder:
                other = under_way(db)
                if other not in (None, encoder):
                    raise _another(other[0] if other else "")
                db.execute("INSERT INTO reindex VALUES (1, ?, ?) ON CONFLICT DO NOTHING", encoder)

    def counts(self) -> tuple[int, int]:
        """Return how many texts have their vector, and how many there are."""
        with self._reading() as db:
            (done,) = db.execute(f"SELECT count(*) FROM {self._table(db)}").fetchone()
            (total,) = db.execute("SELECT count(*) FROM payloads").fetchone()
        return done, total

    def missing(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Return (number, text) of up to `limit` texts beyond a number that have none, in the order of their numbers."""
        with self._reading() as db:
            return db.execute(
                "SELECT p.event, p.text FROM payloads p WHERE p.event > ?"
                # said twice, or a server would read all vectors up to there again
                f" AND NOT EXISTS (SELECT 1 FROM {self._table(db)} n WHERE n.event = p.event AND n.event > ?)"
                " ORDER BY p.event LIMIT ?",
                (after, after, limit),
            ).fetchall()

    def put(self, keys: Mapping[int, FloatArray]) -> None:
        """Write vectors `[E]` by the numbers of their texts. What was erased meanwhile gets none."""
        rows = [(number, checks.check_key(key, self._encoder[1]).tobytes()) for number, key in keys.items()]
        with self._writing() as db:
            db.executemany(
                f"INSERT INTO {self._table(db)} (event, key)"
                " SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM payloads WHERE event = ?1) ON CONFLICT DO NOTHING",
                rows,
            )

    def switch(self) -> bool:
        """Put the new vectors in the place of the old, if every text has one; return whether they are."""
        with self._writing() as db:
            table = self._table(db)
            lacking = db.execute(
                f"SELECT 1 FROM payloads p WHERE NOT EXISTS (SELECT 1 FROM {table} n WHERE n.event = p.event) LIMIT 1"
            )
            if lacking.fetchone():
                return False
            if table == "vectors":
                return True
            self._replace(db)
            db.execute("UPDATE encoder SET name = ?, dim = ?", self._encoder)
            db.execute("DELETE FROM reindex")
        self._switched()
        return True

    def _table(self, db: Database) -> str:
        """Return where this encoder's vectors are.

        Raises:
            StoreError: if somebody discarded them.
        """
        if encoder_of(db) == self._encoder:
            return "vectors"
        other = under_way(db)
        if other != self._encoder:
            raise _another("none: it was discarded" if other is None else other[0])
        return "new_vectors"


def _another(name: str) -> StoreError:
    return StoreError(
        rule_got_do(
            "A store is changed to one encoder at a time.",
            f"a change under way to {name!r}",
            "Run it to its end, or discard it: `mnemic reindex --discard`.",
        )
    )
