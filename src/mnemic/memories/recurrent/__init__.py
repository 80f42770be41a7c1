"""Recurrent memory: a state that every token is written into, and that fades."""

from ...registry import register
from .cell import GRUMemoryWithDecay
from .config import RecurrentConfig
from .module import RecurrentMemory
from .state import load_state, save_state

register(RecurrentMemory.name, RecurrentMemory)

__all__ = ["GRUMemoryWithDecay", "RecurrentConfig", "RecurrentMemory", "load_state", "save_state"]
