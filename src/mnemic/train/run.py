"""From settings to a saved memory: the whole of `mnemic train`."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from ..errors import ConfigError, rule_got_do
from ..models import load_model
from .material import MaterialConfig, prepare, texts_of
from .recurrent import RecurrentTraining
from .resonance import ResonanceTraining
from .together import Together
from .trainer import Recipe, Trainer, only


def load_single(model: str) -> tuple[Any, Any]:
    """Open a model in float32, as memories are trained: what is small would be lost in the steps of a shorter type."""
    return load_model(model, dtype=torch.float32)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(MaterialConfig):
    """What is trained on what, and where the result goes; how is said by the recipe that a subclass adds."""

    out: Path = Path("memory")
    """Folder for the trained memory. Progress is kept beside it until the end: the same command goes on where it stopped."""
    model: str = "smollm2"
    """The language model."""
    overwrite: bool = False
    """Replace a memory that lies there already."""

    @property
    def recipe(self) -> Recipe:
        """How it is trained, without the rest."""
        raise NotImplementedError

    @property
    def dtype(self) -> torch.dtype:
        """Type of the saved weights."""
        return torch.float32


@dataclass(frozen=True, kw_only=True)
class TrainRecurrentConfig(TrainConfig, RecurrentTraining):
    """What `mnemic train recurrent` does."""

    out: Path = Path("recurrent")
    """Folder for the trained memory. Progress is kept beside it until the end: the same command goes on where it stopped."""
    weights: Literal["float32", "bfloat16"] = "float32"
    """Type of the saved weights; what is reported is measured with them."""

    def __post_init__(self) -> None:
        """Check the numbers of text and recipe."""
        MaterialConfig.__post_init__(self)
        RecurrentTraining.__post_init__(self)

    @property
    def recipe(self) -> RecurrentTraining:
        """How it is trained, without the rest."""
        return only(RecurrentTraining, self)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the saved weights."""
        chosen: torch.dtype = getattr(torch, self.weights)
        return chosen


@dataclass(frozen=True, kw_only=True)
class TrainResonanceConfig(TrainConfig, ResonanceTraining):
    """What `mnemic train resonance` does."""

    out: Path = Path("resonance")
    """Folder for the trained memory. Progress is kept beside it until the end: the same command goes on where it stopped."""

    def __post_init__(self) -> None:
        """Check the numbers of text and recipe."""
        MaterialConfig.__post_init__(self)
        ResonanceTraining.__post_init__(self)

    @property
    def recipe(self) -> ResonanceTraining:
        """How it is trained, without the rest."""
        return only(ResonanceTraining, self)


@dataclass(frozen=True, kw_only=True)
class TrainSummary:
    """Nats per token on text that was not trained on: the host alone, and with the memory. epochs: how many were made."""

    out: Path
    epochs: int
    alone: float
    memory: float


def run(
    config: TrainConfig,
    *,
    tell: Callable[[str, int, int], None] = lambda stage, done, size: None,
    loads: Callable[[str], tuple[Any, Any]] = load_single,
) -> TrainSummary:
    """Train a memory and save it as `Handle.save_pretrained` does.

    Args:
        config: what to train on what.
        tell: told of a stage, how much of it is done, and its size.
        loads: opens model and tokenizer.

    Raises:
        ConfigError: if the model, a setting or a folder can't be used.
        InputError: if the text can't be used.
    """
    out = config.out.expanduser()
    if out.exists() and not (out / "mnemic.json").is_file():
        raise ConfigError(rule_got_do("A memory is written to a new folder or over a memory.", config.out, "Choose another."))
    if out.exists() and not config.overwrite:
        raise ConfigError(rule_got_do("A trained memory isn't replaced unasked.", config.out, "Choose another, or --overwrite."))
    progress = out.with_name(f"{out.name}.progress")
    together = Together()
    try:
        summary = _train(config, progress, together, tell, loads)
        together.wait()
        if together.first:
            shutil.rmtree(progress, ignore_errors=True)
        return summary
    finally:
        together.leave()


def _train(
    config: TrainConfig,
    progress: Path,
    together: Together,
    tell: Callable[[str, int, int], None],
    loads: Callable[[str], tuple[Any, Any]],
) -> TrainSummary:
    texts = texts_of(config)
    model, tokenizer = loads(config.model)
    if together.size > 1 and config.states is None:
        # what one process has read the others take from there
        config = replace(config, states=progress / "states")
    if together.first:
        material = prepare(config, texts, model, tokenizer, tell)
    together.wait()
    if not together.first:
        material = prepare(config, texts, model, tokenizer, tell)
    trainer = Trainer(model, material.frozen, material.parts, material.head, config.recipe, together, tell)
    trained = trainer.train(folder=progress, tell=tell)
    trained.memory.to(config.dtype)
    held = material.parts.held
    summary = TrainSummary(
        out=config.out,
        epochs=len(trained.losses),
        alone=trainer.loss(held, how="alone", tell=tell),
        memory=trainer.loss(held, how=trainer.how, tell=tell),
    )
    if together.first:
        trained.handle.save_pretrained(config.out.expanduser())
    return summary
