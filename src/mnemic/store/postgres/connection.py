"""Reaching a server: the first connection, which tells plainly what is wrong, and the pool behind it."""

import logging
from functools import partial

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from ...errors import ConfigError, rule_got_do
from . import schema
from .address import Address
from .explain import STATEMENT_SECONDS, WAIT_SECONDS, Lost, explained, first_line
from .session import Connection, Session

Pool = ConnectionPool[Connection]
_USUAL = {"application_name": "mnemic", "connect_timeout": str(int(WAIT_SECONDS))}

# whoever wants to read what the pool tries can add a handler; without one, Python would print it
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())


def connect(address: Address) -> Connection:
    """Connect to the server of a store whose tables are there.

    Raises:
        ConfigError: if the URL can't be used, or the role or the database is refused.
        Lost: if nobody answers.
    """
    try:
        conninfo = _conninfo(address)
    except psycopg.ProgrammingError:
        # libpq quotes what it can't read, which may be a password
        raise ConfigError(
            rule_got_do(
                "A store's URL is one that libpq reads: postgresql://user@host:5432/database?option=value.",
                repr(address.shown),
                "Correct its options, and write what isn't a letter or digit in a name or password as %XX.",
            )
        ) from None
    try:
        connection: Connection = psycopg.connect(conninfo, autocommit=True)
    except psycopg.OperationalError as error:
        said = str(error)
        if any(part in said for part in ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf")):
            raise ConfigError(
                rule_got_do(
                    "The server must let the URL's role into its database.",
                    f"{_last_line(error)} ({address.shown})",
                    "Correct role, password (also in ~/.pgpass or PGPASSWORD) and database.",
                )
            ) from None
        raise Lost(
            rule_got_do(
                "The store's server must be within reach.",
                f"{_last_line(error)} ({address.shown})",
                "Start it, or correct the URL.",
            )
        ) from None
    try:
        with explained(address.shown):
            configure(address, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(address: Address) -> None:
    """Make a store's tables where there are none, or bring them up to date. See `schema.prepare` for what is refused."""
    with connect(address) as connection, explained(address.shown):
        schema.prepare(Session(connection), address.schema, address.shown)


def open_pool(address: Address) -> Pool:
    """Return a pool of connections, each looked at before it is lent: one that a restarted server closed is replaced."""
    return ConnectionPool(
        _conninfo(address),
        connection_class=psycopg.Connection[tuple[object, ...]],
        kwargs={"autocommit": True},
        min_size=1,
        max_size=address.pool_size,
        open=True,
        configure=partial(configure, address),
        check=ConnectionPool.check_connection,
        timeout=WAIT_SECONDS,
        reconnect_timeout=WAIT_SECONDS,
        num_workers=1,
    )


def configure(address: Address, connection: Connection) -> None:
    """Set what every connection of ours has: its tables, bounded waits, and writes that are durable when they are told."""
    session = Session(connection)
    schema.set_path(session, address.schema)
    session.execute(
        "SELECT set_config('lock_timeout', ?, false), set_config('statement_timeout', ?, false),"
        " set_config('idle_in_transaction_session_timeout', ?, false), set_config('client_encoding', 'UTF8', false),"
        # whoever set a stronger one keeps it
        " CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END",
        (f"{WAIT_SECONDS}s", f"{STATEMENT_SECONDS}s", f"{STATEMENT_SECONDS}s"),
    )


def _conninfo(address: Address) -> str:
    # the URL's own settings come first
    given = conninfo_to_dict(address.url)
    return make_conninfo(address.url, **{name: value for name, value in _USUAL.items() if name not in given})


def _last_line(error: psycopg.Error) -> str:
    # with several addresses to try, the last line tells about the last one
    return first_line(error) if error.diag.message_primary else str(error).strip().split("\n")[0]
