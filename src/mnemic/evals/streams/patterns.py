"""Frequent and rare patterns in one stream: who is promoted, who is kept, and what is lost when something new comes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...memories.resonance import CellConfig, CosineARTCell, PromotionConfig, Prototypes
from ...memories.resonance.prototypes import Move
from .clusters import Labels, Stream

FREQUENT, RARE = 10, 20
"""Intents of either sort."""
OFTEN, SELDOM = 100, 4
"""Sentences of each."""


class Phases(NamedTuple):
    """first: frequent and rare intents, mixed. then: other frequent ones. asked: unseen sentences of the first frequent ones."""

    first: Stream
    then: Stream
    asked: Stream
    frequent: Labels
    rare: Labels


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Shares.

    promoted: of the frequent intents. kept: of the rare ones, in ART memory, after everything. before, after: unseen sentences of
    the first frequent intents that the nearest prototype knows, before and after the new ones.
    """

    promoted: float
    kept: float
    before: float
    after: float
    kmeans_before: float
    kmeans_after: float


def phases(train: Stream, test: Stream, seed: int, among: Labels) -> Phases:
    """Draw intents among some, and their sentences, for one run."""
    rng = np.random.default_rng(seed)
    intents = rng.permutation(among)
    frequent, rare, later = np.split(intents[: 2 * FREQUENT + RARE], [FREQUENT, FREQUENT + RARE])

    def draw(names: Labels, count: int) -> list[int]:
        places = [rng.permutation(np.flatnonzero(train.labels == name))[:count] for name in names]
        return [int(i) for i in np.concatenate(places)]

    first = rng.permutation(draw(frequent, OFTEN) + draw(rare, SELDOM))
    then = rng.permutation(draw(later, OFTEN))
    asked = np.flatnonzero(np.isin(test.labels, frequent))
    return Phases(
        Stream(train.x[first], train.labels[first]),
        Stream(train.x[then], train.labels[then]),
        Stream(test.x[asked], test.labels[asked]),
        frequent,
        rare,
    )


def run(drawn: Phases, vigilance: float, promote_after: int) -> Outcome:
    """Stream both phases through resonance with promotion, and through online k-means with as many centres."""
    cell = CosineARTCell(drawn.first.x.shape[1], CellConfig(capacity=256, vigilance=vigilance, rate=0.02, average=True))
    memory = Prototypes(cell, PromotionConfig(capacity=64, count=promote_after, drift=0.05))
    told = _Told(memory)
    told.observe(drawn.first)
    before = told.accuracy(drawn.asked)
    own = told.own_places()
    promoted = [any(p >= cell.config.capacity for p in own.get(int(intent), ())) for intent in drawn.frequent]
    told.observe(drawn.then)
    after, own = told.accuracy(drawn.asked), told.own_places()
    kept = [
        any(p < cell.config.capacity for p in own.get(int(i), ()))
        and not any(p >= cell.config.capacity for p in own.get(int(i), ()))
        for i in drawn.rare
    ]
    centres = int(cell.used.sum() + memory.occupied.sum())
    kmeans_before, kmeans_after = _kmeans(drawn, centres)
    return Outcome(
        promoted=float(np.mean(promoted)),
        kept=float(np.mean(kept)),
        before=before,
        after=after,
        kmeans_before=kmeans_before,
        kmeans_after=kmeans_after,
    )


class _Told:
    """A memory, and which intents went where: only the bench knows them."""

    def __init__(self, memory: Prototypes) -> None:
        self._memory = memory
        self._went: dict[int, Counter[int]] = {}

    def observe(self, stream: Stream) -> None:
        memory, slots = self._memory, self._memory.cell.config.capacity
        for x, label in zip(torch.from_numpy(stream.x), stream.labels.tolist(), strict=True):
            moves = int(memory.moves)
            place = int(memory.observe(x[None]))
            # a slot that was recycled stands for something new
            if place < slots and int(memory.cell.count[place]) == 1:
                self._went[place] = Counter()
            self._follow(memory.history()[len(memory.history()) - (int(memory.moves) - moves) :])
            self._went.setdefault(place, Counter())[label] += 1

    def _follow(self, moves: Sequence[Move]) -> None:
        """Let counts go where their prototypes went; of an exchange both are lifted before either is put down."""
        slots, lifted = self._memory.cell.config.capacity, []
        for move in moves:
            ends = (move.learned, slots + move.settled)
            source, target = ends if move.kind == "promoted" else ends[::-1]
            lifted.append((target, self._went.pop(source, Counter())))
        self._went.update(lifted)

    def own_places(self) -> dict[int, list[int]]:
        """Return which places are mostly of an intent, by intent."""
        own: dict[int, list[int]] = {}
        for place, counts in self._went.items():
            if counts:
                own.setdefault(counts.most_common(1)[0][0], []).append(place)
        return own

    def accuracy(self, asked: Stream) -> float:
        memory = self._memory
        used = torch.cat([memory.cell.used, memory.occupied])
        known = torch.cat([memory.cell.prototypes, memory.settled.detach()])
        nearest = (torch.from_numpy(asked.x) @ known.mT).masked_fill(~used, -torch.inf).argmax(-1)
        says = {place: counts.most_common(1)[0][0] for place, counts in self._went.items() if counts}
        return float(
            np.mean([says.get(p, -1) == label for p, label in zip(nearest.tolist(), asked.labels.tolist(), strict=True)])
        )


def _kmeans(drawn: Phases, centres: int) -> tuple[float, float]:
    """Return the same accuracy for online k-means (MacQueen 1967) on unit vectors, seeded by the stream's beginning."""
    first = torch.from_numpy(drawn.first.x)
    mean, count = first[:centres].clone(), torch.ones(centres)
    went: list[Counter[int]] = [Counter([int(label)]) for label in drawn.first.labels[:centres]]

    def take_in(x: Tensor, labels: Labels) -> None:
        for row, label in zip(x, labels.tolist(), strict=True):
            slot = int((mean @ row).argmax())
            count[slot] += 1
            mean[slot] = torch.nn.functional.normalize(mean[slot] + (row - mean[slot]) / count[slot], dim=-1)
            went[slot][label] += 1

    def accuracy() -> float:
        nearest = (torch.from_numpy(drawn.asked.x) @ mean.mT).argmax(-1).tolist()
        return float(
            np.mean([went[n].most_common(1)[0][0] == y for n, y in zip(nearest, drawn.asked.labels.tolist(), strict=True)])
        )

    take_in(first[centres:], drawn.first.labels[centres:])
    before = accuracy()
    take_in(torch.from_numpy(drawn.then.x), drawn.then.labels)
    return before, accuracy()
