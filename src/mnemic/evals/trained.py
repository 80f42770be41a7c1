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
            raise _wrong(f"{[m.name for m in handle.memories]} in {folder.name}")
        c = memory.config
        # distances are in tokens, and what a state says is compared between tokens
        if not memory.active() or c.segment != 1 or c.output_gate:
            raise _wrong(f"trained: {memory.active()}, segment {c.segment}, output gate: {c.output_gate}")
        yield memory
    finally:
        handle.detach()


def _wrong(got: str) -> ConfigError:
    rule = "One trained recurrent memory at the top is measured, with an update per token and no output gate."
    return ConfigError(rule_got_do(rule, got, "Train one with `mnemic train recurrent`."))
