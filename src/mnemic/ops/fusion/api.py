"""Gated fusion of stored states into hidden states.

    h' = h + sigmoid(g) D,   D = r - h cut to |D| <= strength |h|,   r = sum_m softmax_m(c_m / temperature) s_m

with c_m = cos(h - mean(s), s_m - mean(s)) and g = max_m c_m / temperature.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def fuse_states(
    hidden: Tensor, stored: Tensor, *, seen: Tensor, places: Tensor, strength: float, temperature: float
) -> Tensor:
    """Return `hidden` with stored states mixed in at some places; everything else is returned bit for bit.

    Computed in fp32 (fp64 stays fp64).

    Args:
        hidden: `[B, T, D]`.
        stored: `[B, M, D]`.
        seen: `[B, M]` bool, which of them a row has.
        places: `[B, T]` bool, where they are mixed in.
        strength: bound of the change's norm as a share of the state's own.
        temperature: of the softmax, in units of cosine.
    """
    compute = torch.promote_types(hidden.dtype, torch.float32)
    own, states = hidden.to(compute), stored.to(compute)
    known = seen[..., None]
    centre = (states * known).sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp_min(1)
    cosines = normalize(own - centre, dim=-1) @ normalize(states - centre, dim=-1).transpose(1, 2)
    # the lowest number instead of -inf: a row without states has a softmax too, which is not used
    scores = (cosines / temperature).masked_fill(~seen[:, None], torch.finfo(compute).min)
    change = scores.softmax(dim=-1) @ states - own
    size, bound = change.norm(dim=-1, keepdim=True), strength * own.norm(dim=-1, keepdim=True)
    change = change * (bound / size.clamp_min(torch.finfo(compute).tiny)).clamp_max(1.0)
    gate = torch.sigmoid(scores.amax(dim=-1, keepdim=True))
    mixed = (own + gate * change).to(hidden.dtype)
    return torch.where((places & seen.any(dim=1, keepdim=True))[..., None], mixed, hidden)
