"""Building the file of a saved index from the database."""

import os
import sqlite3
import zlib
from array import array
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from . import postings, records
from .connection import connect
from .indexfile import AnyArray, IndexFile, Shape, draft_beside, in_chunks
from .large import CANDIDATES, category_hash
from .lists import CODE_MAX, MappedLists, Progress, bits_of, encode_rows, learn_centroids, list_bytes, nearest_lists

RECALL = 0.99
"""Share of the ten nearest rows that the lists that are looked at have to hold."""
LEAST_PROBED = 1 / 12
"""Share of the lists that is looked at whatever was measured: rows are nearer to rows than questions are."""
LEAST_LISTS = 320
"""Lists that are looked at whatever was measured: of few lists, questions need a larger share."""
LISTS_PER_ROOT = 4.0
"""Lists, in square roots of the number of rows."""

_ASKED = 256
_NEAREST = 10
_EVERY = 2000
_SEED = 0


class Collected(NamedTuple):
    """What the database says of the active items of a scope, in order of time; vectors in a file of their own meanwhile."""

    orders: npt.NDArray[np.int64]
    ids: list[bytes]
    categories: npt.NDArray[np.uint64]
    words: postings.PostingsBuilder
    vectors: FloatArray


def build(database: Path, scope: str, path: Path, progress: Progress) -> None:
    """Build a scope's index and put it in its place, whole or not at all.

    Args:
        database: that holds the items; read as of one moment, by a connection of its own.
        scope: whose items.
        path: where the file goes.
        progress: told how far it is; may raise to stop.
    """
    with draft_beside(path) as raw, draft_beside(path) as draft:
        with closing(connect(str(database))) as db:
            db.execute("BEGIN")
            about = about_of(db, scope, records.revision_of(db))
            dim: int = db.execute("SELECT dim FROM encoder").fetchone()[0]
            collected = _collect(db, scope, dim, raw, progress)
        vectors, rows = collected.vectors, len(collected.orders)
        lists = max(1, round(LISTS_PER_ROOT * rows**0.5))
        centroids = learn_centroids(vectors, lists, _SEED, progress)
        near = nearest_lists(vectors, centroids, "filling lists", progress)
        row_from = np.argsort(near, kind="stable")
        sizes = np.bincount(near, minlength=lists)
        arrays = {**_arrays(collected, row_from), "list_sizes": sizes.astype("<i8"), "centroids": centroids.astype("<f4")}
        shapes = {name: Shape(one.dtype.str, one.shape) for name, one in arrays.items()}
        shapes |= {
            "vectors": Shape("<f4", (rows, dim), checked=False),
            "vector_sums": Shape("<u4", (rows,), checked=False),
            "lists": Shape("|u1", (list_bytes(rows, dim),), checked=False),
        }
        file = IndexFile.create(draft, shapes)
        for name, one in arrays.items():
            file.array(name)[...] = one
        scale = _fill(file, vectors, row_from, sizes, progress)
        probes, recall = _measured(file, sizes, centroids, progress)
        file.seal({**about, "scale": scale, "probes": probes, "recall": recall, "erased": 0})
        os.replace(draft, path)


def about_of(db: sqlite3.Connection, scope: str, revision: int) -> dict[str, object]:
    """Return what an index of a scope says that it is of: encoder, scope, and the first and last event that it has seen.

    An event's time and the random id of its item tell one store from another, and a store from an older copy of itself.
    """
    event = "SELECT j.seq, j.at, i.id FROM journal j JOIN items i ON i.seq = j.item WHERE j.seq"
    first = db.execute(f"{event} > 0 ORDER BY j.seq LIMIT 1").fetchone()
    last = db.execute(f"{event} = ?", (revision,)).fetchone()
    return {
        "encoder": list(db.execute("SELECT name, dim FROM encoder").fetchone()),
        "scope": db.execute("SELECT id FROM scopes WHERE name = ?", (scope,)).fetchone()[0],
        "revision": revision,
        "events": [list(one) if one else None for one in (first, last)],
    }


def _collect(db: sqlite3.Connection, scope: str, dim: int, raw: Path, progress: Progress) -> Collected:
    count: int = db.execute("SELECT active FROM scopes WHERE name = ?", (scope,)).fetchone()[0]
    orders, ids, words = array("q"), list[bytes](), postings.PostingsBuilder()
    hashes: dict[str | None, int] = {}
    categories = array("Q")
    raw.touch(mode=0o600)
    with raw.open("r+b") as file:
        for seq, item_id, _, text, category, key in db.execute(records.SELECT_ACTIVE, {"scope": scope}):
            if len(orders) % _EVERY == 0:
                progress("reading items", len(orders), count)
            if category not in hashes:
                hashes[category] = category_hash(category)
            orders.append(seq)
            ids.append(item_id.encode())
            categories.append(hashes[category])
            words.add(text)
            file.write(key)
    vectors = np.memmap(raw, "<f4", "r", shape=(len(orders), dim)).view(np.ndarray)
    return Collected(np.array(orders, dtype="<i8"), ids, np.array(categories, dtype="<u8"), words, vectors)


def _arrays(collected: Collected, row_from: npt.NDArray[np.int64]) -> dict[str, AnyArray]:
    """Return what stands in the file of rows but vectors, where row i is the item `row_from[i]`."""
    orders = collected.orders[row_from]
    by_order = np.empty(len(orders), dtype="<i4")
    by_order[row_from] = np.arange(len(orders), dtype="<i4")
    categories, group = np.unique(collected.categories[row_from], return_inverse=True)
    ids = [collected.ids[i] for i in row_from]
    return {
        "orders": orders,
        "sorted_orders": collected.orders,
        "rows_by_order": by_order,
        "categories": categories,
        "category_starts": np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(categories)))]).astype("<i8"),
        "rows_by_category": np.argsort(group, kind="stable").astype("<i4"),
        "id_starts": np.concatenate([[0], np.cumsum([len(one) for one in ids])]).astype("<i8"),
        "ids": np.frombuffer(b"".join(ids), dtype="|u1"),
        **collected.words.arrays(row_from),
    }


def _fill(
    file: IndexFile, vectors: FloatArray, row_from: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], progress: Progress
) -> float:
    """Write vectors, their checksums and the lists; return the scale of the codes."""
    target, sums, dim = file.array("vectors"), file.array("vector_sums"), vectors.shape[1]
    largest = 0.0

    def copy(part: slice) -> None:
        nonlocal largest
        progress("writing vectors", part.start, len(vectors))
        target[part] = vectors[row_from[part]]
        largest = max(largest, float(np.abs(target[part]).max()))
        sums[part] = [zlib.crc32(row.data) for row in target[part]]

    in_chunks(len(vectors), vectors.strides[0], copy)
    scale = CODE_MAX / max(largest, 1e-30)
    lists, place, row = file.array("lists"), 0, 0
    for size in sizes.tolist():
        numbers = np.arange(row, row + size, dtype="<i8").view(np.uint8)
        lists[place : place + size * dim] = encode_rows(target[row : row + size], scale).ravel()
        lists[place + size * dim : place + list_bytes(size, dim)] = numbers
        place, row = place + list_bytes(size, dim), row + size
    return scale


def _measured(file: IndexFile, sizes: npt.NDArray[np.int64], centroids: FloatArray, progress: Progress) -> tuple[int, float]:
    """Return how many lists have to be looked at for `RECALL` of the nearest rows, and what recall that gives.

    Asked for are halfway points between two rows: farther from every row than a row is, as a question is.
    """
    vectors, rng = file.array("vectors"), np.random.default_rng(_SEED)
    halfway = vectors[rng.integers(0, len(vectors), _ASKED)] + vectors[rng.integers(0, len(vectors), _ASKED)]
    asked = halfway / np.maximum(np.linalg.norm(halfway, axis=1, keepdims=True), 1e-12)
    scores, rows = np.full((_ASKED, _NEAREST), -2.0, dtype=np.float32), np.zeros((_ASKED, _NEAREST), dtype=np.int64)

    def look(part: slice) -> None:
        nonlocal scores, rows
        progress("measuring recall", part.start, len(vectors))
        here = asked @ vectors[part].T
        top = np.argpartition(-here, min(_NEAREST, here.shape[1]) - 1, axis=1)[:, :_NEAREST]
        joined = np.concatenate([scores, np.take_along_axis(here, top, axis=1)], axis=1)
        numbers = np.concatenate([rows, top + part.start], axis=1)
        best = np.argsort(-joined, axis=1, kind="stable")[:, :_NEAREST]
        scores, rows = np.take_along_axis(joined, best, axis=1), np.take_along_axis(numbers, best, axis=1)

    in_chunks(len(vectors), vectors.strides[0], look)
    searched = MappedLists(str(file.path), file.places["lists"], sizes, centroids)
    everything, probes, recall = bits_of(np.ones(len(vectors), dtype=np.bool_)), 0, 0.0
    while recall < RECALL and probes < len(sizes):
        probes = min(len(sizes), max(2 * probes, round(LEAST_PROBED * len(sizes)), LEAST_LISTS))
        progress("measuring recall", len(vectors), len(vectors))
        found = 0
        for key, wanted in zip(asked, rows, strict=True):
            near = searched.search(key, CANDIDATES, probes, everything)
            found += len(np.intersect1d(near[np.argsort(-(vectors[near] @ key), kind="stable")[:_NEAREST]], wanted))
        recall = found / rows.size
    return probes, recall
