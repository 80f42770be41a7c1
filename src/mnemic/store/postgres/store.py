"""The store on a PostgreSQL server."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from ...arguments import check_count
from ...errors import StoreError, rule_got_do
from ...types import FloatArray, Item, NewItem
from .. import checks, records, soundness, vectors
from ..base import Scored
from ..database import Database
from ..erasure import Said
from ..index import ExactIndex
from ..indexes import LARGE_ROWS, Indexes, Notify
from ..sql import SqlStore
from ..states import STATES_BYTES
from . import connection, erasure, schema, searchable
from .address import Address
from .explain import Again, Lost, ReadOnly, explained
from .session import Session
from .states import ServerStates

ATTEMPTS = 3
"""How often a write is tried that the server undid to let another one pass."""
R = TypeVar("R")


class PostgresStore(SqlStore):
    """Items of any number of scopes in one schema of a PostgreSQL database with pgvector.

    Safe to use from several threads, processes and machines at once; not across a fork. Use `mnemic.store.open_store`.

    Args:
        address: where it is.
        states_bytes: bound of the cache of token-level states.
        notify: told in words when a call has to wait, for an index to be built.

    Raises:
        ConfigError: if the server refuses the role, or has no pgvector.
        StoreError: if it can't be reached.
        Corrupt: if the schema holds something else.
        SchemaTooNew: if a newer Mnemic wrote it.
    """

    INTEGRITY = psycopg.IntegrityError

    def __init__(self, address: Address, *, states_bytes: int = STATES_BYTES, notify: Notify | None = None) -> None:
        super().__init__(
            address.shown,
            ServerStates(self._session, states_bytes),
            Indexes(None, LARGE_ROWS, self._writing, notify, self._made_index),
        )
        self._notify = notify
        self._address = address
        self._process = os.getpid()
        self._mine = threading.local()
        connection.prepare(address)
        self._pool: connection.Pool | None = connection.open_pool(address)
        self._places: dict[str, searchable.Place] = {}

    @property
    def format_version(self) -> int:
        """Version of the tables' format."""
        with self._session() as db:
            return schema.version_of(db, self._address.schema)

    def insert(self, items: Sequence[NewItem], *, new_only: bool = False) -> list[Item]:
        """Write all items in one transaction; see `Store.insert`."""
        return self._again(lambda: SqlStore.insert(self, items, new_only=new_only))

    def update(self, item_id: str, scope: str, **change: Any) -> Item:
        """Replace an active item's text and vector; see `Store.update`."""
        return self._again(lambda: SqlStore.update(self, item_id, scope, **change))

    def forget(self, item_id: str, scope: str, reason: str) -> Item:
        """Hide an item; see `Store.forget`."""
        return self._again(lambda: SqlStore.forget(self, item_id, scope, reason))

    def prune(self, reasons: Mapping[str, str], scope: str) -> list[Item]:
        """Forget several items as one operation; see `Store.prune`."""
        return self._again(lambda: SqlStore.prune(self, reasons, scope))

    def undo(self, scope: str, reason: str, *, operation: int | None = None) -> list[Item]:
        """Undo an operation of a scope; see `Store.undo`."""
        return self._again(lambda: SqlStore.undo(self, scope, reason, operation=operation))

    def discard_reindexing(self) -> bool:
        """Throw away what was made of a change of encoder; return whether there was one."""
        with self._writing() as db:
            there = vectors.discard(db)
            # deleted rows would outlive what is erased
            db.execute("TRUNCATE new_vectors")
        return there

    def touch(self, ids: Sequence[str], scope: str) -> None:
        """Count one use of each item now. On a replica, or for a role that only reads, uses aren't counted.

        Raises:
            NotFound: if the scope has no such item; nothing is counted then.
        """
        with suppress(ReadOnly):
            SqlStore.touch(self, ids, scope)

    def search(self, key: FloatArray, k: int, scope: str, *, category: str | None = None) -> list[Scored]:
        """Return the k active items with the highest cosine, best first.

        Exact up to the URL's `exact_rows` active items of a scope; beyond, those that the server's HNSW index finds, by their
        exact cosines.
        """
        check_count("k", k, 1)
        place = self._outgrown(scope)
        if place is None:
            return super().search(key, k, scope, category=category)
        encoder = self._usable_encoder()
        if encoder is None:
            return []
        checked = checks.check_key(key, encoder[1])
        try:
            with self._session() as db:
                return searchable.search(db, checked, k, place, category)
        finally:
            # whatever came of it: another encoder's vectors are no answer
            self._require_same(encoder)

    def check(self) -> list[str]:
        """Read all tables and return what is wrong with them, in words; an empty list when they are sound."""
        with self._reading() as db:
            problems = soundness.differences(db)
            for table, reference, parent, name in (
                ("items", "payload", "payloads", "event"),
                ("journal", "item", "items", "seq"),
                ("payloads", "event", "journal", "seq"),
                ("vectors", "event", "payloads", "event"),
                ("new_vectors", "event", "payloads", "event"),
            ):
                (strays,) = db.execute(
                    f"SELECT count(*) FROM {table} c LEFT JOIN {parent} p ON p.{name} = c.{reference}"
                    f" WHERE c.{reference} IS NOT NULL AND p.{name} IS NULL"
                ).fetchone()
                if strays:
                    problems.append(f"{strays} rows of {table} refer to missing {parent}")
            (differing,) = db.execute(
                "SELECT count(*) FROM (SELECT scope, seq, payload FROM items WHERE status = 'active') i"
                " FULL JOIN searchable s ON s.scope = i.scope AND s.item = i.seq AND s.event = i.payload"
                " WHERE i.seq IS NULL OR s.item IS NULL"
            ).fetchone()
            if differing:
                problems.append(f"{differing} rows of searchable differ from the active items")
        return problems

    def close(self) -> None:
        """Close all connections. The store can't be used afterwards; closing twice is harmless."""
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None
            self._indexes.close()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Lend a connection; a call inside another one of the same thread uses the same."""
        mine: Session | None = getattr(self._mine, "session", None)
        if mine is not None:
            yield mine
            return
        pool = self._usable_pool()
        with explained(self.location), pool.connection() as lent:
            self._mine.session = Session(lent)
            try:
                yield self._mine.session
            finally:
                self._mine.session = None

    # the same: a statement alone is a transaction of its own
    _reading = _session

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[Session]:
        last: tuple[int, float] | None = None
        outgrown: list[int] = []
        committing = False
        try:
            with self._session() as db:
                try:
                    db.execute("BEGIN")
                    db.execute("SELECT pg_advisory_xact_lock(?)", (schema.lock_of(self._address.schema),))
                    if not durable:
                        db.execute("SELECT set_config('synchronous_commit', 'off', true)")
                    before = records.revision_of(db)
                    yield db
                    last = self._last(db, before)
                    if last is not None:
                        scopes = searchable.follow(db, before)
                        outgrown = self._without_index(db, scopes)
                    committing = True
                    db.execute("COMMIT")
                finally:
                    # whatever stopped the body, an interrupt included, leaves nothing half-written
                    if not db.connection.closed and db.connection.info.transaction_status:
                        db.connection.rollback()
        except Lost as error:
            if not committing:
                raise
            self._settle(last, error)
        self._make_indexes(outgrown)

    @contextmanager
    def _moment(self) -> Iterator[Session]:
        # a connection of its own: this one may go on writing
        with explained(self.location), connection.connect(self._address) as other:
            db = Session(other)
            _begin_to_read(db)
            yield db

    @contextmanager
    def _snapshot(self) -> Iterator[Session]:
        with self._lock, self._session() as db:
            _begin_to_read(db)
            try:
                yield db
            finally:
                if not db.connection.closed:
                    db.connection.rollback()

    def _replace_vectors(self, db: Database) -> None:
        assert isinstance(db, Session)
        # a million vectors take longer than a statement usually may
        db.execute("SELECT set_config('statement_timeout', '0', true)")
        # first what takes long, so that vectors can be read meanwhile
        searchable.fill(db)
        # not by new names: roles that may read the tables go on doing so. A truncated one gets a new file, and the old one goes
        db.execute("TRUNCATE vectors")
        db.execute("INSERT INTO vectors (event, key) SELECT event, key FROM new_vectors")
        db.execute("TRUNCATE new_vectors")

    def _switched(self) -> None:
        self._indexes.forget_files()
        with self._session() as db:
            outgrown = self._without_index(db, [scope for (scope,) in db.execute("SELECT id FROM scopes")])
        self._make_indexes(outgrown)

    def _sweep(self, item_id: str, scope: str, said: Said) -> tuple[int, tuple[str, ...]]:
        try:
            with self._session() as db:
                # it holds texts and vectors of dead rows
                self._indexes.erase(db, scope, [])
                return erasure.sweep(db, said, item_id, self._place(scope, db))
        except StoreError as error:
            # the item is erased already: only the search of what is left has failed
            return 0, (f"{self.location} (not searched: {error})",)

    def _made_index(self, scope: str, dim: int, capacity: int) -> ExactIndex:
        return ExactIndex(dim, capacity) if self._outgrown(scope) is None else searchable.WordsOnly(dim)

    def _outgrown(self, scope: str) -> searchable.Place | None:
        """Return where a scope is searched on the server; None for one that is searched in the process."""
        with self._session() as db:
            large = self.count(scope) > self._address.exact_rows
            place = self._place(scope, db) if large else None
            if place is not None and not searchable.is_indexed(db, place.partition):
                place = None
        with self._lock:
            # one that was made for the other way of searching goes
            self._indexes.keep(scope, ExactIndex if place is None else searchable.WordsOnly)
        return place

    def _place(self, scope: str, db: Session) -> searchable.Place:
        if scope not in self._places:
            found = searchable.place_of(db, scope)
            if found is None:
                raise records.no_item(scope, scope)
            self._places[scope] = found
        return self._places[scope]

    def _last(self, db: Session, before: int) -> tuple[int, float] | None:
        """Return number and time of the last event, if there was one since."""
        row = db.execute("SELECT seq, at FROM journal WHERE seq > ? ORDER BY seq DESC LIMIT 1", (before,)).fetchone()
        return None if row is None else (row[0], row[1])

    def _without_index(self, db: Session, scopes: list[int]) -> list[int]:
        """Return the partitions of those scopes that have outgrown the search in the process, but have no index yet."""
        large = db.execute(
            "SELECT DISTINCT n FROM scopes s, generate_series(0, ?) n WHERE s.id = ANY(?) AND s.active > ?"
            " AND satisfies_hash_partition('searchable'::regclass, ?, n, s.id)",
            (schema.PARTITIONS - 1, scopes, self._address.exact_rows, schema.PARTITIONS),
        ).fetchall()
        encoder = vectors.encoder_of(db)
        can = encoder is not None and encoder[1] <= searchable.LARGEST
        return [n for (n,) in large if can and not searchable.is_indexed(db, n)]

    def _make_indexes(self, partitions: list[int]) -> None:
        for partition in partitions:
            # without it the search stays exact; the next write tries again
            if self._notify is not None:
                self._notify(f"Building the search index of partition {partition} on the server, once.")
            with suppress(StoreError), self._session() as db:
                searchable.make_index(db, partition)

    def _settle(self, last: tuple[int, float] | None, error: Lost) -> None:
        """Find out whether a write was kept that the server went away from while it was committed: look for its last event.

        Raises:
            StoreError: if it wasn't, or nobody can say.
        """
        kept = None
        if last is not None:
            with suppress(StoreError), self._session() as db:
                # once this is granted, the lost transaction has ended one way or the other
                db.execute("BEGIN")
                db.execute("SELECT pg_advisory_xact_lock(?)", (schema.lock_of(self._address.schema),))
                kept = db.execute("SELECT 1 FROM journal WHERE seq = ? AND at = ?", last).fetchone() is not None
                db.execute("COMMIT")
        if kept:
            return
        if kept is False:
            raise error
        raise Lost(
            rule_got_do(
                "The server must say whether it kept a write; it went away before it did, so that this one may be there or not.",
                f"no answer from {self.location}",
                "When it is back, look for it (`mnemic list`) before it is repeated.",
            )
        ) from error

    def _again(self, write: Callable[[], R]) -> R:
        for _ in range(ATTEMPTS - 1):
            with suppress(Again):
                return write()
        return write()

    def _usable_pool(self) -> connection.Pool:
        pool = self._pool
        if pool is None:
            raise StoreError(
                rule_got_do("A store must be open to be used.", f"a closed store ({self.location})", "Open it again.")
            )
        if os.getpid() != self._process:
            raise StoreError(
                rule_got_do(
                    "A store belongs to the process that opened it.",
                    f"a use after a fork ({self.location})",
                    "Open it in the child.",
                )
            )
        return pool


def _begin_to_read(db: Session) -> None:
    """Begin to read all as of one moment; vectors can't be replaced from here on."""
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    # before the first read, which fixes the moment
    db.execute("LOCK TABLE vectors IN ACCESS SHARE MODE")
