"""Evaluate a fitted ensemble of binary decision trees without the library that fitted it.

The calibrated gate is fitted by scikit-learn's histogram gradient boosting; only its arrays are kept, so that a saved gate needs
no pickle and no scikit-learn. A missing feature (NaN) goes to the side that the fit chose for it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import ShapeError, rule_got_do


@dataclass(frozen=True, kw_only=True)
class TreeEnsemble:
    """All trees, their nodes one after the other; a leaf's children point to itself.

    Node arrays are `[N]`: `feature`, `threshold` (go left when value <= threshold), `missing_left`, `left`, `right`, `value`.
    `roots` is `[trees]`, `depth` the longest path, `bias` the log-odds before any tree.
    """

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    bias: float
    depth: int
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
        rows = np.arange(features.shape[0])[:, None]
        node = np.broadcast_to(self.roots, (features.shape[0], self.roots.size))
        for _ in range(self.depth):
            x = features[rows, self.feature[node]]
            go_left = np.where(np.isnan(x), self.missing_left[node], x <= self.threshold[node])
            node = np.where(go_left, self.left[node], self.right[node])
        total: npt.NDArray[np.float64] = self.value[node].sum(axis=1) + self.bias
        return total

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return everything as named arrays, the form it is saved in."""
        named: dict[str, npt.NDArray[np.generic]] = {
            name: getattr(self, name) for name in ("roots", "feature", "threshold", "missing_left", "left", "right", "value")
        }
        named["head"] = np.array([self.bias, self.depth, self.num_features], dtype=np.float64)
        return named

    @classmethod
    def from_arrays(cls, named: dict[str, npt.NDArray[np.generic]]) -> "TreeEnsemble":
        """Return the ensemble that `arrays` described."""
        fields = dict(named)
        bias, depth, num_features = (float(x) for x in fields.pop("head"))
        return cls(**fields, bias=bias, depth=int(depth), num_features=int(num_features))  # type: ignore[arg-type]
