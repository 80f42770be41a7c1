"""Things to put into a store."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from mnemic.types import FloatArray, NewItem

DIM = 8
ENCODER = "encoder-a"


def direction(seed: int, dim: int = DIM) -> FloatArray:
    """Return a unit vector `[dim]` that depends on the seed alone."""
    vector = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return vector / np.linalg.norm(vector)


def encode(texts: Sequence[str], name: str = "b") -> FloatArray:
    """Return a unit vector for each text `[n, DIM]`, as an encoder of that name makes it."""
    return np.stack([direction(crc32(f"{name} {text}".encode())) for text in texts]) if texts else np.empty((0, DIM), np.float32)


def new_item(text: str = "My dog is called Biscuit.", *, seed: int = 0, scope: str = "home", **fields: object) -> NewItem:
    """Return an item whose key is `direction(seed)`."""
    return NewItem(text=text, scope=scope, key=direction(seed), **{"reason": "new", **fields})
