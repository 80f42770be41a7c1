"""The driver's errors in our words. None of them shows a password: only the first line of what the server said, and our URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from ...errors import StoreError, rule_got_do

WAIT_SECONDS = 5.0
"""How long a call waits for a connection, and a write for another one's end."""
STATEMENT_SECONDS = 60.0
"""How long one statement may take."""

_NOTHING_KEPT = "nothing of this write was kept"


class ReadOnly(StoreError):
    """The role, or the server, only reads."""


class Again(StoreError):
    """The server undid a write to let another one pass: the same may succeed now."""


class Lost(StoreError):
    """The server went away, or can't be reached."""


class _Explanation(NamedTuple):
    errors: tuple[type[Exception], ...]
    kind: type[StoreError]
    rule: str
    do: str


_EXPLANATIONS = [
    _Explanation(
        (errors.LockNotAvailable,),
        StoreError,
        f"A write waits at most {WAIT_SECONDS:g} s for other processes' writes; {_NOTHING_KEPT}.",
        "Try again, or look for a process that holds the store (pg_stat_activity).",
    ),
    _Explanation(
        (errors.QueryCanceled, errors.IdleInTransactionSessionTimeout),
        StoreError,
        f"A statement takes at most {STATEMENT_SECONDS:g} s, and isn't interrupted; {_NOTHING_KEPT}.",
        "Try again, with fewer items at a time.",
    ),
    _Explanation(
        (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction),
        ReadOnly,
        "What changes a store needs a role that may write, on a server that isn't a read-only replica.",
        "Connect as the owner of the schema, to the primary.",
    ),
    _Explanation(
        (errors.SerializationFailure, errors.DeadlockDetected), Again, f"Writes take turns; {_NOTHING_KEPT}.", "Try again."
    ),
    _Explanation(
        (errors.DiskFull, errors.OutOfMemory, errors.ProgramLimitExceeded),
        StoreError,
        f"A write needs free space and memory on the server; {_NOTHING_KEPT}.",
        "Free some and try again.",
    ),
    _Explanation(
        (errors.TooManyConnections, TooManyRequests),
        Lost,
        "A store needs a free connection to the server.",
        "Close other programs' connections, or raise max_connections.",
    ),
    _Explanation(
        (errors.DataCorrupted, errors.IndexCorrupted), StoreError, "A store's tables must be whole.", "Restore a backup of them."
    ),
    _Explanation(
        (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName),
        StoreError,
        "A store's tables must be there while it is open.",
        "Restore a backup of them, and open the store again.",
    ),
    _Explanation(
        (PoolTimeout, PoolClosed, psycopg.OperationalError, psycopg.InterfaceError),
        Lost,
        f"The store's server must stay within reach; {_NOTHING_KEPT}.",
        "Try again when it is; the store needn't be opened anew.",
    ),
]


@contextmanager
def explained(location: str) -> Iterator[None]:
    """Turn the driver's errors into `StoreError` and its kin, naming the store's location."""
    try:
        yield
    except psycopg.Error as error:
        got = f"{first_line(error)} ({location})"
        for known in _EXPLANATIONS:
            if isinstance(error, known.errors):
                raise known.kind(rule_got_do(known.rule, got, known.do)) from error
        raise StoreError(rule_got_do("The store's server must do what it is asked.", got, "Run `mnemic doctor`.")) from error


def first_line(error: psycopg.Error) -> str:
    """Return what the server said, without the lines that quote values."""
    said = error.diag.message_primary or str(error)
    return said.strip().split("\n", 1)[0] or type(error).__name__
