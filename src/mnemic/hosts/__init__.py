"""Adapters to Hugging Face models: `attach()`, the family table, state that rides on the cache, and a fast reader of states."""

from .families import FAMILIES, Family, HostParts
from .handle import Handle, attach, host_spec
from .reader import HostReader, TextStates

__all__ = ["FAMILIES", "Family", "Handle", "HostParts", "HostReader", "TextStates", "attach", "host_spec"]
