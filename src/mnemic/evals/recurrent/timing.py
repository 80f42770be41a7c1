"""The fast recurrence against one token after the other, in turn."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...ops.recurrence import scan
from ...ops.recurrence.reference import scan as by_token
from .. import scoring
from ..scoring import Interval


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of the token loop over seconds of the blocked scan, projections made outside of both; and how far they differ."""

    title: str
    ratio: Interval
    values: float
    """Largest difference between the two's states."""
    gradients: float
    """Largest difference between gradients, over the largest gradient."""


def measure(*, length: int, rows: int, size: int, pairs: int, backward: bool, seed: int) -> Timing:
    """Time both on the same tensors; who goes first alternates."""
    generator = torch.Generator().manual_seed(seed)

    def made() -> tuple[Tensor, Tensor, Tensor]:
        keep = torch.rand(rows, length, size, generator=generator)
        add, state = torch.randn(rows, length, size, generator=generator), torch.randn(rows, size, generator=generator)
        return keep.requires_grad_(backward), add.requires_grad_(backward), state.requires_grad_(backward)

    def run(
        op: Callable[[Tensor, Tensor, Tensor], Tensor], inputs: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[float, Tensor, list[Tensor]]:
        begun = time.perf_counter()
        states = op(*inputs)
        gradients = list(torch.autograd.grad(states.square().sum(), inputs)) if backward else []
        return time.perf_counter() - begun, states.detach(), gradients

    ratios, values, apart = [], 0.0, 0.0
    for number in range(pairs + 1):
        inputs = made()
        first, second = (by_token, scan) if number % 2 else (scan, by_token)
        results = {op: run(op, inputs) for op in (first, second)}
        (slow, a, slow_gradients), (fast, b, fast_gradients) = results[by_token], results[scan]
        values = max(values, float((a - b).abs().max()))
        apart = max(
            [apart, *(float((p - q).abs().max() / p.abs().max()) for p, q in zip(slow_gradients, fast_gradients, strict=True))]
        )
        # the first pair warms up
        if number:
            ratios.append(slow / fast)
    kind = "forward and backward" if backward else "forward"
    return Timing(
        title=f"{kind}, T = {length}, {rows} x {size}",
        ratio=scoring.bootstrap_mean(ratios, seed=seed),
        values=values,
        gradients=apart,
    )
