"""Segments that a host reads one by one, each without the others: only what its memories keep goes from one to the next."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..hosts import Handle
from ..hosts.calls import returned_cache
from ..memories.recurrent import RecurrentMemory


def read_across(model: Any, handle: Handle, segments: Sequence[Tensor], *, carry: bool = True) -> Tensor:
    """Return the logits `[B, T, V]` of the last segment, with gradients through all of them.

    Args:
        model: the host, with one recurrent memory attached.
        handle: of that memory.
        segments: token ids `[B, T]` each; the host sees one at a time.
        carry: let the state go on from segment to segment; without, the last one is read from zero.
    """
    (memory,) = handle.memories
    assert isinstance(memory, RecurrentMemory)
    memory.reset()
    try:
        for segment in segments[:-1] if carry else ():
            cache = returned_cache(model(segment, use_cache=True, logits_to_keep=1))
            (state,) = handle.states(cache, gradients=True)
            # an untrained memory, which takes no part, has no state to carry
            if state is not None:
                memory.carry_on(state, gradients=True)
        logits: Tensor = model(segments[-1], use_cache=False).logits
    finally:
        memory.reset()
    return logits
