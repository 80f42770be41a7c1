"""Scans of a growing matrix of vectors for the rows nearest to a query."""

import importlib
import importlib.util
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..types import FloatArray

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

INT8_LEAST = 20_000
"""Rows from which on the int8 copy is worth its memory: below, scoring all rows in fp32 takes less than 2 ms."""
INT8_CANDIDATES = 100
"""Rows that the int8 scan hands to fp32."""

_CODE_MAX = 127.0
_CHUNK = 16_384
_TINY = 1e-30
ROUNDING = 1e-5
"""fp32 sums of products of unit vectors err by less: E * 2^-24 for E up to 160 in the worst case, sqrt(E) * 2^-24 in practice."""


def cosines(rows: FloatArray, key: FloatArray) -> FloatArray:
    """Return the cosines of unit rows `[N, E]` and a unit key `[E]`, the same wherever a row stands.

    A matrix product in fp32 sums a row in another order at the end of a matrix than in its midst, which would break ties.
    """
    return np.asarray(rows.astype(np.float64) @ key.astype(np.float64), dtype=np.float32)


class Scan(Protocol):
    """A matrix of rows that can be searched."""

    @property
    def keys(self) -> FloatArray:
        """The rows `[rows, E]`."""
        ...

    def append(self, key: FloatArray) -> None:
        """Add a row `[E]`."""
        ...

    def top(self, key: FloatArray, k: int, wanted: Mask) -> tuple[Rows, FloatArray]:
        """Return a set of rows that holds the k best wanted ones (ties included), and their cosines, in no order.

        Args:
            key: L2-normalised query `[E]`.
            k: at least 1.
            wanted: `[rows]`, false for rows that must not be returned.
        """
        ...


class FloatScan:
    """fp32 rows in one contiguous matrix, scored by one matrix-vector product."""

    def __init__(self, dim: int, capacity: int = 256) -> None:
        self._keys: FloatArray = np.empty((capacity, dim), dtype=np.float32)
        self._size = 0

    @property
    def keys(self) -> FloatArray:
        """The rows `[rows, E]`."""
        return self._keys[: self._size]

    def append(self, key: FloatArray) -> None:
        """Add a row."""
        if self._size == len(self._keys):
            grown = np.empty((2 * self._size, self._keys.shape[1]), dtype=np.float32)
            grown[: self._size] = self._keys
            self._keys = grown
        self._keys[self._size] = key
        self._size += 1

    def top(self, key: FloatArray, k: int, wanted: Mask) -> tuple[Rows, FloatArray]:
        """Return all wanted rows and their cosines."""
        scores = self.keys @ key
        if wanted.all():
            return np.arange(self._size), scores
        rows = np.flatnonzero(wanted)
        return rows, scores[rows]


class Int8Scan(FloatScan):
    """fp32 rows with an int8 copy: a scan of the copy finds candidates, their fp32 scores decide. Needs faiss.

    The answer is exact, by a bound and not by luck. With the copies x~ of a row and q~ of the query, by Cauchy-Schwarz
    |q.x - q~.x~| <= |q| |x - x~| + |q - q~| |x~| =: e, so that a row outside the candidates scores at most (the last candidate's
    int8 score) + e. Where the k-th fp32 score isn't above that, all rows are scored in fp32.
    """

    def __init__(self, dim: int, capacity: int = 256, *, least: int = INT8_LEAST, candidates: int = INT8_CANDIDATES) -> None:
        super().__init__(dim, capacity)
        self._least = least
        self._candidates = candidates
        self._codes: Any = None
        self._scale = 1.0
        self._row_error = 0.0
        self._row_norm = 0.0

    def top(self, key: FloatArray, k: int, wanted: Mask) -> tuple[Rows, FloatArray]:
        """Return the rows that can be among the k best, and their cosines."""
        if self._size < self._least or 2 * k > self._candidates:
            return super().top(key, k, wanted)
        faiss = importlib.import_module("faiss")
        self._catch_up(faiss)
        scale = _CODE_MAX / max(float(np.abs(key).max()), _TINY)
        coded = np.rint(key * scale)
        only = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(wanted, bitorder="little")))
        found, rows = self._codes.search(coded[None], self._candidates, params=only)
        if rows[0, -1] < 0:
            # fewer wanted rows than candidates: all of them are here
            rows = rows[0][rows[0] >= 0]
            return rows, self.keys[rows] @ key
        scores: FloatArray = self.keys[rows[0]] @ key
        error = self._row_error * float(np.linalg.norm(key)) + float(np.linalg.norm(key - coded / scale)) * self._row_norm
        outside = float(found[0].min()) / (scale * self._scale) + error + ROUNDING
        if np.partition(scores, -k)[-k] <= outside:
            return super().top(key, k, wanted)
        return rows[0], scores

    def _catch_up(self, faiss: Any) -> None:
        """Copy the rows that were appended since the last search; all of them when they need another scale."""
        new = self.keys[self._codes.ntotal if self._codes is not None else 0 :]
        if not len(new):
            return
        largest = max(float(np.abs(new).max()), _TINY)
        if self._codes is None or largest * self._scale > _CODE_MAX:
            self._scale = _CODE_MAX / largest
            self._row_error = self._row_norm = 0.0
            self._codes = faiss.IndexScalarQuantizer(
                self._keys.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
            )
            new = self.keys
        for start in range(0, len(new), _CHUNK):
            rows = new[start : start + _CHUNK]
            coded = np.clip(np.rint(rows * self._scale), -_CODE_MAX, _CODE_MAX)
            restored = coded / self._scale
            self._codes.add(coded)
            self._row_error = max(self._row_error, float(np.linalg.norm(rows - restored, axis=1).max()))
            self._row_norm = max(self._row_norm, float(np.linalg.norm(restored, axis=1).max()))


def best_scan(dim: int, capacity: int) -> Scan:
    """Return the fastest scan that can be had: with faiss (the extra `index`) the int8 one, else fp32."""
    kind = Int8Scan if importlib.util.find_spec("faiss") else FloatScan
    return kind(dim, capacity)
