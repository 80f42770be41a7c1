"""Fit the judge of admission on the dev half, and count what rules and judge let through of either half."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...admission import Heard, ruled
from ...admission.fit import Fitted, fit
from ...encoders import load_encoder
from ...errors import ConfigError, rule_got_do
from ..calibration import told
from ..generator import everyday, generate
from .corpus import PERSONAL, talk


@dataclass(frozen=True, kw_only=True)
class AdmissionConfig:
    """What admission's weights are fitted on and where they go."""

    out: Path = Path("admission.safetensors")
    """The file to write."""
    looks_at: Literal["encoder", "words"] = "encoder"
    """What the judge sees: words, forms and the encoder's vector, or the first two alone."""
    generated: int = 400
    """How many generated facts of the dev split beside the corpus."""
    everyday: int = 400
    """How many facts of everyday talk."""
    rate: float = 0.03
    """Share of small talk that may be admitted."""
    strength: float = 0.3
    """Inverse of the L2 penalty."""
    seed: int = 0
    """For folds and generated facts."""


@dataclass(frozen=True, kw_only=True)
class AdmissionSummary:
    """Where the weights are and what was measured out of fold."""

    out: Path
    fitted: Fitted
    ruled_out: float
    """Share of the small talk's sentences that rules exclude."""


def run(config: AdmissionConfig) -> AdmissionSummary:
    """Fit the judge and write it.

    Raises:
        ConfigError: if the encoder or scikit-learn is missing, or the folder.
    """
    if not config.out.expanduser().parent.is_dir():
        raise ConfigError(rule_got_do("Weights are written to a folder that exists.", config.out, "Make it first."))
    half = talk("dev")
    invented = [record.fact for record in generate(config.generated, config.seed, "dev", relations=PERSONAL)]
    invented += [record.fact for record in everyday(config.everyday, config.seed)]
    keep = _left(ruled(text) for text in (*half.facts, *invented, *(example.fact for example in told())))
    small = [ruled(text) for text in (*half.chatter, *half.tails, *half.unrelated)]
    drop = _left(small)
    vectors, encoder_id = None, None
    if config.looks_at == "encoder":
        encoder = load_encoder("minilm", None, 0)
        vectors, encoder_id = encoder.encode([*keep, *drop]), encoder.id
    judge, fitted = fit(
        keep, drop, vectors=vectors, encoder_id=encoder_id, rate=config.rate, strength=config.strength, seed=config.seed
    )
    judge.save(config.out)
    sentences = sum(len(heard) for heard in small)
    return AdmissionSummary(out=config.out, fitted=fitted, ruled_out=1 - len(drop) / sentences)


def _left(messages: Iterable[Sequence[Heard]]) -> list[str]:
    """Return what the rules leave to the judge."""
    return [one.text for heard in messages for one in heard if one.open]
