"""A connection to the server that takes the statements of both SQL stores."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg

from ..database import Database, Rows, Values

Connection = psycopg.Connection[tuple[Any, ...]]
_PART = re.compile(r"'(?:[^']|'')*'|::|\?(?P<number>\d+)|\?|:(?P<name>[a-z_]+)|%")


class _Statement(NamedTuple):
    text: str
    numbered: bool


@lru_cache(maxsize=512)
def translated(sql: str) -> _Statement:
    """Return a statement with psycopg's placeholders, and whether its values are known by number."""
    numbered = False

    def part(match: "re.Match[str]") -> str:
        nonlocal numbered
        whole = match.group()
        if match["number"]:
            numbered = True
            return f"%(p{match['number']})s"
        if match["name"]:
            return f"%({match['name']})s"
        return "%s" if whole == "?" else whole.replace("%", "%%")

    return _Statement(_PART.sub(part, sql), numbered)


class Session(Database):
    """A database that is open on a server. Without `BEGIN`, each statement is a transaction of its own."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, parameters: Values = (), /) -> Rows:
        """Do a statement. Values go to the server beside it, never inside."""
        statement = translated(sql)
        # the statement is ours, its values are apart
        return self.connection.execute(statement.text.encode(), _values(parameters, statement), binary=True)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> object:
        """Do a statement once for each of several sets of values, without waiting for each answer."""
        statement = translated(sql)
        with self.connection.cursor() as cursor:
            cursor.executemany(statement.text.encode(), [_values(values, statement) for values in parameters])
        return None


@contextmanager
def unhurried(db: Session) -> Iterator[None]:
    """Let statements take as long as they need: building an index, rewriting a table."""
    (usual,) = db.execute("SELECT current_setting('statement_timeout')").fetchone()
    db.execute("SELECT set_config('statement_timeout', '0', false)")
    try:
        yield
    finally:
        if not db.connection.closed:
            db.execute("SELECT set_config('statement_timeout', ?, false)", (usual,))


def _values(parameters: Values, statement: _Statement) -> Values:
    if isinstance(parameters, Mapping):
        return {name: _storable(value) for name, value in parameters.items()}
    values = [_storable(value) for value in parameters]
    return {f"p{number}": value for number, value in enumerate(values, 1)} if statement.numbered else values


def _storable(value: Any) -> Any:
    # what is written has no control characters; what is looked for and has some finds nothing, whichever they are
    return value.replace("\x00", "\x01") if isinstance(value, str) and "\x00" in value else value
