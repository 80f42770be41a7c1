"""The loss of states that a memory changed at the top, from what the host said without it."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear


class Head(NamedTuple):
    """A host's head: weight `[V, D]`, bias `[V]` or None."""

    weight: Tensor
    bias: Tensor | None


def close_loss(
    shift: Tensor, states: Tensor, ids: Tensor, normaliser: Tensor, head: Head, common: Tensor, sample: Tensor
) -> Tensor:
    """Return nats `[B, W-1]` of `states + shift`: exact for common tokens and those that come, estimated for all others.

    What the shift does to the mass of the others together is taken from a sample of them: their mass without it is known, and
    grows as the sample's does. (Were it left as it was, a shift that raises all logits alike would look like a gain.) That takes
    a fraction of the time, and is used to train only; what is reported is exact.

    Args:
        shift: `[B, W, D]`, what the memory adds.
        states: `[B, W, D]` of the host.
        ids: `[B, W]`.
        normaliser: `[B, W-1]`, see `Frozen`.
        head: of the host.
        common: `[C]` tokens.
        sample: `[S]` tokens, of which those that aren't common and don't come stand for all others.
    """
    coming = ids[:, 1:].contiguous()
    chosen = torch.unique(torch.cat([common, coming.flatten()]))
    others = sample[~torch.isin(sample, chosen)]
    count, both = len(chosen), torch.cat([chosen, others])
    part = head.weight[both]
    with torch.no_grad():
        before = linear(states[:, :-1], part, None if head.bias is None else head.bias[both])
        # rounding may put the part's sum above the whole's
        rest = normaliser + torch.log1p(-(before[..., :count].logsumexp(-1) - normaliser).clamp(max=-1e-6).exp())
    after = before + linear(shift[:, :-1], part)
    if len(others):
        rest = rest + after[..., count:].logsumexp(-1) - before[..., count:].logsumexp(-1)
    place = torch.searchsorted(chosen, coming)
    return torch.logaddexp(after[..., :count].logsumexp(-1), rest) - after.gather(-1, place[..., None])[..., 0]


@torch.no_grad()
def exact_loss(shift: Tensor, states: Tensor, ids: Tensor, head: Head) -> Tensor:
    """Return nats `[W-1]` of one window over the whole vocabulary; shift and states are `[W, D]`, ids `[W]`."""
    logits = linear(states[:-1].float() + shift[:-1], *head)
    return cross_entropy(logits, ids[1:], reduction="none")
