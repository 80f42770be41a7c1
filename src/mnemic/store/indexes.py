"""The search indexes of a store: which kind a scope gets, kept up with the journal, built anew when it has to be."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import numpy as np

from ..errors import StoreError
from . import records
from .building import about_of, build
from .connection import DATABASE
from .database import Database, Rows
from .index import ExactIndex, SearchIndex
from .indexfile import DRAFTS, DamagedIndex, IndexFile
from .large import LargeIndex, SavedRows
from .lists import can_list

LARGE_ROWS = 200_000
"""Active items of a scope from which on its index is saved, and looks at a part of the rows."""
STALE_SHARE = 0.2
"""Share of changed rows from which on a saved index that is opened isn't caught up but built anew."""
PREFIX = "index-"
"""Of the names of saved indexes, in the store's folder."""

_OLD = 600.0
"""Seconds after which a file that was being made was left by a killed process."""

Writing = Callable[[], AbstractContextManager[Database]]
Notify = Callable[[str], None]
Exact = Callable[[str, int, int], ExactIndex]


class _Stopped(Exception):
    """A build isn't wanted any more."""


class _Build:
    """A build in a thread of its own, while something else answers."""

    def __init__(self, folder: Path, scope: str, path: Path) -> None:
        self._stop = threading.Event()
        self.failed = False
        self._thread = threading.Thread(target=self._run, args=(folder, scope, path), name=f"mnemic {path.name}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self, folder: Path, scope: str, path: Path) -> None:
        try:
            build(folder / DATABASE, scope, path, self._told)
        except (_Stopped, OSError, sqlite3.Error, MemoryError):
            # an index is a convenience: without a new one the old one goes on
            self.failed = True

    def _told(self, stage: str, done: int, size: int) -> None:
        if self._stop.is_set():
            raise _Stopped


class Indexes:
    """Search indexes by scope.

    Args:
        folder: of the store; None for one in memory, which saves none.
        large: active items from which on an index is saved.
        writing: opens a transaction that keeps other processes from writing.
        notify: told when a call has to wait for a build.
        exact: makes the empty index of a scope, for so many numbers and rows; None for one that looks at every row.
    """

    def __init__(
        self, folder: Path | None, large: int, writing: Writing, notify: Notify | None, exact: Exact | None = None
    ) -> None:
        self._folder = folder if folder is not None and can_list() else None
        self._all_files = folder
        self._large = large
        self._writing = writing
        self._notify = notify
        self._exact = exact or (lambda scope, dim, capacity: ExactIndex(dim, capacity))
        self._indexes: dict[str, SearchIndex] = {}
        self._builds: dict[str, _Build] = {}
        self._given_up: set[str] = set()
        """Scopes whose index couldn't be saved or was damaged twice: they are searched exactly."""
        self._damaged: set[str] = set()

    def of(self, db: Database, scope: str, dim: int) -> SearchIndex:
        """Return the index of a scope, brought up to the store's revision.

        Raises:
            DamagedIndex: if its file turns out to be damaged; `discard` it and ask again.
        """
        revision = records.revision_of(db)
        index = self._indexes.get(scope)
        if (finished := self._builds.get(scope)) is not None and finished.done:
            del self._builds[scope]
            if finished.failed:
                self._given_up.add(scope)
            elif (built := self._saved(db, scope)) is not None:
                # else so much came meanwhile that what answers now is the better one
                index = self._indexes[scope] = built
        if index is not None and index.revision == revision:
            return index
        wants_file = self._wants_file(db, scope)
        if index is None or records.erased_after(db, scope, index.revision) or (index.wasteful and not wants_file):
            self._indexes.pop(scope, None)
            index = self._made(db, scope, dim)
        _catch_up(db, scope, index, revision)
        self._indexes[scope] = index
        if wants_file and (isinstance(index, ExactIndex) or index.wasteful) and scope not in self._builds:
            assert self._folder is not None
            self._builds[scope] = _Build(self._folder, scope, self._path(db, scope))
        return index

    def keep(self, scope: str, kind: type[ExactIndex]) -> None:
        """Let go of a scope's index if it isn't exactly of a kind."""
        if type(self._indexes.get(scope, None)) is not kind:
            self._indexes.pop(scope, None)

    def discard(self, db: Database, scope: str) -> None:
        """Throw a damaged index away; one that is so again isn't saved any more by this process."""
        self._indexes.pop(scope, None)
        if scope in self._damaged:
            self._given_up.add(scope)
        self._damaged.add(scope)
        with suppress(OSError):
            self._path(db, scope).unlink(missing_ok=True)

    def erase(self, db: Database, scope: str, seqs: list[int]) -> tuple[str, ...]:
        """Let go of what is in memory, stop building, and overwrite items in the scope's file.

        Returns:
            Names of files that may still hold a part.
        """
        # it holds texts and vectors of dead rows
        self._indexes.pop(scope, None)
        if scope in self._builds:
            self._builds.pop(scope).stop()
        if self._all_files is None:
            return ()
        path, left = self._path(db, scope), []
        for draft in self._all_files.glob(f"{path.name}{DRAFTS}*"):
            try:
                if time.time() - draft.stat().st_mtime > _OLD:
                    draft.unlink()
                else:
                    left.append(draft.name)
            except FileNotFoundError:
                continue
            except OSError:
                left.append(draft.name)
        try:
            with self._writing():
                # nobody else erases meanwhile
                _erase(path, seqs)
        except FileNotFoundError:
            pass
        except (DamagedIndex, OSError, ValueError, StoreError):
            try:
                path.unlink()
            except OSError:
                left.append(path.name)
        return tuple(left)

    def check(self) -> None:
        """Read the saved indexes, and remove those that are damaged: they are built anew when they are needed."""
        if self._all_files is None:
            return
        for path in self._all_files.glob(f"{PREFIX}*"):
            if DRAFTS in path.name:
                continue
            try:
                SavedRows(IndexFile.open(path)).verify()
            except (DamagedIndex, OSError):
                self._check_alone(path)

    def _check_alone(self, path: Path) -> None:
        """Look again while nobody can be erasing in a file, and remove it if it is damaged all the same."""
        with self._writing():
            try:
                SavedRows(IndexFile.open(path)).verify()
            except (DamagedIndex, OSError):
                self._indexes.clear()
                with suppress(OSError):
                    path.unlink()

    def close(self) -> None:
        """Stop building and let go of all indexes."""
        for one in self._builds.values():
            one.stop()
        self._builds.clear()
        self._indexes.clear()

    def forget_files(self) -> None:
        """Let go of all indexes, and remove the saved ones: their vectors are another encoder's."""
        self.close()
        for path in self._all_files.glob(f"{PREFIX}*") if self._all_files is not None else ():
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _path(self, db: Database, scope: str) -> Path:
        assert self._all_files is not None
        row = db.execute("SELECT id FROM scopes WHERE name = ?", (scope,)).fetchone()
        # a scope that was never written to has none
        return self._all_files / f"{PREFIX}{row[0] if row else 0}"

    def _wants_file(self, db: Database, scope: str) -> bool:
        if self._folder is None or scope in self._given_up:
            return False
        active = _active(db, scope)
        # what was large once stays so until it has halved: building back and forth helps nobody
        return active >= self._large or (active >= self._large / 2 and self._path(db, scope).exists())

    def _made(self, db: Database, scope: str, dim: int) -> SearchIndex:
        """Return a new index: of the saved file, which is built first if there is none, or an exact one."""
        if self._wants_file(db, scope):
            found = self._saved(db, scope)
            if found is not None:
                return found
            with self._building(db, scope) as path:
                assert self._folder is not None
                build(self._folder / DATABASE, scope, path, lambda *_: None)
            found = self._saved(db, scope)
            if found is not None:
                return found
            self._given_up.add(scope)
        index = self._exact(scope, dim, max(256, 2 * _active(db, scope)))
        # read first: what others write meanwhile is then put again, and not missed
        revision = records.revision_of(db)
        _fill(index, db.execute(records.SELECT_ACTIVE, {"scope": scope}))
        index.revision = revision
        return index

    @contextmanager
    def _building(self, db: Database, scope: str) -> Iterator[Path]:
        if self._notify is not None:
            self._notify(f"Building the search index of {_active(db, scope):,} memories, once; a million take some minutes.")
        # what can't be built or written is done without
        with suppress(OSError, sqlite3.Error, MemoryError):
            yield self._path(db, scope)

    def _saved(self, db: Database, scope: str) -> LargeIndex | None:
        """Return the saved index, if there is one of this store that isn't too old."""
        path = self._path(db, scope)
        try:
            rows = self._opened(db, path, scope)
            if rows is None:
                return None
            erased = records.erased_after(db, scope, rows.revision)
            if any((row := rows.row_of(seq)) is not None and rows.vectors[row].any() for seq in erased):
                # whoever erased them, or a build that had begun before, was stopped
                with self._writing():
                    _erase(path, erased)
                rows = SavedRows(IndexFile.open(path))
            index = LargeIndex(rows)
        except (FileNotFoundError, StoreError):
            # StoreError: others write for so long that nothing could be erased in it
            return None
        except (DamagedIndex, OSError):
            with suppress(OSError):
                path.unlink()
            return None
        for seq in erased:
            index.drop(seq)
        return index

    def _opened(self, db: Database, path: Path, scope: str) -> SavedRows | None:
        try:
            rows = SavedRows(IndexFile.open(path))
        except DamagedIndex:
            # another process may be erasing in it just now
            with self._writing():
                rows = SavedRows(IndexFile.open(path))
        about = about_of(db, scope, rows.revision)
        if any(rows.file.about.get(name) != value for name, value in about.items()):
            raise DamagedIndex(f"{path}: of another store")
        if records.changed_after(db, scope, rows.revision) > STALE_SHARE * len(rows):
            return None
        return rows


def _erase(path: Path, seqs: list[int]) -> None:
    file = IndexFile.open(path, write=True)
    rows = SavedRows(file)
    found = [row for seq in seqs if (row := rows.row_of(seq)) is not None]
    if not found:
        return
    # before anything is changed, or damage would be sealed in
    file.check()
    file.begin()
    for row in found:
        rows.erase(row)
    file.seal({**file.about, "erased": rows.erased + len(found)})


def _active(db: Database, scope: str) -> int:
    row = db.execute("SELECT active FROM scopes WHERE name = ?", (scope,)).fetchone()
    return row[0] if row else 0


def _catch_up(db: Database, scope: str, index: SearchIndex, revision: int) -> None:
    if index.revision < revision:
        _fill(index, db.execute(records.SELECT_CHANGED, {"scope": scope, "after": index.revision}))
        # rows may be newer than the revision read before them; they are then put again, which is harmless
        index.revision = revision


def _fill(index: SearchIndex, changed: Rows) -> None:
    for seq, item_id, status, text, category, key in changed:
        if status == "active":
            index.put(seq, item_id, text, category, np.frombuffer(key, dtype="<f4"))
        else:
            index.drop(seq)
