"""The loss of states that a memory changed at the top, from what the host said without it."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear


class Head(NamedTuple):
    """A host's head: weight `[V, D]`, bias `[V]` or None."""

    weight: Tensor
    bias: Tensor | None


def close_loss(shift: Tensor, states: Tensor, ids: Tensor, normaliser: Tensor, head: Head, common: Tensor) -> Tensor:
    """Return nats `[B, W-1]` of `states + shift`, summed over a part of the vocabulary: common tokens and those that come.

    What the shift does to all other tokens together is left out: their mass stays what it was without it. That takes a tenth of
    the time, and is used to train only; what is reported is exact.

    Args:
        shift: `[B, W, D]`, what the memory adds.
        states: `[B, W, D]` of the host.
        ids: `[B, W]`.
        normaliser: `[B, W-1]`, see `Frozen`.
        head: of the host.
        common: `[C]` tokens.
    """
    coming = ids[:, 1:].contiguous()
    chosen = torch.unique(torch.cat([common, coming.flatten()]))
    part = head.weight[chosen]
    with torch.no_grad():
        before = linear(states[:, :-1], part, None if head.bias is None else head.bias[chosen])
        # rounding may put the part's sum above the whole's
        rest = normaliser + torch.log1p(-(before.logsumexp(-1) - normaliser).clamp(max=-1e-6).exp())
    after = before + linear(shift[:, :-1], part)
    place = torch.searchsorted(chosen, coming)
    return torch.logaddexp(after.logsumexp(-1), rest) - after.gather(-1, place[..., None])[..., 0]


@torch.no_grad()
def exact_loss(shift: Tensor, states: Tensor, ids: Tensor, head: Head) -> Tensor:
    """Return nats `[W-1]` of one window over the whole vocabulary; shift and states are `[W, D]`, ids `[W]`."""
    logits = linear(states[:-1].float() + shift[:-1], *head)
    return cross_entropy(logits, ids[1:], reduction="none")
