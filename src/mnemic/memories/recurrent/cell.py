"""The cell: what one site's state makes of a sequence."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ...arguments import check_count
from ...errors import ShapeError, rule_got_do
from ...ops.recurrence import gru, scan
from .config import Cell, RecurrentConfig


class GRUMemoryWithDecay(nn.Module):
    """A gated recurrent state that fades: `m_t = GRU(W_in x_t, decay * m_(t-1))` (arXiv 1406.1078 eq. 5-8).

    With `cell="mingru"`, gates look at the input alone and the recurrence is linear (arXiv 2410.01201 eq. 11, without the scan in
    logarithms; the candidate goes through tanh, so that the state stays bounded).

    It computes in float32 at least, whatever its weights' type.
    """

    def __init__(self, input_size: int, size: int = 128, *, decay: float = 0.99, cell: Cell = "gru", seed: int = 0) -> None:
        """Make a cell.

        Args:
            input_size: D of the inputs.
            size: K, numbers in the state.
            decay: what stays of the state per real token, in (0, 1].
            cell: "gru" or "mingru".
            seed: of the initial weights, uniform in +-1/sqrt(fan in).

        Raises:
            ConfigError: if one of them can't be used.
        """
        super().__init__()
        check_count("input_size", input_size, 1)
        config = RecurrentConfig(size=size, decay=decay, cell=cell, seed=seed)
        self.size, self.decay, self.cell = config.size, config.decay, config.cell
        generator = torch.Generator().manual_seed(seed)
        gates = 3 if cell == "gru" else 2
        self.weight_in = uniform(gates * size, input_size, generator=generator)
        self.bias_in = nn.Parameter(torch.zeros(gates * size))
        if cell == "gru":
            self.weight_state = uniform(3 * size, size, generator=generator)
            self.bias_state = nn.Parameter(torch.zeros(3 * size))

    def forward(self, x: Tensor, state: Tensor | None = None, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the states `[B, T, K]` after every position, and the last one `[B, K]`.

        Args:
            x: `[B, T, D]`.
            state: `[B, K]` before the first position; None for zero.
            mask: `[B, T]` bool; a position where it is false neither fades nor updates the state. None: all are real.

        Raises:
            ShapeError: if shapes don't belong together.
        """
        if x.ndim != 3 or x.shape[2] != self.weight_in.shape[1]:
            raise ShapeError(rule_got_do(f"Inputs are [B, T, {self.weight_in.shape[1]}].", list(x.shape), "Shape them so."))
        dtype = torch.promote_types(torch.promote_types(x.dtype, self.weight_in.dtype), torch.float32)
        rows, length = x.shape[:2]
        state = x.new_zeros(rows, self.size, dtype=dtype) if state is None else state.to(dtype)
        if state.shape != (rows, self.size):
            raise ShapeError(rule_got_do(f"A state is [{rows}, {self.size}] here.", list(state.shape), "Pass one row per row."))
        mask = torch.ones(rows, length, dtype=torch.bool, device=x.device) if mask is None else mask
        gates = linear(x.to(dtype), self.weight_in.to(dtype), self.bias_in.to(dtype))
        if self.cell == "gru":
            weight, bias = self.weight_state.to(dtype), self.bias_state.to(dtype)
            states = gru(gates, weight, bias, state, decay=self.decay, mask=mask)
        else:
            update, candidate = torch.sigmoid(gates[..., : self.size]), torch.tanh(gates[..., self.size :])
            real = mask[..., None]
            states = scan(torch.where(real, self.decay * (1 - update), 1.0), torch.where(real, update * candidate, 0.0), state)
        return states, states[:, -1] if length else state


def uniform(rows: int, columns: int, *, generator: torch.Generator) -> nn.Parameter:
    """Return weights `[rows, columns]`, uniform in +-1/sqrt(columns)."""
    return nn.Parameter((torch.rand(rows, columns, generator=generator) * 2 - 1) / math.sqrt(columns))
