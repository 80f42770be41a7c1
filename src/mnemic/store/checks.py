"""What a store accepts. Every check names the rule, what was got and what to do."""

import re

import numpy as np

from ..errors import ConfigError, InputError, ShapeError, rule_got_do
from ..types import FloatArray

MAX_SCOPE = 200
NORM_TOLERANCE = 1e-2
"""How far from 1 the norm of a key may be: two decimals leave room for encoders that compute in bf16 (8 bits of mantissa)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_scope(scope: str) -> str:
    """Return a usable scope name."""
    if (
        not isinstance(scope, str)
        or not scope.strip()
        or len(scope) > MAX_SCOPE
        or _CONTROL.search(scope)
        or not _encodable(scope)
    ):
        raise ConfigError(
            rule_got_do(
                f"A scope is a name of 1 to {MAX_SCOPE} printable characters.", repr(scope)[:80], 'Give one like "default".'
            )
        )
    return scope


def check_text(text: str) -> str:
    """Return a text that can be stored as it is."""
    if not isinstance(text, str) or not text.strip():
        raise InputError(rule_got_do("A memory's text must hold more than white space.", repr(text)[:80], "Give a text."))
    if "\x00" in text or not _encodable(text):
        raise InputError(
            rule_got_do(
                "A memory's text must be Unicode without NUL characters or lone surrogates.", repr(text)[:80], "Clean the text."
            )
        )
    return text


def check_label(name: str, value: str | None) -> str | None:
    """Return a category, source or reason that can be stored as it is."""
    if value is not None and (not isinstance(value, str) or "\x00" in value or not _encodable(value)):
        raise InputError(
            rule_got_do(
                f"A memory's {name} must be Unicode without NUL characters or lone surrogates.", repr(value)[:80], "Clean it."
            )
        )
    return value


def check_importance(importance: float) -> float:
    """Return an importance from 0 to 1."""
    if not 0.0 <= importance <= 1.0:
        raise ConfigError(rule_got_do("Importance is a number from 0 to 1.", repr(importance), "Give one in that range."))
    return float(importance)


def check_key(key: FloatArray, dim: int) -> FloatArray:
    """Return a key as contiguous little-endian fp32 `[dim]`."""
    key = np.ascontiguousarray(key, dtype="<f4")
    if key.shape != (dim,):
        raise ShapeError(
            rule_got_do(f"A key has the shape [{dim}] of this store's encoder.", f"shape {list(key.shape)}", "Encode with it.")
        )
    norm = float(np.linalg.norm(key))
    if not abs(norm - 1.0) <= NORM_TOLERANCE:
        raise ConfigError(rule_got_do("A key is L2-normalised.", f"norm {norm:.4g}", "Divide it by its norm."))
    return key


def check_count(name: str, value: int, least: int) -> int:
    """Return a whole number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise ConfigError(rule_got_do(f"`{name}` is a whole number from {least} on.", repr(value), "Give one in that range."))
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
