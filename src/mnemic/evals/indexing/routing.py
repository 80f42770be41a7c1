"""The way of a question from its vector to a verdict, in a store of many invented facts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...encoders import Encoder
from ...errors import MnemicError
from ...gates import SHIPPED, shipped
from ...host_texts import HostTexts
from ...memories.fact import FactConfig, Gate, Router
from ...memories.fact.reading import ItemReading, QueryReading, read_items
from ...memories.fact.words import spoken_words
from ...models import load_model
from ...store import SqliteStore
from ...types import FloatArray, NewItem
from ..generator import generate
from ..progress import Progress
from .vectors import encoded

SCOPE = "facts"
_AT_ONCE = 4000
_READ = 200
"""Facts that the host really reads; the readings of the others are put together of the words of these."""
_STATES_BYTES = 2**32
_UNCOUNTED = 20
HOST_GATE = SHIPPED[0]
_HOST = "smollm2"


@dataclass(frozen=True, kw_only=True)
class Routed:
    """Milliseconds of `Router.route` for one question, without what the encoder and the host's forward pass take.

    encoder, host: what these take, medians; None where the gate has no need of them. accepted: share of questions that some item
    answers.
    """

    gate: str
    p50: float
    p95: float
    count: int
    encoder: float | None
    host: float | None
    accepted: float


def facts_for(count: int, asked: int, seed: int) -> tuple[list[str], list[str]]:
    """Return so many different invented facts, and questions to ask: half about some of them, half about what nobody told."""
    facts: dict[str, None] = {}
    questions: dict[str, None] = {}
    while len(facts) < count:
        for record in generate(_AT_ONCE, seed, "test", probes=1):
            facts[record.fact] = None
            if len(questions) < asked:
                questions |= dict.fromkeys([*record.questions[:1], *record.neighbour_questions[:1]])
        seed += 1
    return list(facts)[:count], list(questions)[:asked]


def measure(folder: Path, count: int, asked: int, encoder: Encoder, cache: Path | None, seed: int, bar: Progress) -> list[Routed]:
    """Time questions among many facts by every shipped gate; the host's gate where the host is installed."""
    bar.stage("inventing facts", 0, count)
    facts, questions = facts_for(count, asked + _UNCOUNTED, seed)
    keys = encoded(facts, encoder, cache, lambda done, size: bar.stage("encoding facts", done, size))
    known = dict(zip(questions, encoded(questions, encoder, cache, lambda *_: None), strict=True))
    routed = []
    with SqliteStore(folder, states_bytes=_STATES_BYTES) as store:
        store.open_for(encoder.id, encoder.dim)
        for start in range(0, count, _AT_ONCE):
            rows = zip(facts[start : start + _AT_ONCE], keys[start : start + _AT_ONCE], strict=True)
            store.insert([NewItem(text=text, scope=SCOPE, key=key, reason="bench") for text, key in rows])
        for name in SHIPPED:
            gate, clock = Gate.load(shipped(name)), _Encoder(encoder, known)
            router = _Router(store, gate, FactConfig(), clock, None)
            host = None
            if name == HOST_GATE:
                reader = _host()
                if reader is None:
                    continue
                router = _Router(store, gate, FactConfig(), clock, reader)
                bar.stage("reading", 0, 1)
                host = router.read_all(questions)
                _fill_readings(store, router, gate, reader, seed)
            bar.stage(f"routing by the gate {name}", 0, 1)
            routed.append(_timed(name, router, clock, questions, host))
    return routed


class _Router(Router):
    """One that is given the host's readings of questions, if it needs any."""

    given: dict[str, QueryReading | None]

    def read_all(self, questions: Sequence[str]) -> float:
        """Read questions one by one; return the median seconds of a pass."""
        seconds, self.given = [], {}
        for question in questions:
            begun = time.perf_counter()
            (self.given[question],) = Router.read_queries(self, [question])
            seconds.append(time.perf_counter() - begun)
        return float(np.median(seconds))

    def read_queries(self, queries: Sequence[str]) -> Sequence[QueryReading | None]:
        """Return what was read before."""
        return [self.given[query] for query in queries] if self._reader is not None else [None] * len(queries)


class _Encoder:
    """Knows the questions' vectors, encodes the rest, and keeps account of the time that takes."""

    def __init__(self, encoder: Encoder, known: dict[str, FloatArray]) -> None:
        self._encoder = encoder
        self._known = known
        self.seconds = 0.0

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        if all(text in self._known for text in texts):
            return np.stack([self._known[text] for text in texts])
        begun = time.perf_counter()
        vectors = self._encoder.encode(texts)
        self.seconds += time.perf_counter() - begun
        return vectors


def _timed(name: str, router: Router, clock: _Encoder, questions: Sequence[str], host: float | None) -> Routed:
    seconds, encoding, accepted = [], [], 0
    for question in questions:
        clock.seconds = 0.0
        begun = time.perf_counter()
        ((*candidates,),) = router.route([question], SCOPE)
        seconds.append(time.perf_counter() - begun - clock.seconds)
        encoding.append(clock.seconds)
        accepted += bool(candidates and candidates[0].accepted)
    counted = seconds[_UNCOUNTED:]
    p50, p95 = (float(value) * 1000 for value in np.percentile(counted, (50, 95)))
    return Routed(
        gate=name,
        p50=p50,
        p95=p95,
        count=len(counted),
        encoder=float(np.median(encoding)) * 1000 if any(encoding) else None,
        host=None if host is None else host * 1000,
        accepted=accepted / len(questions),
    )


def _host() -> HostTexts | None:
    try:
        model, tokenizer = load_model(_HOST, dtype=None, device=None, notify=lambda message: None)
    except MnemicError:
        return None
    return HostTexts(model, tokenizer)


def _fill_readings(store: SqliteStore, router: Router, gate: Gate, reader: HostTexts, seed: int) -> None:
    """Cache a reading of every fact, as learning it would have."""
    assert gate.projection is not None
    items, rng = store.items(SCOPE), np.random.default_rng(seed)
    read = read_items([item.text for item in items[:_READ]], reader, gate.projection)
    lead, loss, states = (np.concatenate([getattr(one, name) for one in read]) for name in ("lead_ids", "loss", "states"))
    for start in range(0, len(items), _AT_ONCE):
        made = {}
        for item in items[start : start + _AT_ONCE]:
            rows = rng.integers(0, len(lead), len(spoken_words(item.text)))
            made[item.id] = ItemReading(lead[rows], loss[rows], states[rows])
        router.keep_readings(dict(made))
