"""Read short texts for what a memory can put into a host: keys and values of every attention, states of blocks."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .attention import heads_of, listening
from .families import HostParts, locate, reference_weight
from .handle import engine_of
from .prefix import Weights

KEPT = 64
"""Readings that are kept, the last used ones."""


@dataclass(frozen=True, kw_only=True)
class ItemStates:
    """What a host makes of M tokens by themselves.

    keys, values: `[L, H', M, K]`, of all L blocks, positions applied; None where attention is no site.
    states: `[L, M, D]`, the outputs of the blocks.
    """

    keys: Tensor | None
    values: Tensor | None
    states: Tensor


class ItemReader:
    """Reads items through a model as it is without memory, whatever is attached to it, each by itself.

    On a host with rotary positions an item of M tokens stands at -M .. -1, right before any prompt; elsewhere at 0 .. M-1.
    """

    def __init__(self, model: nn.Module, *, parts: HostParts | None = None) -> None:
        """Prepare to read.

        Raises:
            HostNotSupported: as `attach`.
        """
        self._model = model
        self._parts = locate(model, parts)
        self._weights = Weights(model)
        self._made: dict[tuple[int, ...], tuple[tuple[object, ...], ItemStates]] = {}

    def read(self, token_ids: Sequence[int]) -> ItemStates:
        """Return the reading of one item, kept or made. Tensors are shared: don't write into them."""
        key, state = tuple(token_ids), self._weights.state()
        known = self._made.pop(key, None)
        if known is None or known[0] != state:
            known = (state, self._read(key))
        # last in the order of use
        self._made[key] = known
        while len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        return known[1]

    def _read(self, token_ids: tuple[int, ...]) -> ItemStates:
        decoder: Any = self._parts.decoder
        tokens = torch.tensor([token_ids], device=reference_weight(decoder).device)
        more = {}
        if self._parts.rotary:
            more["position_ids"] = torch.arange(-len(token_ids), 0, device=tokens.device)[None]
        pairs: list[tuple[Tensor, Tensor]] = []
        states: list[Tensor] = []

        def hear(module: nn.Module, values: Tensor, output: Tensor, attention: Any) -> Tensor:
            pairs.append((attention.keys[0], values[0]))
            return output

        def note(module: nn.Module, args: Any, output: Any) -> None:
            states.append((output[0] if isinstance(output, tuple) else output)[0])

        with torch.no_grad(), ExitStack() as stack:
            engine = engine_of(self._model)
            if engine is not None:
                stack.enter_context(engine.disabled())
            if heads_of(decoder.config, self._parts) is not None:
                stack.enter_context(listening(decoder.config, hear))
            for block in self._parts.blocks:
                stack.callback(block.register_forward_hook(note).remove)
            decoder(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False, **more)
        return ItemStates(
            keys=torch.stack([k for k, _ in pairs]) if pairs else None,
            values=torch.stack([v for _, v in pairs]) if pairs else None,
            states=torch.stack(states),
        )
