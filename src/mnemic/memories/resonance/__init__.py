"""Adaptive resonance: prototypes that decide between known and new."""

from ...registry import register
from .cells import CosineARTCell, FuzzyARTCell, ResonanceCell
from .config import CellConfig
from .module import ResonanceMemory
from .prototypes import PromotionConfig, Prototypes

register(ResonanceMemory.name, ResonanceMemory)

__all__ = ["CellConfig", "CosineARTCell", "FuzzyARTCell", "PromotionConfig", "Prototypes", "ResonanceCell", "ResonanceMemory"]
