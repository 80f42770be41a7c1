"""Read short texts for what a memory can put into a host: keys and values of every attention, states of blocks."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import HostNotSupported, rule_got_do
from .attention import heads_of, listening
from .families import HostParts, locate, reference_weight
from .handle import engine_of
from .prefix import Weights

KEPT_TOKENS = 1024
"""Tokens in the readings that are kept, the last used ones; 115 kB each for SmolLM2-135M in float32."""
_AT_ONCE = 64
"""Places whose directions are told together: each has a distribution over the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class ItemStates:
    """What a host makes of M tokens by themselves.

    keys, values: `[L, H', M, K]`, of all L blocks, positions applied; None where attention is no site.
    states: `[L, M, D]`, the outputs of the blocks. directions: `[M - 1, D]`, the gradient of log p(token m + 1) with respect to
    the last block's output at token m; None where they weren't asked for, can't be told, or for a single token.
    """

    keys: Tensor | None
    values: Tensor | None
    states: Tensor
    directions: Tensor | None


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
        self._made: dict[tuple[tuple[int, ...], bool], tuple[tuple[object, ...], ItemStates]] = {}

    def read(self, token_ids: Sequence[int], *, directions: bool = False) -> ItemStates:
        """Return the reading of one item, kept or made. Tensors are shared: don't write into them.

        Args:
            token_ids: of the item, special tokens included.
            directions: whether they are told too, where the host allows it: one more pass through its head, and back.

        Raises:
            HostNotSupported: if attention is a site, but not every block has one of the same shape.
        """
        key, state = (tuple(token_ids), directions), self._weights.state()
        known = self._made.pop(key, None)
        if known is None or known[0] != state:
            known = (state, self._read(*key))
        # last in the order of use
        self._made[key] = known
        while len(self._made) > 1 and sum(len(tokens) for tokens, _ in self._made) > KEPT_TOKENS:
            del self._made[next(iter(self._made))]
        return known[1]

    def _read(self, token_ids: tuple[int, ...], directions: bool) -> ItemStates:
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
        if pairs and (len(pairs) != len(self._parts.blocks) or len({keys.shape for keys, _ in pairs}) > 1):
            raise HostNotSupported(
                rule_got_do(
                    "An item is read where every block has one attention, all of one shape.",
                    f"{len(pairs)} attentions in {len(self._parts.blocks)} blocks of a {self._parts.family} host",
                    "Use the reader pointer.",
                )
            )
        stacked = torch.stack(states)
        return ItemStates(
            keys=torch.stack([k for k, _ in pairs]) if pairs else None,
            values=torch.stack([v for _, v in pairs]) if pairs else None,
            states=stacked,
            directions=self._directions(stacked[-1], tokens[0]) if directions and self.has_directions else None,
        )

    @property
    def has_directions(self) -> bool:
        """Whether the head reads what the final norm (or the last block) returns: directions can be told only then."""
        width = getattr(self._parts.head, "in_features", None)
        config: Any = self._model.config
        return bool(width == config.hidden_size)

    def _directions(self, states: Tensor, tokens: Tensor) -> Tensor | None:
        if len(tokens) < 2:
            return None
        found: list[Tensor] = []
        with torch.inference_mode(False), torch.enable_grad():
            for part, following in zip(torch.split(states[:-1], _AT_ONCE), torch.split(tokens[1:], _AT_ONCE), strict=True):
                start = part.clone().requires_grad_()
                normed = start if self._parts.norm is None else self._parts.norm(start)
                logits = self._parts.head(normed)
                logprobs = torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)
                # the places don't touch each other: one backward pass tells all of them
                found += torch.autograd.grad(logprobs.gather(1, following.clone()[:, None]).sum(), start)
        return torch.cat(found)
