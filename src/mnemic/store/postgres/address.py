"""URLs of stores: which server, and our own options, which libpq doesn't know."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ...errors import ConfigError, rule_got_do

EXACT_ROWS = 50_000
"""Active items of a scope up to which it is searched exactly, in the process. Its vectors then take 77 MB at 384 numbers each."""
POOL_SIZE = 4

_RULE = "A store on a server is named like postgresql://user@host:5432/database?schema=mnemic."
_SCHEMES = ("postgresql", "postgres")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,40}")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a store is, and how it is used."""

    url: str
    """For libpq: with the password, without our options. Never shown."""
    shown: str
    """For errors and outputs."""
    schema: str = "mnemic"
    """Schema that holds all tables."""
    pool_size: int = POOL_SIZE
    """Most connections of one store object."""
    exact_rows: int = EXACT_ROWS
    """Active items of a scope above which it is searched by the server's HNSW index."""


def is_address(location: str) -> bool:
    """Return whether a store's location names a server and not a folder."""
    return "://" in location


def without_password(location: str) -> str:
    """Return a store's location as it may be shown; of a URL, what isn't known to be harmless is left out."""
    if not is_address(location):
        return location
    try:
        parts = urlsplit(location)
    except ValueError:
        return f"{location.split('://', 1)[0]}://..."
    user, at, hosts = parts.netloc.rpartition("@")
    netloc = f"{user.split(':', 1)[0]}{at}{hosts}"
    ours = [(name, value) for name, value in parse_qsl(parts.query) if name in _OPTIONS]
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(ours), ""))


def parse(url: str) -> Address:
    """Return what a URL says.

    Raises:
        ConfigError: if it names another kind of server, or an option breaks a rule. No error shows a password.
    """
    shown = without_password(url)
    try:
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigError(rule_got_do(_RULE, repr(shown), "Write what isn't a letter or digit in it as %XX.")) from None
    if parts.scheme not in _SCHEMES:
        raise ConfigError(
            rule_got_do(
                "A store's location is a folder, ':memory:' or a postgresql:// URL.", repr(f"{parts.scheme}://..."), "Give one."
            )
        )
    if parts.fragment or len(dict(options)) < len(options):
        raise ConfigError(
            rule_got_do(_RULE, f"{shown!r} with a # or an option twice", "Write # as %23, and give each option once.")
        )
    given = dict(options)
    schema = given.pop("schema", "mnemic")
    if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        raise ConfigError(
            rule_got_do(
                "A schema's name is up to 41 small letters, digits and underscores, and doesn't begin with pg_.",
                repr(schema[:80]),
                "Give e.g. schema=mnemic.",
            )
        )
    numbers = {name: _number(name, given.pop(name)) for name in ("pool_size", "exact_rows") if name in given}
    query = urlencode(given, quote_via=quote)
    return Address(url=urlunsplit(("postgresql", parts.netloc, parts.path, query, "")), shown=shown, schema=schema, **numbers)


_OPTIONS = ("schema", "pool_size", "exact_rows")


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= 10**9):
        raise ConfigError(rule_got_do(f"{name} is a whole number from 1 to 1,000,000,000.", repr(text[:80]), f"Give {name}=4."))
    return int(text)
