"""`mnemic bench capacity`: does a memory that holds more answer as well? It is filled in steps, and asked the same after each."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError, rule_got_do
from . import scoring
from .arms import ModelArm
from .asking import Asker, Line, batches_of
from .collisions import REASONS, find_collisions
from .columns import Column, columns_of
from .edits import harmonic, share
from .environment import Environment, describe
from .plan import read_data
from .progress import Progress
from .protocol import Loads, load_default
from .records import EditRecord
from .relations import Split
from .results import command_line, published
from .runner import teach, tokens_needed, write_summary
from .scoring import Interval

_PROBES = 1
"""Probes of a record per column."""
_USUAL_REFERENCE = 1000


@dataclass(frozen=True, kw_only=True)
class CapacityConfig:
    """What `mnemic bench capacity` measures."""

    data: Path | None = None
    """A file of edits; without one, invented facts are generated."""
    sizes: tuple[int, ...] = (100, 1000, 0)
    """How many facts the memory holds when it is asked, rising; 0, at the end, for all of the file."""
    asked: int = 1000
    """At most so many records, the first ones, are asked about at each size."""
    against: int | None = None
    """The size that others are compared with; None for 1000 where that is among them, else for the first."""
    start: int = 0
    """The first record that is taught."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    device: str | None = None
    """Where the model runs; None for where it is loaded by default."""
    reader: str = "pointer"
    """The reader of the memory."""
    max_new_tokens: int | None = None
    """Tokens of each answer; None for 8, or two more than the longest target has, if that is more."""
    batch_size: int = 16
    """Questions per batch."""
    checked: float = 0.05
    """Of the batches in which no memory speaks, the share that is generated all the same and compared with the base model's."""
    seed: int = 0
    """Seed of invented facts, of the choice of checked batches, and of the bootstrap."""
    split: Split = "test"
    """Wordings of invented facts."""

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        for name in ("asked", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(rule_got_do(f"{name} is at least 1.", getattr(self, name), "Choose a larger one."))
        if self.start < 0:
            raise ConfigError(rule_got_do("start isn't negative.", self.start, "Choose 0 or more."))
        if not 0 <= self.checked <= 1:
            raise ConfigError(rule_got_do("checked is a share, 0 to 1.", self.checked, "Choose e.g. 0.05."))
        if self.sizes != (0,):
            _check_rising(self.sizes[:-1] if self.sizes[-1:] == (0,) else self.sizes)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a column's answers at another size, on the records of both."""

    share: Interval
    """Difference of the shares, with a paired bootstrap over records."""
    gained: list[str]
    """Ids of the records whose answer is right and wasn't."""
    lost: list[str]
    """Ids of those whose answer was right and isn't."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What was right at one size."""

    n: int
    """Records that count."""
    columns: dict[str, Interval]
    harmonic: Interval
    """Harmonic mean of the columns."""
    change: dict[str, Change | None]
    """Per column, since the size compared with; None where no record has such a probe."""


@dataclass(frozen=True, kw_only=True)
class CapacitySize:
    """What a memory of one size did."""

    size: int
    """Facts that were taught."""
    asked: int
    """Records that were asked about, colliding ones included."""
    apart: Shares
    """Over the records that collide with none."""
    everything: Shares
    """Over all that were asked."""
    writes: dict[str, Any]
    """What became of the facts that were taught since the size before, and the milliseconds that one took."""
    recall_p50: float
    """Milliseconds of one recall, gate included, over the texts that are asked at every size."""
    recall_p95: float
    spoke: int
    """Answers in which a memory spoke."""
    by_contract: int
    """Answers that weren't generated, since no memory speaks in their batch: the base model's."""
    compared: int
    """Answers that were generated although no memory speaks for them."""
    differ: int
    """Of these, those that aren't the base model's tokens: any is a fault."""


@dataclass(frozen=True, kw_only=True)
class CapacitySummary:
    """The result of `mnemic bench capacity`."""

    bench: str = "capacity"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    data: dict[str, Any]
    columns: list[dict[str, str]]
    against: int
    sizes: list[CapacitySize]
    collisions: dict[str, Any]
    """Records left out of the shares: how many for which reason, and each with its id and reasons."""
    seconds: float


@dataclass(frozen=True)
class _Plan:
    """Everything that is known before a model is loaded."""

    data: dict[str, Any]
    taught: tuple[EditRecord, ...]
    sizes: tuple[int, ...]
    against: int
    columns: tuple[Column, ...]
    collisions: dict[int, tuple[str, ...]]
    ends: tuple[int, ...]
    """How many records are asked about, at each size."""


def run(config: CapacityConfig, *, progress: bool = False, loads: Loads = load_default) -> CapacitySummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens the model.

    Raises:
        ConfigError: if the settings don't fit the data, or every record of the first size collides with another.
        InputError: if the data can't be used.
    """
    begun = time.perf_counter()
    plan = _make_plan(config)
    lm = loads(model=config.model, store=":memory:", encoder=config.encoder, device=config.device)
    try:
        tokens = tokens_needed(lm, plan.taught, config.max_new_tokens)
        asker = Asker(
            lm,
            plan.taught,
            batches_of(plan.columns, plan.taught, plan.ends, _PROBES, config.batch_size),
            base=ModelArm(lm, plan.taught, {"max_new_tokens": tokens}, batch_size=config.batch_size),
            memory=ModelArm(lm, plan.taught, {"max_new_tokens": tokens}, batch_size=config.batch_size, reader=config.reader),
            checked=config.checked,
            seed=config.seed,
        )
        rounds = []
        with Progress("teaching", _work(plan, asker), shown=progress) as bar:
            held = 0
            for size, end in zip(plan.sizes, plan.ends, strict=True):
                bar.say(f"teaching, up to {size}")
                writes = write_summary(teach(lm, plan.taught[held:size], bar))
                held = size
                rounds.append((writes, asker.ask(size, end, bar)))
    finally:
        lm.close()
    reference = rounds[plan.sizes.index(plan.against)][1].lines
    return CapacitySummary(
        command=command_line("capacity", config, CapacityConfig()),
        environment=describe(config.device),
        config={**published(config), "max_new_tokens": tokens},
        data=plan.data,
        columns=[{"name": c.name, "title": c.title, "want": c.want} for c in plan.columns],
        against=plan.against,
        sizes=[
            CapacitySize(
                size=size,
                asked=end,
                apart=_shares(plan, found.lines, reference, set(range(end)) - set(plan.collisions), config.seed),
                everything=_shares(plan, found.lines, reference, set(range(end)), config.seed),
                writes=writes,
                recall_p50=float(np.median(found.recall_ms)),
                recall_p95=float(np.percentile(found.recall_ms, 95)),
                spoke=found.spoke,
                by_contract=found.by_contract,
                compared=found.compared,
                differ=found.differ,
            )
            for size, end, (writes, found) in zip(plan.sizes, plan.ends, rounds, strict=True)
        ],
        collisions=_published_collisions(plan),
        seconds=time.perf_counter() - begun,
    )


def _check_rising(sizes: Sequence[int]) -> None:
    if not sizes or min(sizes) < 1 or sorted(set(sizes)) != list(sizes):
        raise ConfigError(
            rule_got_do("Sizes rise from 1 or more; 0, for all, stands at the end.", list(sizes), "Give e.g. 100 and 1000.")
        )


def _make_plan(config: CapacityConfig) -> _Plan:
    if config.data is None and 0 in config.sizes:
        raise ConfigError(
            rule_got_do("Size 0 is for all of a file.", "no file", "Give a file of edits (`data`), or all sizes as numbers.")
        )
    needed = config.start + max(1, *config.sizes)
    records, data = read_data(config.data, needed, config.seed, config.split, probes=_PROBES)
    sizes = tuple(size or len(records) - config.start for size in config.sizes)
    _check_rising(sizes)
    against = config.against
    if against is None:
        against = _USUAL_REFERENCE if _USUAL_REFERENCE in sizes else sizes[0]
    if against not in sizes:
        raise ConfigError(rule_got_do("`against` is one of the sizes.", f"{against}, sizes {list(sizes)}", "Name one of them."))
    taught = tuple(records[config.start : config.start + sizes[-1]])
    collisions = find_collisions(taught, _PROBES)
    ends = tuple(min(size, config.asked) for size in sizes)
    if set(range(ends[0])) <= set(collisions):
        raise ConfigError(
            rule_got_do(
                "Of the first size, some records collide with none.",
                f"{ends[0]} of {ends[0]} collide with another",
                "Ask about more, or begin with a larger size.",
            )
        )
    return _Plan(
        data={**data, "records": len(taught)},
        taught=taught,
        sizes=sizes,
        against=against,
        columns=tuple(c for c in columns_of(taught, forced=False) if c.headline),
        collisions=collisions,
        ends=ends,
    )


def _work(plan: _Plan, asker: Asker) -> int:
    """Return how many facts and answers there are."""
    return len(plan.taught) + asker.texts(plan.ends[-1]) + sum(map(asker.texts, plan.ends))


def _shares(plan: _Plan, lines: list[Line], reference: list[Line], counting: set[int], seed: int) -> Shares:
    """Return the shares over the records that count, and how they changed since the reference."""
    table = {c.name: [line for line in lines if line["column"] == c.name and line["record"] in counting] for c in plan.columns}
    before = {(line["column"], line["record"], line["probe"]): line["ok"] for line in reference}
    return Shares(
        n=len(counting),
        columns={name: share(line["ok"] for line in column) for name, column in table.items()},
        harmonic=harmonic(plan.columns, table, seed),
        change={name: _change(plan.taught, column, before, seed) for name, column in table.items()},
    )


def _change(
    taught: Sequence[EditRecord], column: Sequence[Line], before: Mapping[tuple[str, int, int], bool], seed: int
) -> Change | None:
    """Return how the answers of a column changed, where there are some to compare with."""
    both = [(line, then) for line in column if (then := before.get((line["column"], line["record"], line["probe"]))) is not None]
    if not both:
        return None
    return Change(
        share=scoring.bootstrap_mean([line["ok"] - then for line, then in both], seed=seed),
        gained=[taught[line["record"]].id for line, then in both if line["ok"] and not then],
        lost=[taught[line["record"]].id for line, then in both if then and not line["ok"]],
    )


def _published_collisions(plan: _Plan) -> dict[str, Any]:
    counts = Counter(reason for reasons in plan.collisions.values() for reason in reasons)
    return {
        "records": len(plan.collisions),
        "asked": sum(number < plan.ends[-1] for number in plan.collisions),
        "reasons": {reason: {"title": title, "records": counts[reason]} for reason, title in REASONS.items()},
        "ids": [{"id": plan.taught[n].id, "reasons": list(reasons)} for n, reasons in plan.collisions.items()],
    }
