"""Where items live: the protocol, the embedded store, and how to open one."""

from collections.abc import Callable
from pathlib import Path

from ..arguments import check_path
from ..errors import ConfigError, rule_got_do
from .base import Scored, Store
from .connection import CONVERSATION, DATABASE
from .sqlite import MEMORY, SqliteStore
from .words import words_of

__all__ = ["CONVERSATION", "DATABASE", "Scored", "SqliteStore", "Store", "open_store", "words_of"]


def open_store(location: str | Path, *, notify: Callable[[str], None] | None = None) -> SqliteStore:
    """Open a store, making it where there is none.

    Args:
        location: a folder ("~" is the home folder), or ":memory:" for a store that ends with its object.
        notify: told in words when a call has to wait for a search index to be built.

    Raises:
        ConfigError: if the location can't be a folder, or names a kind of store that isn't there.
        Corrupt: if the folder holds something else, or a damaged store. Nothing is touched then.
        SchemaTooNew: if a newer Mnemic wrote it.
    """
    text = check_path("store", location)
    if not text.strip() or "\x00" in text:
        raise ConfigError(rule_got_do("A store's location is a folder or ':memory:'.", repr(text), "Give one like '~/memories'."))
    if isinstance(location, str) and "://" in text:
        raise ConfigError(
            rule_got_do(
                "A store's location is a folder or ':memory:'; servers such as PostgreSQL aren't supported yet.",
                _hidden(text),
                "Give a folder.",
            )
        )
    return SqliteStore(MEMORY if text == MEMORY else Path(text).expanduser(), notify=notify)


def _hidden(url: str) -> str:
    # a URL may carry a password: only its scheme is shown
    return repr(f"{url.split('://', 1)[0]}://...")
