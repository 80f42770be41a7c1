"""Where items live: the protocol, the stores, and how to open one."""

from collections.abc import Callable
from pathlib import Path

from ..arguments import check_path
from ..errors import ConfigError, rule_got_do
from .base import Scored, Store
from .connection import CONVERSATION, DATABASE
from .embedded import MEMORY, SqliteStore
from .postgres import is_address, open_postgres, without_password
from .sql import SqlStore
from .words import words_of

__all__ = [
    "CONVERSATION",
    "DATABASE",
    "Scored",
    "SqlStore",
    "SqliteStore",
    "Store",
    "is_address",
    "open_store",
    "without_password",
    "words_of",
]


def open_store(location: str | Path, *, notify: Callable[[str], None] | None = None) -> SqlStore:
    """Open a store, making it where there is none.

    Args:
        location: a folder ("~" is the home folder), ":memory:" for a store that ends with its object, or the URL of a PostgreSQL
            database (`postgresql://user@host:5432/database?schema=mnemic`), for which the extra `postgres` has to be installed.
        notify: told in words when a call has to wait for a search index to be built.

    Raises:
        ConfigError: if the location can't be a folder, or names a kind of store or a server that can't be used.
        StoreError: if a server can't be reached.
        Corrupt: if the folder or schema holds something else, or a damaged store. Nothing is touched then.
        SchemaTooNew: if a newer Mnemic wrote it.
    """
    text = check_path("store", location)
    if not text.strip() or "\x00" in text:
        raise ConfigError(
            rule_got_do("A store's location is a folder, ':memory:' or a URL.", repr(text), "Give one like '~/memories'.")
        )
    if isinstance(location, str) and is_address(text):
        return open_postgres(text, notify=notify)
    return SqliteStore(MEMORY if text == MEMORY else Path(text).expanduser(), notify=notify)
