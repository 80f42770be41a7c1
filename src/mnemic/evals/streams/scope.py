"""Is a sentence about any intent at all? Resonance with labelled prototypes, beside a classifier and nearest neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...memories.resonance import CellConfig, CosineARTCell
from ...types import FloatArray
from .clusters import Labels, unconverged

Score = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A way to tell what is in scope: vectors `[N, E]` -> familiarity `[N]`, and how many numbers it keeps for that."""

    title: str
    setting: float | None
    score: Score
    numbers: int


def area(inside: FloatArray, outside: FloatArray) -> float:
    """Return the area under the ROC curve: how often what is in scope is more familiar than what isn't."""
    from sklearn.metrics import roc_auc_score

    within = np.repeat([True, False], [len(inside), len(outside)])
    return float(roc_auc_score(within, np.concatenate([inside, outside])))


def classifier(x: FloatArray, labels: Labels, c: float) -> Fitted:
    """Return the largest probability of logistic regression (Hendrycks & Gimpel 2017); `c` is its inverse penalty."""
    from sklearn.linear_model import LogisticRegression

    with unconverged():
        model: Any = LogisticRegression(max_iter=200, C=c).fit(x, labels)
    return Fitted(
        title="logistic regression, largest probability",
        setting=c,
        score=lambda q: np.asarray(model.predict_proba(q).max(axis=1)),
        numbers=int(model.coef_.size + model.intercept_.size),
    )


def neighbours(x: FloatArray, k: int) -> Fitted:
    """Return the cosine to the k-th nearest of all training vectors (Sun et al. 2022)."""
    return Fitted(
        title="cosine to the k-th nearest neighbour",
        setting=k,
        score=lambda q: np.partition(q @ x.T, -k, axis=1)[:, -k],
        numbers=int(x.size),
    )


def resonance(x: FloatArray, labels: Labels, vigilance: float, capacity: int) -> Fitted:
    """Return the best match with prototypes that a labelled stream taught (match tracking keeps intents apart)."""
    config = CellConfig(capacity=capacity, vigilance=vigilance, floor=min(vigilance, 0.3), rate=0.02, average=True)
    cell = CosineARTCell(x.shape[1], config)
    cell.learn(torch.from_numpy(x), torch.from_numpy(labels))
    known = cell.prototypes[cell.used].numpy()
    return Fitted(
        title="resonance, best match",
        setting=vigilance,
        score=lambda q: np.asarray((q @ known.T).max(axis=1)),
        numbers=int(known.size),
    )


def best(candidates: Sequence[Fitted], inside: FloatArray, outside: FloatArray) -> Fitted:
    """Return the candidate with the largest area on development queries."""
    return max(candidates, key=lambda fitted: area(fitted.score(inside), fitted.score(outside)))
