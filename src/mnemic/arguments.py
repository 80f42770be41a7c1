"""Checks of arguments that many rooms take: numbers, names, paths. A wrong type is refused like a wrong value."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeGuard

from .errors import ConfigError, rule_got_do

_KINDS: dict[Any, tuple[type, str]] = {int: (Integral, "a whole number"), float: (Real, "a number")}
_SHOWN = 80


def short(value: object) -> str:
    """Return how a value is shown in an error."""
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 4]}..."


def is_several(value: object) -> TypeGuard[Iterable[object]]:
    """Return whether a value can stand for several: a string, which is a sequence of letters, can't."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))


def check_count(name: str, value: object, least: int) -> int:
    """Return a whole number that is large enough.

    Raises:
        ConfigError: if it isn't one.
    """
    # numpy's whole numbers are whole numbers too
    whole = least - 1 if isinstance(value, bool) or not isinstance(value, Integral) else int(value)
    if not least <= whole < 2**31:
        raise ConfigError(rule_got_do(f"`{name}` is a whole number from {least} on.", short(value), "Give one in that range."))
    return whole


def check_number(name: str, value: object, kind: type = float) -> None:
    """Refuse what is no number, of the kind `int` or `float`.

    Raises:
        ConfigError: if it isn't one.
    """
    wanted, words = _KINDS[kind]
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise ConfigError(rule_got_do(f"`{name}` is {words}.", short(value), "Give one."))


def check_numbers(settings: Any) -> None:
    """Refuse settings, a dataclass, in which something else stands where a number belongs.

    Raises:
        ConfigError: naming the field.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        for kind in _KINDS:
            if field.type == kind or (field.type == kind | None and value is not None):
                check_number(field.name, value, kind)


def check_names(what: str, value: object, known: tuple[str, ...], *, least: int = 0) -> tuple[str, ...]:
    """Return some of the known names.

    Args:
        what: what they are names of, for the error: "Sites".
        value: several names.
        known: those that may be chosen.
        least: how many have to be.

    Raises:
        ConfigError: if one is unknown or occurs twice, if there are too few, or a single string stands in place of several.
    """
    chosen: tuple[Any, ...] | None = tuple(value) if is_several(value) else None
    if chosen is None or any(name not in known for name in chosen) or len(set(chosen)) < len(chosen) or len(chosen) < least:
        rule = f"{what} are among {', '.join(known)}, each once."
        raise ConfigError(rule_got_do(rule, short(value if chosen is None else list(chosen)), f"Give a list, like {[known[0]]}."))
    return chosen


def check_kind(name: str, value: object, kind: Any, do: str) -> None:
    """Refuse an object of another kind, saying what to do.

    Raises:
        ConfigError: if it is one.
    """
    if not isinstance(value, kind):
        raise ConfigError(rule_got_do(f"`{name}` is a {kind.__name__}.", short(value), do))


def check_several(name: str, value: object, kind: Any) -> tuple[Any, ...]:
    """Return one object of a kind, or several, as a tuple.

    Raises:
        ConfigError: if there is anything else.
    """
    several = [value] if isinstance(value, kind) or not is_several(value) else list(value)
    found = tuple(one for one in several if isinstance(one, kind))
    if len(found) < len(several):
        got = short([type(one).__name__ for one in several] if is_several(value) else value)
        raise ConfigError(rule_got_do(f"`{name}` is one {kind.__name__} or a list of them.", got, "Give instances."))
    return found


def check_path(name: str, value: object) -> str:
    """Return a name or a path as text.

    Raises:
        ConfigError: if it is neither.
    """
    if not isinstance(value, (str, Path)):
        raise ConfigError(rule_got_do(f"`{name}` is text or a path.", short(value), "Give a str or a pathlib.Path."))
    return os.fspath(value)
