"""Gated, norm-bounded mixing of stored states into hidden states."""

from .api import fuse_states

__all__ = ["fuse_states"]
