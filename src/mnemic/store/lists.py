"""Inverted lists of int8 codes over memory-mapped rows (faiss IVF): learning the lists, and searching a few of them.

Rows are laid out list by list, so that a list is a range of row numbers and the fp32 rows behind a list's codes lie together.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .scan import Mask, Rows

CODE_MAX = 127.0
TRAINING_ROWS = 40
"""Rows per list that the lists are learnt from."""
ROUNDS = 8
"""Rounds of k-means; more move the recall at a given cost by less than its interval."""
_CHUNK = 4096

Progress = Callable[[str, int, int], None]
"""Told (stage, done, of how many); may raise to stop."""


def can_list() -> bool:
    """Whether the faiss that is installed, if any, has lists on disk."""
    return importlib.util.find_spec("faiss") is not None and hasattr(importlib.import_module("faiss"), "OnDiskInvertedLists")


def learn_centroids(rows: FloatArray, lists: int, seed: int, progress: Progress) -> FloatArray:
    """Return unit centroids `[lists, E]` by spherical k-means over unit rows `[N, E]`, N at least `lists`.

    A list that nothing falls to begins anew at a random row.
    """
    rng = np.random.default_rng(seed)
    sample = rows[np.sort(rng.choice(len(rows), min(len(rows), TRAINING_ROWS * lists), replace=False))]
    centroids = sample[rng.choice(len(sample), lists, replace=False)]
    for done in range(ROUNDS):
        near = nearest_lists(sample, centroids, f"learning lists, round {done + 1} of {ROUNDS}", progress)
        by_list = np.argsort(near, kind="stable")
        counts = np.bincount(near, minlength=lists)
        taken = np.flatnonzero(counts)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])[taken]
        sums = np.add.reduceat(sample[by_list], starts, axis=0)
        centroids = sample[rng.choice(len(sample), lists, replace=False)]
        centroids[taken] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(centroids, dtype=np.float32)


def nearest_lists(rows: FloatArray, centroids: FloatArray, stage: str, progress: Progress) -> npt.NDArray[np.int32]:
    """Return for each row the list of the centroid it is nearest to."""
    faiss = importlib.import_module("faiss")
    flat = faiss.IndexFlatIP(centroids.shape[1])
    flat.add(centroids)
    near = np.empty(len(rows), dtype=np.int32)
    for start in range(0, len(rows), _CHUNK):
        progress(stage, start, len(rows))
        near[start : start + _CHUNK] = flat.search(np.ascontiguousarray(rows[start : start + _CHUNK]), 1)[1][:, 0]
    return near


def encode_rows(rows: FloatArray, scale: float) -> npt.NDArray[np.uint8]:
    """Return int8 codes of rows as faiss stores them: 128 added."""
    return np.asarray(np.clip(np.rint(rows * scale), -CODE_MAX, CODE_MAX) + 128.0, dtype=np.uint8)


class MappedLists:
    """Searches lists that lie in a file: each one's codes, then its row numbers.

    Args:
        path: the file.
        begin: byte offset of the first list in it; each follows the one before.
        sizes: rows of each list.
        centroids: `[lists, E]`.
    """

    def __init__(self, path: str, begin: int, sizes: npt.NDArray[np.int64], centroids: FloatArray) -> None:
        self._faiss: Any = importlib.import_module("faiss")
        faiss, (lists, dim) = self._faiss, centroids.shape
        self._quantizer = faiss.IndexFlatIP(dim)
        self._quantizer.add(np.ascontiguousarray(centroids))
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        self._index = faiss.IndexIVFScalarQuantizer(self._quantizer, dim, lists, kind, faiss.METRIC_INNER_PRODUCT, False)
        self._index.is_trained = True
        self._lists = faiss.OnDiskInvertedLists(lists, self._index.code_size, path)
        taken = np.asarray(sizes, dtype=np.uint64)
        ends = begin + np.cumsum(taken * np.uint64(list_bytes(1, dim)), dtype=np.uint64)
        places = np.concatenate([[np.uint64(begin)], ends[:-1]])
        # size, capacity, offset: what faiss's OnDiskOneList is, for which Python has no setter
        layout = np.ascontiguousarray(np.stack([taken, taken, places], axis=1), dtype=np.uint64)
        faiss.memcpy(self._lists.lists.data(), faiss.swig_ptr(layout), layout.nbytes)
        self._lists.totsize = int(ends[-1])
        self._lists.read_only = True
        # a query is answered by the thread that asks
        self._lists.prefetch_nthread = 0
        self._lists.do_mmap()
        self._index.replace_invlists(self._lists, False)
        self._index.ntotal = int(sum(sizes))

    def search(self, key: FloatArray, candidates: int, probes: int, wanted: npt.NDArray[np.uint8]) -> Rows:
        """Return up to so many rows of the nearest lists, by their codes.

        Args:
            key: `[E]`.
            candidates: how many.
            probes: how many lists are looked at.
            wanted: bits, little-endian, of the rows that may be returned.
        """
        faiss = self._faiss
        bits = faiss.IDSelectorBitmap(wanted)
        scaled = key * (CODE_MAX / max(float(np.abs(key).max()), 1e-30))
        only = faiss.SearchParametersIVF(sel=bits, nprobe=probes)
        rows: Rows = self._index.search(scaled[None], candidates, params=only)[1][0]
        return rows[rows >= 0]


def list_bytes(size: int, dim: int) -> int:
    """Return how many bytes a list takes: a code and an int64 row number each."""
    return size * (dim + 8)


def bits_of(wanted: Mask) -> npt.NDArray[np.uint8]:
    """Return a mask as bits, as `MappedLists.search` takes them."""
    return np.packbits(wanted, bitorder="little")
