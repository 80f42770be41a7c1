"""Tier 2: a saved index of many items, memory-mapped, with a small exact one for what came after it was saved.

Vectors are found by a few of many lists of int8 codes, and ranked by their fp32 scores as in tier 1.
"""

import math
import os
import zlib
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .base import Scored
from .index import ExactIndex, Ranked, best_of, best_rows, nearly_best
from .indexfile import AnyArray, DamagedIndex, IndexFile
from .lists import MappedLists, bits_of, encode_rows, list_bytes
from .postings import SavedWords, erase_row
from .scan import Rows, cosines
from .words import WordIndex

CANDIDATES = 100
"""Rows whose codes are nearest that fp32 decides among."""
EXACT_SHARE = 0.1
"""Share of all rows up to which those of a category are all scored in fp32: 0.2 to 0.4 µs each, while lists with a mask cost
0.04 µs per row of every list that is looked at, and for a category of few rows that is nearly every list."""
TAIL_SHARE = 0.05
"""Share of the saved rows that may have died or come since, before the index is built anew."""

_GATHERED = 256
"""Vectors that are scored together."""
_NO_CATEGORY = 0
_LARGEST = 1.1
"""No cosine is larger: norms are 1 to within 0.01."""


def category_hash(category: str | None) -> int:
    """Return the 64 bits that stand for a category in a file: its name may be something that is erased."""
    if category is None:
        return _NO_CATEGORY
    return int.from_bytes(blake2b(category.encode(), digest_size=8).digest(), "little") or 1


class SavedRows:
    """The rows of an index file. Row numbers follow the lists.

    Raises:
        DamagedIndex: if the file, or what is read of it here, isn't whole.
    """

    def __init__(self, file: IndexFile) -> None:
        self.file = file
        try:
            self.revision, self.probes, self.erased = (int(file.about[name]) for name in ("revision", "probes", "erased"))
            self.scale = float(file.about["scale"])
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedIndex(f"{file.path}: {error}") from error
        self.orders: npt.NDArray[np.int64] = file.array("orders")
        self.vectors: FloatArray = file.array("vectors")
        self._sorted_orders: npt.NDArray[np.int64] = file.array("sorted_orders")
        self._rows_by_order: npt.NDArray[np.int32] = file.array("rows_by_order")
        self._categories: AnyArray = file.array("categories")
        self._category_starts: npt.NDArray[np.int64] = file.array("category_starts")
        self._rows_by_category: npt.NDArray[np.int32] = file.array("rows_by_category")
        self._id_starts: npt.NDArray[np.int64] = file.array("id_starts")
        self._ids: npt.NDArray[np.uint8] = file.array("ids")
        self.sizes: npt.NDArray[np.int64] = file.array("list_sizes")
        self.words = SavedWords(file, len(self.orders), self.erased)

    def lists(self) -> MappedLists:
        """Map the lists."""
        path, centroids = self.file.path, self.file.array("centroids")
        try:
            # mapped by name: another file may have taken this one's place meanwhile
            before = os.stat(path)
            lists = MappedLists(str(path), self.file.places["lists"], self.sizes, centroids)
            after = os.stat(path)
        except (OSError, RuntimeError) as error:
            raise DamagedIndex(f"{path}: {error}") from error
        if (before.st_ino, before.st_size) != (after.st_ino, after.st_size) or before.st_ino != self.file.inode:
            raise DamagedIndex(f"{path}: replaced meanwhile")
        return lists

    def __len__(self) -> int:
        """Return the number of rows, dead ones included."""
        return len(self.orders)

    def row_of(self, order: int) -> int | None:
        """Return the row of an item, by its place in time."""
        place = int(np.searchsorted(self._sorted_orders, order))
        if place == len(self._sorted_orders) or self._sorted_orders[place] != order:
            return None
        return int(self._rows_by_order[place])

    def id_of(self, row: int) -> str:
        """Return the id of a row's item."""
        return bytes(self._ids[self._id_starts[row] : self._id_starts[row + 1]]).decode()

    def rows_in(self, category: str) -> Rows:
        """Return the rows of a category, dead ones included, in rising order."""
        found = np.flatnonzero(self._categories == np.uint64(category_hash(category)))
        if not len(found):
            return np.empty(0, dtype=np.intp)
        begin, end = self._category_starts[found[0] : found[0] + 2]
        return self._rows_by_category[begin:end].astype(np.intp)

    def check(self, rows: Rows) -> None:
        """Compare vectors that are about to be used with their checksums.

        Raises:
            DamagedIndex: if one is wrong.
        """
        sums = self.file.array("vector_sums")
        for row in rows:
            if zlib.crc32(self.vectors[row].data) != sums[row]:
                raise DamagedIndex(f"{self.file.path}: the vector of row {row} is damaged")

    def verify(self) -> None:
        """Read everything.

        Raises:
            DamagedIndex: if something isn't as it was written.
        """
        self.file.check()
        lists, place, row = self.file.array("lists"), 0, 0
        for size in self.sizes.tolist():
            rows = np.arange(row, row + size)
            self.check(rows)
            codes, end = place + size * self.vectors.shape[1], place + list_bytes(size, self.vectors.shape[1])
            expected = encode_rows(self.vectors[row : row + size], self.scale).ravel()
            if not np.array_equal(lists[place:codes], expected) or not np.array_equal(lists[codes:end].view("<i8"), rows):
                raise DamagedIndex(f"{self.file.path}: the list of rows {row} to {row + size} is damaged")
            place, row = end, row + size

    def erase(self, row: int) -> None:
        """Overwrite whatever was derived from an item's text or vector, in a file that is mapped to be written."""
        file, dim = self.file, self.vectors.shape[1]
        self.vectors[row] = 0.0
        file.array("vector_sums")[row] = zlib.crc32(self.vectors[row].data)
        ends = np.cumsum(self.sizes)
        number = int(np.searchsorted(ends, row, side="right"))
        first = int(ends[number] - self.sizes[number])
        code = list_bytes(first, dim) + (row - first) * dim
        file.array("lists")[code : code + dim] = encode_rows(self.vectors[row], self.scale)
        erase_row(file, row)
        place = int(np.flatnonzero(self._rows_by_category == row)[0])
        group = int(np.searchsorted(self._category_starts, place, side="right")) - 1
        if self._category_starts[group + 1] - self._category_starts[group] == 1:
            self._categories[group] = _NO_CATEGORY


class LargeIndex:
    """Tier 2 of `SearchIndex`.

    Args:
        saved: the rows of its file.
    """

    def __init__(self, saved: SavedRows) -> None:
        self.revision = saved.revision
        self._saved = saved
        self._lists = saved.lists()
        self._alive = np.ones(len(saved), dtype=np.bool_)
        self._bits = bits_of(self._alive)
        self._dead = 0
        self._words = WordIndex(saved.words)
        self._tail = ExactIndex(saved.vectors.shape[1], words=self._words)
        self._came = 0
        self._gathered = np.empty((_GATHERED, saved.vectors.shape[1]), dtype=np.float32)

    def put(self, order: int, item_id: str, text: str, category: str | None, key: FloatArray) -> None:
        """Add an item, or replace it."""
        self._drop_saved(order)
        self._tail.put(order, item_id, text, category, key)
        self._came += 1

    def drop(self, order: int) -> None:
        """Take an item out, if it is in."""
        self._drop_saved(order)
        self._tail.drop(order)

    def search(self, key: FloatArray, k: int, category: str | None) -> list[Scored]:
        """Return the k items with the highest cosine, best first, the older first among equals."""
        return best_of([*self._nearest(key, k, category), *self._tail.nearest(key, k, category)], k)

    def search_words(self, words: Sequence[str], k: int) -> list[Scored]:
        """Return up to k items that share a word, by BM25."""
        rows, scores = self._words.top(words, k, self._all_alive())
        saved, first = rows < len(self._saved), len(self._saved)
        found = self._tail.ranked(rows[~saved] - first, scores[~saved], k)
        return best_of([*self._ranked(rows[saved], scores[saved], k), *found], k)

    def word_count(self, word: str) -> int:
        """Return in how many items a word occurs."""
        return self._words.count(word, self._all_alive())

    @property
    def changes(self) -> float:
        """How many rows died or came since it was saved, as a share of the saved ones."""
        return (self._dead + self._came) / len(self._saved)

    @property
    def wasteful(self) -> bool:
        """Whether building the index anew would make it better."""
        return self.changes > TAIL_SHARE

    def _all_alive(self) -> npt.NDArray[np.bool_]:
        return np.concatenate([self._alive, self._tail.alive])

    def _drop_saved(self, order: int) -> None:
        row = self._saved.row_of(order)
        if row is not None and self._alive[row]:
            self._alive[row] = False
            self._bits[row // 8] &= np.uint8(0xFF ^ (1 << (row % 8)))
            self._dead += 1
            self._words.remove(row)

    def _nearest(self, key: FloatArray, k: int, category: str | None) -> list[Ranked]:
        saved, rows, wanted = self._saved, None, len(self._saved) - self._dead
        if category is not None:
            rows = saved.rows_in(category)
            rows = rows[self._alive[rows]]
            wanted = len(rows)
        if wanted <= EXACT_SHARE * len(saved) or 2 * k > CANDIDATES:
            return self._checked(np.flatnonzero(self._alive) if rows is None else rows, key, k)
        bits, probes, lists = self._bits, saved.probes, len(saved.sizes)
        if rows is not None:
            mask = np.zeros(len(saved), dtype=np.bool_)
            mask[rows] = True
            bits = bits_of(mask)
            # as many of the wanted rows are looked at as without a category
            probes = min(lists, math.ceil(probes * len(saved) / wanted))
        near = self._lists.search(key, CANDIDATES, probes, bits)
        if len(near) < CANDIDATES:
            near = self._lists.search(key, CANDIDATES, lists, bits)
        return self._checked(near, key, k)

    def _checked(self, rows: Rows, key: FloatArray, k: int) -> list[Ranked]:
        """Return the best of some rows by their fp32 scores."""
        scores, vectors = np.empty(len(rows), dtype=np.float32), self._saved.vectors
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(rows), _GATHERED):
                part = rows[start : start + _GATHERED]
                if part[-1] - part[0] + 1 == len(part):
                    some = vectors[part[0] : part[-1] + 1]
                else:
                    # a buffer that stays in the cache; "clip" writes into it without another one
                    some = np.take(vectors, part, axis=0, out=self._gathered[: len(part)], mode="clip")
                np.dot(some, key, out=scores[start : start + len(part)])
        if not (np.abs(scores) < _LARGEST).all():
            raise DamagedIndex(f"{self._saved.file.path}: a cosine above 1")
        rows = rows[nearly_best(scores, k)]
        self._saved.check(rows)
        return self._ranked(rows, cosines(self._saved.vectors[rows], key), k)

    def _ranked(self, rows: Rows, scores: npt.NDArray[np.floating], k: int) -> list[Ranked]:
        orders = self._saved.orders
        best = best_rows(orders[rows], scores, k)
        return [Ranked(float(scores[i]), int(orders[rows[i]]), self._saved.id_of(int(rows[i]))) for i in best]
