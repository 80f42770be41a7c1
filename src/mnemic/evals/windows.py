"""`mnemic bench windows`: what a trained recurrent memory adds to text in windows that the model can't see across.

Several memories are trained, one per seed, on a part of the text; the rest is reported, against the same model without memory,
the state reset at each window, the state of another document, and a unigram cache of the same history.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, rule_got_do
from ..models import load_model
from ..train.frozen import Frozen
from ..train.material import Material, MaterialConfig, prepare
from ..train.recurrent import Recipe, Trainer
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published
from .scoring import Interval

_WEIGHTS = (0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16)
"""Weights of the unigram cache that development documents choose from."""


@dataclass(frozen=True, kw_only=True)
class WindowsConfig(MaterialConfig, Recipe):
    """What `mnemic bench windows` measures: a text, and how memories are trained on it."""

    seeds: int = 3
    """How many memories are trained, beginning with `seed`."""
    model: str = "smollm2"
    """The language model."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        MaterialConfig.__post_init__(self)
        Recipe.__post_init__(self)
        if self.seeds < 1:
            raise ConfigError(rule_got_do("seeds is at least 1.", self.seeds, "Choose a larger one."))

    @property
    def recipe(self) -> Recipe:
        """How a memory is trained."""
        return Recipe(**{f.name: getattr(self, f.name) for f in fields(Recipe)})


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
    cache_weight: float
    epochs: list[int]
    """Of each seed."""
    seconds: float


def run(config: WindowsConfig, *, progress: bool = False, loads: Callable[[str], tuple[Any, Any]] = load_model) -> WindowsSummary:
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
    found: dict[str, list[list[float]]] = {"memory": [], "reset": [], "other": []}
    epochs = []
    with Progress("reading", config.seeds + 1, shown=progress) as bar:

        def tell(stage: str, done: int, size: int) -> None:
            bar.say(f"{stage} {done}/{size}")

        def tell_of(seed: int, stage: str, done: int, size: int) -> None:
            tell(f"seed {seed}, {stage}", done, size)

        model, tokenizer = loads(config.model)
        material = prepare(config, model, tokenizer, tell)
        bar.advance()
        held = material.parts.held
        for seed in range(config.seed, config.seed + config.seeds):
            trainer = Trainer(model, material.frozen, material.parts, material.head, replace(config.recipe, seed=seed))
            try:
                trained = trainer.train(folder=None, tell=partial(tell_of, seed))
                epochs.append(len(trained.losses))
                for name, how in (("memory", "carried"), ("reset", "reset"), ("other", "other")):
                    found[name].append(trainer.losses(held, how=how, tell=tell))
            finally:
                trainer.handle.detach()
            bar.advance()
        weight = _best_weight(material)
    frozen = [material.frozen[i] for i in held]
    alone = [float(d.nats.mean()) for d in frozen]
    cached = [float(cache_nats(d, weight).mean()) for d in frozen]
    rivals = [
        ("no memory", [alone] * config.seeds),
        ("state reset at each window", found["reset"]),
        ("state of another document", found["other"]),
        ("unigram cache of the same history", [cached] * config.seeds),
    ]
    sizes = [d.nats.numel() for d in frozen]
    return WindowsSummary(
        command=command_line("windows", config, WindowsConfig()),
        environment=describe(None),
        config=published(config),
        documents=len(held),
        tokens=sum(sizes),
        memory=_mean(found["memory"], sizes, config.seed),
        rows=[_row(title, nats, found["memory"], sizes, config.seed) for title, nats in rivals],
        cache_weight=weight,
        epochs=epochs,
        seconds=time.perf_counter() - begun,
    )


def cache_nats(document: Frozen, weight: float) -> Tensor:
    """Return nats `[N, W-1]` of `(1 - weight) p_model + weight count / total` (Kuhn & De Mori 1990).

    Counted is every token of the document so far: those of earlier windows, which the model doesn't see, and of its own.
    """
    counts: dict[int, int] = {}
    total, rows = 0, []
    for ids, nats in zip(document.ids.tolist(), document.nats.double().tolist(), strict=True):
        row = []
        for place, token in enumerate(ids):
            if place:
                share = counts.get(token, 0) / total
                row.append(-np.log((1 - weight) * np.exp(-nats[place - 1]) + weight * share))
            counts[token] = counts.get(token, 0) + 1
            total += 1
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


def _best_weight(material: Material) -> float:
    development = [material.frozen[i] for i in material.parts.development]
    return min(_WEIGHTS, key=lambda w: sum(float(cache_nats(d, w).sum()) for d in development))


def _row(title: str, nats: Sequence[list[float]], memory: Sequence[list[float]], sizes: Sequence[int], seed: int) -> WindowsRow:
    gains = np.array(nats) - np.array(memory)
    weights = np.array(sizes) / sum(sizes)
    return WindowsRow(
        title=title,
        nats=_mean(nats, sizes, seed),
        gain=_mean(gains.tolist(), sizes, seed),
        seeds=[float(v) for v in gains @ weights],
    )


def _mean(values: Sequence[Sequence[float]], sizes: Sequence[int], seed: int) -> Interval:
    """Return the mean per token with an interval from a bootstrap over documents and over seeds."""
    table, weights = np.array(values), np.array(sizes, dtype=np.float64)
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(2000):
        documents = rng.integers(0, table.shape[1], table.shape[1])
        seeds = rng.integers(0, table.shape[0], table.shape[0])
        drawn.append(float((table[seeds].mean(0)[documents] * weights[documents]).sum() / weights[documents].sum()))
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = float((table.mean(0) * weights).sum() / weights.sum())
    return Interval(value=value, low=float(low), high=float(high), n=table.shape[1])
