"""Words of a text, and ranking by the rare ones.

The ranking is BM25 (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond") with Lucene's
idf = ln(1 + (N - df + 0.5) / (df + 0.5)), which stays positive for words that most items share: small stores still rank.
"""

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

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

    def count(self, word: str, alive: npt.NDArray[np.bool_]) -> int:
        """Return in how many living rows a word occurs; a word that splits in several ("ice-cream") needs all its parts."""
        parts = sorted(set(words_of(word)))
        found = [self._postings.get(part) for part in parts]
        if not found or None in found:
            return 0
        if len(found) == 1:
            return sum(postings.alive for postings in found if postings)
        rows = _rows(found[0])
        for postings in found[1:]:
            rows = np.intersect1d(rows, _rows(postings), assume_unique=True)
        return int(alive[rows].sum())

    def scores(self, words: Iterable[str]) -> npt.NDArray[np.float64]:
        """Return the BM25 score of every row `[rows]`, dead ones included; 0 where no word is shared. Repetitions don't count."""
        scores = np.zeros(len(self._words))
        if not self._alive_rows:
            return scores
        mean_length = max(self._alive_length / self._alive_rows, 1.0)
        lengths = np.frombuffer(self._lengths, dtype=np.int32).copy()
        for word in distinct(words):
            postings = self._postings.get(word)
            if postings is None:
                continue
            rows, counts = _rows(postings), np.array(postings.counts, dtype=np.float64)
            damping = BM25_K1 * (1.0 - BM25_B + BM25_B * lengths[rows] / mean_length)
            scores[rows] += idf(self._alive_rows, postings.alive) * counts * (BM25_K1 + 1.0) / (counts + damping)
        return scores


def distinct(words: Iterable[str]) -> Sequence[str]:
    """Return the folded words of a query, each once, in order of appearance."""
    return list(dict.fromkeys(part for word in words for part in words_of(word)))


def _rows(postings: _Postings | None) -> npt.NDArray[np.int32]:
    # a copy: a view would forbid the array to grow while it lives
    return np.array(postings.rows if postings else (), dtype=np.int32)
