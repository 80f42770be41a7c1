"""Evaluate a fitted ensemble of binary decision trees without the library that fitted it.

The calibrated gate is fitted by scikit-learn's histogram gradient boosting; only its arrays are kept, so that a saved gate needs
no pickle and no scikit-learn. A missing feature (NaN) goes to the side that the fit chose for it.

Rows are few and trees are many, so nothing is walked: all comparisons of a row are made at once, each that fails strikes out the
leaves to its left, and the leftmost leaf that is left is the answer (QuickScorer, Lucchese et al. 2015, section 3).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import ShapeError, rule_got_do

MAX_LEAVES = 64
"""Leaves of a tree: one bit each."""
_ROWS = 512
"""Rows that are evaluated together: their comparisons are all in memory at once."""

_Bits = npt.NDArray[np.uint64]


class _Comparisons(NamedTuple):
    """The inner nodes of all trees side by side, and the leaves from left to right.

    feature, threshold, missing_left, kept: `[T, N]`; kept holds the leaves that remain when the node sends a row to its right.
    values: `[T, leaves]`. Trees with fewer nodes are filled up with nodes that strike out nothing.
    """

    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    kept: _Bits
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TreeEnsemble:
    """All trees, their nodes one after the other; a leaf's children point to itself.

    Node arrays are `[N]`: `feature`, `threshold` (go left when value <= threshold), `missing_left`, `left`, `right`, `value`.
    `roots` is `[trees]`, `bias` the log-odds before any tree.
    """

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    bias: float
    num_features: int

    def log_odds(self, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the log-odds `[R]` of the positive class for feature rows `[R, F]`.

        Raises:
            ShapeError: if the rows don't have the number of features that the trees were fitted on.
        """
        if features.ndim != 2 or features.shape[1] != self.num_features:
            raise ShapeError(
                rule_got_do(
                    f"Feature rows have shape [R, {self.num_features}].",
                    list(features.shape),
                    "Compute them with the feature set the trees were fitted on.",
                )
            )
        parts = [self._reach(features[begin : begin + _ROWS]) for begin in range(0, len(features), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _reach(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        table = self._comparisons
        x = rows[:, table.feature]
        left = (x <= table.threshold) | (np.isnan(x) & table.missing_left)
        reachable = np.bitwise_and.reduce(np.where(left, ~np.uint64(0), table.kept), axis=2)
        leftmost = reachable & (~reachable + np.uint64(1))
        # of a power of two, which float64 holds exactly
        leaf = np.frexp(leftmost.astype(np.float64))[1] - 1
        total: npt.NDArray[np.float64] = table.values[np.arange(len(self.roots)), leaf].sum(axis=1) + self.bias
        return total

    @cached_property
    def _comparisons(self) -> _Comparisons:
        """Lay the trees out for `log_odds`.

        Raises:
            ShapeError: if a tree has more than `MAX_LEAVES` leaves.
        """
        trees = [self._inner(int(root)) for root in self.roots]
        shape = (len(trees), max(1, *(len(inner) for inner, _ in trees)) if trees else 1)
        nodes = np.zeros(shape, dtype=np.int64)
        kept = np.full(shape, ~np.uint64(0), dtype=np.uint64)
        values = np.zeros((len(trees), max((len(leaves) for _, leaves in trees), default=1)))
        for t, (inner, leaves) in enumerate(trees):
            values[t, : len(leaves)] = self.value[leaves]
            for n, (node, bits) in enumerate(inner):
                nodes[t, n], kept[t, n] = node, ~np.uint64(bits)
        return _Comparisons(self.feature[nodes], self.threshold[nodes], self.missing_left[nodes], kept, values)

    def _inner(self, root: int) -> tuple[list[tuple[int, int]], list[int]]:
        """Return a tree's inner nodes, each with the leaves under its left child as bits, and its leaves from left to right."""
        inner: list[tuple[int, int]] = []
        leaves: list[int] = []

        def visit(node: int, above: int) -> int:
            left, right = int(self.left[node]), int(self.right[node])
            # a tree of so many leaves is no deeper than that
            if above >= MAX_LEAVES or len(leaves) >= MAX_LEAVES:
                raise ShapeError(rule_got_do(f"A tree has at most {MAX_LEAVES} leaves.", "a larger one", "Fit smaller trees."))
            if left == node:
                leaves.append(node)
                return 1 << (len(leaves) - 1)
            under_left = visit(left, above + 1)
            inner.append((node, under_left))
            return under_left | visit(right, above + 1)

        visit(root, 0)
        return inner, leaves

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return everything as named arrays, the form it is saved in."""
        named: dict[str, npt.NDArray[np.generic]] = {
            name: getattr(self, name) for name in ("roots", "feature", "threshold", "missing_left", "left", "right", "value")
        }
        named["head"] = np.array([self.bias, self.num_features], dtype=np.float64)
        return named

    @classmethod
    def from_arrays(cls, named: dict[str, npt.NDArray[np.generic]]) -> "TreeEnsemble":
        """Return the ensemble that `arrays` described."""
        fields = dict(named)
        # gates of format 2 may hold the depth, which nothing needs, between the two
        head = fields.pop("head")
        return cls(**fields, bias=float(head[0]), num_features=int(head[-1]))  # type: ignore[arg-type]
