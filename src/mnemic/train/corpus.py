"""Texts as documents, documents as windows that a host reads one at a time."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, InputError, rule_got_do


def documents(path: Path, separator: str | None) -> list[str]:
    """Return the documents of a file.

    Args:
        path: a UTF-8 text.
        separator: a regular expression for the beginning of a line at which a new document begins; None: the file is one.

    Raises:
        InputError: if the file can't be read or is empty.
        ConfigError: if the expression is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(rule_got_do("A text must be readable UTF-8.", f"{path}: {error}", "Check its path.")) from error
    try:
        # by itself first, so that an error names its own places
        begins = None if separator is None else re.compile(separator) and re.compile(rf"^(?={separator})", re.MULTILINE)
    except re.error as error:
        raise ConfigError(
            rule_got_do("A separator is a regular expression.", f"{separator!r}: {error}", "Correct it, e.g. ' = [^=]'.")
        ) from error
    # cut at the places alone: what an expression's groups captured is no document of its own
    places = [] if begins is None else [match.start() for match in begins.finditer(text)]
    parts = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
    found = [part for part in parts if part.strip()]
    if not found:
        raise InputError(rule_got_do("A text to train on holds words.", f"{path}: none", "Give another file."))
    return found


def windows(tokenizer: Any, texts: Sequence[str], size: int) -> list[Tensor]:
    """Return each text's tokens as `[N, size]`, without special tokens; what doesn't fill a window is left out."""
    cut = []
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        count = len(ids) // size
        if count:
            cut.append(torch.tensor(ids[: count * size]).view(count, size))
    return cut


class Parts(NamedTuple):
    """Numbers of documents: to train on, to stop by, to report."""

    train: list[int]
    development: list[int]
    held: list[int]


def split(sizes: Sequence[int], *, development: float, held: float, seed: int) -> Parts:
    """Return a split of documents into parts of about those shares of all windows, drawn by a seed that training doesn't use.

    Args:
        sizes: windows of each document.
        development: share to stop by.
        held: share to report on.
        seed: of the draw.

    Raises:
        InputError: if a part would be empty.
    """
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    total, parts, begin = sum(sizes), [], 0
    for share in (held, development):
        wanted = share * total
        taken: list[int] = []
        while begin < len(order) and sum(sizes[i] for i in taken) < wanted:
            taken.append(order[begin])
            begin += 1
        parts.append(taken)
    found = Parts(train=order[begin:], development=parts[1], held=parts[0])
    if not all(found):
        raise InputError(
            rule_got_do(
                "There are documents to train on, to stop by and to report.",
                f"{len(sizes)} documents of a window or more",
                "Give a longer text, a separator, or smaller windows.",
            )
        )
    return found


class Streams:
    """Documents in rows, window by window: when one ends, the next of a shuffled order takes its row."""

    def __init__(self, sizes: Sequence[int], rows: int, order: Sequence[int]) -> None:
        """Begin an epoch over documents in an order."""
        self._sizes = sizes
        self._waiting = list(reversed(order))
        self._at: list[tuple[int, int] | None] = [None] * rows

    def step(self, begin: Callable[[int], None]) -> list[tuple[int, int, int]]:
        """Return (row, document, window) of the next windows, nothing at the end; `begin` is told of rows with a new document."""
        out = []
        for row, place in enumerate(self._at):
            if place is None or place[1] + 1 >= self._sizes[place[0]]:
                now = (self._waiting.pop(), 0) if self._waiting else None
                begin(row)
            else:
                now = (place[0], place[1] + 1)
            self._at[row] = now
            if now is not None:
                out.append((row, *now))
        return out
