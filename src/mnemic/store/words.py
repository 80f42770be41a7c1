"""Words of a text, and ranking by the rare ones.

The ranking is BM25 (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond") with Lucene's
idf = ln(1 + (N - df + 0.5) / (df + 0.5)), which stays positive for words that most items share: small stores still rank.
"""

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .scan import Mask, Rows

FloatArray64 = npt.NDArray[np.float64]

BM25_K1 = 1.2
BM25_B = 0.75

_ASCII_WORD = re.compile(r"[a-z0-9]+")
# scripts that are written without spaces between words: indexed as overlapping pairs of characters
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text in order: letters, digits and marks, folded in case, without Latin, Greek or Cyrillic accents.

    Runs of Chinese, Japanese, Thai, Lao, Khmer and Burmese characters give their overlapping pairs of characters.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFC", "".join(c for c in folded if not "\u0300" <= c <= "\u036f"))
    spaced = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in plain)
    words: list[str] = []
    for chunk in spaced.split():
        place = 0
        for run in _UNSPACED.finditer(chunk):
            if run.start() > place:
                words.append(chunk[place : run.start()])
            words.extend(_pairs(run.group()))
            place = run.end()
        if place < len(chunk):
            words.append(chunk[place:])
    return words


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def idf(total: int, holding: int) -> float:
    """Return the BM25 weight of a word that `holding` of `total` items contain."""
    return math.log(1.0 + (total - holding + 0.5) / (holding + 0.5))


class _Postings:
    """Rows that contain a word, how often, and how many of those rows are still alive."""

    __slots__ = ("alive", "counts", "rows")

    def __init__(self) -> None:
        self.rows = array("i")
        self.counts = array("i")
        self.alive = 0

    def read(self) -> tuple[Rows, FloatArray64]:
        """Return rows and counts, as copies: a view would forbid the arrays to grow while it lives."""
        return np.array(self.rows, dtype=np.intp), np.array(self.counts, dtype=np.float64)


class Posting(Protocol):
    """Rows that contain a word."""

    @property
    def alive(self) -> int:
        """How many of them are alive."""
        ...

    def read(self) -> tuple[Rows, FloatArray64]:
        """Return rows in rising order, and how often each contains it."""
        ...


class OlderWords(Protocol):
    """Words of the rows before an index's own, which it is built on."""

    rows: int

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Words of each row."""
        ...

    @property
    def alive_rows(self) -> int:
        """Rows that weren't removed."""
        ...

    @property
    def alive_length(self) -> int:
        """Words of all of them."""
        ...

    def find(self, word: str) -> Posting | None:
        """Return where a word stands; None if no living row holds it."""
        ...

    def remove(self, row: int) -> None:
        """Take a row out of all statistics."""
        ...


class _Joined(NamedTuple):
    """The older rows of a word and the others."""

    older: Posting
    newer: Posting

    @property
    def alive(self) -> int:
        return self.older.alive + self.newer.alive

    def read(self) -> tuple[Rows, FloatArray64]:
        (rows, counts), (later, others) = self.older.read(), self.newer.read()
        return np.concatenate([rows, later]), np.concatenate([counts, others])


class _Term(NamedTuple):
    """A word of a query."""

    weight: float
    postings: Posting


class WordIndex:
    """Inverted index of one scope. Rows are numbers in order of adding, each removed at most once.

    Args:
        older: words that are kept elsewhere, whose rows come before those that are added.
    """

    def __init__(self, older: OlderWords | None = None) -> None:
        self._older = older
        self.first = older.rows if older else 0
        """Number of the first row that is added."""
        self._postings: dict[str, _Postings] = {}
        self._words: list[tuple[str, ...]] = []
        self._lengths = array("i")
        self._alive_length = 0
        self._alive_rows = 0
        self._scores = np.zeros(0)

    def add(self, text: str) -> None:
        """Index a text as the next row."""
        row = self.first + len(self._words)
        counted = Counter(words_of(text))
        for word, count in counted.items():
            postings = self._postings.get(word)
            if postings is None:
                postings = self._postings[word] = _Postings()
            postings.rows.append(row)
            postings.counts.append(count)
            postings.alive += 1
        length = counted.total()
        self._words.append(tuple(counted))
        self._lengths.append(length)
        self._alive_length += length
        self._alive_rows += 1

    def remove(self, row: int) -> None:
        """Take a row out of all statistics."""
        if self._older is not None and row < self.first:
            self._older.remove(row)
            return
        own = row - self.first
        for word in self._words[own]:
            postings = self._postings[word]
            postings.alive -= 1
            if not postings.alive:
                del self._postings[word]
        self._words[own] = ()
        self._alive_length -= self._lengths[own]
        self._alive_rows -= 1

    def count(self, word: str, alive: Mask) -> int:
        """Return in how many living rows a word occurs; a word that splits in several ("ice-cream") needs all its parts."""
        found = [self._find(part) for part in sorted(set(words_of(word)))]
        present = [postings for postings in found if postings is not None]
        if not found or len(present) < len(found):
            return 0
        if len(present) == 1:
            return present[0].alive
        rows = present[0].read()[0]
        for postings in present[1:]:
            rows = np.intersect1d(rows, postings.read()[0], assume_unique=True)
        return int(alive[rows].sum())

    def top(self, words: Iterable[str], k: int, alive: Mask) -> tuple[Rows, FloatArray64]:
        """Return a set of living rows that holds the k best by BM25 (ties included), and their scores above 0, in no order.

        Rarer words first. Once the words left can't lift a row that has none of the earlier ones among the k best (a word
        adds less than idf * (k1 + 1)), they are only looked up for the rows still in the race: the answer is the same, and words
        that are everywhere cost nothing.
        """
        total, length = self._alive_rows, self._alive_length
        if self._older is not None:
            total, length = total + self._older.alive_rows, length + self._older.alive_length
        terms = sorted(self._terms(words, total), key=lambda term: -term.weight)
        rest = [0.0, *accumulate(term.weight * (BM25_K1 + 1.0) for term in reversed(terms))][::-1]
        if not terms:
            return np.empty(0, dtype=np.intp), np.empty(0)
        mean = max(length / total, 1.0)
        if len(self._scores) < self.first + len(self._words):
            self._scores = np.zeros(2 * (self.first + len(self._words)))
        # all zero between two calls: a query touches the rows that hold its words, and no others
        scores = self._scores
        racing: Rows = np.empty(0, dtype=np.intp)
        closed = False
        try:
            for term, left in zip(terms, rest[1:], strict=True):
                rows, counts = term.postings.read()
                if closed:
                    places = np.minimum(np.searchsorted(rows, racing), len(rows) - 1)
                    places = places[rows[places] == racing]
                else:
                    places = np.flatnonzero(alive[rows])
                rows, counts = rows[places], counts[places]
                if not closed:
                    racing = np.concatenate([racing, rows[scores[rows] == 0.0]])
                damping = BM25_K1 * (1.0 - BM25_B + BM25_B * self._lengths_of(rows) / mean)
                scores[rows] += term.weight * counts * (BM25_K1 + 1.0) / (counts + damping)
                closed = closed or (len(racing) >= k and float(np.partition(scores[racing], -k)[-k]) > left)
            return racing, scores[racing]
        finally:
            scores[racing] = 0.0

    def _lengths_of(self, rows: Rows) -> FloatArray64:
        own = np.asarray(self._lengths, dtype=np.int32)
        if self._older is None:
            return own[rows].astype(np.float64)
        lengths, older = np.empty(len(rows)), rows < self.first
        lengths[older] = self._older.lengths[rows[older]]
        lengths[~older] = own[rows[~older] - self.first]
        return lengths

    def _find(self, word: str) -> Posting | None:
        newer, older = self._postings.get(word), self._older.find(word) if self._older is not None else None
        return newer if older is None else older if newer is None else _Joined(older, newer)

    def _terms(self, words: Iterable[str], total: int) -> Iterator[_Term]:
        for word in dict.fromkeys(part for given in words for part in words_of(given)):
            postings = self._find(word)
            if postings is not None:
                yield _Term(idf(total, postings.alive), postings)
