"""Scans of a growing matrix of vectors for the rows nearest to a query."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..types import FloatArray

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Scan(Protocol):
    """A matrix of rows that can be searched."""

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
