"""Fit the judge: statements to keep and small talk in, weights and a threshold out. Needs scikit-learn."""

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError, rule_got_do
from ..types import FloatArray
from .features import matrix, tokens_of
from .judge import Judge

FOLDS = 5
_LEAST_SEEN = 3
"""Statements that a term must occur in to count."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Measured out of fold: share of what is to be kept that is kept, and of small talk that is kept as well."""

    kept: float
    junk: float
    keep: int
    drop: int


def fit(
    keep: Sequence[str],
    drop: Sequence[str],
    *,
    vectors: FloatArray | None = None,
    encoder_id: str | None = None,
    rate: float = 0.04,
    strength: float = 0.3,
    seed: int = 0,
) -> tuple[Judge, Fitted]:
    """Fit a judge.

    Args:
        keep: statements that are to be kept.
        drop: statements that aren't, and that no rule excludes.
        vectors: the encoder's `[len(keep) + len(drop), E]`, of both in turn; None to look at words and forms alone.
        encoder_id: whose vectors they are.
        rate: share of `drop` that may be admitted, of those that the weights haven't seen.
        strength: of the fit, the inverse of the L2 penalty.
        seed: for the folds.

    Raises:
        ConfigError: if scikit-learn is missing, or there are too few statements of a sort.
    """
    if min(len(keep), len(drop)) < 2 * FOLDS or not 0 < rate < 1:
        raise ConfigError(
            rule_got_do(
                f"Admission is fitted on at least {2 * FOLDS} statements of each sort, to a rate between 0 and 1.",
                f"{len(keep)} to keep, {len(drop)} to drop, rate {rate}",
                "Give more.",
            )
        )
    try:
        linear = importlib.import_module("sklearn.linear_model")
        selection = importlib.import_module("sklearn.model_selection")
    except ImportError as error:
        raise ConfigError(
            rule_got_do("Fitting needs scikit-learn.", "an environment without it", "pip install 'mnemic[calibrate]'")
        ) from error
    texts = [*keep, *drop]
    wanted = np.array([1] * len(keep) + [0] * len(drop))
    model = linear.LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)

    def features(rows: "np.ndarray[tuple[int], np.dtype[np.intp]]", vocabulary: Sequence[str]) -> FloatArray:
        return matrix([texts[i] for i in rows], vocabulary, None if vectors is None else vectors[rows])

    scores = np.zeros(len(texts))
    for seen, unseen in selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(texts, wanted):
        vocabulary = _vocabulary([texts[i] for i in seen])
        model.fit(features(seen, vocabulary), wanted[seen])
        scores[unseen] = model.predict_proba(features(unseen, vocabulary))[:, 1]
    threshold = float(np.quantile(scores[wanted == 0], 1 - rate))
    everything = np.arange(len(texts))
    vocabulary = _vocabulary(texts)
    model.fit(features(everything, vocabulary), wanted)
    report = Fitted(
        kept=float((scores[wanted == 1] > threshold).mean()),
        junk=float((scores[wanted == 0] > threshold).mean()),
        keep=len(keep),
        drop=len(drop),
    )
    judge = Judge(
        vocabulary=tuple(vocabulary),
        weights=model.coef_[0].astype(np.float32),
        bias=float(model.intercept_[0]),
        threshold=threshold,
        encoder_id=encoder_id if vectors is not None else None,
        about={"kept": report.kept, "junk": report.junk, "keep": len(keep), "drop": len(drop), "seed": seed},
    )
    return judge, report


def _vocabulary(texts: Sequence[str]) -> list[str]:
    counts = Counter(term for text in texts for term in tokens_of(text))
    return sorted(term for term, count in counts.items() if count >= _LEAST_SEEN)
