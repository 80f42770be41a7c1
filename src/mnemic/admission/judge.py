"""A small linear model: how likely a statement is one to keep."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..errors import CheckpointMismatch, ConfigError, rule_got_do
from ..files import replacing
from ..types import FloatArray
from .features import matrix

FORMAT_VERSION = 1
SHIPPED = ("minilm", "words")
"""Weights in the package, the most demanding first: for an encoder, and for words and forms alone."""
_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Logistic regression over `features.matrix`.

    vocabulary: its terms. weights: `[forms + words + E]`, or without E where `encoder_id` is None. threshold: probability from
    which on a statement is kept. about: how it was fitted and what was measured.
    """

    vocabulary: tuple[str, ...]
    weights: FloatArray
    bias: float
    threshold: float
    encoder_id: str | None
    about: dict[str, object]

    def scores(self, texts: Sequence[str], vectors: FloatArray | None) -> FloatArray:
        """Return the probability of each statement `[len(texts)]` to be one to keep.

        Args:
            texts: statements.
            vectors: the vectors `[len(texts), E]` of the encoder that it was fitted with; not looked at where it knows none.
        """
        if not texts:
            return np.zeros(0, dtype=np.float32)
        features = matrix(texts, self.vocabulary, None if self.encoder_id is None else vectors)
        odds: FloatArray = 1 / (1 + np.exp(-(features @ self.weights + self.bias)))
        return odds

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all.

        Raises:
            ConfigError: if it can't be written there.
        """
        meta = {
            "format_version": FORMAT_VERSION,
            "vocabulary": self.vocabulary,
            "bias": self.bias,
            "threshold": self.threshold,
            "encoder_id": self.encoder_id,
            "about": self.about,
        }
        try:
            with replacing(path) as fresh:
                save_file({"weights": self.weights}, fresh, metadata={"mnemic": json.dumps(meta, sort_keys=True)})
        except (OSError, SafetensorError) as error:
            raise ConfigError(
                rule_got_do("Weights are written to a folder that exists.", f"{path}: {error}", "Choose another.")
            ) from error

    @classmethod
    def load(cls, path: Path) -> "Judge":
        """Read what `save` wrote.

        Raises:
            CheckpointMismatch: if the file is none of ours, or of another format version.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                meta = json.loads((file.metadata() or {}).get("mnemic", "null"))
                weights = file.get_tensor("weights")
        except (OSError, SafetensorError, ValueError) as error:
            raise CheckpointMismatch(
                rule_got_do("Admission's weights are a safetensors file of ours.", f"{path}: {error}", "Fit them again.")
            ) from error
        if not isinstance(meta, dict) or meta.get("format_version") != FORMAT_VERSION:
            raise CheckpointMismatch(
                rule_got_do(
                    f"Admission's weights have format version {FORMAT_VERSION}.", f"another one in {path}", "Fit them again."
                )
            )
        return cls(
            vocabulary=tuple(meta["vocabulary"]),
            weights=weights,
            bias=meta["bias"],
            threshold=meta["threshold"],
            encoder_id=meta["encoder_id"],
            about=meta["about"],
        )


def choose_judge(encoder_id: str) -> Judge:
    """Return the judge of the package that looks at the most of what there is."""
    for name in SHIPPED:
        judge = Judge.load(shipped(name))
        if judge.encoder_id in (None, encoder_id):
            return judge
    raise ConfigError(rule_got_do("The package has weights for every encoder.", "none", "Reinstall Mnemic."))


def shipped(name: str) -> Path:
    """Return the file of a judge of the package."""
    return _WEIGHTS / f"{name}.safetensors"
