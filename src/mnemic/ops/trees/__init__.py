"""Gradient-boosted decision trees as plain arrays: evaluation only."""

from .api import TreeEnsemble

__all__ = ["TreeEnsemble"]
