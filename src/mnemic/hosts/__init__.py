"""Adapters to Hugging Face models: `attach()`, the family table, state that rides on the cache, and a fast reader of states."""

from .families import FAMILIES, Family, HostParts
from .handle import Handle, attach, host_spec
from .items import ItemReader, ItemStates
from .reader import HostReader, TextStates

__all__ = [
    "FAMILIES",
    "Family",
    "Handle",
    "HostParts",
    "HostReader",
    "ItemReader",
    "ItemStates",
    "TextStates",
    "attach",
    "host_spec",
]
