"""Does a state without decay explode, drift or collapse? Norms, directions and half-lives over a long stream."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...memories.recurrent import GRUMemoryWithDecay

_CHUNK = 1000
_FADE = 1000
"""Tokens over which a disturbance is followed."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What the state of one kind of cell did, averaged over cells.

    norms: of the state after each thousand tokens, over sqrt(K). first, last: their means over the first and the last tenth.
    saturated: share of numbers beyond 0.95 in size, in the last tenth. turning: 1 - cosine of states a thousand tokens apart,
    mean of the last tenth. spread: share of the state that differs between moments, 0 for one that stands still.
    half_life: tokens until half of a disturbance of the state is left. stated: ln 2 / -ln decay.
    """

    decay: float
    cell: str
    norms: list[float]
    first: float
    last: float
    saturated: float
    turning: float
    spread: float
    half_life: float
    stated: float


@torch.no_grad()
def measure(x: Tensor, cells: Sequence[GRUMemoryWithDecay], *, title: str, tell: Callable[[], None]) -> Drift:
    """Run cells of one decay over a stream `[N, D]` of states that were divided by their root mean square."""
    decay, rows, lives = cells[0].decay, [], []
    for made in cells:
        state, kept = torch.zeros(1, made.size), []
        for begin in range(0, len(x), _CHUNK):
            _, state = made(x[None, begin : begin + _CHUNK], state)
            kept.append(state[0])
            tell()
        states = torch.stack(kept)
        rows.append(states)
        lives.append(_half_life(made, x[:_FADE], states[-1]))
    states = torch.stack(rows)
    norms = states.square().mean(-1).sqrt()
    tenth = max(1, len(kept) // 10)
    steps = torch.nn.functional.cosine_similarity(states[:, 1:], states[:, :-1], dim=-1)
    middle = states.mean(1, keepdim=True)
    late = states[:, -tenth:]
    return Drift(
        decay=decay,
        cell=title,
        norms=norms.mean(0).tolist(),
        first=float(norms[:, :tenth].mean()),
        last=float(norms[:, -tenth:].mean()),
        saturated=float((late.abs() > 0.95).float().mean()),
        turning=float(1 - steps[:, -tenth:].mean()) if len(kept) > 1 else math.nan,
        spread=float(((states - middle).square().sum() / states.square().sum()).clamp(max=1.0)),
        half_life=float(torch.tensor(lives).mean()),
        stated=math.log(2) / -math.log(decay) if decay < 1 else math.inf,
    )


def _half_life(cell: GRUMemoryWithDecay, x: Tensor, state: Tensor) -> float:
    """Return after how many tokens half of a small disturbance is left; infinite if it outlives the stream."""
    disturbed = state + 1e-3 * torch.randn(state.shape, generator=torch.Generator().manual_seed(0))
    states, _ = cell(x[None].expand(2, -1, -1), torch.stack([state, disturbed]))
    left = (states[1] - states[0]).norm(dim=-1) / (disturbed - state).norm()
    below = torch.nonzero(left <= 0.5)
    return float(below[0] + 1) if len(below) else math.inf
