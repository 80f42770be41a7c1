"""Fit the gate: examples in, trees and thresholds out.

Fitting needs scikit-learn; using a fitted gate does not. Thresholds come from out-of-fold scores, folds drawn over whole
relations, so that they are set on relations the trees have not seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError, rule_got_do
from ...ops.trees import TreeEnsemble
from ...types import FloatArray
from .cues import Cues, query_form
from .features import Features, HostView, Pair, Text, masked_columns, masked_cosines, pair_features, start_features
from .gate import Gate, best_starts
from .reading import Projection, read_items, read_queries
from .texts import TextReader
from .words import is_whole, split_words

Encode = Callable[[Sequence[str]], FloatArray]
Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and its size."""

WIDTH = 64
"""Principal directions kept per layer: as good as all of them (docs/memories/fact.md)."""
FRACTIONS = (0.47, 0.6, 0.67, 0.73, 0.8, 0.87, 0.93, 1.0)
"""Depths of the layers that are read, as shares of the stack: below the middle, states say little of what is expected next."""


class _Size(NamedTuple):
    """How large an ensemble may grow."""

    trees: int
    leaves: int


_SIZES = {"start": _Size(200, 16), "subject": _Size(200, 16), "relation": _Size(300, 12)}
"""Half as large again were hardly better on wordings that nothing was fitted on, and cost time at every query."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A fact with queries that must find it and queries that must not.

    same: asks for the answer (the fact's own wording, paraphrases, questions). other: another relation of the same subject.
    absent: the subject in passing, other subjects.
    """

    fact: str
    answer: str
    relation: str
    same: tuple[str, ...]
    other: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What calibration aims at: shares of false injections on out-of-fold queries."""

    other_open: float = 0.06
    """On open texts about other relations of the same subject: nobody asked, so a memory that is unsure had better be silent."""
    other_whole: float = 0.12
    """On questions about other relations of the same subject."""
    absent: float = 0.02
    """On everything that isn't about the subject."""
    strict: float = 0.002
    """On other relations, for a text to count as replacing an item."""
    among: float = 0.01
    """On queries about none of many stored facts, when the subject's threshold is settled among them."""
    asked: float = 0.01
    """On what people ask an assistant, through facts of theirs with which it shares no word."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Measured on folds of unseen relations: share of `same` accepted, of `other` and `absent` accepted, of starts found."""

    same: float
    other: float
    absent: float
    starts: float
    examples: int
    relations: int


def read_layers(num_layers: int) -> tuple[int, ...]:
    """Return the layers to read of a host with that many blocks."""
    return tuple(sorted({max(1, round(f * num_layers)) for f in FRACTIONS}))


def fit_projection(examples: Sequence[Example], reader: TextReader, *, sample: int = 600, seed: int = 0) -> Projection:
    """Fit centres, directions and the token prior on a sample of the examples' queries."""
    chosen = [examples[i] for i in np.random.default_rng(seed).permutation(len(examples))[:sample]]
    number = {name: i for i, name in enumerate(dict.fromkeys(e.relation for e in chosen))}
    asked = [(q, number[e.relation]) for e in chosen for q in e.same]
    asked += [(q, -1) for e in chosen for q in (*e.other, *e.absent)]
    queries = [q for q, _ in asked]
    whole = np.array([is_whole(q) for q in queries])
    if not whole.any() or whole.all():
        raise ConfigError(
            rule_got_do(
                "Calibration needs questions and open texts.",
                f"{int(whole.sum())} questions among {len(whole)} queries",
                "Give examples of both.",
            )
        )
    layers, cues = read_layers(reader.num_layers), Cues.fitting(reader)
    last: list[FloatArray] = []
    total: npt.NDArray[np.float64] = np.zeros(1)
    for begin in range(0, len(queries), 256):
        for read in cues.read([query_form(q) for q in queries[begin : begin + 256]], layers, reader, ends=True):
            last.append(np.stack([read.states[layer][-1] for layer in layers]))
            total = total + read.last_logprobs
    prior = np.asarray(total / len(queries), dtype=np.float32)
    return Projection.fit(cues, layers, np.stack(last), whole, prior, width=WIDTH, asks=np.array([n for _, n in asked]))


@dataclass(frozen=True)
class _Row:
    example: int
    kind: str
    pair: Pair
    start: int
    """The true first word of the answer."""


def fit(
    examples: Sequence[Example],
    *,
    encode: Encode | None,
    encoder_id: str | None,
    reader: TextReader | None,
    rates: Rates | None = None,
    seed: int = 0,
    progress: Progress = lambda stage, done, size: None,
) -> tuple[Gate, Report]:
    """Fit a gate on examples.

    Args:
        examples: at least two relations; negatives may be missing for some.
        encode: the text encoder, or None to fit a gate that looks at none.
        encoder_id: its identity, stored with the gate.
        reader: the host, or None to fit a gate that looks at no host states.
        rates: false-injection rates to aim at.
        seed: for folds and trees.
        progress: called as it goes.

    Returns:
        The gate, and what it measured on unseen relations.

    Raises:
        ConfigError: if scikit-learn is missing or the examples can't be fitted on.
    """
    rates = rates or Rates()
    if len({e.relation for e in examples}) < 2:
        raise ConfigError(rule_got_do("Calibration needs examples of at least two relations.", len(examples), "Give more."))
    projection = fit_projection(examples, reader, seed=seed) if reader else None
    rows = _rows(examples, reader, projection, progress)
    layers = len(projection.layers) if projection else 0
    relations = np.array([examples[r.example].relation for r in rows])
    kinds = np.array([r.kind for r in rows])
    progress("fit", 0, 1)

    same, about = kinds == "same", kinds != "absent"
    folds = _folds(relations, seed)
    word_rows = [start_features(r.pair, layers) for r in rows]
    lengths = [len(w) for w in word_rows]
    words = np.concatenate(word_rows)
    is_start = np.concatenate([np.arange(n) == r.start for n, r in zip(lengths, rows, strict=True)])
    asking = np.repeat(same, lengths)
    odds = _out_of_fold(words, is_start, asking, np.repeat(folds, lengths), _SIZES["start"], seed)
    # everything is judged with the start that the gate would find in a relation it hasn't seen
    starts = _starts(rows, odds, lengths)
    cosines = _Cosines([r.pair for r in rows], encode, progress)
    features = _features(cosines.pairs, starts, layers)
    # a pair to accept is fitted with its true start, so that a wrong one doesn't teach the gate to accept anything
    true = np.where(same, [r.start for r in rows], starts)
    fitted = features.copy()
    wrong = starts != true
    if wrong.any():
        fitted[wrong] = _features([p for p, w in zip(cosines.pairs, wrong, strict=True) if w], true[wrong], layers)

    # what is too far from an item isn't even judged
    near = np.array([p.near for p in cosines.pairs])
    if about[near].all():
        raise ConfigError(
            rule_got_do(
                "Some `absent` queries share a meaningful word with their fact.",
                f"{int((~about).sum())} that share none",
                "Add queries about things that are named alike.",
            )
        )
    subject = np.where(near, _out_of_fold(fitted, about, near, folds, _SIZES["subject"], seed, judged=features), -np.inf)
    subject_trees = _fit_trees(fitted[near], about[near], _SIZES["subject"], seed)
    subject_threshold = _threshold(subject[~about], rates.absent)
    if not np.isfinite(subject_threshold):
        # fewer of them share a word than may fire: the least of those that do sets the bound
        subject_threshold = float(subject[~about & near].min())
    # only what passes for the same subject is masked and encoded
    masked = masked_columns(layers)
    features[:, masked] = cosines.masked(starts, about | (subject >= subject_threshold))
    fitted[:, masked] = np.where(wrong[:, None], cosines.masked(true, wrong), features[:, masked])
    relation = _out_of_fold(fitted, same, about, folds, _SIZES["relation"], seed, judged=features)
    other = kinds == "other"
    whole = np.array([r.pair.whole for r in rows])
    open_threshold = _threshold(relation[other & ~whole], rates.other_open)
    whole_threshold = _threshold(relation[other & whole], rates.other_whole)
    accepted = near & (subject >= subject_threshold) & (relation >= np.where(whole, whole_threshold, open_threshold))
    # a question that the item holds is accepted by rule: it says nothing of the trees
    asked = same & ~np.array([r.pair.repeated for r in rows])
    report = Report(
        same=_mean(accepted[asked]),
        other=_mean(accepted[other]),
        absent=_mean(accepted[~about]),
        starts=_mean((starts == true)[asked]),
        examples=len(examples),
        relations=len(set(relations.tolist())),
    )
    gate = Gate(
        start=_fit_trees(words[asking], is_start[asking], _SIZES["start"], seed),
        subject=subject_trees,
        relation=_fit_trees(fitted[about], same[about], _SIZES["relation"], seed),
        subject_threshold=subject_threshold,
        alone_margin=0.0,
        open_threshold=open_threshold,
        whole_threshold=whole_threshold,
        strict_threshold=_threshold(relation[other], rates.strict),
        projection=projection,
        encoder_id=encoder_id if encode else None,
        host=reader.fingerprint if reader else None,
        about={"seed": seed, "rates": asdict(rates), "report": asdict(report)},
    )
    progress("fit", 1, 1)
    return gate, report


def _rows(
    examples: Sequence[Example], reader: TextReader | None, projection: Projection | None, progress: Progress
) -> list[_Row]:
    """Return every query of every example beside its fact, read by the host if there is one."""
    rows: list[_Row] = []
    for begin in range(0, len(examples), 64):
        chunk = examples[begin : begin + 64]
        queries = [(i, kind, q) for i, e in enumerate(chunk) for kind in ("same", "other", "absent") for q in getattr(e, kind)]
        views: list[HostView | None] = [None] * len(queries)
        if reader and projection:
            items = read_items([e.fact for e in chunk], reader, projection)
            reads = read_queries([q for _, _, q in queries], reader, projection)
            views = [HostView.of(r, items[i], projection.prior) for r, (i, _, _) in zip(reads, queries, strict=True)]
        texts = [Text(e.fact) for e in chunk]
        for (i, kind, query), view in zip(queries, views, strict=True):
            rows.append(_Row(begin + i, kind, Pair.of(Text(query), texts[i], view), _answer_word(chunk[i])))
        progress("read", min(begin + 64, len(examples)), len(examples))
    return rows


def _answer_word(example: Example) -> int:
    """Return the index of the word that begins the answer.

    Raises:
        ConfigError: if the fact doesn't contain its answer.
    """
    at = example.fact.rfind(example.answer.strip())
    words = split_words(example.fact)
    inside = [i for i, w in enumerate(words) if at >= 0 and w.end > at]
    if not inside or not example.answer.strip():
        raise ConfigError(
            rule_got_do(
                "A calibration fact contains its answer.", f"{example.fact!r}, {example.answer!r}", "Correct the example."
            )
        )
    return inside[0]


class _Cosines:
    """The encoder's cosines of pairs, whole and masked; every text is encoded once.

    pairs: the pairs with their cosines filled in.
    """

    def __init__(self, pairs: Sequence[Pair], encode: Encode | None, progress: Progress) -> None:
        self._encode = encode
        self._progress = progress
        self._vectors: dict[str, FloatArray] = {}
        self.pairs = list(pairs)
        if encode is not None:
            vectors = self._encoded([text for p in pairs for text in (p.query.text, p.item.text)])
            cosines = (vectors[::2] * vectors[1::2]).sum(axis=1)
            self.pairs = [replace(p, cosine=float(c)) for p, c in zip(pairs, cosines, strict=True)]

    def masked(self, starts: npt.NDArray[np.int64], use: npt.NDArray[np.bool_]) -> Features:
        """Return `[P, 2]` cosines of what is left when subject and answer are masked; NaN for the pairs that `use` leaves out."""
        found = np.full((len(self.pairs), 2), np.nan)
        texts = [text for i in np.flatnonzero(use) for text in self.pairs[i].masked(int(starts[i]))]
        if self._encode is not None and texts:
            found[use] = masked_cosines(self._encoded(texts))
        return found

    def _encoded(self, texts: Sequence[str]) -> FloatArray:
        """Return the texts' vectors `[T, E]`."""
        if self._encode is None:
            raise ConfigError(rule_got_do("Cosines need an encoder.", "none", "Give one."))
        missing = [t for t in dict.fromkeys(texts) if t not in self._vectors]
        for begin in range(0, len(missing), 512):
            batch = missing[begin : begin + 512]
            self._vectors |= zip(batch, self._encode(batch), strict=True)
            self._progress("encode", begin + len(batch), len(missing))
        return np.stack([self._vectors[t] for t in texts])


def _features(pairs: Sequence[Pair], starts: npt.NDArray[np.int64], layers: int) -> Features:
    return np.stack([pair_features(p, int(s), layers) for p, s in zip(pairs, starts, strict=True)])


def _folds(groups: npt.NDArray[np.str_], seed: int, count: int = 6) -> npt.NDArray[np.int64]:
    """Return a fold for each row; a group (relation) is whole in one fold."""
    names = np.unique(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    fold = dict(zip(names[order].tolist(), (np.arange(len(names)) % min(count, len(names))).tolist(), strict=True))
    return np.array([fold[g] for g in groups.tolist()], dtype=np.int64)


def _out_of_fold(
    features: Features,
    labels: npt.NDArray[np.bool_],
    use: npt.NDArray[np.bool_],
    folds: npt.NDArray[np.int64],
    size: _Size,
    seed: int,
    *,
    judged: Features | None = None,
) -> npt.NDArray[np.float64]:
    """Return log-odds of every row, as it is in `judged`, by trees fitted on the `use` rows of the other folds."""
    judged = features if judged is None else judged
    odds = np.zeros(len(features))
    for fold in np.unique(folds):
        rest = use & (folds != fold)
        odds[folds == fold] = _fit_trees(features[rest], labels[rest], size, seed).log_odds(judged[folds == fold])
    return odds


def _starts(rows: Sequence[_Row], odds: npt.NDArray[np.float64], lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the answer start that a gate would find in each row; `odds` holds the words of all items in order."""
    parts = np.split(odds, np.cumsum(lengths)[:-1])
    return np.array([best_starts(r.pair, part, 1)[0][0] for r, part in zip(rows, parts, strict=True)], dtype=np.int64)


def _threshold(scores: npt.NDArray[np.float64], rate: float) -> float:
    """Return the log-odds that a share `rate` of the scores reaches; 0 where there is nothing to go by."""
    return float(np.quantile(scores, 1 - rate, method="higher")) if scores.size else 0.0


def _mean(values: npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else 0.0


def _fit_trees(features: Features, labels: npt.NDArray[np.bool_], size: _Size, seed: int) -> TreeEnsemble:
    """Fit gradient-boosted trees and return them as arrays, checked against the library's own answer.

    Raises:
        ConfigError: if scikit-learn is missing, or one class is.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise ConfigError(
            rule_got_do("Calibration needs scikit-learn.", "it is not installed", "Run: pip install 'mnemic[calibrate]'.")
        ) from error
    if labels.all() or not labels.any():
        raise ConfigError(
            rule_got_do(
                "Calibration needs queries of every kind.", f"{len(labels)} queries, all alike", "Give `other` and `absent` too."
            )
        )
    # the library can't bin a column without values; as a constant it is never split on
    columns = np.where(np.isnan(features).all(axis=0), 0.0, features)
    model = HistGradientBoostingClassifier(
        max_iter=size.trees,
        learning_rate=0.06,
        max_leaf_nodes=size.leaves,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(columns, labels)
    trees = _as_arrays(model, features.shape[1])
    probe = columns[:: max(1, len(features) // 256)]
    if not np.allclose(trees.log_odds(probe), model.decision_function(probe), atol=1e-9):
        raise ConfigError(
            rule_got_do(
                "Fitted trees agree with their arrays.",
                "a scikit-learn release that stores trees otherwise",
                "Report it, with its version.",
            )
        )
    return trees


def _as_arrays(model: Any, num_features: int) -> TreeEnsemble:
    """Return a fitted scikit-learn ensemble's nodes one after the other; leaves point to themselves."""
    parts: list[list[Any]] = [[] for _ in range(6)]
    roots, offset = [], 0
    for (tree,) in model._predictors:
        nodes = tree.nodes
        leaf, own = nodes["is_leaf"].astype(bool), np.arange(len(nodes))
        roots.append(offset)
        columns = (
            np.where(leaf, 0, nodes["feature_idx"]),
            np.where(leaf, np.inf, nodes["num_threshold"]),
            nodes["missing_go_to_left"].astype(bool),
            np.where(leaf, own, nodes["left"]) + offset,
            np.where(leaf, own, nodes["right"]) + offset,
            np.where(leaf, nodes["value"], 0.0),
        )
        for part, column in zip(parts, columns, strict=True):
            part.append(column)
        offset += len(nodes)
    feature, threshold, missing, left, right, value = (np.concatenate(p) for p in parts)
    return TreeEnsemble(
        roots=np.array(roots, dtype=np.int32),
        feature=feature.astype(np.int32),
        threshold=threshold.astype(np.float64),
        missing_left=missing.astype(bool),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        value=value.astype(np.float64),
        bias=float(np.ravel(model._baseline_prediction)[0]),
        num_features=num_features,
    )
