"""Mixing a pointer over stored alternatives into a next-token distribution."""

from .api import Alternatives, Walk, advance, mix_logits, start_walk

__all__ = ["Alternatives", "Walk", "advance", "mix_logits", "start_walk"]
