"""In-process search over the active items of one scope: what an index is, and tier 1, exact. Tier 2: `large.py`.

The store is the truth; this is rebuilt from it and caught up from its journal. Rows are only appended: a changed item dies in its
old row and comes back in a new one, so that deleting costs nothing and both the matrix and the word postings stay valid.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .base import Scored
from .scan import ROUNDING, Scan, best_scan, cosines
from .words import WordIndex

MIN_WASTE = 1024
"""Dead rows that are tolerated whatever the size of the index."""


class SearchIndex(Protocol):
    """What the store needs of an index; a larger tier implements the same."""

    revision: int
    """Journal number up to which the index has seen the store."""

    def put(self, order: int, item_id: str, text: str, category: str | None, key: FloatArray) -> None:
        """Add an item, or replace it. `order` is its place in time, `key` is L2-normalised `[E]`."""
        ...

    def drop(self, order: int) -> None:
        """Take an item out, if it is in."""
        ...

    def search(self, key: FloatArray, k: int, category: str | None) -> list[Scored]:
        """Return the k items with the highest cosine, best first, the older first among equals."""
        ...

    def search_words(self, words: Sequence[str], k: int) -> list[Scored]:
        """Return up to k items that share a word, by BM25."""
        ...

    def word_count(self, word: str) -> int:
        """Return in how many items a word occurs."""
        ...

    @property
    def wasteful(self) -> bool:
        """Whether building the index anew would make it much smaller."""
        ...


class Ranked(NamedTuple):
    """A found item with its place in time."""

    score: float
    order: int
    id: str


def best_of(found: Iterable[Ranked], k: int) -> list[Scored]:
    """Return the k best, the older first among equals."""
    return [Scored(one.id, one.score) for one in sorted(found, key=lambda one: (-one.score, one.order))[:k]]


class ExactIndex:
    """Tier 1: every row is looked at.

    Args:
        dim: numbers of a key.
        capacity: rows to make room for.
        scan: how rows are looked at; None for the fastest there is.
        words: where the words of the rows go; those that are in it already belong to others.
    """

    def __init__(self, dim: int, capacity: int = 256, scan: Scan | None = None, words: WordIndex | None = None) -> None:
        self.revision = 0
        self._scan: Scan = scan if scan is not None else best_scan(dim, capacity)
        self._words = words if words is not None else WordIndex()
        self._first_word_row = self._words.first
        self._rows: dict[int, int] = {}
        self._ids: list[str] = []
        self._orders = np.zeros(capacity, dtype=np.int64)
        self._categories = np.zeros(capacity, dtype=np.int32)
        self._alive = np.zeros(capacity, dtype=np.bool_)
        self._category_numbers: dict[str | None, int] = {}

    def put(self, order: int, item_id: str, text: str, category: str | None, key: FloatArray) -> None:
        """Add an item, or replace it."""
        self.drop(order)
        row = len(self._ids)
        if row == len(self._alive):
            self._orders, self._categories, self._alive = (
                np.concatenate([a, np.zeros_like(a)]) for a in (self._orders, self._categories, self._alive)
            )
        self._scan.append(key)
        self._words.add(text)
        self._ids.append(item_id)
        self._orders[row] = order
        self._categories[row] = self._category_numbers.setdefault(category, len(self._category_numbers))
        self._alive[row] = True
        self._rows[order] = row

    def drop(self, order: int) -> None:
        """Take an item out, if it is in."""
        row = self._rows.pop(order, None)
        if row is not None:
            self._alive[row] = False
            self._words.remove(self._first_word_row + row)

    def search(self, key: FloatArray, k: int, category: str | None) -> list[Scored]:
        """Return the k items with the highest cosine, best first, the older first among equals."""
        return best_of(self.nearest(key, k, category), k)

    def nearest(self, key: FloatArray, k: int, category: str | None) -> list[Ranked]:
        """Return the same with their places in time, in no order."""
        wanted = self._wanted(category)
        if wanted is None:
            return []
        rows, scores = self._scan.top(key, k, wanted)
        rows = rows[nearly_best(scores, k)]
        return self.ranked(rows, cosines(self._scan.keys[rows], key), k)

    def search_words(self, words: Sequence[str], k: int) -> list[Scored]:
        """Return up to k items that share a word, by BM25."""
        rows, scores = self._words.top(words, k, self._alive)
        return best_of(self.ranked(rows, scores, k), k)

    def word_count(self, word: str) -> int:
        """Return in how many items a word occurs."""
        return self._words.count(word, self._alive)

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """Which rows hold an item that is active, `[rows]`."""
        return self._alive[: len(self._ids)]

    @property
    def wasteful(self) -> bool:
        """Whether building the index anew would make it much smaller."""
        dead = len(self._ids) - len(self._rows)
        return dead > max(MIN_WASTE, len(self._rows))

    def _wanted(self, category: str | None) -> npt.NDArray[np.bool_] | None:
        if category is None:
            return self.alive
        number = self._category_numbers.get(category)
        return None if number is None else self.alive & (self._categories[: len(self._ids)] == number)

    def ranked(self, rows: npt.NDArray[np.intp], scores: npt.NDArray[np.floating], k: int) -> list[Ranked]:
        """Return the items of the k best of some rows."""
        best = best_rows(self._orders[rows], scores, k)
        return [Ranked(float(scores[i]), int(self._orders[rows[i]]), self._ids[rows[i]]) for i in best]


def nearly_best(scores: FloatArray, k: int) -> npt.NDArray[np.intp]:
    """Return the places of the k best fp32 scores, and of all that may be as good but for rounding."""
    if len(scores) <= k:
        return np.arange(len(scores))
    return np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k] - ROUNDING)


def best_rows(orders: npt.NDArray[np.int64], scores: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.intp]:
    """Return the places of the k best scores, best first, the older first among equals."""
    places = np.arange(len(scores))
    if len(scores) > k:
        # everything that ties with the k-th stays in, so that the cut doesn't depend on the order of rows
        places = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    return places[np.lexsort((orders[places], -scores[places]))[:k]]
