"""What the processes of `mnemic bench store` do.

A writer says a line for each change that was acknowledged; a reader says how often it read, and every error in its words.
"""

import sys
import time
from itertools import count

import numpy as np

from ...errors import MnemicError
from ...store import SqlStore, open_store
from ...types import FloatArray, NewItem

DIM = 384
ENCODER = "bench:384"
SCOPE = "bench"


def vector(name: str, number: int) -> FloatArray:
    """Return a unit vector that depends on both alone."""
    draw = np.random.default_rng([*name.encode(), number]).standard_normal(DIM).astype(np.float32)
    return draw / np.linalg.norm(draw)


def text(name: str, number: int) -> str:
    """Return the text that a writer writes as its nth."""
    return f"{name} wrote that its number {number} is the one after {number - 1}."


def item(name: str, number: int) -> NewItem:
    """Return what a writer writes as its nth."""
    return NewItem(text=text(name, number), scope=SCOPE, key=vector(name, number), reason="bench")


def opened(folder: str) -> SqlStore:
    """Open a store for the bench."""
    store = open_store(folder)
    store.open_for(ENCODER, DIM)
    return store


def write(folder: str, name: str, seconds: float) -> None:
    """Change the store until the time is over. Every third item is corrected, every fifth forgotten."""
    store, end = opened(folder), time.monotonic() + seconds
    for number in count():
        if time.monotonic() >= end:
            break
        (made,) = store.insert([item(name, number)])
        _say(f"added {number}")
        if number % 3 == 0:
            changed = text(name, number).replace("one after", "very one after")
            store.update(made.id, SCOPE, text=changed, key=vector(name, number), reason="bench")
            _say(f"corrected {number}")
        if number % 5 == 0:
            store.forget(made.id, SCOPE, "bench")
            _say(f"forgotten {number}")
    store.close()


def read(folder: str, name: str, seconds: float) -> None:
    """Search and list until the time is over."""
    store, end, reads, slowest = opened(folder), time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < end:
        begun = time.monotonic()
        for found in store.search(vector(name, reads), 5, SCOPE):
            store.get(found.id, SCOPE)
        store.search_words(["number", "wrote", str(reads)], 5, SCOPE)
        store.touch([one.id for one in store.items(SCOPE, limit=1, status=None)], SCOPE)
        slowest = max(slowest, time.monotonic() - begun)
        reads += 1
    _say(f"read {reads} {slowest:.3f}")
    store.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(role: str, folder: str, name: str, seconds: str) -> None:
    """Do what a process of the bench does."""
    try:
        {"write": write, "read": read}[role](folder, name, float(seconds))
    except MnemicError as error:
        _say(f"error {error}")
        sys.exit(1)
