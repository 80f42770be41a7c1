"""Trees as arrays against a walk node by node."""

import math

import numpy as np
import pytest

from mnemic.errors import ShapeError
from mnemic.ops.trees import MAX_LEAVES, TreeEnsemble


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
        num_features=2,
    )


@pytest.mark.parametrize(
    ("row", "leaf"),
    [((0.5, 9.0), 10.0), ((0.6, -1.0), 20.0), ((0.6, 0.0), 30.0), ((math.nan, 0.0), 10.0), ((0.6, math.nan), 30.0)],
)
def test_a_row_reaches_its_leaf(row: tuple[float, float], leaf: float) -> None:
    assert _ensemble().log_odds(np.array([row])).tolist() == [leaf + 0.25 + 1.0]


def _walk(trees: TreeEnsemble, row: list[float]) -> float:
    """Return what a row reaches, node by node."""
    total = trees.bias
    for root in trees.roots.tolist():
        node = root
        while trees.left[node] != node:
            x = row[trees.feature[node]]
            goes_left = trees.missing_left[node] if math.isnan(x) else x <= trees.threshold[node]
            node = int((trees.left if goes_left else trees.right)[node])
        total += float(trees.value[node])
    return total


def _grown(leaves: int, seed: int) -> TreeEnsemble:
    """Three trees of random shape with so many leaves each, over four features."""
    rng = np.random.default_rng(seed)
    left: list[int] = []
    right: list[int] = []
    roots = []
    for _ in range(3):
        root = len(left)
        roots.append(root)
        left.append(root)
        right.append(root)
        for _ in range(leaves - 1):
            node = int(rng.choice([n for n in range(root, len(left)) if left[n] == n]))
            left[node], right[node] = len(left), len(left) + 1
            for child in (left[node], right[node]):
                left.append(child)
                right.append(child)
    count = len(left)
    return TreeEnsemble(
        roots=np.array(roots, np.int32),
        feature=rng.integers(0, 4, count).astype(np.int32),
        threshold=rng.normal(size=count),
        missing_left=rng.random(count) < 0.5,
        left=np.array(left, np.int32),
        right=np.array(right, np.int32),
        value=rng.normal(size=count),
        bias=0.5,
        num_features=4,
    )


@pytest.mark.parametrize("leaves", [1, 2, 12, MAX_LEAVES])
def test_all_comparisons_at_once_reach_what_a_walk_reaches(leaves: int) -> None:
    rng, trees = np.random.default_rng(leaves), _grown(leaves, leaves)
    rows = np.where(rng.random((700, 4)) < 0.2, np.nan, rng.normal(size=(700, 4)))
    # three values are summed in another order at most
    np.testing.assert_allclose(trees.log_odds(rows), [_walk(trees, row) for row in rows.tolist()], rtol=0, atol=1e-14)


def test_a_tree_with_too_many_leaves_is_refused() -> None:
    with pytest.raises(ShapeError, match="at most 64 leaves"):
        _grown(MAX_LEAVES + 1, 0).log_odds(np.zeros((1, 4)))


def test_no_rows_are_no_answers() -> None:
    assert _ensemble().log_odds(np.zeros((0, 2))).shape == (0,)


def test_arrays_make_the_same_ensemble() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    again = TreeEnsemble.from_arrays(_ensemble().arrays())
    assert np.array_equal(again.log_odds(rows), _ensemble().log_odds(rows))


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \[R, 2\].*\[1, 3\]"):
        _ensemble().log_odds(np.zeros((1, 3)))
