"""Vectors of real sentences, encoded once, and many more between them."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...encoders import Encoder
from ...errors import InputError, rule_got_do
from ...types import FloatArray
from ..files import writing

NEAR = 10
"""Nearest neighbours that a sentence is mixed with."""
NOISE = 0.1
"""Norm of the noise on a mixture: 0.1 turns it by six degrees."""

_AT_ONCE = 512
_CHUNK = 20_000


def encoded(texts: Sequence[str], encoder: Encoder, cache: Path | None, told: Callable[[int, int], None]) -> FloatArray:
    """Return the vectors `[len(texts), E]` of texts, from the cache where they were encoded before.

    Args:
        texts: what to encode.
        encoder: by what.
        cache: folder of vectors, made if missing; None for none.
        told: how many are done, and of how many.

    Raises:
        InputError: if a cached file is broken or can't be written.
    """
    digest = hashlib.sha256("\n".join([encoder.id, *texts]).encode()).hexdigest()[:16]
    path = cache / f"{digest}.npy" if cache is not None else None
    if path is not None and path.exists():
        try:
            found: FloatArray = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(rule_got_do("Cached vectors are whole files.", f"{path}: {error}", "Remove it.")) from error
        if found.shape != (len(texts), encoder.dim) or found.dtype != np.float32:
            raise InputError(rule_got_do(f"{path} holds {len(texts)} vectors.", f"shape {found.shape}", "Remove it."))
        return found
    made = np.empty((len(texts), encoder.dim), dtype=np.float32)
    # batches of like length waste little on padding
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), _AT_ONCE):
        batch = order[start : start + _AT_ONCE]
        made[batch] = encoder.encode([texts[i] for i in batch])
        told(min(start + _AT_ONCE, len(order)), len(order))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    if path is not None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # an open file: numpy would add an ending of its own
            with path.open("wb") as file:
                np.save(file, made, allow_pickle=False)
    return made


def expand(real: FloatArray, count: int, out: FloatArray, seed: int) -> None:
    """Fill `out` `[count, E]` with the real vectors and, behind them, unit mixtures of each other.

    A mixture lies between a real vector and one of its `NEAR` nearest neighbours, both drawn evenly, at an even place of the way,
    with Gaussian noise of norm `NOISE`.
    """
    rng = np.random.default_rng(seed)
    out[: len(real)] = real[:count]
    near = _neighbours(real)
    for start in range(len(real), count, _CHUNK):
        size = min(_CHUNK, count - start)
        one = rng.integers(0, len(real), size)
        other = near[one, rng.integers(0, near.shape[1], size)]
        way = rng.random((size, 1), dtype=np.float32)
        mixed = _unit((1 - way) * real[one] + way * real[other])
        noise = rng.standard_normal(mixed.shape, dtype=np.float32) * np.float32(NOISE / mixed.shape[1] ** 0.5)
        out[start : start + size] = _unit(mixed + noise)


def _neighbours(real: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """Return the nearest others of each vector, `[N, NEAR]`."""
    nearest = min(NEAR, len(real) - 1)
    found = np.empty((len(real), nearest), dtype=np.intp)
    for start in range(0, len(real), 1000):
        scores = real[start : start + 1000] @ real.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -2.0
        found[start : start + 1000] = np.argpartition(-scores, nearest - 1, axis=1)[:, :nearest]
    return found


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
