"""The readers `kv` and `hidden` in the contract suite: every row has an item of its own, of random keys, values and states."""

from collections.abc import Sequence

import torch

from mnemic.memories.base import HostSpec, Memory
from mnemic.memories.fact import HiddenMemory, HiddenRoute, KvMemory, KvRoute
from mnemic.testing import ContractCase, register_case


def _item(host: HostSpec, prompt: Sequence[int], *shape: int) -> torch.Tensor:
    """Return numbers that depend on the prompt alone: rows mixed up attend to something else."""
    generator = torch.Generator().manual_seed(sum(prompt))
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def _arm_kv(memory: Memory, prompts: Sequence[Sequence[int]]) -> None:
    assert isinstance(memory, KvMemory)
    host = memory.host
    assert host.heads is not None
    routes = []
    for prompt in prompts:
        length = 2 + prompt[0] % 3
        pair = _item(host, prompt, 2, host.num_layers, host.heads.number, length, host.heads.size)
        routes.append(KvRoute(prompt=tuple(prompt), keys=pair[0], values=pair[1]))
    memory.reset()
    memory.arm(routes)


def _arm_hidden(memory: Memory, prompts: Sequence[Sequence[int]]) -> None:
    assert isinstance(memory, HiddenMemory)
    host = memory.host
    routes = []
    for prompt in prompts:
        numbers = _item(host, prompt, host.num_layers + 1, 3 + prompt[0] % 3, host.hidden_size)
        routes.append(HiddenRoute(prompt=tuple(prompt), keys=numbers[1:], values=numbers[0], steps=4))
    memory.reset()
    memory.arm(routes)


register_case(ContractCase(name="fact-kv", build=KvMemory, arm=_arm_kv))
register_case(ContractCase(name="fact-kv-later", build=lambda: KvMemory(bias=1.0, first_block=1), arm=_arm_kv))
register_case(ContractCase(name="fact-hidden", build=lambda: HiddenMemory(blocks=2, tokens=2), arm=_arm_hidden))
