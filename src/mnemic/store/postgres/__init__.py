"""The store on a PostgreSQL server with pgvector. The driver is imported when such a store is opened, not before."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...errors import ConfigError, rule_got_do
from .address import is_address, parse, without_password

if TYPE_CHECKING:
    from .store import PostgresStore

__all__ = ["is_address", "open_postgres", "without_password"]

NEEDS = ("psycopg", "psycopg_pool")


def open_postgres(url: str, *, notify: Callable[[str], None] | None = None) -> "PostgresStore":
    """Open the store that a URL names, making its tables where there are none. `notify` is told when a call has to wait.

    Raises:
        ConfigError: if the URL breaks a rule, the driver isn't installed, or the server can't be used.
        Corrupt: if the schema holds something else. Nothing is touched then.
        SchemaTooNew: if a newer Mnemic wrote it.
    """
    address = parse(url)
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise ConfigError(
            rule_got_do(
                "A store on a PostgreSQL server needs its driver.",
                f"{' and '.join(missing)} not installed",
                'Run: pip install "mnemic[postgres]", or give a folder.',
            )
        )
    from .store import PostgresStore

    return PostgresStore(address, notify=notify)
