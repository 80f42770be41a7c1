"""The recurrent memory of `mnemic train recurrent`: at the top, carried from window to window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..memories.base import Memory
from ..memories.recurrent import RecurrentMemory
from ..memories.recurrent.config import Cell, RecurrentConfig
from .frozen import Frozen
from .trainer import Recipe, Stage

_HORIZONS = (5, 1000)
"""Tokens that the numbers of a state begin by remembering, from the shortest to the longest."""


@dataclass(frozen=True, kw_only=True)
class RecurrentTraining(Recipe):
    """How a recurrent memory is trained, whatever the text."""

    size: int = 256
    """Numbers in the state."""
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
        RecurrentConfig(size=self.size, decay=self.decay, cell=self.cell, segment=self.segment)

    @property
    def carries(self) -> bool:
        """Whether the state goes on from window to window in training."""
        return self.carry

    def make(self) -> RecurrentMemory:
        """Return a new memory at the top."""
        return RecurrentMemory(
            ("top",),
            self.size,
            self.decay,
            cell=self.cell,
            segment=self.segment,
            seed=self.seed,
            output_gate=self.output_gate,
        )

    def begin(self, memory: Memory, documents: Sequence[Frozen], tell: Stage) -> None:
        """Spread the horizons of the gates, where they are looked at without the state."""
        assert isinstance(memory, RecurrentMemory)
        if self.cell == "mingru":
            _spread_horizons(memory, self.seed)


def _spread_horizons(memory: RecurrentMemory, seed: int) -> None:
    """Let the numbers of a new "mingru" state begin with horizons T from 5 to 1,000 tokens, evenly in their logarithm.

    Biases of the update gates become -log(T - 1): chrono initialisation (arXiv 1804.11188, section 2). A state all of which is
    overwritten within a few tokens carries nothing across a window, and one that never is learns slowly.
    """
    cell: Any = memory.at["top"].cell
    shortest, longest = _HORIZONS
    drawn = torch.rand(cell.size, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        cell.bias_in[: cell.size] = -torch.log(torch.exp(drawn * math.log(longest / shortest)) * shortest - 1)
