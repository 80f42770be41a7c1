"""`mnemic bench windows`: what a trained recurrent memory adds to text in windows that the model can't see across.

Two memories are trained per seed on a part of the text, of which one carries its state from window to window; the rest is
reported. The other one learns the kind of text only, which no cache knows: what carrying adds is the difference to that one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arguments import check_count
from ..errors import ConfigError, rule_got_do
from ..train.material import Material, MaterialConfig, prepare, texts_of
from ..train.recurrent import RecurrentTraining
from ..train.run import load_single
from ..train.trainer import Trainer, only
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published
from .scoring import Interval, mean_over_seeds

_WEIGHTS = (0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32, 0.4, 0.5, 0.6)
"""Weights of the unigram cache that development documents choose from."""


@dataclass(frozen=True, kw_only=True)
class WindowsConfig(MaterialConfig, RecurrentTraining):
    """What `mnemic bench windows` measures: a text, and how memories are trained on it."""

    seeds: int = 3
    """How many memories are trained, beginning with `seed`."""
    model: str = "smollm2"
    """The language model."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        MaterialConfig.__post_init__(self)
        RecurrentTraining.__post_init__(self)
        check_count("seeds", self.seeds, 1)
        if not self.carry:
            raise ConfigError(
                rule_got_do("The bench trains memories that carry and ones that don't.", "carry=False", "Leave it out.")
            )

    @property
    def recipe(self) -> RecurrentTraining:
        """How a memory is trained."""
        return only(RecurrentTraining, self)


@dataclass(frozen=True, kw_only=True)
class WindowsRow:
    """One rival.

    nats: per token of the held-out documents. gain: the rival's nats minus the memory's, paired by document. seeds: the gain of
    each seed's memory.
    """

    title: str
    nats: Interval
    gain: Interval
    seeds: list[float]


@dataclass(frozen=True, kw_only=True)
class WindowsSummary:
    """The result of `mnemic bench windows`."""

    bench: str = "windows"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    documents: int
    tokens: int
    """Held-out tokens."""
    memory: Interval
    rows: list[WindowsRow]
    cache_weights: list[float]
    """Of the cache on the model alone, then on each seed's memory that was trained without carrying."""
    epochs: list[int]
    """Of each seed."""
    seconds: float


def run(
    config: WindowsConfig, *, progress: bool = False, loads: Callable[[str], tuple[Any, Any]] = load_single
) -> WindowsSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens model and tokenizer.

    Raises:
        ConfigError: if the model or a setting can't be used.
        InputError: if the text can't be used.
    """
    begun = time.perf_counter()
    found: dict[str, list[list[Tensor]]] = {"carried": [], "reset": [], "other": [], "plain": [], "plain and cache": []}
    epochs, weights = [], []
    with Progress("reading", 2 * config.seeds + 1, shown=progress) as bar:

        def tell(stage: str, done: int, size: int) -> None:
            bar.say(f"{stage} {done}/{size}")

        def tell_of(name: str, stage: str, done: int, size: int) -> None:
            tell(f"{name}, {stage}", done, size)

        texts = texts_of(config)
        model, tokenizer = loads(config.model)
        material = prepare(config, texts, model, tokenizer, tell)
        bar.advance()
        held, development = material.parts.held, material.parts.development
        alone: list[Tensor] = []
        for seed in range(config.seed, config.seed + config.seeds):
            for carry in (True, False):
                recipe = replace(config.recipe, seed=seed, carry=carry)
                trainer = Trainer(model, material.frozen, material.parts, material.head, recipe)
                name = f"seed {seed}, " + ("carried" if carry else "reset in training")
                try:
                    trained = trainer.train(folder=None, tell=partial(tell_of, name))
                    alone = alone or trainer.nats(held, how="alone", tell=tell)
                    if carry:
                        epochs.append(len(trained.losses))
                        for how in ("carried", "reset", "other"):
                            found[how].append(trainer.nats(held, how=how, tell=tell))
                    else:
                        plain = trainer.nats(held, how="reset", tell=tell)
                        weight = _best_weight(material, development, trainer.nats(development, how="reset", tell=tell))
                        weights.append(weight)
                        found["plain"].append(plain)
                        found["plain and cache"].append(_with_cache(material, held, plain, weight))
                finally:
                    trainer.handle.detach()
                bar.advance()
        weights.insert(0, _best_weight(material, development, [material.frozen[i].nats for i in development]))
        cached = _with_cache(material, held, alone, weights[0])
    rivals = [
        ("no memory", [alone] * config.seeds),
        ("state reset at each window", found["reset"]),
        ("state of another document", found["other"]),
        ("unigram cache of the same history", [cached] * config.seeds),
        ("memory trained without carrying", found["plain"]),
        ("the same, and the unigram cache", found["plain and cache"]),
    ]
    sizes = [nats.numel() for nats in alone]
    memory = _means(found["carried"])
    return WindowsSummary(
        command=command_line("windows", config, WindowsConfig()),
        environment=describe(None),
        config=published(config),
        documents=len(held),
        tokens=sum(sizes),
        memory=mean_over_seeds(memory, sizes, config.seed),
        rows=[_row(title, _means(nats), memory, sizes, config.seed) for title, nats in rivals],
        cache_weights=weights,
        epochs=epochs,
        seconds=time.perf_counter() - begun,
    )


def _means(nats: Sequence[Sequence[Tensor]]) -> list[list[float]]:
    return [[float(document.mean()) for document in seed] for seed in nats]


def cache_nats(ids: Tensor, nats: Tensor, weight: float) -> Tensor:
    """Return nats `[N, W-1]` of `(1 - weight) p_model + weight count / total` (Kuhn & De Mori 1990).

    Counted is every token of the document so far: those of earlier windows, which the model doesn't see, and of its own.

    Args:
        ids: `[N, W]`.
        nats: `[N, W-1]` of the model.
        weight: of the cache.
    """
    counts: dict[int, int] = {}
    total, rows = 0, []
    for tokens, said in zip(ids.tolist(), nats.double().tolist(), strict=True):
        row = []
        for place, token in enumerate(tokens):
            if place:
                share = counts.get(token, 0) / total
                row.append(-np.log((1 - weight) * np.exp(-said[place - 1]) + weight * share))
            counts[token] = counts.get(token, 0) + 1
            total += 1
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


def _with_cache(material: Material, documents: Sequence[int], nats: Sequence[Tensor], weight: float) -> list[Tensor]:
    return [cache_nats(material.frozen[i].ids, said, weight) for i, said in zip(documents, nats, strict=True)]


def _best_weight(material: Material, documents: Sequence[int], nats: Sequence[Tensor]) -> float:
    return min(_WEIGHTS, key=lambda w: sum(float(n.sum()) for n in _with_cache(material, documents, nats, w)))


def _row(title: str, nats: Sequence[list[float]], memory: Sequence[list[float]], sizes: Sequence[int], seed: int) -> WindowsRow:
    gains = np.array(nats) - np.array(memory)
    weights = np.array(sizes) / sum(sizes)
    return WindowsRow(
        title=title,
        nats=mean_over_seeds(nats, sizes, seed),
        gain=mean_over_seeds(gains.tolist(), sizes, seed),
        seeds=[float(v) for v in gains @ weights],
    )
