"""Fact memory: selective writing, calibrated recall, a pointer that speaks."""

from ...registry import register
from .config import FactConfig
from .gate import Gate
from .hidden import HiddenMemory, HiddenRoute
from .kv import KvMemory, KvRoute
from .module import FactMemory, Route
from .router import Candidate, Router
from .write import Writer

for _memory in (FactMemory, KvMemory, HiddenMemory):
    register(_memory.name, _memory)

__all__ = [
    "Candidate",
    "FactConfig",
    "FactMemory",
    "Gate",
    "HiddenMemory",
    "HiddenRoute",
    "KvMemory",
    "KvRoute",
    "Route",
    "Router",
    "Writer",
]
