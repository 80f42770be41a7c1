"""Gated fusion of stored vectors into hidden states.

    h' = h + sigmoid(g) strength |h| r,   r = sum_m softmax_m(c_m / temperature) v_m,   |v_m| = 1

with c_m = cos(h - mean(k), k_m - mean(k)) and g = max_m c_m / temperature. A mean of unit vectors is no longer than 1, so the
change is never longer than strength |h|.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def fuse_states(
    hidden: Tensor, keys: Tensor, values: Tensor, *, seen: Tensor, places: Tensor, strength: float, temperature: float
) -> Tensor:
    """Return `hidden` with stored vectors mixed in at some places; everything else is returned bit for bit.

    Computed in fp32 (fp64 stays fp64).

    Args:
        hidden: `[B, T, D]`.
        keys: `[B, M, D]`, stored states that `hidden` is compared with.
        values: `[B, M, D]`, what each of them adds; only its direction counts.
        seen: `[B, M]` bool, which of them a row has.
        places: `[B, T]` bool, where they are mixed in.
        strength: bound of the change's norm as a share of the state's own.
        temperature: of the softmax, in units of cosine.
    """
    compute = torch.promote_types(hidden.dtype, torch.float32)
    own, stored = hidden.to(compute), keys.to(compute)
    known = seen[..., None]
    centre = (stored * known).sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp_min(1)
    cosines = normalize(own - centre, dim=-1) @ normalize(stored - centre, dim=-1).transpose(1, 2)
    # the lowest number instead of -inf: a row without keys has a softmax too, which is not used
    scores = (cosines / temperature).masked_fill(~seen[:, None], torch.finfo(compute).min)
    read = scores.softmax(dim=-1) @ normalize(values.to(compute), dim=-1)
    gate = torch.sigmoid(scores.amax(dim=-1, keepdim=True))
    mixed = (own + gate * strength * own.norm(dim=-1, keepdim=True) * read).to(hidden.dtype)
    return torch.where((places & seen.any(dim=1, keepdim=True))[..., None], mixed, hidden)
