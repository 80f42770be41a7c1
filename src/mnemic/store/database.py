"""What statements that both SQL stores share need of an open database.

They are written in SQLite's dialect as far as PostgreSQL knows it too, with `?`, `?1` or `:name` for values. What differs is each
store's own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

Values = Sequence[Any] | Mapping[str, Any]


class Rows(Protocol):
    """What a statement answers."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""
        ...


class Database(Protocol):
    """An open database: `sqlite3.Connection`, or a session of a server."""

    def execute(self, sql: str, parameters: Values = ..., /) -> Rows:
        """Do a statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> object:
        """Do a statement once for each of several sets of values."""
        ...
