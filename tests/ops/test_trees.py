"""Trees as arrays against a walk node by node."""

import math

import numpy as np
import pytest

from mnemic.errors import ShapeError
from mnemic.ops.trees import TreeEnsemble


def _ensemble() -> TreeEnsemble:
    """Two trees: a split on feature 0 with a split on feature 1 below it, and a single leaf."""
    return TreeEnsemble(
        roots=np.array([0, 5], np.int32),
        feature=np.array([0, 0, 1, 0, 0, 0], np.int32),
        threshold=np.array([0.5, np.inf, -1.0, np.inf, np.inf, np.inf]),
        missing_left=np.array([True, False, False, False, False, False]),
        left=np.array([1, 1, 3, 3, 4, 5], np.int32),
        right=np.array([2, 1, 4, 3, 4, 5], np.int32),
        value=np.array([0.0, 10.0, 0.0, 20.0, 30.0, 0.25]),
        bias=1.0,
        depth=2,
        num_features=2,
    )


@pytest.mark.parametrize(
    ("row", "leaf"),
    [((0.5, 9.0), 10.0), ((0.6, -1.0), 20.0), ((0.6, 0.0), 30.0), ((math.nan, 0.0), 10.0), ((0.6, math.nan), 30.0)],
)
def test_a_row_reaches_its_leaf(row: tuple[float, float], leaf: float) -> None:
    assert _ensemble().log_odds(np.array([row])).tolist() == [leaf + 0.25 + 1.0]


def test_arrays_make_the_same_ensemble() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    again = TreeEnsemble.from_arrays(_ensemble().arrays())
    assert np.array_equal(again.log_odds(rows), _ensemble().log_odds(rows))


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \[R, 2\].*\[1, 3\]"):
        _ensemble().log_odds(np.zeros((1, 3)))
