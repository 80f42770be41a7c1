"""`GPT2WithGRUMemory` and `GPT2AdaptiveResonanceGating` under the name that they were first published as; see `mnemic.gpt2`."""

from mnemic.gpt2 import GPT2AdaptiveResonanceGating, GPT2WithGRUMemory

__all__ = ["GPT2AdaptiveResonanceGating", "GPT2WithGRUMemory"]
