"""`mnemic bench prune`: how much of what is asked later survives a prune, by our rule and by the usual ones.

A simulated year: items are taught throughout it and asked for with Zipf's frequencies. Then half of them go, and the next ninety
days ask from the same distribution. An item that went can't answer.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arguments import check_count
from ..errors import ConfigError, rule_got_do
from ..store import Store, open_store
from ..store.retention import RetentionRule, plan, retention
from ..types import Item, Past, Record
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published
from .scoring import Interval, t_mean

RULE = "this rule"
_SCOPE = "bench"
_DAY = 86_400.0
_YEAR, _LATER, _MONTH = 365, 90, 30
_BEGIN = 1_000_000_000.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PruneConfig:
    """What `mnemic bench prune` measures."""

    items: int = 2000
    """Items that are taught in the year."""
    asked: float = 10.0
    """Questions per item in the year, on average."""
    keep: float = 0.5
    """Share of the items that is kept."""
    exponent: float = 1.0
    """Zipf's: the item of rank r is asked for in proportion to r to the minus this."""
    drift: float = 0.2
    """Share of the items that change their ranks among themselves every month, where interests drift."""
    telling: float = 0.5
    """How far importance says the rank, where it says anything: 0 nothing, 1 exactly."""
    seeds: int = 30
    """Simulated years."""
    seed: int = 0
    """Of the first one. The rule's weights were chosen on seeds from 1000 on."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_count("items", self.items, 2)
        check_count("seeds", self.seeds, 2)
        check_count("seed", self.seed, 0)
        for name in ("keep", "drift", "telling"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(rule_got_do(f"{name} is a share from 0 to 1.", getattr(self, name), "Give e.g. 0.5."))
        if not self.asked > 0 or not self.exponent >= 0:
            raise ConfigError(
                rule_got_do("asked is positive, exponent isn't negative.", (self.asked, self.exponent), "Correct them.")
            )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Share of later questions whose item is still there, by what chose those that went.

    ahead: the mean of this rule less each other one, of the same years.
    """

    name: str
    answered: dict[str, Interval]
    ahead: dict[str, Interval]


@dataclass(frozen=True, kw_only=True)
class PruneSummary:
    """The result of `mnemic bench prune`."""

    bench: str = "prune"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    rule: dict[str, float]
    scenarios: tuple[Scenario, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Year:
    """A simulated year. later: the item that each later question is about. future: how often each is asked for, at the end."""

    records: list[Record]
    later: npt.NDArray[np.intp]
    future: Floats
    now: float


def run(config: PruneConfig, *, progress: bool = False) -> PruneSummary:
    """Run the bench, in stores in memory.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
    """
    begun = time.perf_counter()
    kinds = [
        ("interests stay; importance says nothing", replace(config, drift=0.0, telling=0.0)),
        ("interests stay; importance tells", replace(config, drift=0.0)),
        ("interests drift; importance says nothing", replace(config, telling=0.0)),
        ("interests drift; importance tells", config),
    ]
    scenarios = []
    with Progress("years", len(kinds) * config.seeds, shown=progress) as bar:
        for name, kind in kinds:
            found: dict[str, list[float]] = {}
            for seed in range(config.seed, config.seed + config.seeds):
                for arm, share in answered(kind, seed).items():
                    found.setdefault(arm, []).append(share)
                bar.advance()
            ours = np.array(found[RULE])
            scenarios.append(
                Scenario(
                    name=name,
                    answered={arm: t_mean(shares) for arm, shares in found.items()},
                    ahead={arm: t_mean((ours - shares).tolist()) for arm, shares in found.items() if arm != RULE},
                )
            )
    rule = RetentionRule()
    return PruneSummary(
        command=command_line("prune", config, PruneConfig()),
        environment=describe(None),
        config=published(config),
        rule={name: getattr(rule, name) for name in rule.__dataclass_fields__},
        scenarios=tuple(scenarios),
        seconds=time.perf_counter() - begun,
    )


def answered(config: PruneConfig, seed: int) -> dict[str, float]:
    """Return, for each way of choosing, the share of the later questions of one year whose item is still active."""
    year = simulate(config, seed)
    with open_store(":memory:") as store:
        store.open_for("bench:2", 2)
        store.restore(year.records)
        items = store.items(_SCOPE)
        going = len(items) - round(config.keep * len(items))
        return {
            arm: _left(store, choose(items)[:going], year)
            for arm, choose in _arms(year, np.random.default_rng([seed, 1])).items()
        }


def _arms(year: Year, rng: np.random.Generator) -> dict[str, Callable[[Sequence[Item]], list[Item]]]:
    """Return what orders items, the first to go first."""
    rule = RetentionRule()
    future = dict(zip((record.id for record in year.records), year.future, strict=True))

    def by(key: Callable[[Item], Any]) -> Callable[[Sequence[Item]], list[Item]]:
        return lambda items: sorted(items, key=key)

    def bare(item: Item) -> float:
        return retention(item, year.now, replace(rule, importance_weight=0.0))

    return {
        RULE: lambda items: [one.item for one in plan(items, 0, year.now, rule)],
        "without importance": by(bare),
        "least often used (LFU)": by(lambda item: (item.uses, item.last_used or item.created)),
        "least recently used (LRU)": by(lambda item: item.last_used or item.created),
        "oldest first (FIFO)": by(lambda item: item.created),
        "least important": by(lambda item: item.importance),
        "random": lambda items: [items[i] for i in rng.permutation(len(items))],
        "least asked for from now on (oracle)": by(lambda item: future[item.id]),
    }


def _left(store: Store, going: Sequence[Item], year: Year) -> float:
    """Prune, count, and undo."""
    store.prune({item.id: "bench" for item in going}, _SCOPE)
    there = {item.id for item in store.items(_SCOPE)}
    if going:
        store.undo(_SCOPE, "bench")
    kept = np.array([record.id in there for record in year.records])
    return float(kept[year.later].mean())


def simulate(config: PruneConfig, seed: int) -> Year:
    """Return a year of items and what is asked after it."""
    rng = np.random.default_rng(seed)
    ranks = rng.permutation(config.items) + 1
    created = np.sort(rng.uniform(0, _YEAR, config.items))
    uses, last = np.zeros(config.items, dtype=np.int64), np.full(config.items, np.nan)
    later: list[npt.NDArray[np.intp]] = []
    # how important an item was held to be when it was taught
    quantile = 1 - (ranks - 1) / (config.items - 1)
    importance = config.telling * quantile + (1 - config.telling) * rng.uniform(size=config.items)
    per_day = config.asked * config.items / _YEAR
    for day in range(_YEAR + _LATER):
        if day and day % _MONTH == 0:
            moved = rng.choice(config.items, round(config.drift * config.items), replace=False)
            ranks[moved] = ranks[rng.permutation(moved)]
        asked = _asked(ranks, created <= day, config.exponent, rng.poisson(per_day), rng)
        if day >= _YEAR:
            later.append(asked)
        else:
            np.add.at(uses, asked, 1)
            last[asked] = day + rng.uniform(size=len(asked))
        if day == _YEAR:
            future = ranks.astype(np.float64) ** -config.exponent
    records = [
        _record(number, _BEGIN + created[number] * _DAY, float(importance[number]), int(uses[number]), last[number])
        for number in range(config.items)
    ]
    return Year(records=records, later=np.concatenate(later), future=future, now=_BEGIN + _YEAR * _DAY)


def _asked(
    ranks: npt.NDArray[np.int64], there: npt.NDArray[np.bool_], exponent: float, count: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    weights = np.where(there, ranks.astype(np.float64) ** -exponent, 0.0)
    if not weights.sum():
        return np.empty(0, dtype=np.intp)
    return rng.choice(len(ranks), count, p=weights / weights.sum())


def _record(number: int, created: float, importance: float, uses: int, last: float) -> Record:
    past = Past(
        event=number + 1,
        at=created,
        kind="add",
        reason="bench",
        operation=number + 1,
        undoes=None,
        status="active",
        said=number + 1,
        superseded_by=None,
        text=f"Fact number {number}.",
        category=None,
        importance=importance,
        source=None,
        key=np.array([1.0, 0.0], dtype=np.float32),
    )
    last_used = _BEGIN + last * _DAY if uses else None
    return Record(
        id=f"fact{number}", scope=_SCOPE, created=created, supersedes=None, uses=uses, last_used=last_used, past=(past,)
    )
