"""The embedded store: SQLite files in one folder, or a database in memory."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import StoreError, rule_got_do
from . import erasure, records, schema, soundness
from .connection import DATABASE, STATES, connect, empty_log, explained, open_database, open_in_memory
from .database import Database
from .indexes import LARGE_ROWS, Indexes, Notify
from .sql import SqlStore
from .states import STATES_BYTES, StateCache

MEMORY = ":memory:"


class SqliteStore(SqlStore):
    """Items of any number of scopes in one folder, or in memory.

    Safe to use from several threads of a process (calls take turns) and from several processes at once; not across a fork.

    Args:
        location: the store's folder, made if it doesn't exist, or ":memory:".
        states_bytes: bound of the cache of token-level states.
        large: active items of a scope from which on its search index is saved, and approximate.
        notify: told in words when a call has to wait, for an index to be built.

    Raises:
        ConfigError: if the location can't be a folder.
        Corrupt: if the folder holds something else, or a damaged store.
        SchemaTooNew: if a newer Mnemic wrote it.
    """

    INTEGRITY = sqlite3.IntegrityError
    _states: StateCache

    def __init__(
        self, location: str | Path, *, states_bytes: int = STATES_BYTES, large: int = LARGE_ROWS, notify: Notify | None = None
    ) -> None:
        in_memory = str(location) == MEMORY
        folder = Path(location)
        self._process = os.getpid()
        self._open: sqlite3.Connection | None = open_in_memory() if in_memory else open_database(folder)
        super().__init__(
            str(location),
            StateCache(None if in_memory else folder / STATES, states_bytes),
            Indexes(None if in_memory else folder, large, self._writing, notify),
        )

    @property
    def format_version(self) -> int:
        """Version of the format on disk."""
        with self._reading() as db:
            return schema.version_of(db)

    @contextmanager
    def _moment(self) -> Iterator[Database]:
        with explained(self.location):
            if self.location == MEMORY:
                with closing(connect(MEMORY)) as copy:
                    with self._lock:
                        self._connection().backup(copy)
                    yield copy
                return
            # a connection of its own: this one may go on writing
            with closing(connect(str(Path(self.location) / DATABASE))) as other:
                other.execute("BEGIN")
                yield other

    @contextmanager
    def _snapshot(self) -> Iterator[Database]:
        with self._reading() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    def _replace_vectors(self, db: Database) -> None:
        # freed pages are overwritten, as everything that is deleted
        db.execute("DROP TABLE vectors")
        db.execute("ALTER TABLE new_vectors RENAME TO vectors")
        db.execute(schema.NEW_VECTORS)

    def _switched(self) -> None:
        with self._reading() as db:
            # the old ones don't stay in the log
            empty_log(db)
        self._indexes.forget_files()

    def _sweep(self, item_id: str, scope: str, said: erasure.Said) -> tuple[int, tuple[str, ...]]:
        cached = self._states.erase([item_id])
        with self._reading() as db:
            kept = self._indexes.erase(db, scope, [records.seq_of(db, item_id, scope)])
        if self.location == MEMORY:
            return 0, ()
        folder = Path(self.location)
        erasure.remove_copies(folder, DATABASE)
        with self._reading() as db:
            empty_log(db)
            files, left = erasure.search(db, folder, said)
        # states hold no text that could be searched for
        return files, tuple(sorted({*left, *kept, *([] if cached else [STATES])}))

    def check(self) -> list[str]:
        """Read the whole database and return what is wrong with it, in words; an empty list when it is sound.

        A saved search index that is damaged is removed: it is no part of what has to be kept.
        """
        with self._reading() as db:
            found = soundness.problems(db)
            self._indexes.check()
        return found

    def close(self) -> None:
        """Close the files. The store can't be used afterwards; closing twice is harmless."""
        if os.getpid() != self._process:
            # closing an inherited connection would break the parent's locks
            return
        with self._lock, explained(self.location):
            self._indexes.close()
            self._states.close()
            if self._open is not None:
                self._open.close()
                self._open = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, explained(self.location):
            yield self._connection()

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock, explained(self.location):
            db = self._connection()
            if not durable:
                db.execute("PRAGMA synchronous = NORMAL")
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                # whatever stopped the body, an interrupt included, leaves nothing half-written
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if not durable:
                    db.execute("PRAGMA synchronous = FULL")

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
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
        return self._open
