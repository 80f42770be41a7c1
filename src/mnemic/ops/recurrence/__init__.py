"""Recurrences over a sequence with a state that fades."""

from .api import gru, scan

__all__ = ["gru", "scan"]
