"""Memory for language models: teach a frozen Hugging Face model facts in one forward pass and keep them.

    import mnemic

    lm = mnemic.load("smollm2")
    lm.learn("My dog is called Biscuit.")
    lm.ask("What is my dog called?").text

Names are imported when they are first used, so that `import mnemic` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .assistant import Explanation, MemoryLM, load
    from .errors import (
        CheckpointMismatch,
        ConfigError,
        Corrupt,
        EncoderMismatch,
        HostNotSupported,
        InputError,
        MnemicError,
        NotFound,
        SchemaTooNew,
        ShapeError,
        StoreError,
    )
    from .hosts import Handle, HostParts, attach
    from .memories.fact import FactMemory
    from .types import Event, Hit, Item, Learned, Reply, Spoke

__version__ = "0.1.0"

_ROOMS = {
    "CheckpointMismatch": "errors",
    "ConfigError": "errors",
    "Corrupt": "errors",
    "EncoderMismatch": "errors",
    "Event": "types",
    "Explanation": "assistant",
    "FactMemory": "memories.fact",
    "Handle": "hosts",
    "Hit": "types",
    "HostNotSupported": "errors",
    "HostParts": "hosts",
    "InputError": "errors",
    "Item": "types",
    "Learned": "types",
    "MemoryLM": "assistant",
    "MnemicError": "errors",
    "NotFound": "errors",
    "Reply": "types",
    "SchemaTooNew": "errors",
    "ShapeError": "errors",
    "Spoke": "types",
    "StoreError": "errors",
    "attach": "hosts",
    "load": "assistant",
}

__all__ = [
    "CheckpointMismatch",
    "ConfigError",
    "Corrupt",
    "EncoderMismatch",
    "Event",
    "Explanation",
    "FactMemory",
    "Handle",
    "Hit",
    "HostNotSupported",
    "HostParts",
    "InputError",
    "Item",
    "Learned",
    "MemoryLM",
    "MnemicError",
    "NotFound",
    "Reply",
    "SchemaTooNew",
    "ShapeError",
    "Spoke",
    "StoreError",
    "__version__",
    "attach",
    "load",
]


def __getattr__(name: str) -> object:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'mnemic' has no attribute {name!r}")
    value = getattr(import_module(f".{room}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
