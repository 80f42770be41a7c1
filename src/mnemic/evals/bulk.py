"""`mnemic bench bulk`: how fast a file is learned without the host, and whether its size shows in memory.

Each run is a process of its own, with a store in the machine's temporary folder.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..arguments import check_count
from ..bulk import encoding_here, encoding_workers, learn_bulk
from ..encoders import MINILM, Encoder, encoder_alone
from ..errors import ConfigError, StoreError, rule_got_do
from ..inputs import TextRecord
from ..store import open_store
from ..types import FloatArray
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published

_SCOPE = "bench"
_WORDS = 20_000


@dataclass(frozen=True, kw_only=True)
class BulkConfig:
    """What `mnemic bench bulk` measures."""

    stored: tuple[int, ...] = (25_000, 100_000)
    """Texts of each run with vectors that cost nothing: what the store alone takes."""
    encoded: int = 4000
    """Texts of each run with MiniLM."""
    workers: tuple[int, ...] = (1, 2)
    """Processes that encode with MiniLM, run by run."""
    seed: int = 0
    """Of the texts."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not self.stored and not self.workers:
            raise ConfigError(rule_got_do("Something is measured.", "neither stored nor workers", "Give one."))
        for count in (*self.stored, *self.workers, self.encoded):
            check_count("each number", count, 1)


@dataclass(frozen=True, kw_only=True)
class BulkRun:
    """One run. again: seconds of a second one, in which all texts are known. peak: most memory of the writing process, in MiB."""

    encoder: str
    workers: int
    texts: int
    per_second: float
    again: float
    peak: float


@dataclass(frozen=True, kw_only=True)
class BulkSummary:
    """The result of `mnemic bench bulk`."""

    bench: str = "bulk"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    runs: tuple[BulkRun, ...]
    seconds: float


class FreeVectors:
    """Random unit vectors of MiniLM's size, for nothing."""

    id = "free:384"
    dim = 384

    def __init__(self) -> None:
        """Draw them once."""
        rows = np.random.default_rng(0).standard_normal((1024, self.dim)).astype(np.float32)
        self._rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return `[len(texts), dim]`."""
        return np.take(self._rows, np.arange(len(texts)), axis=0, mode="wrap")


_ENCODERS: dict[str, "partial[Encoder] | type[FreeVectors]"] = {
    "none": FreeVectors,
    MINILM: partial(encoder_alone, MINILM, ""),
}


def run(config: BulkConfig, *, progress: bool = False) -> BulkSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
    """
    begun = time.perf_counter()
    wanted = [("none", 1, count) for count in config.stored] + [(MINILM, n, config.encoded) for n in config.workers]
    with Progress("runs", len(wanted), shown=progress) as bar:
        runs = []
        for encoder, workers, texts in wanted:
            runs.append(_apart(encoder, workers, texts, config.seed))
            bar.advance()
    return BulkSummary(
        command=command_line("bulk", config, BulkConfig()),
        environment=describe(None),
        config=published(config),
        runs=tuple(runs),
        seconds=time.perf_counter() - begun,
    )


def _apart(encoder: str, workers: int, texts: int, seed: int) -> BulkRun:
    start = f"from {__name__} import main; main({encoder!r}, {workers}, {texts}, {seed})"
    done = subprocess.run([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StoreError(rule_got_do("A run of the bench ends well.", f"exit {done.returncode}", "See what it said above."))
    return BulkRun(encoder=encoder, workers=workers, texts=texts, **json.loads(done.stdout))


def main(encoder: str, workers: int, texts: int, seed: int) -> None:
    """Learn texts, learn them again, and print what it took."""
    load = _ENCODERS[encoder]
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        with encoding_workers(load, workers) if workers > 1 else encoding_here(load()) as encoding:
            # the first texts are slow: everything is started for them
            learn_bulk(store, encoding, records(64 * workers, seed + 1), "warm", batch=32, workers=workers)
            first = learn_bulk(store, encoding, records(texts, seed), _SCOPE, workers=workers)
            again = learn_bulk(store, encoding, records(texts, seed), _SCOPE, workers=workers)
        assert (first.added, again.known, store.count(_SCOPE)) == (texts, texts, texts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # kilobytes, but bytes on macOS
    mib = peak / (2**20 if sys.platform == "darwin" else 2**10)
    sys.stdout.write(json.dumps({"per_second": texts / first.seconds, "again": again.seconds, "peak": mib}) + "\n")


def records(count: int, seed: int) -> Iterator[TextRecord]:
    """Yield texts of twelve words with a long tail, none like another."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        words = " ".join(f"w{int(n)}" for n in rng.zipf(1.3, 12) % _WORDS)
        yield TextRecord(text=f"{number}: {words}", source=f"bench:{number}", line=number + 1)
