"""The recurrent memory in the contract suite: readouts of random weights, so that every state shows."""

from collections.abc import Sequence

import torch

from mnemic.memories.base import Memory
from mnemic.memories.recurrent import RecurrentMemory
from mnemic.testing import ContractCase, register_case


def _arm(memory: Memory, prompts: Sequence[Sequence[int]]) -> None:
    assert isinstance(memory, RecurrentMemory)
    if memory.active():
        return
    for number, name in enumerate(memory.config.sites):
        weight = memory.at[name].weight_out
        values = torch.randn(weight.shape, generator=torch.Generator().manual_seed(number))
        with torch.no_grad():
            weight.copy_(0.3 * values)


register_case(
    ContractCase(
        name="recurrent",
        build=lambda: RecurrentMemory(sites=("input", "middle", "top"), size=8, decay=0.9),
        arm=_arm,
    )
)
register_case(
    ContractCase(
        name="recurrent-segments",
        build=lambda: RecurrentMemory(sites=("middle",), size=8, half_life=6.0, cell="mingru", segment=3),
        arm=_arm,
    )
)
register_case(
    ContractCase(
        name="recurrent-gated",
        build=lambda: RecurrentMemory(sites=("middle", "top"), size=8, decay=0.9, segment=2, output_gate=True),
        arm=_arm,
    )
)
