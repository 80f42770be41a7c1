"""The resonance gate of `mnemic train resonance`: prototypes from a stream of states, then the gate by gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ..arguments import check_count
from ..errors import ConfigError, rule_got_do
from ..memories.base import Memory
from ..memories.resonance import CellConfig, ResonanceMemory
from ..memories.resonance.prototypes import PromotionConfig
from .frozen import Frozen
from .trainer import Recipe, Stage

_SITE = "top"
_AT_ONCE = 500
PARTS = ("both", "damping", "readout")


@dataclass(frozen=True, kw_only=True)
class ResonanceTraining(Recipe):
    """How a resonance gate is trained, whatever the text."""

    capacity: int = 256
    """Prototypes in ART memory."""
    vigilance: float = 0.3
    """Match from which a state counts as known, in [0, 1]. States of tokens are further apart than sentences."""
    learning: float = 0.05
    """Step of a prototype towards a state that resonates, in (0, 1]; the first ones are averaged."""
    settled: int = 64
    """Promoted prototypes at most; gradients train them."""
    promote_after: int = 20
    """States after which a prototype may be promoted."""
    promote_drift: float = 0.05
    """How far a state may move it by then, on average, in 1 - cosine."""
    observed: int = 20_000
    """States that the prototypes learn from, drawn from the text that is trained on, in an order of their own."""
    parts: Literal["both", "damping", "readout"] = "both"
    """What of the gate is trained: damping of what is strange, the readout of the prototypes, or both."""
    truncate: int = 1
    """Windows per step."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        CellConfig(capacity=self.capacity, vigilance=self.vigilance, rate=self.learning)
        PromotionConfig(capacity=self.settled, count=self.promote_after, drift=self.promote_drift)
        check_count("observed", self.observed, 2)
        if self.parts not in PARTS:
            raise ConfigError(rule_got_do(f"Parts of the gate: {', '.join(PARTS)}.", repr(self.parts), "Choose one of them."))

    def make(self) -> ResonanceMemory:
        """Return a new memory at the top."""
        return ResonanceMemory(
            (_SITE,),
            self.capacity,
            self.vigilance,
            rate=self.learning,
            settled=self.settled,
            promote_after=self.promote_after,
            promote_drift=self.promote_drift,
        )

    def begin(self, memory: Memory, documents: Sequence[Frozen], tell: Stage) -> None:
        """Standardise by states of the text, and let the prototypes learn from them."""
        assert isinstance(memory, ResonanceMemory)
        states = torch.cat([document.states.flatten(0, 1) for document in documents])
        order = np.random.default_rng(self.seed).permutation(len(states))[: self.observed]
        stream = states[torch.from_numpy(order)].float()
        memory.standardise(stream)
        for begin in range(0, len(stream), _AT_ONCE):
            memory.observe(stream[begin : begin + _AT_ONCE])
            tell("prototypes", min(begin + _AT_ONCE, len(stream)), len(stream))
        place = memory.place(_SITE)
        place.damping.requires_grad_(self.parts != "readout")
        for parameter in (place.strength, place.focus, place.prototypes.settled):
            # a shut readout has no use for them, but what is compared with them stays
            parameter.requires_grad_(self.parts != "damping")
