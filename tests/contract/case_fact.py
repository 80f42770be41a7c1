"""The fact memory in the contract suite: two answers per row, that differ between rows."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

from mnemic.memories.base import Memory
from mnemic.memories.fact import FactMemory, Route
from mnemic.testing import ContractCase, register_case

_speaking: WeakKeyDictionary[Memory, AbstractContextManager[None]] = WeakKeyDictionary()


def _arm(memory: Memory, prompts: Sequence[Sequence[int]]) -> None:
    assert isinstance(memory, FactMemory)
    before = _speaking.pop(memory, None)
    if before is not None:
        before.__exit__(None, None, None)
    routes = []
    for prompt in prompts:
        own = 5 + prompt[0] % 7
        routes.append(Route(prompt=tuple(prompt), answers=(((own, 11, 13), 1.0), ((own, 17), 0.5)), strength=0.6))
    _speaking[memory] = memory.speaking(routes)
    _speaking[memory].__enter__()


register_case(ContractCase(name="fact", build=FactMemory, arm=_arm))
