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
from typing import NamedTuple

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


class _Term(NamedTuple):
    """A word of a query."""

    weight: float
    postings: _Postings


class WordIndex:
    """Inverted index of one scope. Rows are numbers given by the caller, each added once and removed at most once."""

    def __init__(self) -> None:
        self._postings: dict[str, _Postings] = {}
        self._words: list[tuple[str, ...]] = []
        self._lengths = array("i")
        self._alive_length = 0
        self._alive_rows = 0

    def add(self, text: str) -> None:
        """Index a text as the next row."""
        row = len(self._words)
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
        for word in self._words[row]:
            postings = self._postings[word]
            postings.alive -= 1
            if not postings.alive:
                del self._postings[word]
        self._words[row] = ()
        self._alive_length -= self._lengths[row]
        self._alive_rows -= 1

    def count(self, word: str, alive: Mask) -> int:
        """Return in how many living rows a word occurs; a word that splits in several ("ice-cream") needs all its parts."""
        parts = sorted(set(words_of(word)))
        found = [self._postings[part] for part in parts if part in self._postings]
        if not parts or len(found) < len(parts):
            return 0
        if len(found) == 1:
            return found[0].alive
        rows = found[0].read()[0]
        for postings in found[1:]:
            rows = np.intersect1d(rows, postings.read()[0], assume_unique=True)
        return int(alive[rows].sum())

    def top(self, words: Iterable[str], k: int, alive: Mask) -> tuple[Rows, FloatArray64]:
        """Return a set of living rows that holds the k best by BM25 (ties included), and their scores above 0, in no order.

        Rarer words first. Once the words left can't lift a row that has none of the earlier ones among the k best (a word
        adds less than idf * (k1 + 1)), they are only looked up for the rows still in the race: the answer is the same, and words
        that are everywhere cost nothing.
        """
        terms = sorted(self._terms(words), key=lambda term: -term.weight)
        rest = [0.0, *accumulate(term.weight * (BM25_K1 + 1.0) for term in reversed(terms))][::-1]
        if not terms:
            return np.empty(0, dtype=np.intp), np.empty(0)
        lengths = np.array(self._lengths, dtype=np.float64) / max(self._alive_length / self._alive_rows, 1.0)
        scores = np.zeros(len(self._words))
        racing: Rows = np.empty(0, dtype=np.intp)
        closed = False
        for term, left in zip(terms, rest[1:], strict=True):
            rows, counts = term.postings.read()
            if closed:
                places = np.minimum(np.searchsorted(rows, racing), len(rows) - 1)
                places = places[rows[places] == racing]
                rows, counts = rows[places], counts[places]
            damping = BM25_K1 * (1.0 - BM25_B + BM25_B * lengths[rows])
            scores[rows] += term.weight * counts * (BM25_K1 + 1.0) / (counts + damping)
            if not closed:
                racing = np.union1d(racing, rows[alive[rows]])
                closed = len(racing) >= k and float(np.partition(scores[racing], -k)[-k]) > left
        return racing, scores[racing]

    def _terms(self, words: Iterable[str]) -> Iterator[_Term]:
        for word in dict.fromkeys(part for given in words for part in words_of(given)):
            postings = self._postings.get(word)
            if postings is not None:
                yield _Term(idf(self._alive_rows, postings.alive), postings)
