"""From a query to the item that may answer it, and what it may say."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from ...store.base import Store
from ...types import FloatArray, Hit, Item
from .config import FactConfig
from .features import HostView, Pair, Text, masked_columns, masked_cosines
from .gate import Gate, Verdict
from .person import second_person
from .reading import FreshReading, ItemReading, Projection, QueryReading, read_fresh, read_items, read_queries
from .saying import say
from .texts import TextReader, surely_fits
from .words import NOW, STOP_WORDS, content_norms, same_question, spoken_words

Reading = TypeVar("Reading")
Encode = Callable[[Sequence[str]], FloatArray]

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An item beside a query. rank: what retrieval thought of it, in units of cosine."""

    item: Item
    pair: Pair
    rank: float
    verdict: Verdict | None
    """None when the item is too far from the query to be judged (`Pair.near`): nothing speaks for it but vague likeness."""

    @property
    def accepted(self) -> bool:
        """Whether it may speak."""
        return self.verdict is not None and self.verdict.accepted

    @property
    def stem(self) -> tuple[str, ...]:
        """The words before the answer, normalised, without those that only say that it holds now."""
        start = self.verdict.starts[0][0] if self.verdict is not None else 0
        return tuple(w.norm for w in self.pair.item.words[:start] if w.norm not in NOW)

    @property
    def answers(self) -> tuple[tuple[str, float], ...]:
        """The item's likeliest answers to the query as they stand in its text, with weights."""
        if self.verdict is None:
            return ()
        pair = self.pair
        spans = [
            (say(self.item.text, pair.item.words, start, query=pair.query.words, whole=pair.whole), weight)
            for start, weight in self.verdict.starts
        ]
        if pair.whole:
            # who asks is told of themselves; a text that breaks off goes on as it was said
            spans = [(second_person(span), weight) for span, weight in spans]
        # one alternative that begins inside another one would only split its weight
        best = spans[0][0]
        return tuple((span, weight) for i, (span, weight) in enumerate(spans) if i == 0 or not best.endswith(span))

    def hit(self) -> Hit:
        """Return what the user sees of it."""
        verdict = self.verdict
        parts = {"rank": self.rank, "cosine": self.pair.cosine}
        if verdict is not None:
            parts = {**verdict.parts, **parts, "subject": verdict.subject, "relation": verdict.relation}
        return Hit(item=self.item, score=verdict.score if verdict else 0.0, parts=parts, accepted=self.accepted)


class Router:
    """Finds candidates, reads them through the host, and lets the gate decide, each query on its own."""

    def __init__(self, store: Store, gate: Gate, config: FactConfig, encode: Encode, reader: TextReader | None) -> None:
        """Join store, gate, encoder and host. A gate fitted without the host's states doesn't read it."""
        self.store = store
        self.gate = gate
        self.config = config
        self._encode = encode
        self._reader = reader if gate.projection is not None else None
        self._masked = masked_columns(gate.num_layers)

    def route(self, queries: Sequence[str], scope: str, *, k: int | None = None) -> list[list[Candidate]]:
        """Return the candidates of each query, the most promising first.

        Args:
            queries: bare texts, without a chat template.
            scope: whose items.
            k: at least so many candidates, whether or not the gate likes them.
        """
        if not queries or self.store.count(scope) == 0:
            return [[] for _ in queries]
        wanted = max(self.config.candidates, k or 0)
        keys = self._encode(queries)
        readings = self.read_queries(queries)
        found = [self._candidates(q, key, scope, wanted) for q, key in zip(queries, keys, strict=True)]
        items = {c.id: c for row in found for c, _, _ in row}
        item_readings = self.read_stored(list(items.values()))
        candidates, row_of = [], []
        for n, (query, reading, row) in enumerate(zip(queries, readings, found, strict=True)):
            text = Text(query)
            for item, rank, cosine in row:
                pair = self.pair(text, Text(item.text), reading, item_readings.get(item.id))
                candidates.append(Candidate(item=item, pair=replace(pair, cosine=cosine), rank=rank, verdict=None))
                row_of.append(n)
        rows: list[list[Candidate]] = [[] for _ in queries]
        for n, candidate, verdict in zip(row_of, candidates, self.judge_pairs([c.pair for c in candidates]), strict=True):
            rows[n].append(replace(candidate, verdict=verdict))
        return [_latest_first(sorted(row, key=_order)) for row in rows]

    def pair(self, query: Text, item: Text, reading: QueryReading | None, item_reading: ItemReading | None) -> Pair:
        """Return a query beside an item, compared through the host where both were read."""
        projection = self.gate.projection
        view = None
        if projection is not None and reading is not None and item_reading is not None:
            view = HostView.of(reading, item_reading, projection.prior)
        return Pair.of(query, item, view)

    def judge_pairs(self, pairs: Sequence[Pair]) -> list[Verdict | None]:
        """Return the gate's verdict on each pair; None where the two are too far apart or couldn't be read."""
        # a text too long to be read is not judged: the gate has never seen a pair without the host's view of it
        unread = self._reader is not None
        # who was fitted without an encoder has seen no pair without a common word
        alone = self.gate.encoder_id is not None
        near = [i for i, p in enumerate(pairs) if p.near and (alone or not p.alone) and not (unread and p.host is None)]
        chosen = [pairs[i] for i in near]
        starts = self.gate.find_starts(chosen, alternatives=self.config.alternatives)
        features = self.gate.features(chosen, starts)
        subjects = self.gate.subjects(chosen, features)
        about = [i for i, margin in enumerate(subjects) if margin >= 0]
        if self.gate.encoder_id is not None and about:
            masked = [text for i in about for text in chosen[i].masked(starts[i][0][0])]
            features[np.ix_(about, self._masked)] = masked_cosines(self._encode(masked))
        verdicts: list[Verdict | None] = [None] * len(pairs)
        for i, verdict in zip(near, self.gate.judge(chosen, features, starts, subjects), strict=True):
            verdicts[i] = verdict
        return verdicts

    def read_queries(self, queries: Sequence[str]) -> Sequence[QueryReading | None]:
        """Read queries through the host, if the gate looks at it; None for those that are too long."""
        return self._read(queries, read_queries)

    def read_texts(self, texts: Sequence[str]) -> Sequence[FreshReading | None]:
        """Read texts to be stored through the host, if the gate looks at it; None for those that are too long."""
        return self._read(texts, read_fresh)

    def _read(
        self, texts: Sequence[str], read: Callable[[Sequence[str], TextReader, Projection], Sequence[Reading]]
    ) -> Sequence[Reading | None]:
        if self._reader is None or self.gate.projection is None:
            return [None] * len(texts)
        fitting = [i for i, text in enumerate(texts) if self.fits(text)]
        known = dict(zip(fitting, read([texts[i] for i in fitting], self._reader, self.gate.projection), strict=True))
        return [known.get(i) for i in range(len(texts))]

    @cached_property
    def window(self) -> int | None:
        """Longest text in tokens that the gate can have read, behind its cue; None if there is no limit."""
        reader, projection = self._reader, self.gate.projection
        if reader is None or projection is None or reader.window is None:
            return None
        return reader.window - projection.cues.tokens(reader)

    def fits(self, text: str) -> bool:
        """Return whether a text is short enough to be read."""
        window = self.window
        if window is None or self._reader is None or surely_fits(text, window):
            return True
        return self._reader.count_tokens(text) <= window

    def keep_readings(self, readings: dict[str, ItemReading | None], *, revision: int | None = None) -> None:
        """Cache the readings of stored items, read at a revision of the store; None for what was written just now."""
        known = {item_id: reading.to_bytes() for item_id, reading in readings.items() if reading is not None}
        if known and self._reader is not None and self.gate.projection is not None:
            self.store.put_states(known, _cache_key(self._reader, self.gate.projection), revision=revision)

    def read_stored(self, items: Sequence[Item]) -> dict[str, ItemReading | None]:
        """Return the readings of stored items, from the cache or by reading them again."""
        if self._reader is None or self.gate.projection is None or not items:
            return {}
        blobs = self.store.get_states([i.id for i in items], _cache_key(self._reader, self.gate.projection))
        readings = {k: ItemReading.from_bytes(v) for k, v in blobs.items()}
        # a reading of another text (rewritten meanwhile by somebody else) or of other word rules is as good as none
        missing = [i for i in items if (r := readings.get(i.id)) is None or len(r.lead_ids) != len(spoken_words(i.text))]
        if missing:
            revision = self.store.revision
            fresh = dict(zip([i.id for i in missing], self._read([i.text for i in missing], read_items), strict=True))
            self.keep_readings(fresh, revision=revision)
            readings |= fresh
        return readings

    def _candidates(self, query: str, key: FloatArray, scope: str, wanted: int) -> list[tuple[Item, float, float]]:
        """Return (item, rank, cosine) of the best by vectors and words together."""
        dense = {s.id: s.score for s in self.store.search(key, wanted, scope)}
        words = {s.id: s.score for s in self.store.search_words(content_norms(query), wanted, scope)}
        ids = list(dict.fromkeys([*dense, *words]))
        unknown = [i for i in ids if i not in dense]
        if unknown:
            dense |= zip(unknown, (float(c) for c in self.store.keys(unknown, scope) @ key), strict=True)
        heaviest = max(words.values(), default=0.0) or 1.0
        now = time.time()
        ranked = []
        for item_id in ids:
            item = self.store.get(item_id, scope)
            rank = dense[item_id] + self.config.word_weight * words.get(item_id, 0.0) / heaviest + self._standing(item, now)
            ranked.append((item, rank, dense[item_id]))
        ranked.sort(key=lambda r: -r[1])
        return self._balanced(ranked)[:wanted]

    def _standing(self, item: Item, now: float) -> float:
        """Return what importance and recency add to an item's rank."""
        age_days = max(0.0, now - max(item.said, item.last_used or 0.0)) / _DAY_SECONDS
        recency = math.exp(-math.log(2) * age_days / self.config.decay_half_life_days)
        return self.config.importance_weight * item.importance + self.config.decay_weight * recency

    def _balanced(self, ranked: list[tuple[Item, float, float]]) -> list[tuple[Item, float, float]]:
        """Return the list re-ranked so that one category doesn't crowd out the others; items without one are left alone."""
        seen: Counter[str] = Counter()
        balanced = []
        for item, rank, cosine in ranked:
            cost = 0.0
            if item.category is not None:
                cost = self.config.balance_weight * seen[item.category]
                seen[item.category] += 1
            balanced.append((item, rank - cost, cosine))
        return sorted(balanced, key=lambda r: -r[1])


def _order(candidate: Candidate) -> tuple[bool, bool, float, float]:
    """Sort key: accepted first, then the very question, then the gate's score to a percent, then rank.

    The rank knows importance and recency.
    """
    score = candidate.verdict.score if candidate.verdict else 0.0
    accepted = candidate.accepted
    return (not accepted, not candidate.pair.repeated, -round(score, 2) if accepted else 0.0, -candidate.rank)


def _latest_first(row: list[Candidate]) -> list[Candidate]:
    """Return the row with the latest of the best item's likes in front: items that say the same up to the answer.

    "My bike is chained to the red fence", "... to the green gate": both may be true, so neither supersedes the other, but of two
    such statements the later one is what holds now.
    """
    stem = row[0].stem if row and row[0].accepted else ()
    # an answer that begins its item has nothing before it to be alike
    if not set(stem) - STOP_WORDS:
        return row
    asked = row[0].pair.item.question
    # words alone don't tell "Who designed C++?" from "Who designed C#?"
    alike = [c for c in row if c.accepted and c.stem == stem and same_question(asked or "", c.pair.item.question or "")]
    latest = max(alike, key=lambda c: c.item.said)
    return [latest, *(c for c in row if c is not latest)]


def _cache_key(reader: TextReader, projection: Projection) -> str:
    return f"{reader.fingerprint}:{projection.identity}"
