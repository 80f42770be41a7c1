"""In-process search over the active items of one scope: tier 1, exact.

The store is the truth; this is rebuilt from it and caught up from its journal. Rows are only appended: a changed item dies in its
old row and comes back in a new one, so that deleting costs nothing and both the matrix and the word postings stay valid.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .base import Scored
from .scan import Scan, best_scan
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


class ExactIndex:
    """Tier 1: every row is looked at."""

    def __init__(self, dim: int, capacity: int = 256, scan: Scan | None = None) -> None:
        self.revision = 0
        self._scan: Scan = scan if scan is not None else best_scan(dim, capacity)
        self._words = WordIndex()
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
            self._words.remove(row)

    def search(self, key: FloatArray, k: int, category: str | None) -> list[Scored]:
        """Return the k items with the highest cosine, best first, the older first among equals."""
        wanted = self._wanted(category)
        if wanted is None:
            return []
        rows, scores = self._scan.top(key, k, wanted)
        return self._ranked(rows, scores, k)

    def search_words(self, words: Sequence[str], k: int) -> list[Scored]:
        """Return up to k items that share a word, by BM25."""
        rows, scores = self._words.top(words, k, self._alive)
        return self._ranked(rows, scores, k)

    def word_count(self, word: str) -> int:
        """Return in how many items a word occurs."""
        return self._words.count(word, self._alive)

    @property
    def wasteful(self) -> bool:
        """Whether building the index anew would make it much smaller."""
        dead = len(self._ids) - len(self._rows)
        return dead > max(MIN_WASTE, len(self._rows))

    def _wanted(self, category: str | None) -> npt.NDArray[np.bool_] | None:
        alive = self._alive[: len(self._ids)]
        if category is None:
            return alive
        number = self._category_numbers.get(category)
        return None if number is None else alive & (self._categories[: len(self._ids)] == number)

    def _ranked(self, rows: npt.NDArray[np.intp], scores: npt.NDArray[np.floating], k: int) -> list[Scored]:
        if len(rows) > k:
            # everything that ties with the k-th stays in, so that the cut doesn't depend on the order of rows
            kept = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
            rows, scores = rows[kept], scores[kept]
        best = np.lexsort((self._orders[rows], -scores))[:k]
        return [Scored(self._ids[rows[i]], float(scores[i])) for i in best]
