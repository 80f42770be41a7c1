"""Fit a gate on edit records and generated facts, and write it: how the shipped gates are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ..encoders import Encoder
from ..host_texts import HostTexts
from ..memories.fact import Gate
from ..memories.fact.calibrate import Example, Report, fit
from . import datasets
from .calibration import ask_other_relations, examples_of
from .generator import generate


@dataclass(frozen=True, kw_only=True)
class GateFitConfig:
    """What to fit a gate on."""

    data: Path | None = None
    """A file of edits that know their relations; None for generated facts alone."""
    start: int = 1000
    """First record of the file that may be used: those before it are kept for reporting."""
    n: int = 900
    """How many records of the file."""
    generated: int = 900
    """How many generated facts (wordings of the dev split)."""
    without: tuple[str, ...] = ()
    """Relations of the file that are left out."""
    seed: int = 0
    """For the choice of records, folds and trees."""


def collect(config: GateFitConfig) -> list[Example]:
    """Return the examples that a configuration names."""
    made: list[Example] = []
    if config.data is not None and config.n > 0:
        # other-relation questions are worded by the whole file's templates, whichever records are then used
        records = ask_other_relations(datasets.load(config.data).records[config.start :])
        chosen = [r for r in records if r.relation not in config.without]
        Random(config.seed).shuffle(chosen)
        made += examples_of(chosen[: config.n])
    if config.generated > 0:
        made += examples_of(generate(config.generated, seed=config.seed + 1, split="dev"))
    return made


def run(
    config: GateFitConfig,
    *,
    encoder: Encoder | None,
    host: HostTexts | None,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
    collected: Sequence[Example] | None = None,
) -> tuple[Gate, Report]:
    """Fit a gate.

    Args:
        config: what on.
        encoder: None for a gate that looks at words alone.
        host: None for a gate that any model can use.
        progress: called with a stage, how much of it is done, and its size.
        collected: the examples, if `collect` was called already.
    """
    return fit(
        collected if collected is not None else collect(config),
        encode=encoder.encode if encoder else None,
        encoder_id=encoder.id if encoder else None,
        reader=host,
        seed=config.seed,
        progress=progress,
    )
