"""Measure the embedded store: `python benchmarks/store.py --items 1000 10000 100000`. Prints one JSON object per size."""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnemic.store import open_store
from mnemic.types import FloatArray, NewItem

DIM = 384
SCOPE = "bench"
QUERY_WORDS = [*"what is the name of a".split(), "w77", "w500", "w3000", "w12000"]


def unit_rows(rng: np.random.Generator, count: int) -> FloatArray:
    """Return random unit vectors `[count, DIM]`."""
    rows = rng.standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def milliseconds(call: Callable[[int], object], repeats: int) -> dict[str, float]:
    """Return median and 95th percentile of a call's time."""
    times = []
    for n in range(repeats):
        started = time.perf_counter()
        call(n)
        times.append((time.perf_counter() - started) * 1e3)
    return {"p50": round(statistics.median(times), 3), "p95": round(float(np.percentile(times, 95)), 3)}


def measure(items: int, repeats: int, folder: Path) -> dict[str, object]:
    """Fill a store with random vectors and texts of ten words with a long tail, then time what a question and a `learn` use."""
    rng = np.random.default_rng(0)
    keys, queries = unit_rows(rng, items), unit_rows(rng, repeats)
    words = np.minimum(rng.pareto(0.5, size=(items, 8)), 30_000).astype(int)
    new = [
        NewItem(text="the is " + " ".join(f"w{w}" for w in row), scope=SCOPE, key=key, reason="bench", category=f"c{n % 5}")
        for n, (row, key) in enumerate(zip(words, keys, strict=True))
    ]
    with open_store(folder) as store:
        store.open_for("bench", DIM)
        started = time.perf_counter()
        for at in range(0, items, 5000):
            store.insert(new[at : at + 5000])
        bulk = (time.perf_counter() - started) / items * 1e6
    with open_store(folder) as store:
        started = time.perf_counter()
        store.search(queries[0], 5, SCOPE)
        loading = time.perf_counter() - started
        best = [set(np.argsort(-(keys @ query))[:10]) for query in queries]
        places = {item.id: n for n, item in enumerate(store.items(SCOPE))}
        found = [{places[s.id] for s in store.search(query, 10, SCOPE)} for query in queries]
        return {
            "items": items,
            "recall_at_10": sum(len(f & b) for f, b in zip(found, best, strict=True)) / (10 * repeats),
            "bulk_insert_us_per_item": round(bulk, 1),
            "load_index_s": round(loading, 2),
            "search_ms": milliseconds(lambda n: store.search(queries[n], 10, SCOPE), repeats),
            "search_in_category_ms": milliseconds(lambda n: store.search(queries[n], 10, SCOPE, category="c1"), repeats),
            "search_words_ms": milliseconds(lambda _: store.search_words(QUERY_WORDS, 10, SCOPE), repeats),
            "word_counts_20_ms": milliseconds(lambda _: store.word_counts(QUERY_WORDS * 2, SCOPE), repeats),
            "count_ms": milliseconds(lambda _: store.count(SCOPE), repeats),
            "insert_one_ms": milliseconds(lambda n: store.insert([new[n]]), repeats),
            "insert_then_search_ms": milliseconds(
                lambda n: (store.insert([new[n]]), store.search(queries[n], 10, SCOPE)), repeats
            ),
            "bytes_per_item": round((folder / "mnemic.db").stat().st_size / items),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def main() -> None:
    """Measure every size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    for items in options.items:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(json.dumps(measure(items, options.repeats, Path(folder) / "store")) + "\n")


if __name__ == "__main__":
    main()
