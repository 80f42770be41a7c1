"""What a memory is, seen from a host. Nothing here knows a model family."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
"""Per-row state of one memory: dimension 0 of every tensor is the batch row."""


class Site(NamedTuple):
    """A place in a host where a memory is called.

    kind: "input" (the first block's input, [B, T, D]), "block" (the output of block `index`, [B, T, D]), "top" (after the final
    norm, before the head, [B, T, D]), "logits" (the head's output, [B, T', V], T' the positions kept by `logits_to_keep`) or
    "attention" (inside block `index`: the attention's output before its projection, [B, T, H, K]; see `Memory.attend`).
    """

    kind: Literal["input", "block", "top", "logits", "attention"]
    index: int | None = None  # type: ignore[assignment]  # hides tuple.index, which nobody calls on a site


class Heads(NamedTuple):
    """What the keys and values of a host's attention are like: the number of heads, and the size of each."""

    number: int
    size: int


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """What a memory may know of its host."""

    family: str
    hidden_size: int
    num_layers: int
    vocab_size: int
    device: torch.device
    dtype: torch.dtype
    fingerprint: str
    """Stable digest of architecture, sizes and a sample of the weights: saved state is refused on another host."""
    heads: Heads | None = None
    """Of keys and values; None for a host whose attention can't be a site."""


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """One call at one site.

    token_ids: `[B, T]`, or None when the host was given `inputs_embeds`.
    mask: `[B, T]` bool, true for real tokens; padding (left, right, or a finished row's filler) must not touch state.
    kept: `[T']` indices into the T positions for which a logits site sees logits; all of them at other sites. T' may be 0, and
        the indices need not be sorted: state advances over all T tokens, whatever is kept.
    """

    site: Site
    token_ids: Tensor | None
    mask: Tensor
    kept: Tensor


@dataclass(frozen=True, kw_only=True)
class Attention:
    """What one attention was computed from.

    queries: `[B, H, T, K]`; keys: `[B, H', S, K]`, cached ones included, H a multiple of H'; both with positions applied.
    mask: over `[B, H, T, S]`, bool (true is seen) or added to the scores; None where `causal` says all. scale: of the scores.
    """

    queries: Tensor
    keys: Tensor
    mask: Tensor | None
    causal: bool
    scale: float


class Memory(nn.Module, ABC):
    """A memory that can be attached to a host.

    Subclasses hold parameters and settings only. What belongs to a conversation is in the `State` that `begin` makes and `step`
    passes on; it rides with the host's cache.
    """

    name: ClassVar[str]
    """Name in the registry."""
    parameter_dtype: ClassVar[torch.dtype | None] = None
    """Floating point type that parameters and buffers keep; None: they follow the host's. Devices always follow."""
    bound_to: str | None = None
    """Fingerprint of the host it was bound to; `attach` sets it, and binds no second time."""

    @abstractmethod
    def bind(self, host: HostSpec) -> None:
        """Allocate what depends on the host's sizes. Called once, by `attach`.

        Raises:
            HostNotSupported: if this memory can't work on that host.
        """

    @abstractmethod
    def sites(self) -> tuple[Site, ...]:
        """Return where this memory is called, known after `bind`."""

    @abstractmethod
    def active(self) -> bool:
        """Return False when a forward can't change anything: no hook then adds a single tensor operation."""

    @abstractmethod
    def begin(self, token_ids: Tensor | None, mask: Tensor) -> State:
        """Return the state of new sequences, before their first token.

        Called once per new cache and once per forward without cache, so possibly many times for one prompt (`use_cache=False`),
        with more rows than prompts (beams, `num_return_sequences`: each row repeated in place) or with the beginning of a prompt
        only (chunked prefill). Only memories that are `active()` at that moment take part in these sequences.

        Args:
            token_ids: `[B, T]` of the first forward, or None under `inputs_embeds`.
            mask: `[B, T]` bool, true for real tokens.
        """

    @abstractmethod
    def step(self, x: Tensor, state: State, context: StepContext) -> tuple[Tensor, State]:
        """Return the new activations at a site and the new state. Must not modify `x` or `state` in place."""

    def attend(self, output: Tensor, state: State, attention: Attention, site: Site) -> Tensor:
        """Return the changed output of an attention, for memories with "attention" sites.

        The state doesn't change here, so that nothing has to be replayed when a cache is cropped. Must not modify `output` in
        place.

        Args:
            output: `[B, T, H, K]`.
            state: of the sequences, as `begin` made it and `step` passed it on.
            attention: what the output was computed from.
            site: where.
        """
        raise NotImplementedError(f"{type(self).__name__} has no attention sites")

    def settings(self) -> dict[str, object]:
        """Return the JSON-serialisable keyword arguments that make this memory again; its tensors are saved apart."""
        return {}

    def reset(self, batch_size: int | None = None) -> None:
        """Forget what is kept between sequences (pending routes, a persistent state); conversations ride on their caches.

        Args:
            batch_size: rows of what comes next, for memories that allocate per row; None leaves that open.
        """
        return None
