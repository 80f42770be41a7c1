"""A gated and a linear recurrence, both with fading; see the README of this folder for the derivation."""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...errors import ShapeError, rule_got_do


def gru(inputs: Tensor, weight: Tensor, bias: Tensor, state: Tensor, *, decay: float, mask: Tensor) -> Tensor:
    """Return the states `[B, T, K]` of a gated recurrent unit after every position (arXiv 1406.1078 eq. 5-8).

    Args:
        inputs: `[B, T, 3K]`, the input's half of reset, update and candidate, biases included.
        weight: `[3K, K]`, the state's half.
        bias: `[3K]`.
        state: `[B, K]` before the first position.
        decay: what stays of the state per real token, before it is updated.
        mask: `[B, T]` bool; a position where it is false leaves the state as it is.

    Raises:
        ShapeError: if shapes don't belong together.
    """
    size = state.shape[-1]
    _check(inputs, (*mask.shape, 3 * size), "inputs", "[B, T, 3K]")
    _check(weight, (3 * size, size), "weight", "[3K, K]")
    states = []
    for t in range(mask.shape[1]):
        faded = decay * state
        now = inputs[:, t]
        from_state = torch.nn.functional.linear(faded, weight, bias)
        reset, update = torch.sigmoid(now[:, : 2 * size] + from_state[:, : 2 * size]).chunk(2, dim=1)
        candidate = torch.tanh(now[:, 2 * size :] + reset * from_state[:, 2 * size :])
        state = torch.where(mask[:, t, None], candidate + update * (faded - candidate), state)
        states.append(state)
    return torch.stack(states, dim=1) if states else inputs.new_zeros(mask.shape[0], 0, size)


def scan(keep: Tensor, add: Tensor, state: Tensor) -> Tensor:
    """Return the states `[B, T, K]` of `m_t = keep_t * m_(t-1) + add_t`, in about 2 sqrt(T) steps.

    Args:
        keep: `[B, T, K]`, in [0, 1].
        add: `[B, T, K]`.
        state: `[B, K]` before the first position.

    Raises:
        ShapeError: if shapes don't belong together.
    """
    rows, length, size = keep.shape
    _check(add, (rows, length, size), "add", "[B, T, K] as keep")
    _check(state, (rows, size), "state", "[B, K]")
    if length == 0:
        return add
    steps = math.isqrt(length - 1) + 1
    blocks = -(-length // steps)
    beyond = blocks * steps - length
    # places beyond the end keep everything and add nothing
    keeps = pad(keep, (0, 0, 0, beyond), value=1.0).view(rows, blocks, steps, size).unbind(2)
    adds = pad(add, (0, 0, 0, beyond)).view(rows, blocks, steps, size).unbind(2)
    kept, added = [keeps[0]], [adds[0]]
    for a, b in zip(keeps[1:], adds[1:], strict=True):
        kept.append(a * kept[-1])
        added.append(a * added[-1] + b)
    starts = [state]
    for block in range(blocks - 1):
        starts.append(kept[-1][:, block] * starts[-1] + added[-1][:, block])
    start = torch.stack(starts, dim=1)[:, :, None]
    states = torch.stack(kept, dim=2) * start + torch.stack(added, dim=2)
    return states.reshape(rows, blocks * steps, size)[:, :length]


def _check(tensor: Tensor, shape: tuple[int, ...], name: str, rule: str) -> None:
    if tuple(tensor.shape) != shape:
        raise ShapeError(rule_got_do(f"{name} is {rule}: {list(shape)} here.", list(tensor.shape), "Shape it so."))
