"""Words of many texts as plain arrays: built once, saved, and read from a file that is memory-mapped.

A word is a 64-bit hash of it: no word stands in the file, and two of a million different words share one with a probability of
3e-8. Row by row and word by word the same is said twice, so that a row can be taken out without its text.
"""

from array import array
from collections import Counter
from hashlib import blake2b
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .indexfile import AnyArray, Shape
from .scan import Rows
from .words import FloatArray64, words_of

_GONE = -1
"""Instead of a row's word, or a word's row, that was erased."""


class Arrays(Protocol):
    """Named arrays, as `IndexFile` has them."""

    def array(self, name: str) -> AnyArray:
        """Return one."""
        ...


def word_hash(word: str) -> int:
    """Return the 64 bits that stand for a word."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


class PostingsBuilder:
    """Collects the words of texts, in the order in which they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._words = array("i")
        self._counts = array("I")
        self._distinct = array("i")
        self._lengths = array("i")

    def add(self, text: str) -> None:
        """Take the next text."""
        counted = Counter(words_of(text))
        numbers = self._numbers
        for word in counted:
            if word not in numbers:
                numbers[word] = len(numbers)
        self._words.extend([numbers[word] for word in counted])
        self._counts.extend(counted.values())
        self._distinct.append(len(counted))
        self._lengths.append(counted.total())

    def arrays(self, rows: npt.NDArray[np.int64]) -> dict[str, AnyArray]:
        """Return all arrays by name; `rows[i]` is the text that becomes row i."""
        hashes = np.array([word_hash(word) for word in self._numbers], dtype="<u8")
        by_hash = np.argsort(hashes)
        renumbered = np.empty(len(hashes), dtype="<i4")
        renumbered[by_hash] = np.arange(len(hashes), dtype="<i4")
        distinct = np.asarray(self._distinct, dtype=np.int64)
        begins = np.cumsum(distinct) - distinct
        taken = distinct[rows]
        row_starts = np.concatenate([[0], np.cumsum(taken)]).astype("<i8")
        # the words of row i stand where those of its text stood
        source = np.arange(row_starts[-1]) + np.repeat(begins[rows] - row_starts[:-1], taken)
        row_words = renumbered[np.asarray(self._words, dtype=np.int32)[source]]
        counts = np.asarray(self._counts, dtype=np.uint32)[source]
        by_word = np.argsort(row_words, kind="stable")
        held = np.bincount(row_words, minlength=len(hashes))
        most = int(counts.max(initial=0))
        return {
            "word_hashes": hashes[by_hash],
            "word_starts": np.concatenate([[0], np.cumsum(held)]).astype("<i8"),
            "word_rows": np.repeat(np.arange(len(rows), dtype="<i4"), taken)[by_word],
            "word_counts": counts[by_word].astype("|u1" if most < 2**8 else "<u2" if most < 2**16 else "<u4"),
            "row_starts": row_starts,
            "row_words": row_words.astype("<i4"),
            "row_lengths": np.asarray(self._lengths, dtype="<i4")[rows],
        }


NAMES = ("word_hashes", "word_starts", "word_rows", "word_counts", "row_starts", "row_words", "row_lengths")
"""Of the arrays."""


def shapes(arrays: dict[str, AnyArray]) -> dict[str, Shape]:
    """Return how the arrays are saved."""
    return {name: Shape(arrays[name].dtype.str, arrays[name].shape) for name in NAMES}


class SavedPostings(NamedTuple):
    """Rows that hold a word and how often, and how many of these rows are still alive."""

    rows: AnyArray
    counts: AnyArray
    alive: int

    def read(self) -> tuple[Rows, FloatArray64]:
        """Return rows and counts."""
        return self.rows, self.counts.astype(np.float64)


class SavedWords:
    """The words of a saved index. Nothing is read before a word is asked for.

    Args:
        arrays: where they are.
        rows: how many rows there are.
        erased: how many of them were erased since they were saved.
    """

    def __init__(self, arrays: Arrays, rows: int, erased: int) -> None:
        self.rows = rows
        self._arrays = arrays
        self._erased = erased
        self._dead: Counter[int] = Counter()
        """How many of a word's rows were removed."""
        self._counted = 0
        self._removed_length = 0
        self._pending: list[int] = []

    def remove(self, row: int) -> None:
        """Take a row out of all statistics."""
        self._pending.append(row)

    @property
    def lengths(self) -> AnyArray:
        """Words of each row."""
        return self._arrays.array("row_lengths")

    @property
    def alive_rows(self) -> int:
        """Rows that weren't removed."""
        self._settle()
        return self.rows - self._counted

    @property
    def alive_length(self) -> int:
        """Words of all of them."""
        self._settle()
        return int(self.lengths.sum(dtype=np.int64)) - self._removed_length

    def find(self, word: str) -> SavedPostings | None:
        """Return where a word stands; None if no living row holds it."""
        self._settle()
        hashes, wanted = self._arrays.array("word_hashes"), np.uint64(word_hash(word))
        number = int(np.searchsorted(hashes, wanted))
        if number == len(hashes) or hashes[number] != wanted:
            return None
        begin, end = (int(place) for place in self._arrays.array("word_starts")[number : number + 2])
        rows, counts = self._arrays.array("word_rows")[begin:end], self._arrays.array("word_counts")[begin:end]
        if self._erased:
            rows, counts = rows[counts > 0], counts[counts > 0]
        alive = len(rows) - self._dead[number]
        return SavedPostings(rows, counts, alive) if alive else None

    def _settle(self) -> None:
        """Count what was removed before any word was asked for."""
        for row in self._pending:
            begin, end = self._arrays.array("row_starts")[row : row + 2]
            words = self._arrays.array("row_words")[begin:end]
            self._dead.update(words[words != _GONE].tolist())
            self._removed_length += int(self.lengths[row])
            self._counted += 1
        self._pending.clear()


def erase_row(arrays: Arrays, row: int) -> None:
    """Overwrite what is said of a row, in arrays that can be written. Doing so twice changes nothing more.

    An entry of a word becomes a repetition of its neighbour with a count of 0, which `SavedWords` leaves out.
    """
    begin, end = arrays.array("row_starts")[row : row + 2]
    words = arrays.array("row_words")[begin:end]
    hashes, starts, rows, counts = (arrays.array(name) for name in ("word_hashes", "word_starts", "word_rows", "word_counts"))
    for number in words[words != _GONE].tolist():
        first, last = int(starts[number]), int(starts[number + 1])
        place = first + int(np.searchsorted(rows[first:last], row))
        if place < last and rows[place] == row:
            counts[place] = 0
            rows[place] = rows[place - 1] if place > first else _GONE
        if not counts[first:last].any():
            # nobody else says it: not even its hash stays, in an order that still holds
            hashes[number] = hashes[number - 1] if number else 0
    words[:] = _GONE
    arrays.array("row_lengths")[row] = 0
