"""Gradient-boosted decision trees as plain arrays: evaluation only."""

from .api import MAX_LEAVES, TreeEnsemble

__all__ = ["MAX_LEAVES", "TreeEnsemble"]
