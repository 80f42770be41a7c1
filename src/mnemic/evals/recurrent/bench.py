"""Configuration, run and result of `mnemic bench recurrent`."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import ConfigError, InputError, rule_got_do
from ...hosts.reader import HostReader
from ...memories.recurrent import GRUMemoryWithDecay
from ...memories.recurrent.config import Cell
from ...models import load_model
from ...train.corpus import documents
from ..environment import Environment, describe
from ..progress import Progress
from ..results import command_line, published
from ..scoring import Interval
from ..trained import recurrent_at_top
from . import drift, speed, timing
from .drift import Drift
from .timing import Timing

_WINDOW = 512
_AT_ONCE = 8
_EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class RecurrentBenchConfig:
    """What `mnemic bench recurrent` measures."""

    data: Path = Path("wikitext2_valid.txt")
    """A long text, read in windows: its states in the model's middle are the stream (for a trained memory those of the top)."""
    tokens: int = 100_000
    """Tokens of the stream."""
    decays: tuple[float, ...] = (1.0, 0.99, 0.97, 0.9)
    """Decays to compare."""
    size: int = 128
    """Numbers in a state."""
    seeds: int = 3
    """Cells of random weights for each decay."""
    length: int = 2048
    """Sequence length for the timing of the recurrence."""
    pairs: int = 10
    """Timings of either way, in turn."""
    new_tokens: int = 64
    """Tokens per generation for the speed with both memories attached."""
    memory: Path | None = None
    """Folder of a recurrent memory trained at the top: its cell is measured too, with each decay set, on states of the top."""
    model: str = "smollm2"
    """The language model."""
    seed: int = 0
    """Of weights and the bootstrap."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("tokens", "size", "seeds", "length", "pairs", "new_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(rule_got_do(f"{name} is at least 1.", getattr(self, name), "Choose a larger one."))
        if not self.decays or not all(0 < decay <= 1 for decay in self.decays):
            raise ConfigError(rule_got_do("Decays lie in (0, 1].", list(self.decays), "Give e.g. 1, 0.99 and 0.9."))


@dataclass(frozen=True, kw_only=True)
class RecurrentSummary:
    """The result of `mnemic bench recurrent`."""

    bench: str = "recurrent"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    drift: list[Drift]
    timing: list[Timing]
    speed: dict[str, Interval]
    """Plain seconds over seconds with recurrent memory and resonance attached, by cell."""
    seconds: float


def run(
    config: RecurrentBenchConfig, *, progress: bool = False, loads: Callable[[], tuple[Any, Any]] | None = None
) -> RecurrentSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens model and tokenizer.

    Raises:
        ConfigError: if the model is missing.
        InputError: if the text can't be read or is too short.
    """
    begun = time.perf_counter()
    (text,) = documents(config.data, None)
    open_model = loads or partial(load_model, config.model)
    cells: tuple[Cell, ...] = ("gru", "mingru")
    thousands = math.ceil(config.tokens / 1000) * config.seeds * len(config.decays) * len(cells)
    with Progress("reading", config.tokens + 100 * thousands + 2000 * config.pairs, shown=progress) as bar:
        model, tokenizer = open_model()
        with nullcontext() if config.memory is None else recurrent_at_top(config.memory, model) as memory:
            trained = None if memory is None else deepcopy(memory.at["top"].cell)
        middle, top = _streams(model, tokenizer, text, config, bar)
        bar.say("drift")
        drifts = [
            drift.measure(
                middle,
                [
                    GRUMemoryWithDecay(middle.shape[1], config.size, decay=decay, cell=cell, seed=seed)
                    for seed in range(config.seed, config.seed + config.seeds)
                ],
                title=cell,
                tell=partial(bar.advance, 100),
            )
            for cell in cells
            for decay in config.decays
        ]
        if isinstance(trained, GRUMemoryWithDecay):
            for decay in config.decays:
                trained.decay = decay
                drifts.append(drift.measure(top, [trained], title=f"{trained.cell}, trained", tell=lambda: None))
        bar.say("timing the recurrence")
        timings = [
            timing.measure(
                length=config.length, rows=rows, size=config.size, pairs=config.pairs, backward=backward, seed=config.seed
            )
            for rows in (1, 8)
            for backward in (False, True)
        ]
        bar.say("timing generation")
        speeds: dict[str, Interval] = {
            cell: speed.measure(
                open_model,
                pairs=config.pairs,
                tokens=config.new_tokens,
                cell=cell,
                size=config.size,
                prototypes=256,
                seed=config.seed,
                tell=partial(bar.advance, 1000),
            )
            for cell in cells
        }
    return RecurrentSummary(
        command=command_line("recurrent", config, RecurrentBenchConfig()),
        environment=describe(None),
        config=published(config),
        drift=drifts,
        timing=timings,
        speed=speeds,
        seconds=time.perf_counter() - begun,
    )


def _streams(model: Any, tokenizer: Any, text: str, config: RecurrentBenchConfig, bar: Progress) -> tuple[Tensor, Tensor]:
    """Return states `[N, D]` of the model's middle and top, divided by their root mean square as the memory takes them in."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][: config.tokens]
    if len(ids) < config.tokens:
        raise InputError(
            rule_got_do(f"The text has {config.tokens} tokens or more.", f"{len(ids)}", "Give a longer one, or lower tokens.")
        )
    reader = HostReader(model, tokenizer)
    layers = (reader.num_layers // 2, reader.num_layers)
    window = min(_WINDOW, reader.window or _WINDOW)
    pieces = [ids[begin : begin + window] for begin in range(0, len(ids), window)]
    rows: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    for begin in range(0, len(pieces), _AT_ONCE):
        for read in reader.read_tokens(pieces[begin : begin + _AT_ONCE], layers):
            for layer in layers:
                rows[layer].append(read.states[layer])
            bar.advance(len(read.token_ids))
    middle, top = (torch.cat(rows[layer]) for layer in layers)
    return _scaled(middle), _scaled(top)


def _scaled(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + _EPSILON)
