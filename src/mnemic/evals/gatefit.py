"""Fit a gate on edit records and generated facts, and write it: how the shipped gates are made."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from ..encoders import load_encoder
from ..errors import ConfigError, rule_got_do
from ..host_texts import HostTexts
from ..memories.fact.calibrate import Example, Report, fit
from ..models import load_model
from . import datasets
from .calibration import ask_other_relations, examples_of, restate
from .generator import generate
from .progress import Progress


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """What a gate is fitted on, and what it looks at."""

    out: Path = Path("gate.safetensors")
    """The file to write."""
    data: Path | None = None
    """A file of edits that know their relations; without one, generated facts alone."""
    start: int = 1000
    """First record of the file that may be used: those before it are kept for reporting."""
    n: int = 900
    """How many records of the file."""
    generated: int = 900
    """How many generated facts (wordings of the dev split)."""
    restated: int = 300
    """How many more generated facts are made and restated, as questions with their answers or as equations turned round."""
    looks_at: Literal["host", "encoder", "words"] = "host"
    """What it sees: the host's states, the encoder and words; the last two; or words alone."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    seed: int = 0
    """For the choice of records, folds and trees."""

    def __post_init__(self) -> None:
        """Check the counts."""
        if min(self.n, self.generated, self.restated, self.start) < 0 or (self.data is None and self.generated == 0):
            raise ConfigError(
                rule_got_do(
                    "A gate is fitted on records, generated facts, or both.",
                    f"start={self.start}, n={self.n}, generated={self.generated}",
                    "Give some.",
                )
            )


@dataclass(frozen=True, kw_only=True)
class GateSummary:
    """Where the gate is, and what it measured on relations it had not seen."""

    out: Path
    report: Report


def collect(config: GateConfig) -> list[Example]:
    """Return the examples that a configuration names.

    Raises:
        InputError: if the file can't be used.
    """
    made: list[Example] = []
    if config.data is not None and config.n > 0:
        # other-relation questions are worded by the whole file's templates, whichever records are then used
        spare = datasets.after(datasets.load(config.data).records, config.start, config.n, config.data.name)
        records = ask_other_relations(spare)
        Random(config.seed).shuffle(records)
        made += examples_of(records[: config.n])
    if config.generated > 0:
        made += examples_of(generate(config.generated, seed=config.seed + 1, split="dev"))
    if config.restated > 0:
        made += examples_of(restate(generate(config.restated, seed=config.seed + 2, split="dev")))
    return made


def run(config: GateConfig, *, progress: bool = False) -> GateSummary:
    """Fit a gate and write it.

    Raises:
        ConfigError: if the model, the encoder or scikit-learn is missing, or the examples can't be fitted on.
        InputError: if the file can't be used.
    """
    if not config.out.expanduser().parent.is_dir():
        raise ConfigError(rule_got_do("A gate is written to a folder that exists.", config.out, "Make it first."))
    examples = collect(config)
    model, tokenizer = load_model(config.model)
    texts = HostTexts(model, tokenizer)
    encoder = load_encoder(config.encoder, texts, int(model.get_input_embeddings().weight.shape[1]))
    with Progress("examples", len(examples), shown=progress) as bar:
        gate, report = fit(
            examples,
            encode=None if config.looks_at == "words" else encoder.encode,
            encoder_id=None if config.looks_at == "words" else encoder.id,
            reader=texts if config.looks_at == "host" else None,
            seed=config.seed,
            progress=lambda stage, done, size: bar.say(f"{stage} {done}/{size}"),
        )
        bar.advance(len(examples))
    gate.save(config.out)
    return GateSummary(out=config.out, report=report)
