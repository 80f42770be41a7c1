"""What a store accepts. Every check names the rule, what was got and what to do."""

import re

import numpy as np

from ..arguments import is_several, short
from ..errors import ConfigError, InputError, ShapeError, rule_got_do
from ..types import FloatArray

MAX_SCOPE = 200
NORM_TOLERANCE = 1e-2
"""How far from 1 the norm of a key may be: two decimals leave room for encoders that compute in bf16 (8 bits of mantissa)."""

MAX_TEXT_BYTES = 2**20
"""Longest text in UTF-8. A memory is a sentence or a paragraph; this only keeps accidents out."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_scope(scope: str) -> str:
    """Return a usable scope name."""
    if not isinstance(scope, str) or not scope.strip() or len(scope) > MAX_SCOPE or _character_problem(scope, allowed=""):
        rule = f"A scope is a name of 1 to {MAX_SCOPE} printable characters."
        raise ConfigError(rule_got_do(rule, short(scope), 'Give one like "default".'))
    return scope


def text_problem(text: object) -> str | None:
    """Return what keeps a text from being remembered as it is, in words, or None."""
    if not isinstance(text, str):
        return f"it is {type(text).__name__}, not text"
    if not text.strip():
        return "it holds nothing but white space"
    return _character_problem(text, allowed="\t\n\r") or _size_problem(text)


def label_problem(label: object) -> str | None:
    """Return what keeps a category, a source or a reason from being stored as it is, in words, or None."""
    if label is None:
        return None
    if not isinstance(label, str):
        return f"it is {type(label).__name__}, not text"
    return _character_problem(label, allowed="\t\n\r") or _size_problem(label)


def check_text(text: str) -> str:
    """Return a text that can be stored as it is."""
    problem = text_problem(text)
    if problem is not None:
        rule = f"A text is printable Unicode of at most {MAX_TEXT_BYTES} bytes."
        raise InputError(rule_got_do(rule, f"{short(text)}; {problem}", "Clean the text."))
    return text


def check_texts(texts: object) -> list[str]:
    """Return one text or several as a list. What they hold isn't looked at."""
    if isinstance(texts, str):
        return [texts]
    if not is_several(texts):
        raise InputError(rule_got_do("A text is a str, and several are a list of them.", short(texts), "Pass one or the other."))
    found = []
    for text in texts:
        if not isinstance(text, str):
            raise InputError(rule_got_do("Each of several texts is a str.", short(text), "Leave out what is none."))
        found.append(text)
    return found


def check_id(item_id: object) -> str:
    """Return an item's id."""
    if not isinstance(item_id, str):
        raise InputError(rule_got_do("An item's id is text.", short(item_id), "Pass what `item.id` holds."))
    return item_id


def check_label(name: str, value: str | None) -> str | None:
    """Return a category, source or reason that can be stored as it is."""
    problem = label_problem(value)
    if problem is not None:
        rule = f"A memory's {name} is printable Unicode of at most {MAX_TEXT_BYTES} bytes."
        raise InputError(rule_got_do(rule, f"{short(value)}; {problem}", "Clean it."))
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


def _character_problem(text: str, allowed: str) -> str | None:
    for found in _CONTROL.finditer(text):
        if found.group() not in allowed:
            return f"it holds the control character U+{ord(found.group()):04X} at character {found.start() + 1}"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"it holds the lone surrogate U+{ord(text[error.start]):04X} at character {error.start + 1}"
    return None


def _size_problem(text: str) -> str | None:
    size = len(text.encode())
    return None if size <= MAX_TEXT_BYTES else f"it has {size} bytes"
