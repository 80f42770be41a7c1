"""Opening and creating the files of an embedded store, and SQLite's errors in our words."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError, Corrupt, SchemaTooNew, StoreError, rule_got_do
from . import schema

DATABASE = "mnemic.db"
STATES = "states.db"
BACKUPS = ".before-format-"
"""Between the database's name and a format, in the name of the copy that the migration to it leaves."""
DAMAGED = ".damaged-"
"""The same, before a time, of the copy that mending a damaged database leaves."""
CONVERSATION = "last_chat.json"
"""What `mnemic chat` keeps of the last conversation, in the store's folder."""
DRAFTS = ".new-"
"""The same, of a file that is still being made."""
BUSY_SECONDS = 5.0
"""How long a write waits for another process's write."""

_MAGIC = b"SQLite format 3\x00"
_RESTORE = "Restore the folder from a backup, or choose another folder."
_PERMISSIONS = "Change their permissions or choose another folder."
_NOTHING_KEPT = "nothing of this write was kept"


class _Explanation(NamedTuple):
    part: str
    """Of SQLite's own message, which is fixed (`sqlite_errorname` needs Python 3.11)."""
    kind: type[StoreError]
    rule: str
    do: str


_EXPLANATIONS = [
    _Explanation("is full", StoreError, f"A write needs free disk space; {_NOTHING_KEPT}.", "Free some space and try again."),
    _Explanation(
        "disk I/O error",
        StoreError,
        f"The store's disk must accept reads and writes; {_NOTHING_KEPT}.",
        "Check free space, quotas and the disk's health, then try again.",
    ),
    _Explanation(
        "locked",
        StoreError,
        f"A write waits at most {BUSY_SECONDS:g} s for other processes' writes; {_NOTHING_KEPT}.",
        "Try again, or look for a process that holds the store.",
    ),
    _Explanation("readonly", StoreError, "The store's folder and its files must be writable.", _PERMISSIONS),
    _Explanation("unable to open", StoreError, "The store's folder and its files must be readable and writable.", _PERMISSIONS),
    _Explanation("malformed", Corrupt, "A store's database must be whole.", _RESTORE),
    _Explanation("not a database", Corrupt, "A store's database must be a SQLite file.", _RESTORE),
]


@contextmanager
def explained(location: str) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError` and its kin, naming the store's location."""
    try:
        yield
    except sqlite3.Error as error:
        for known in _EXPLANATIONS:
            if known.part in str(error):
                raise known.kind(rule_got_do(known.rule, f"{error} ({location})", known.do)) from error
        raise StoreError(
            rule_got_do("The store's database must do what it is asked.", f"{error} ({location})", "Run `mnemic doctor`.")
        ) from error


def connect(path: str) -> sqlite3.Connection:
    """Connect to a database file that exists, or to ":memory:", with the settings every connection of ours has."""
    target = path if path == ":memory:" else f"{Path(path).absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(target, uri=path != ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA foreign_keys = ON")
        # freed pages are overwritten: what is removed doesn't linger in the file
        db.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:
        db.close()
        raise
    return db


def open_database(folder: Path) -> sqlite3.Connection:
    """Open the database of a store's folder, creating the folder and the database where there are none.

    Raises:
        ConfigError: if the location is a file, or the folder can't be made.
        Corrupt: if the folder holds something else, or a damaged store. Nothing is touched then.
        SchemaTooNew: if a newer Mnemic wrote it.
    """
    path = folder / DATABASE
    _prepare_folder(folder)
    with explained(str(folder)):
        if not path.exists():
            _create(path)
        _check_file(path)
        db = connect(str(path))
        try:
            _check_format(db, folder)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            if schema.version_of(db) < len(schema.MIGRATIONS):
                db.execute("BEGIN IMMEDIATE")
                # another process may have been faster
                if schema.version_of(db) < len(schema.MIGRATIONS):
                    _back_up(db, path)
                    schema.migrate(db)
                db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
    return db


def empty_log(db: sqlite3.Connection) -> bool:
    """Move what the write-ahead log holds into the database, cut it to nothing, and return whether other processes let it."""
    busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def _back_up(db: sqlite3.Connection, path: Path) -> None:
    """Copy a database aside before its tables change; whoever calls holds off other writers."""
    target = path.with_name(f"{path.name}{BACKUPS}{schema.version_of(db) + 1}")
    draft = path.with_name(f"{path.name}{DRAFTS}{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        # read by a connection of its own: one that is about to write can't be
        with closing(connect(str(path))) as now, closing(connect(str(draft))) as copy:
            now.backup(copy)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def open_in_memory() -> sqlite3.Connection:
    """Return a new database that lives as long as its connection."""
    db = connect(":memory:")
    schema.migrate(db)
    return db


def _prepare_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            rule_got_do("A store is a folder.", f"the file {str(folder)!r}", "Give a folder; it is made if it doesn't exist.")
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise ConfigError(
            rule_got_do(
                "A store's folder must be one that can be made and written.",
                str(error),
                "Change its permissions or choose another.",
            )
        ) from error
    if DATABASE in names:
        return
    if any(name.startswith(f"{DATABASE}-") for name in names):
        raise Corrupt(rule_got_do(f"A store needs its {DATABASE}.", f"{str(folder)!r} with only parts of it", _RESTORE))
    foreign = [name for name in names if not name.startswith((f"{DATABASE}.new", STATES))]
    if foreign:
        shown = ", ".join(map(repr, foreign[:3])) + (", ..." if len(foreign) > 3 else "")
        raise Corrupt(
            rule_got_do("A new store needs an empty folder.", f"{str(folder)!r}, which holds {shown}", "Choose another folder.")
        )


def _create(path: Path) -> None:
    # built aside and linked into place: a database under its final name is always whole, and two processes can't both create it
    draft = path.with_name(f"{path.name}{DRAFTS}{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        with closing(connect(str(draft))) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            schema.migrate(db)
            db.execute("COMMIT")
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _check_file(path: Path) -> None:
    wal = path.with_name(f"{path.name}-wal")
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise Corrupt(rule_got_do("A store's database must be a whole SQLite file.", f"{str(path)!r}", _RESTORE))
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    expected = page_size * int.from_bytes(header[28:32], "big")
    size = path.stat().st_size
    # with a write-ahead log a shorter file can be right: a checkpoint was cut off and is repeated from the log
    if size < expected and not (wal.exists() and wal.stat().st_size):
        raise Corrupt(
            rule_got_do(
                "A store's database must be whole.",
                f"{size} of {expected} bytes of {str(path)!r}, as after a copy cut short",
                _RESTORE,
            )
        )


def _check_format(db: sqlite3.Connection, folder: Path) -> None:
    application: int = db.execute("PRAGMA application_id").fetchone()[0]
    if application != schema.APPLICATION_ID:
        raise Corrupt(
            rule_got_do(
                "A store's database must be one that Mnemic wrote.", f"another one in {str(folder)!r}", "Choose another folder."
            )
        )
    version = schema.version_of(db)
    if version > len(schema.MIGRATIONS):
        raise SchemaTooNew(
            rule_got_do(
                f"This Mnemic reads stores up to format {len(schema.MIGRATIONS)}.",
                f"format {version} in {str(folder)!r}",
                "Update Mnemic (`pip install -U mnemic`), or choose another folder.",
            )
        )
