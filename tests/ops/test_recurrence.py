"""The gated recurrence against torch's, the blocked scan against one step after the other: values and gradients."""

import pytest
import torch
from torch import Tensor, nn

from mnemic.errors import ShapeError
from mnemic.ops.recurrence import gru, scan
from mnemic.ops.recurrence import reference as ref

LENGTHS = [1, 2, 3, 8, 63, 64, 65, 100]


def _sequence(length: int, *, rows: int = 3, size: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(length)
    keep = torch.rand(rows, length, size, generator=generator, dtype=torch.float64)
    # a keep of exactly 0 forgets everything, one of 1 nothing
    keep = torch.where(keep < 0.1, 0.0, torch.where(keep > 0.9, 1.0, keep))
    add = torch.randn(rows, length, size, generator=generator, dtype=torch.float64)
    return keep, add, torch.randn(rows, size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_scan_is_the_recurrence(length: int) -> None:
    sequence = _sequence(length)
    inputs = [[tensor.clone().requires_grad_() for tensor in sequence] for _ in range(2)]
    fast, slow = scan(*inputs[0]), ref.scan(*inputs[1])
    # float64: a hundred steps of rounding stay far below this
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
    weights = torch.randn(fast.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for states, tensors in ((fast, inputs[0]), (slow, inputs[1])):
        (states * weights).sum().backward()
        assert all(tensor.grad is not None for tensor in tensors)
    for one, other in zip(*inputs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-11)


def test_a_scan_of_nothing_is_nothing() -> None:
    keep, add, state = _sequence(0)
    assert scan(keep, add, state).shape == ref.scan(keep, add, state).shape == (3, 0, 5)


def _unit(size: int = 4, inputs: int = 6) -> tuple[nn.GRU, Tensor]:
    torch.manual_seed(0)
    return nn.GRU(inputs, size, batch_first=True).double(), torch.randn(2, 9, inputs, dtype=torch.float64)


def test_without_fading_it_is_torchs_gru() -> None:
    unit, x = _unit()
    start = torch.randn(2, 4, dtype=torch.float64)
    expected, last = unit(x, start[None])
    inputs = nn.functional.linear(x, unit.weight_ih_l0, unit.bias_ih_l0)
    whole = torch.ones(2, 9, dtype=torch.bool)
    states = gru(inputs, unit.weight_hh_l0, unit.bias_hh_l0, start, decay=1.0, mask=whole)
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(states[:, -1], last[0], rtol=0, atol=1e-13)


def test_fading_comes_before_the_update_and_only_at_real_tokens() -> None:
    unit, x = _unit()
    inputs = nn.functional.linear(x, unit.weight_ih_l0, unit.bias_ih_l0)
    mask = torch.tensor([[True, False, True, True, False, True, False, True, True], [True] * 9])
    states = gru(inputs, unit.weight_hh_l0, unit.bias_hh_l0, torch.ones(2, 4, dtype=torch.float64), decay=0.8, mask=mask)
    for row in range(2):
        state = torch.ones(1, 4, dtype=torch.float64)
        for t in range(9):
            if mask[row, t]:
                state = unit(x[row : row + 1, t : t + 1], 0.8 * state[None])[1][0]
            torch.testing.assert_close(states[row, t], state[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("keep", "add", "state", "message"),
    [((2, 3, 4), (2, 3, 5), (2, 4), "add is"), ((2, 3, 4), (2, 3, 4), (3, 4), "state is")],
)
def test_shapes_that_do_not_belong_together_are_refused(
    keep: tuple[int, ...], add: tuple[int, ...], state: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        scan(torch.zeros(keep), torch.zeros(add), torch.zeros(state))
