"""`mnemic bench edits`: teach facts, then see what every arm makes of them. Everything is asked after all facts were taught."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import scoring
from .columns import Column
from .environment import Environment, describe
from .log import Log
from .plan import ARMS, HELD_OUT, EditsConfig, Plan, make_plan, settings
from .protocol import Loads, load_default
from .results import command_line, published
from .runner import Runner
from .scoring import Interval

__all__ = ["ARMS", "ArmSummary", "EditsConfig", "EditsSummary", "run"]

TITLES = {
    "base": "no memory",
    "oracle": "fact in the prompt (oracle)",
    "rag": "retrieved fact in the prompt (RAG)",
    "rule": "subject-matching rule",
}


@dataclass(frozen=True, kw_only=True)
class ArmSummary:
    """What one arm reached."""

    title: str
    columns: dict[str, Interval]
    exact: dict[str, Interval]
    """Columns that must name the target: the output is the target and no more, normalised."""
    harmonic: Interval
    """Harmonic mean of the headline columns."""
    relations: dict[str, dict[str, Interval]]
    """Relation -> column -> share."""
    false_injection: Interval | None = None
    """Of all probes where nothing may change: how often a memory spoke."""
    abstained: Interval | None = None
    """Of the probes about subjects that were never taught: how often no memory spoke."""
    wrong_memory: Interval | None = None
    """Of the probes that ask for the target and made a memory speak: how often the loudest one was another fact."""


@dataclass(frozen=True, kw_only=True)
class EditsSummary:
    """The result of `mnemic bench edits`."""

    bench: str = "edits"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    data: dict[str, Any]
    columns: list[dict[str, Any]]
    arms: dict[str, ArmSummary]
    writes: dict[str, Any]
    calibration: dict[str, Any] | None
    seconds: float
    """Wall time of this call; less than the whole where a log was continued."""


def run(config: EditsConfig, *, progress: bool = False, loads: Loads = load_default) -> EditsSummary:
    """Run the bench, or continue the run that `config.log` holds.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens the model.

    Raises:
        ConfigError: if the settings contradict each other or those of the log.
        InputError: if the data can't be used.
    """
    begun = time.perf_counter()
    plan = make_plan(config)
    environment = describe(config.device)
    with Log(config.log, settings(plan, environment)) as log:
        Runner.fill(plan, log, progress=progress, loads=loads)
        return EditsSummary(
            command=command_line("edits", config, EditsConfig()),
            environment=environment,
            config={**published(config), "max_new_tokens": log.facts["max_new_tokens"]},
            data=plan.data,
            columns=[{"name": c.name, "title": c.title, "want": c.want, "headline": c.headline} for c in plan.columns],
            arms={arm: _summarise(plan, log, arm) for arm in plan.arm_names()},
            writes=log.facts["writes"],
            calibration=log.facts.get("calibration"),
            seconds=time.perf_counter() - begun,
        )


def _summarise(plan: Plan, log: Log, arm: str) -> ArmSummary:
    lines = {c.name: [log.answers[arm, c.name, p.record, p.probe] for p in plan.probes[c.name]] for c in plan.columns}
    remembers = arm.removesuffix(HELD_OUT) in plan.config.readers
    same = [line for c in plan.columns if c.want == "same" for line in lines[c.name]]
    absent = [line for c in plan.columns if c.want == "same" and _of_strangers(c) for line in lines[c.name]]
    loud = [line for c in plan.columns if c.want not in ("same", "forced") for line in lines[c.name] if line["spoke"]]
    return ArmSummary(
        title=TITLES.get(arm, f"memory: {arm}"),
        columns={c.name: share(line["ok"] for line in lines[c.name]) for c in plan.columns},
        exact={c.name: share(line["exact"] for line in lines[c.name]) for c in plan.columns if c.want not in ("same", "forced")},
        harmonic=harmonic(plan.columns, lines, plan.config.seed),
        relations=_by_relation(plan.columns, lines),
        false_injection=share(bool(line["spoke"]) for line in same) if remembers else None,
        abstained=share(not line["spoke"] for line in absent) if remembers else None,
        wrong_memory=share(not line["spoke"][0]["own"] for line in loud) if remembers else None,
    )


def _of_strangers(column: Column) -> bool:
    """Return whether a column asks about subjects that were never taught."""
    return column.name.startswith(("neighbour", "locality", "unrelated"))


def share(hits: Iterable[bool]) -> Interval:
    """Return the share of hits with its interval."""
    known = list(hits)
    return scoring.wilson(sum(known), len(known))


def harmonic(columns: Iterable[Column], lines: Mapping[str, Sequence[Mapping[str, Any]]], seed: int) -> Interval:
    """Return the harmonic mean of the headline columns, over the records that were asked about.

    Args:
        columns: all columns.
        lines: per column, what was asked: objects with `record` and `ok`.
        seed: of the bootstrap.
    """
    asked = sorted({line["record"] for column in lines.values() for line in column})
    place = {record: index for index, record in enumerate(asked)}
    table = {}
    for column in columns:
        if column.headline:
            sums, counts = np.zeros(len(asked)), np.zeros(len(asked))
            for line in lines[column.name]:
                sums[place[line["record"]]] += line["ok"]
                counts[place[line["record"]]] += 1
            with np.errstate(invalid="ignore"):
                table[column.name] = sums / counts
    return scoring.harmonic_interval(table, seed=seed)


def _by_relation(columns: Iterable[Column], lines: Mapping[str, list[dict[str, Any]]]) -> dict[str, dict[str, Interval]]:
    hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for column in columns:
        if column.headline:
            for line in lines[column.name]:
                if line["relation"] is not None:
                    hits[line["relation"]][column.name].append(line["ok"])
    return {relation: {name: share(found) for name, found in hits[relation].items()} for relation in sorted(hits)}
