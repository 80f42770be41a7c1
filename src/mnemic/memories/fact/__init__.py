"""Fact memory: selective writing, calibrated recall, a pointer that speaks."""

from ...registry import register
from .config import FactConfig
from .gate import Gate
from .module import FactMemory, Route
from .router import Candidate, Router
from .write import Writer

register(FactMemory.name, FactMemory)

__all__ = ["Candidate", "FactConfig", "FactMemory", "Gate", "Route", "Router", "Writer"]
