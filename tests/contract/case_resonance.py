"""Adaptive resonance in the contract suite: a few prototypes at every site, and an open gate."""

from collections.abc import Sequence

import torch

from mnemic.memories.base import Memory
from mnemic.memories.resonance import ResonanceMemory
from mnemic.testing import ContractCase, register_case


def _arm(memory: Memory, prompts: Sequence[Sequence[int]]) -> None:
    assert isinstance(memory, ResonanceMemory)
    if memory.active():
        return
    for site in memory.settings()["sites"]:
        place = memory.place(site)
        states = torch.randn(12, place.shift.numel(), generator=torch.Generator().manual_seed(3))
        memory.observe(states.to(place.shift.device), site=site)
        with torch.no_grad():
            place.damping.fill_(0.5)
            place.strength.fill_(0.5)


register_case(
    ContractCase(
        name="resonance",
        build=lambda: ResonanceMemory(
            sites=("input", "top", "logits"), capacity=8, settled=4, promote_after=1, promote_drift=1.0
        ),
        arm=_arm,
    )
)
