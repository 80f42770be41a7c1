"""The recurrent memory of `mnemic train recurrent`, carried from window to window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..memories.base import Memory
from ..memories.recurrent import RecurrentMemory
from ..memories.recurrent.config import Cell, RecurrentConfig
from .frozen import Frozen
from .trainer import Recipe, Stage

_HORIZONS = (5, 1000)
"""Tokens that the numbers of a state begin by remembering, from the shortest to the longest."""


_OPEN = 1e-3
"""Standard deviation of readouts inside a host at first: at zero the memory would be left out, and no gradient would reach it."""


@dataclass(frozen=True, kw_only=True)
class RecurrentTraining(Recipe):
    """How a recurrent memory is trained, whatever the text."""

    sites: tuple[str, ...] = ("top",)
    """Any of "input", "middle", "top". At the top alone, states of the host that are read once take its place; elsewhere every
    window goes through the host, many times slower."""
    size: int = 256
    """Numbers in the state of a site."""
    decay: float = 0.999
    """What stays of the state per token, in (0, 1]."""
    cell: Cell = "mingru"
    """"gru" or "mingru"."""
    segment: int = 1
    """Tokens per update of the state."""
    output_gate: bool = False
    """Let each token choose what it reads of the state."""
    carry: bool = True
    """Carry the state from window to window in training. Without, it learns what kind of text it is, and no history."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        RecurrentConfig(
            sites=self.sites,
            size=self.size,
            decay=self.decay,
            cell=self.cell,
            segment=self.segment,
            output_gate=self.output_gate,
        )

    @property
    def carries(self) -> bool:
        """Whether the state goes on from window to window in training."""
        return self.carry

    @property
    def at_top(self) -> bool:
        """Whether the memory sits at the top alone."""
        return tuple(self.sites) == ("top",)

    def make(self) -> RecurrentMemory:
        """Return a new memory."""
        return RecurrentMemory(
            self.sites,
            self.size,
            self.decay,
            cell=self.cell,
            segment=self.segment,
            seed=self.seed,
            output_gate=self.output_gate,
        )

    def begin(self, memory: Memory, documents: Sequence[Frozen], tell: Stage) -> None:
        """Spread the horizons of the gates, where they are looked at without the state; open readouts inside the host."""
        assert isinstance(memory, RecurrentMemory)
        parts: list[Any] = list(memory.at.values())
        for number, part in enumerate(parts):
            draw = torch.Generator().manual_seed(self.seed + number)
            with torch.no_grad():
                if self.cell == "mingru":
                    part.cell.bias_in[: self.size] = _spread(self.size, draw)
                if not self.at_top:
                    part.weight_out.normal_(0.0, _OPEN, generator=draw)


def _spread(size: int, draw: torch.Generator) -> Tensor:
    """Return biases `[size]` of update gates whose horizons T spread over `_HORIZONS`, evenly in their logarithm: -log(T - 1).

    Chrono initialisation (arXiv 1804.11188, section 2). A state all of which is overwritten within a few tokens carries nothing
    across a window, and one that never is learns slowly.
    """
    shortest, longest = _HORIZONS
    return -torch.log(torch.exp(torch.rand(size, generator=draw) * math.log(longest / shortest)) * shortest - 1)
