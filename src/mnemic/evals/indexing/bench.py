"""`mnemic bench index`: a store of a million items, searched; and the way of a question to a verdict among a hundred thousand."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...arguments import check_count
from ...encoders import MINILM, load_encoder
from ...errors import ConfigError, InputError, rule_got_do
from ...memories.fact.words import content_norms
from ...store import SqliteStore
from ...store.indexes import LARGE_ROWS
from ...types import FloatArray
from ..environment import Environment, describe
from ..progress import Progress
from ..results import command_line, published
from . import items, opening, routing, vectors
from .texts import read_sentences

NEAREST = 10
SMALL_SCOPES = 5
"""Further scopes of the same store, of a hundredth of the items each."""
_TRUTH_ROWS = 50_000
_UNCOUNTED = 20
"""First queries of each kind, which warm caches."""


@dataclass(frozen=True, kw_only=True)
class IndexConfig:
    """What `mnemic bench index` measures."""

    data: tuple[Path, ...] = ()
    """Files with real sentences: text, JSON or CSV. May be given several times."""
    vectors: Path | None = None
    """Folder where vectors of sentences are kept, so that they are encoded once; None to encode them every time."""
    items: int = 1_000_000
    """Items of the big scope."""
    real: int = 50_000
    """How many of them are real sentences; fewer if the files hold fewer. The others lie between these."""
    queries: int = 500
    """Real sentences that are asked for and are neither in the store nor mixed into anything that is."""
    inserts: int = 200
    """Single durable writes that are timed with the big index there."""
    erased: int = 3
    """Items of the big scope that are erased, one after the other."""
    routed: int = 100_000
    """Invented facts of the second part; 0 leaves it out."""
    large: int = LARGE_ROWS
    """Items from which on a scope's index is saved and approximate."""
    seed: int = 0
    """Of choices and mixtures."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("items", "queries", "inserts", "large"):
            check_count(name, getattr(self, name), 1)
        for name in ("erased", "routed"):
            check_count(name, getattr(self, name), 0)
        check_count("real", self.real, vectors.NEAR + 1)
        if self.queries <= _UNCOUNTED or self.real > self.items or self.erased > self.items:
            raise ConfigError(
                rule_got_do(
                    f"There are more than {_UNCOUNTED} queries, and neither more real nor more erased items than items.",
                    (self.queries, self.real, self.erased, self.items),
                    "Correct them.",
                )
            )


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Milliseconds of one kind of call, and the share of the ten nearest that it found (None where nothing is approximate)."""

    p50: float
    p95: float
    count: int
    recall: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float], recall: float | None = None) -> "Timed":
        """Summarise times, given in seconds."""
        p50, p95 = (float(value) * 1000 for value in np.percentile(seconds, (50, 95)))
        return cls(p50=p50, p95=p95, count=len(seconds), recall=recall)


@dataclass(frozen=True, kw_only=True)
class IndexSummary:
    """The result of `mnemic bench index`.

    Times of calls in milliseconds, others in seconds. `open_*`: a new process, from opening the store to the first answer.
    """

    bench: str = "index"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    real: int
    """Real sentences in the big scope."""
    stored: int
    """Items of all scopes."""
    lists: int
    probes: int
    insert_seconds: float
    """Writing all items in batches of some thousand."""
    build_seconds: float
    """Reading them, learning lists, writing the index."""
    database_bytes: int
    index_bytes: int
    search: Timed
    filtered: Timed
    """In the category of 1 % of the items."""
    words: Timed
    """By the meaningful words of the sentence."""
    counts: Timed
    """Counting the same words."""
    insert: Timed
    """A durable write of one item."""
    search_after: Timed
    """The search after each."""
    erase: Timed | None
    open_cached: float
    """While the system has the files in memory."""
    open_evicted: float
    """After it was asked to let go of them."""
    first_words: float
    """The first search by words of a process, in seconds."""
    memory_own: int
    """Bytes that the opening process took for itself, after all vector queries."""
    memory_mapped: int
    """Bytes of the files that it then had in memory, shared with others that have them open."""
    memory_words: int
    """Further bytes of either kind after a search by words."""
    routes: list[routing.Routed]
    seconds: float


def run(config: IndexConfig, *, progress: bool = False) -> IndexSummary:
    """Run the bench, in a temporary folder.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.

    Raises:
        InputError: if the files hold too few sentences, or can't be read.
        ConfigError: if the encoder isn't installed.
    """
    begun = time.perf_counter()
    sentences = read_sentences(config.data)
    if len(sentences) < config.queries + vectors.NEAR + 1:
        raise InputError(
            rule_got_do(
                f"The files hold {config.queries} sentences to ask and more to keep.",
                f"{len(sentences)}",
                "Give more with --data.",
            )
        )
    rng = np.random.default_rng(config.seed)
    chosen = [sentences[i] for i in rng.permutation(len(sentences))[: config.real + config.queries]]
    asked, real = chosen[: config.queries], chosen[config.queries :]
    with tempfile.TemporaryDirectory() as folder, Progress("encoding", 1, shown=progress) as bar:
        encoder = load_encoder(MINILM, None, 0)
        known = vectors.encoded(chosen, encoder, config.vectors, lambda done, size: bar.stage("encoding", done, size))
        routes = []
        if config.routed:
            routes = routing.measure(
                Path(folder) / "routed", config.routed, config.queries, encoder, config.vectors, config.seed, bar
            )
        bench = _Bench(Path(folder) / "store", config, real, asked, known[: config.queries], bar)
        bench.fill(known[config.queries :], encoder.id)
        figures = bench.measured()
    return IndexSummary(
        command=command_line("index", config, IndexConfig()),
        environment=describe(None),
        config=published(config),
        real=len(real),
        **figures,
        routes=routes,
        seconds=time.perf_counter() - begun,
    )


class _Bench:
    """A store of many items and what is asked of it."""

    def __init__(
        self, folder: Path, config: IndexConfig, real: list[str], asked: list[str], keys: FloatArray, bar: Progress
    ) -> None:
        self._folder = folder
        self._config = config
        self._real = real
        self._asked = asked
        self._keys = keys
        self._bar = bar
        self._ids: list[str] = []
        self._figures: dict[str, Any] = {}
        self._vectors: FloatArray

    def fill(self, real: FloatArray, encoder: str) -> None:
        """Write all items, and build the index."""
        config, bar = self._config, self._bar
        self._folder.mkdir()
        bar.stage("mixing", 0, config.items)
        # not in memory: the process is to hold what a user's process holds
        self._vectors = np.lib.format.open_memmap(
            self._folder.parent / "vectors.npy", mode="w+", dtype=np.float32, shape=(config.items, real.shape[1])
        )
        vectors.expand(real, config.items, self._vectors, config.seed)
        with self._opened() as store:
            store.open_for(encoder, real.shape[1])
            begun = time.perf_counter()
            for batch in items.batches(self._real, self._vectors, items.SCOPE, config.seed):
                self._ids += [item.id for item in store.insert(batch)]
                bar.stage("writing", len(self._ids), config.items)
            self._figures["insert_seconds"] = time.perf_counter() - begun
            for number in range(SMALL_SCOPES):
                for batch in items.batches(self._real, self._vectors[: max(1, config.items // 100)], f"small {number}", number):
                    store.insert(batch)
            self._figures["stored"] = store.count()
            bar.stage("building", 0, 1)
        with self._opened() as store:
            begun = time.perf_counter()
            store.search(self._keys[0], NEAREST, items.SCOPE)
            self._figures["build_seconds"] = time.perf_counter() - begun
        self._figures |= saved_index(self._folder)

    def measured(self) -> dict[str, Any]:
        """Ask everything, and return the figures by name."""
        rare = items.rare_rows(self._config.items, self._config.seed)
        self._bar.stage("looking at everything", 0, 1)
        everything, of_rare = self._nearest(np.arange(self._config.items)), self._nearest(rare)
        with self._opened() as store:
            self._bar.stage("searching", 0, 1)
            figures = self._figures
            figures["search"] = self._searched(store, everything, None)
            figures["filtered"] = self._searched(store, of_rare, items.RARE)
            wanted = [content_norms(text) for text in self._asked]
            figures["words"] = _timed(wanted, lambda words: store.search_words(words, NEAREST, items.SCOPE))
            figures["counts"] = _timed(wanted, lambda words: store.word_counts(words, items.SCOPE))
            figures |= self._written(store)
        self._bar.stage("opening", 0, 1)
        cached, evicted = self._opening(evict=False), self._opening(evict=True)
        with self._opened() as store:
            figures["erase"] = self._erased(store)
        return figures | {
            "open_cached": cached["seconds"],
            "open_evicted": evicted["seconds"],
            "first_words": cached["words_seconds"],
            "memory_own": cached["own"].get("own", 0),
            "memory_mapped": cached["own"].get("mapped", 0),
            "memory_words": sum(cached["own_with_words"].values()) - sum(cached["own"].values()),
        }

    def _opened(self) -> SqliteStore:
        return SqliteStore(self._folder, large=self._config.large)

    def _nearest(self, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[set[str]]:
        """Return the ids of the items nearest to each query among some, by all fp32 scores."""
        best = np.full((len(self._keys), NEAREST), -2.0, dtype=np.float32)
        found = np.zeros(best.shape, dtype=np.intp)
        for start in range(0, len(rows), _TRUTH_ROWS):
            some = rows[start : start + _TRUTH_ROWS]
            scores = np.concatenate([best, self._keys @ self._vectors[some].T], axis=1)
            numbers = np.concatenate([found, np.broadcast_to(some, (len(found), len(some)))], axis=1)
            top = np.argpartition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
            best, found = np.take_along_axis(scores, top, axis=1), np.take_along_axis(numbers, top, axis=1)
        return [
            {self._ids[row] for row, score in zip(*pair, strict=True) if score > -2.0} for pair in zip(found, best, strict=True)
        ]

    def _searched(self, store: SqliteStore, nearest: list[set[str]], category: str | None) -> Timed:
        seconds, hits = [], 0
        for key, wanted in zip(self._keys, nearest, strict=True):
            begun = time.perf_counter()
            found = store.search(key, NEAREST, items.SCOPE, category=category)
            seconds.append(time.perf_counter() - begun)
            hits += len(wanted & {one.id for one in found})
        return Timed.of(seconds[_UNCOUNTED:], hits / sum(map(len, nearest)))

    def _written(self, store: SqliteStore) -> dict[str, Timed]:
        writes, searches = [], []
        for number in range(self._config.inserts):
            (new,) = next(items.batches([f"Something new, number {number}"], self._keys[:1], items.SCOPE, number))
            begun = time.perf_counter()
            store.insert([new])
            written = time.perf_counter()
            store.search(self._keys[number % len(self._keys)], NEAREST, items.SCOPE)
            searches.append(time.perf_counter() - written)
            writes.append(written - begun)
        return {"insert": Timed.of(writes), "search_after": Timed.of(searches)}

    def _opening(self, *, evict: bool) -> dict[str, Any]:
        keys = self._folder.parent / "keys.npy"
        np.save(keys, self._keys[:200])
        if evict:
            opening.evict(self._folder)
        start = f"import sys; from {opening.__name__} import main; main(*sys.argv[1:])"
        words = " ".join(content_norms(self._asked[0]))
        command = [sys.executable, "-c", start, str(self._folder), items.SCOPE, str(self._config.large), str(keys), words]
        said: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        return said

    def _erased(self, store: SqliteStore) -> Timed | None:
        seconds = []
        for number, row in enumerate(np.random.default_rng(self._config.seed).choice(self._config.items, self._config.erased)):
            self._bar.stage("erasing", number, self._config.erased)
            begun = time.perf_counter()
            store.erase(self._ids[int(row)], items.SCOPE)
            store.search(self._keys[0], NEAREST, items.SCOPE)
            seconds.append(time.perf_counter() - begun)
        return Timed.of(seconds) if seconds else None


def saved_index(folder: Path) -> dict[str, int]:
    """Return sizes of a store's files, and how many lists its first scope's index has and looks at."""
    from ...store.indexfile import IndexFile

    path = folder / "index-1"
    database = (folder / "mnemic.db").stat().st_size
    if not path.exists():
        # an exact one, which is kept in memory alone
        return {"lists": 0, "probes": 0, "index_bytes": 0, "database_bytes": database}
    file = IndexFile.open(path)
    return {
        "lists": file.shapes["list_sizes"].shape[0],
        "probes": file.about["probes"],
        "index_bytes": path.stat().st_size,
        "database_bytes": database,
    }


def _timed(asked: Sequence[list[str]], ask: Callable[[list[str]], object]) -> Timed:
    return Timed.of(list(_seconds(asked, ask))[_UNCOUNTED:])


def _seconds(asked: Sequence[list[str]], ask: Callable[[list[str]], object]) -> Iterator[float]:
    for words in asked:
        begun = time.perf_counter()
        ask(words)
        yield time.perf_counter() - begun
