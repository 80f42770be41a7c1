"""How well inputs match prototypes, and the test that decides between resonance and novelty."""

from .api import Matches, choose, complement_code, cosine_match, fuzzy_match, loaded_vigilance, resonates
from .ward import ward

__all__ = ["Matches", "choose", "complement_code", "cosine_match", "fuzzy_match", "loaded_vigilance", "resonates", "ward"]
