"""The linear recurrence as it is written down: one token after the other. What the fast path is tested and timed against."""

import torch
from torch import Tensor


def scan(keep: Tensor, add: Tensor, state: Tensor) -> Tensor:
    """Return the states `[B, T, K]` of `m_t = keep_t * m_(t-1) + add_t`; arguments as for the fast path."""
    states = []
    for t in range(keep.shape[1]):
        state = keep[:, t] * state + add[:, t]
        states.append(state)
    return torch.stack(states, dim=1) if states else add
