"""Very many items out of real sentences: what the bench of the index puts into a store."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...types import FloatArray, NewItem

SCOPE = "big"
RARE = "rare"
"""A category of 1 % of the items, drawn at random: nothing in the vectors tells it."""
RARE_EVERY = 100

_CATEGORIES = 8
_AT_ONCE = 5000


def texts_of(real: Sequence[str], count: int, seed: int) -> Iterator[str]:
    """Yield so many texts: the real sentences, then sentences of which each half comes from another real one, numbered apart."""
    rng = np.random.default_rng(seed)
    halves = [sentence.split() for sentence in real]
    for number in range(count):
        if number < len(real):
            yield real[number]
            continue
        one, other = (halves[int(place)] for place in rng.integers(0, len(halves), 2))
        yield " ".join([*one[: (len(one) + 1) // 2], *other[len(other) // 2 :], f"({number})"])


def batches(real: Sequence[str], vectors: FloatArray, scope: str, seed: int) -> Iterator[list[NewItem]]:
    """Yield the items of a scope, some thousand at a time, in the order of their vectors `[N, E]`."""
    rng = np.random.default_rng(seed)
    rare = rng.random(len(vectors)) < 1 / RARE_EVERY
    batch: list[NewItem] = []
    for number, text in enumerate(texts_of(real, len(vectors), seed)):
        category = RARE if rare[number] else f"category {number % _CATEGORIES}"
        batch.append(NewItem(text=text, scope=scope, key=vectors[number], reason="bench", category=category))
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def rare_rows(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return which of so many items `batches` puts into the rare category."""
    return np.flatnonzero(np.random.default_rng(seed).random(count) < 1 / RARE_EVERY)
