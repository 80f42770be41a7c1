"""A trained memory that a bench looks into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..checkpoint import load_pretrained
from ..errors import ConfigError, rule_got_do
from ..memories.recurrent import RecurrentMemory


@contextmanager
def recurrent_at_top(folder: Path, model: Any) -> Iterator[RecurrentMemory]:
    """Attach the recurrent memory in a folder for a while.

    Raises:
        ConfigError: if the folder holds none, or one that sits anywhere but at the top.
        CheckpointMismatch: if it is of another model.
    """
    handle = load_pretrained(folder.expanduser(), model)
    try:
        memory = handle.memories[0]
        if len(handle.memories) != 1 or not isinstance(memory, RecurrentMemory) or memory.config.sites != ("top",):
            raise ConfigError(
                rule_got_do(
                    "One recurrent memory at the top is measured.",
                    f"{[m.name for m in handle.memories]} in {folder.name}",
                    "Train one with `mnemic train recurrent`.",
                )
            )
        yield memory
    finally:
        handle.detach()
