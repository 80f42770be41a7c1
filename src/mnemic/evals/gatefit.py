"""Fit a gate on edit records and generated facts, and write it: how the shipped gates are made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..encoders import load_encoder
from ..errors import ConfigError, rule_got_do
from ..host_texts import HostTexts
from ..memories.fact.calibrate import Rates, Report, fit
from ..models import load_model
from ..settling import Settled, settle, settle_alone
from .progress import Progress
from .recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class GateConfig(Recipe):
    """What a gate is fitted on, what it looks at, and where it goes."""

    out: Path = Path("gate.safetensors")
    """The file to write."""
    looks_at: Literal["host", "encoder", "words"] = "host"
    """What it sees: the host's states, the encoder and words; the last two; or words alone."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""


@dataclass(frozen=True, kw_only=True)
class GateSummary:
    """Where the gate is, and what it measured on relations it had not seen."""

    out: Path
    report: Report
    settled: Settled | None


def run(config: GateConfig, *, progress: bool = False) -> GateSummary:
    """Fit a gate and write it.

    Raises:
        ConfigError: if the model, the encoder or scikit-learn is missing, or the examples can't be fitted on.
        InputError: if the file can't be used.
    """
    if not config.out.expanduser().parent.is_dir():
        raise ConfigError(rule_got_do("A gate is written to a folder that exists.", config.out, "Make it first."))
    examples, spare = config.examples(), config.spare()
    model, tokenizer = load_model(config.model)
    texts = HostTexts(model, tokenizer)
    encoder = load_encoder(config.encoder, texts, int(model.get_input_embeddings().weight.shape[1]))
    rates, settled = Rates(), None
    with Progress("read", len(examples), shown=progress) as bar:
        gate, report = fit(
            examples,
            encode=None if config.looks_at == "words" else encoder.encode,
            encoder_id=None if config.looks_at == "words" else encoder.id,
            reader=texts if config.looks_at == "host" else None,
            rates=rates,
            seed=config.seed,
            progress=bar.stage,
        )
        if spare:
            common: dict[str, Any] = {"encoder": encoder, "reader": texts, "progress": bar.stage}
            gate, settled = settle(gate, spare, rate=rates.among, **common)
            gate, _ = settle_alone(gate, *config.spoken(), rate=rates.asked, **common)
    gate.save(config.out)
    return GateSummary(out=config.out, report=report, settled=settled)
