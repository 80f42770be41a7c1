"""`mnemic bench influence`: how long the state of a first turn shows in what is said later, for several decays.

A document is read in windows that the host can't see across. After the first of them (the first turn) the state goes on in two
copies: as it is, and emptied. What the first turn still says `n` tokens later is the divergence between the two next-token
distributions. The weights are those of one trained memory; only its decay is set.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from ..errors import ConfigError, InputError, rule_got_do
from ..memories.recurrent import RecurrentMemory
from ..memories.recurrent.config import RecurrentConfig
from ..train.material import MaterialConfig, prepare, texts_of
from ..train.passes import step_top
from ..train.run import load_single
from ..train.top import Head
from .environment import Environment, describe
from .progress import Progress
from .results import command_line, published
from .scoring import Interval, bootstrap_mean
from .trained import recurrent_at_top


@dataclass(frozen=True, kw_only=True)
class InfluenceConfig(MaterialConfig):
    """What `mnemic bench influence` measures."""

    memory: Path = Path("recurrent")
    """Folder of a recurrent memory trained at the top, as `mnemic train recurrent` writes it."""
    decays: tuple[float, ...] = (1.0, 0.99, 0.97, 0.9)
    """Decays to compare."""
    after: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    """Tokens after the first turn at which it is looked for."""
    model: str = "smollm2"
    """The language model."""
    seed: int = 0
    """Of the bootstrap."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if not self.decays or not all(0 < decay <= 1 for decay in self.decays):
            raise ConfigError(rule_got_do("Decays lie in (0, 1].", list(self.decays), "Give e.g. 1, 0.99 and 0.9."))
        if not self.after or min(self.after) < 1 or sorted(set(self.after)) != list(self.after):
            raise ConfigError(rule_got_do("`after` rises from 1 or more.", list(self.after), "Give e.g. 1, 8 and 64."))


@dataclass(frozen=True, kw_only=True)
class Influence:
    """What the first turn's state does under one decay.

    divergence: nats, for each distance in `after`. left: of the size of what the state adds, the share that is left there.
    half_life: tokens after which half of that size is left, None if more is left at the end. stated: what the decay alone says.
    """

    decay: float
    divergence: list[Interval]
    left: list[Interval]
    half_life: float | None
    stated: float


@dataclass(frozen=True, kw_only=True)
class InfluenceSummary:
    """The result of `mnemic bench influence`."""

    bench: str = "influence"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    documents: int
    decays: list[Influence]
    seconds: float


def run(
    config: InfluenceConfig, *, progress: bool = False, loads: Callable[[str], tuple[Any, Any]] = load_single
) -> InfluenceSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens model and tokenizer.

    Raises:
        ConfigError: if the model, the memory or a setting can't be used.
        CheckpointMismatch: if the memory is of another model.
        InputError: if the text can't be used, or no document is long enough.
    """
    begun = time.perf_counter()
    with Progress("reading", 1 + len(config.decays), shown=progress) as bar:
        texts = texts_of(config)
        model, tokenizer = loads(config.model)
        with recurrent_at_top(config.memory, model) as memory:
            material = prepare(config, texts, model, tokenizer, lambda stage, done, size: bar.say(f"{stage} {done}/{size}"))
            bar.advance()
            documents = [material.frozen[i].states for i in material.parts.held]
            documents = [states for states in documents if (len(states) - 1) * config.window >= config.after[-1]]
            if not documents:
                raise InputError(
                    rule_got_do(
                        f"A held-out document goes on for {config.after[-1]} tokens after its first window.",
                        "none does",
                        "Give a longer text, or lower `after`.",
                    )
                )
            found = []
            for decay in config.decays:
                bar.say(f"decay {decay:g}")
                found.append(_measure(memory, decay, documents, config, material.head))
                bar.advance()
    return InfluenceSummary(
        command=command_line("influence", config, InfluenceConfig()),
        environment=describe(None),
        config=published(config),
        documents=len(documents),
        decays=found,
        seconds=time.perf_counter() - begun,
    )


@torch.no_grad()
def _measure(memory: RecurrentMemory, decay: float, documents: list[Tensor], config: InfluenceConfig, head: Head) -> Influence:
    part = memory.at["top"]
    part.cell.decay = decay  # type: ignore[union-attr]
    places = torch.tensor(config.after) - 1
    divergences, lefts, curves = [], [], []
    for states in documents:
        fresh = memory.begin(None, torch.ones(1, 1, dtype=torch.bool))
        told, after = step_top(memory, states[:1].float(), fresh)
        rest = states[1:].flatten(0, 1)[None, : config.after[-1]].float()
        with_it, without = (step_top(memory, rest, state)[0][0] for state in (after, fresh))
        size = (with_it - without).norm(dim=-1)
        curves.append(size / told[0, -1].norm())
        lefts.append(curves[-1][places])
        said, base = (linear(rest[0, places] + shift[places], *head).log_softmax(-1) for shift in (with_it, without))
        divergences.append((said.exp() * (said - base)).sum(-1))
    curve = torch.stack(curves).mean(0)
    below = torch.nonzero(curve <= 0.5)
    return Influence(
        decay=decay,
        divergence=[bootstrap_mean(column.tolist(), seed=config.seed) for column in torch.stack(divergences).T],
        left=[bootstrap_mean(column.tolist(), seed=config.seed) for column in torch.stack(lefts).T],
        half_life=float(below[0]) + 1 if len(below) else None,
        stated=RecurrentConfig(decay=decay).half_life,
    )
