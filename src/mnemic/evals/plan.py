"""What `mnemic bench edits` is going to do: its settings, its data, its probes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ..errors import ConfigError, rule_got_do
from . import datasets, generator
from .columns import Column, Probe, columns_of, probes_of
from .environment import Environment
from .recipe import Recipe
from .records import EditRecord
from .relations import Split
from .results import published

ARMS = ("base", "oracle", "rag", "rule")
HELD_OUT = " (held out)"


@dataclass(frozen=True, kw_only=True)
class EditsConfig:
    """What `mnemic bench edits` measures."""

    data: Path | None = None
    """A file of edits; without one, invented facts are generated."""
    n: int = 1000
    """How many records are taught."""
    start: int = 0
    """The first record that is taught."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    device: str | None = None
    """Where the model runs; None for where it is loaded by default."""
    readers: tuple[str, ...] = ("pointer",)
    """Readers of the memory, each an arm of its own."""
    arms: tuple[str, ...] = ARMS
    """Which of the arms base, oracle, rag and rule stand beside; base is always there."""
    max_new_tokens: int | None = None
    """Tokens of each answer; None for 8, or two more than the longest target has, if that is more."""
    batch_size: int = 16
    """Questions per batch."""
    probes: int = 1
    """At most so many probes of a record per column."""
    long_answer: int = 24
    """Questions are answered a second time in so many tokens: a sentence may reach the target late. 0 leaves that out."""
    forced: bool = True
    """Measure teacher forcing too."""
    force: bool = False
    """Store every fact, also one that the model seems to know."""
    held_out: int = 0
    """Calibrate the gate without so many relations and measure on those alone."""
    calibrate_from: int = 1000
    """The first record used for calibration, when relations are held out."""
    calibrate_n: int = 1200
    """At most so many records are used for calibration, beside so many generated facts and half as many restated ones."""
    calibrate_settle: int = 500
    """How many further records, and as many generated facts, the recalibrated threshold is settled among."""
    seed: int = 0
    """Seed of generated facts, of the choice of held-out relations, and of the bootstrap."""
    split: Split = "test"
    """Wordings of generated facts."""
    log: Path | None = None
    """Per-question JSON lines; an interrupted run continues from it."""

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        for name in ("n", "batch_size", "probes", "calibrate_n"):
            if getattr(self, name) < 1:
                raise ConfigError(rule_got_do(f"{name} is at least 1.", getattr(self, name), "Choose a larger one."))
        for name in ("start", "held_out", "calibrate_from", "calibrate_settle", "long_answer"):
            if getattr(self, name) < 0:
                raise ConfigError(rule_got_do(f"{name} isn't negative.", getattr(self, name), "Choose 0 or more."))
        unknown = sorted(set(self.arms) - set(ARMS))
        if unknown or not self.readers:
            raise ConfigError(
                rule_got_do(
                    f"Arms are some of {', '.join(ARMS)}, beside at least one reader.",
                    f"arms {list(self.arms)}, readers {list(self.readers)}",
                    "Correct the names.",
                )
            )
        if self.held_out and self.data is not None and self.calibrate_from < self.start + self.n:
            raise ConfigError(
                rule_got_do(
                    "Records for calibration come after those that are measured.",
                    f"measured up to {self.start + self.n}, calibrated from {self.calibrate_from}",
                    "Raise calibrate_from or lower n.",
                )
            )


@dataclass(frozen=True)
class Plan:
    """Everything that is known before a model is loaded."""

    config: EditsConfig
    data: dict[str, Any]
    """Name, shape and digest of the data, as published."""
    taught: tuple[EditRecord, ...]
    held: tuple[str, ...]
    """Relations that the gate was calibrated without; only they are asked about."""
    calibration: Recipe | None
    """How the gate is refitted without them; None where nothing is held out."""
    columns: tuple[Column, ...]
    probes: dict[str, list[Probe]]

    def arm_names(self) -> list[str]:
        """Arms in the order they run: the base first, since others compare with it; recalibrated ones last."""
        beside = [name for name in ARMS if name == "base" or name in self.config.arms]
        return [*beside, *self.config.readers, *(f"{r}{HELD_OUT}" for r in self.config.readers if self.held)]

    def batches(self, column: Column) -> list[list[Probe]]:
        """Return a column's probes in the batches that every arm sees."""
        size = self.config.batch_size
        probes = self.probes[column.name]
        return [probes[i : i + size] for i in range(0, len(probes), size)]


def make_plan(config: EditsConfig) -> Plan:
    """Read or generate the data and lay out what is asked.

    Raises:
        ConfigError: if the data has fewer records, or too few relations, than the settings ask for.
        InputError: if the file can't be used.
    """
    records, data = read_data(config.data, config.start + config.n, config.seed, config.split, probes=max(2, config.probes))
    taught = tuple(records[config.start : config.start + config.n])
    held = _held_out(taught, config)
    left = len(records) - config.calibrate_from if config.data is not None else 0
    columns = columns_of(taught, forced=config.forced, long_answer=config.long_answer)
    asked = {number for number, record in enumerate(taught) if not held or record.relation in held}
    return Plan(
        config=config,
        data={**data, "records": len(taught), "held_out": list(held)},
        taught=taught,
        held=held,
        calibration=_recipe(held, left, config) if held else None,
        columns=columns,
        probes={c.name: [p for p in probes_of(c, taught, config.probes) if p.record in asked] for c in columns},
    )


def read_data(path: Path | None, count: int, seed: int, split: Split, *, probes: int) -> tuple[list[EditRecord], dict[str, Any]]:
    """Return the records of a file, all of them, or as many invented ones as needed, and what is published about them.

    Args:
        path: a file of edits; None for invented facts.
        count: how many records there must be.
        seed: of invented facts.
        split: wordings of invented facts.
        probes: at most so many probes of an invented fact per column.

    Raises:
        ConfigError: if the file has fewer records.
        InputError: if the file can't be used.
    """
    if path is None:
        made = generator.generate(count, seed, split, probes=probes)
        return made, {"name": "invented facts", "shape": "generated", "seed": seed, "split": split}
    loaded = datasets.load(path)
    if len(loaded.records) < count:
        raise ConfigError(
            rule_got_do(
                f"The data must hold start + n records ({count}).",
                f"{len(loaded.records)} in {path.name}",
                "Lower `start`, or how many are taught.",
            )
        )
    return list(loaded.records), {"name": path.name, "shape": loaded.shape, "sha256": loaded.sha256}


def _held_out(taught: Sequence[EditRecord], config: EditsConfig) -> tuple[str, ...]:
    if not config.held_out:
        return ()
    known = sorted({r.relation for r in taught if r.relation is not None})
    if len(known) <= config.held_out:
        raise ConfigError(
            rule_got_do(
                "To hold relations out there must be more relations than that.",
                f"{len(known)} relations among those taught",
                "Use data with a `relation` per record (probes, rome, generated) and enough of them.",
            )
        )
    return tuple(sorted(Random(f"mnemic-held-out:{config.seed}").sample(known, config.held_out)))


def _recipe(held: tuple[str, ...], left: int, config: EditsConfig) -> Recipe:
    """Return how the gate is refitted: as the shipped ones are, without the held-out relations, on what is left of the file.

    Raises:
        ConfigError: if nothing is left.
    """
    if config.data is not None and left < 1:
        raise ConfigError(
            rule_got_do(
                "There are records to calibrate on.",
                f"none from {config.calibrate_from} on in {config.data.name}",
                "Lower calibrate_from and n.",
            )
        )
    return Recipe(
        data=config.data,
        start=config.calibrate_from,
        n=min(config.calibrate_n, left),
        generated=config.calibrate_n,
        restated=config.calibrate_n // 2,
        settle=config.calibrate_settle,
        without=held,
        # calibration never sees a sentence of the measured split
        split="test" if config.data is None and config.split == "dev" else "dev",
        seed=config.seed,
    )


def settings(plan: Plan, environment: Environment) -> dict[str, Any]:
    """Return everything that decides the answers: a log is continued only where all of it is the same."""
    return {
        **published(plan.config),
        "dataset": plan.data,
        "mnemic": environment.mnemic,
        "revision": environment.revision,
        "packages": environment.packages,
        "device": environment.device,
    }
