"""The fact memory in the contract suite: every row has something of its own to say."""

from collections.abc import Sequence

from mnemic.memories.base import Memory
from mnemic.memories.fact import FactMemory, Route
from mnemic.testing import ContractCase, register_case


def _arm(memory: Memory, prompts: Sequence[Sequence[int]]) -> None:
    """Give each prompt two answers that start alike or not, made of its own tokens: rows mixed up say the wrong thing."""
    assert isinstance(memory, FactMemory)
    routes = []
    for prompt in prompts:
        ids = tuple(prompt)
        first, second = ids[::-1][:3], (ids[len(ids) // 2], ids[0])
        routes.append(Route(prompt=ids, answers=((first, 0.7), (second, 0.3)), strength=0.9))
    memory.reset()
    memory.arm(routes)


register_case(ContractCase(name="fact", build=FactMemory, arm=_arm))
