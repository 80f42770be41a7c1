"""The recurrent memory's cell, segments and settings; what it does inside hosts is in the contract suite."""

import math
from typing import Any

import pytest
import torch

from mnemic.errors import ConfigError, ShapeError
from mnemic.memories.recurrent import GRUMemoryWithDecay, RecurrentConfig, RecurrentMemory
from mnemic.memories.recurrent.segments import split


def _input(length: int = 11) -> torch.Tensor:
    return torch.randn(2, length, 5, generator=torch.Generator().manual_seed(length), dtype=torch.float64)


@pytest.mark.parametrize("kind", ["gru", "mingru"])
def test_a_sequence_in_pieces_is_the_sequence(kind: Any) -> None:
    cell, x = GRUMemoryWithDecay(5, 4, decay=0.8, cell=kind).double(), _input()
    whole, last = cell(x)
    first, state = cell(x[:, :4])
    second, end = cell(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=0, atol=1e-14)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["gru", "mingru"])
def test_what_is_not_real_leaves_no_trace(kind: Any) -> None:
    cell, x = GRUMemoryWithDecay(5, 4, decay=0.8, cell=kind).double(), _input()
    mask = torch.tensor([[False] * 3 + [True] * 8, [True, False] * 5 + [True]])
    states, last = cell(x, None, mask)
    for row in range(2):
        alone, end = cell(x[row : row + 1, mask[row]])
        torch.testing.assert_close(states[row, mask[row]], alone[0], rtol=0, atol=1e-14)
        torch.testing.assert_close(last[row], end[0], rtol=0, atol=1e-14)


def test_a_linear_state_halves_in_its_half_life() -> None:
    cell = GRUMemoryWithDecay(5, 4, decay=0.5 ** (1 / 20), cell="mingru").double()
    with torch.no_grad():
        # the gate stays shut: what fades is the decay alone
        cell.weight_in.zero_()
        cell.bias_in[:4] = -100.0
    states, _ = cell(torch.zeros(2, 40, 5, dtype=torch.float64), torch.ones(2, 4, dtype=torch.float64))
    torch.testing.assert_close(states[:, 19], torch.full((2, 4), 0.5, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(states[:, 39], torch.full((2, 4), 0.25, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["gru", "mingru"])
def test_every_weight_is_reached_by_the_gradient(kind: Any) -> None:
    cell = GRUMemoryWithDecay(5, 4, cell=kind).double()
    cell(_input())[1].square().sum().backward()
    for name, weight in cell.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_half_precision_is_computed_in_single() -> None:
    cell = GRUMemoryWithDecay(5, 4).to(torch.bfloat16)
    states, _ = cell(_input().to(torch.bfloat16))
    assert states.dtype == torch.float32


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_segments_are_counted_from_the_beginning(size: int) -> None:
    x = _input(17)
    mask = torch.tensor([[False] * 4 + [True] * 13, [True] * 10 + [False] * 7])
    for row in range(2):
        real = x[row, mask[row]]
        means = [real[i : i + size].mean(0) for i in range(0, len(real) - size + 1, size)]
        # in one piece, and in pieces that cut segments
        for cuts in ([17], [1] * 17, [5, 2, 10]):
            total, tokens = torch.zeros(1, 5, dtype=torch.float64), torch.zeros(1, dtype=torch.long)
            found, begin = [], 0
            for length in cuts:
                piece = slice(begin, begin + length)
                cut = split(x[row : row + 1, piece], mask[row : row + 1, piece], total, tokens, size)
                found += list(cut.means[0, cut.complete[0]])
                total, tokens, begin = cut.total, cut.tokens, begin + length
            torch.testing.assert_close(torch.stack(found), torch.stack(means), rtol=0, atol=1e-14)
            rest = real[len(means) * size :]
            assert tokens.item() == len(rest)
            torch.testing.assert_close(total[0], rest.sum(0), rtol=0, atol=1e-14)


def test_half_life_and_decay_say_the_same() -> None:
    memory = RecurrentMemory(half_life=70.0)
    assert memory.config.half_life == pytest.approx(70.0)
    assert RecurrentMemory(**memory.settings()).config == memory.config  # type: ignore[arg-type]
    assert RecurrentConfig(decay=1.0).half_life == math.inf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sites": ()}, "Sites are among"),
        ({"sites": ("middle", "middle")}, "each once"),
        ({"sites": ("head",)}, "head"),
        ({"decay": 0.0}, r"\(0, 1\]"),
        ({"decay": 1.5}, r"\(0, 1\]"),
        ({"decay": math.nan}, r"\(0, 1\]"),
        ({"half_life": 0.0}, "half-life is positive"),
        ({"cell": "lstm"}, "gru, mingru"),
        ({"size": 0}, "`size` is a whole number from 1 on"),
        ({"segment": 0}, "`segment` is a whole number from 1 on"),
        ({"sites": "middle"}, r"Sites are among input, middle, top, each once\. Got: 'middle'\. Give a list"),
        ({"sites": None}, "Got: None"),
        ({"sites": [["middle"]]}, "Sites are among"),
        ({"size": "8"}, "`size` is a whole number. Got: '8'"),
        ({"size": 1.5}, "`size` is a whole number"),
        ({"decay": None}, "`decay` is a number. Got: None"),
        ({"half_life": "long"}, "`half_life` is a number"),
        ({"seed": True}, "`seed` is a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RecurrentMemory(**options)


def test_shapes_that_do_not_fit_are_refused() -> None:
    cell = GRUMemoryWithDecay(5, 4)
    with pytest.raises(ShapeError, match=r"Inputs are \[B, T, 5\]"):
        cell(torch.zeros(2, 3, 6))
    with pytest.raises(ShapeError, match="A state is"):
        cell(torch.zeros(2, 3, 5), torch.zeros(1, 4))
