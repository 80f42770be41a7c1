"""`mnemic bench pairs`: two facts about one subject are taught; each question must get its own answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError, rule_got_do
from . import generator, scoring
from .columns import Column, at_length, probes_of
from .edits import TITLES, share
from .environment import Environment, describe
from .log import Log
from .plan import EditsConfig, Plan, settings
from .protocol import Loads, load_default
from .relations import Split
from .results import command_line, published
from .runner import Runner
from .scoring import Interval

_QUESTION = Column(name="question", title="question", mode="ask", want="contains", texts=lambda r: r.questions, headline=True)


@dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """What `mnemic bench pairs` measures."""

    n: int = 200
    """How many pairs of invented facts are taught."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    device: str | None = None
    """Where the model runs; None for where it is loaded by default."""
    readers: tuple[str, ...] = ("pointer",)
    """Readers of the memory, each an arm of its own."""
    arms: tuple[str, ...] = ("base", "oracle", "rag", "rule")
    """Which of the arms base, oracle, rag and rule stand beside; base is always there."""
    max_new_tokens: int | None = None
    """Tokens of each answer; None for 8, or two more than the longest target has, if that is more."""
    long_answer: int = 24
    """Questions are answered a second time in so many tokens: a sentence may reach the target late."""
    batch_size: int = 16
    """Questions per batch."""
    seed: int = 0
    """Seed of the facts."""
    split: Split = "test"
    """Wordings of the facts."""
    log: Path | None = None
    """Per-question JSON lines; an interrupted run continues from it."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("n", "long_answer"):
            if getattr(self, name) < 1:
                raise ConfigError(rule_got_do(f"{name} is at least 1.", getattr(self, name), "Choose a larger one."))


@dataclass(frozen=True, kw_only=True)
class PairsArm:
    """What one arm reached."""

    title: str
    own: Interval
    """Of all questions: the answer contains the question's own object."""
    own_long: Interval
    """The same, in a longer answer."""
    both: Interval
    """Of all pairs: both questions got their own object."""
    crossed: Interval
    """Of all questions: the answer contains the object of the subject's other fact."""


@dataclass(frozen=True, kw_only=True)
class PairsSummary:
    """The result of `mnemic bench pairs`."""

    bench: str = "pairs"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    pairs: int
    arms: dict[str, PairsArm]
    writes: dict[str, Any]
    seconds: float


def run(config: PairsConfig, *, progress: bool = False, loads: Loads = load_default) -> PairsSummary:
    """Run the bench, or continue the run that `config.log` holds.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens the model.

    Raises:
        ConfigError: if the settings contradict those of the log.
    """
    begun = time.perf_counter()
    plan = _plan(config)
    environment = describe(config.device)
    with Log(config.log, settings(plan, environment)) as log:
        Runner.fill(plan, log, progress=progress, loads=loads)
        return PairsSummary(
            command=command_line("pairs", config, PairsConfig()),
            environment=environment,
            config={**published(config), "max_new_tokens": log.facts["max_new_tokens"]},
            pairs=config.n,
            arms={arm: _summarise(plan, log.answers, arm) for arm in plan.arm_names()},
            writes=log.facts["writes"],
            seconds=time.perf_counter() - begun,
        )


def _plan(config: PairsConfig) -> Plan:
    pairs = generator.generate_pairs(config.n, config.seed, config.split, probes=1)
    taught = tuple(record for pair in pairs for record in pair)
    columns = (_QUESTION, at_length(_QUESTION, config.long_answer))
    return Plan(
        config=EditsConfig(
            n=len(taught),
            model=config.model,
            encoder=config.encoder,
            device=config.device,
            readers=config.readers,
            arms=config.arms,
            max_new_tokens=config.max_new_tokens,
            batch_size=config.batch_size,
            seed=config.seed,
            split=config.split,
        ),
        data={
            "name": "pairs of invented facts",
            "shape": "generated",
            "seed": config.seed,
            "split": config.split,
            "records": len(taught),
        },
        taught=taught,
        held=(),
        calibration=None,
        columns=columns,
        probes={column.name: probes_of(column, taught, 1) for column in columns},
    )


def _summarise(plan: Plan, answers: Mapping[Any, dict[str, Any]], arm: str) -> PairsArm:
    lines, long = ([answers[arm, column.name, number, 0] for number in range(len(plan.taught))] for column in plan.columns)
    # records of a pair are neighbours: 2i and 2i + 1
    crossed = [scoring.contains(line["output"], plan.taught[number ^ 1].target) for number, line in enumerate(lines)]
    return PairsArm(
        title=TITLES.get(arm, f"memory: {arm}"),
        own=share(line["ok"] for line in lines),
        own_long=share(line["ok"] for line in long),
        both=share(a["ok"] and b["ok"] for a, b in zip(lines[::2], lines[1::2], strict=True)),
        crossed=share(crossed),
    )
