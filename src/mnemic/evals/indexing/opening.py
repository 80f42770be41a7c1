"""What a new process does that opens a store and asks it one thing: run by `mnemic bench index` in a process of its own."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from ...store import SqliteStore


def memory() -> dict[str, int]:
    """Return the bytes that this process holds: its own, and those of mapped files, which processes share. Empty elsewhere."""
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
    return {name: int(lines[key].split()[0]) * 1024 for name, key in (("own", "RssAnon"), ("mapped", "RssFile")) if key in lines}


def evict(folder: Path) -> None:
    """Ask the system to drop what it caches of a folder's files, where it can be asked."""
    if hasattr(os, "posix_fadvise"):
        for path in folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main(folder: str, scope: str, large: str, vectors: str, words: str) -> None:
    """Say, as JSON, how long opening and the first answers took, in seconds, and what memory it took."""
    keys = np.load(vectors, allow_pickle=False)
    before = memory()
    begun = time.perf_counter()
    store = SqliteStore(folder, large=int(large))
    store.search(keys[0], 10, scope)
    opened = time.perf_counter()
    for key in keys[1:]:
        store.search(key, 10, scope)
    after = memory()
    asked = time.perf_counter()
    store.search_words(words.split(), 10, scope)
    worded = time.perf_counter()
    with_words = memory()
    store.close()
    said = {
        "seconds": opened - begun,
        "words_seconds": worded - asked,
        "own": {name: value - before[name] for name, value in after.items()},
        "own_with_words": {name: value - before[name] for name, value in with_words.items()},
    }
    sys.stdout.write(json.dumps(said))
