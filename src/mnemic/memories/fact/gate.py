"""The calibrated gate: may this item answer this query, and where does the answer start?

Three small models over the features of a pair, fitted by calibration:

- *start*: which word of the item begins the answer;
- *subject*: is the query about the thing the item is about (against neighbours and passing texts);
- *relation*: does it ask for what the item says of that thing (against other questions about the same thing).

An item is accepted when the subject's and the relation's log-odds both reach their thresholds; these are set on held-out folds to
a stated rate of false injections. Below, the model is the base model bit for bit. An item that is a question with its answer is
accepted for that same question, whatever the trees say; one that names no place never answers "where".
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ...errors import CheckpointMismatch, ConfigError, rule_got_do
from ...files import replacing
from ...ops.trees import TreeEnsemble
from .cues import Cues
from .features import Features, Pair, pair_features, pair_names, said_words, start_features
from .reading import Projection

FORMAT_VERSION = 3
TREES = ("start", "subject", "relation")
_CERTAIN = 10.0
"""Margin, in log-odds, of what needs no trees: an item that holds the very question it is asked, or can't be its answer."""


Starts = tuple[tuple[int, float], ...]
"""Word indices of the likeliest answer starts, best first, with weights that sum to 1."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate thinks of a pair.

    score: probability-like, in [0, 1]; 0.5 is where the weaker of subject and relation just reaches its threshold.
    subject, relation: log-odds over their thresholds. strict: sure enough for a new text to supersede the item.
    parts: the features by name.
    """

    accepted: bool
    score: float
    subject: float
    relation: float
    strict: bool
    starts: Starts
    parts: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Fitted trees with their thresholds (log-odds), and the projection of host states they were fitted with."""

    start: TreeEnsemble
    subject: TreeEnsemble
    relation: TreeEnsemble
    subject_threshold: float
    open_threshold: float
    """Relation log-odds from which an item may continue an open text."""
    whole_threshold: float
    """The same for questions, which resemble stored facts less: each form has its own, at the same rate of false injections."""
    strict_threshold: float
    """Relation log-odds from which a new text counts as saying something about the same thing: it supersedes."""
    alone_margin: float
    """What the subject needs beyond its threshold, in log-odds, where query and item share no meaningful word."""
    projection: Projection | None
    encoder_id: str | None
    """Encoder whose cosines it was fitted with; None if it looks at none."""
    host: str | None
    """Fingerprint of the host whose states it was fitted with; None if it looks at none."""
    about: dict[str, object]
    """How it was made: records, seed, measured rates."""

    @property
    def num_layers(self) -> int:
        """Number of host layers the features hold."""
        return len(self.projection.layers) if self.projection else 0

    def features(self, pairs: Sequence[Pair], starts: Sequence[Starts]) -> Features:
        """Return `[P, F]`: what subject and relation are judged by, each pair with its likeliest answer start."""
        rows = [pair_features(p, s[0][0], self.num_layers) for p, s in zip(pairs, starts, strict=True)]
        return np.stack(rows) if rows else np.zeros((0, self.subject.num_features))

    def subjects(self, pairs: Sequence[Pair], features: Features) -> npt.NDArray[np.float64]:
        """Return the subject's log-odds over its threshold for each pair; below 0 the item is about something else."""
        margins = self.subject.log_odds(features) - self.subject_threshold
        margins -= np.where([p.alone for p in pairs], self.alone_margin, 0.0)
        return np.where([p.repeated for p in pairs], _CERTAIN, margins)

    def judge(
        self, pairs: Sequence[Pair], features: Features, starts: Sequence[Starts], subjects: npt.NDArray[np.float64]
    ) -> list[Verdict]:
        """Judge pairs whose subjects' margins and answer starts are known, and whose masked texts were encoded."""
        odds = self.relation.log_odds(features)
        thresholds = np.where([p.whole for p in pairs], self.whole_threshold, self.open_threshold)
        relations = np.where([p.repeated for p in pairs], _CERTAIN, odds - thresholds)
        misplaced = [p.misplaced(s[0][0]) and not p.repeated for p, s in zip(pairs, starts, strict=True)]
        relations = np.where(misplaced, -_CERTAIN, relations)
        margins = np.minimum(subjects, relations)
        scores = 1 / (1 + np.exp(-np.clip(margins, -50, 50)))
        strict = (subjects >= 0) & (odds >= self.strict_threshold)
        names = pair_names(self.num_layers)
        return [
            Verdict(
                accepted=bool(margins[i] >= 0),
                score=float(scores[i]),
                subject=float(subjects[i]),
                relation=float(relations[i]),
                strict=bool(strict[i]),
                starts=starts[i],
                parts={name: float(v) for name, v in zip(names, features[i], strict=True) if not np.isnan(v)},
            )
            for i in range(len(pairs))
        ]

    def find_starts(self, pairs: Sequence[Pair], *, alternatives: int) -> list[Starts]:
        """Return the likeliest answer starts of each pair."""
        if not pairs:
            return []
        rows = [start_features(p, self.num_layers) for p in pairs]
        odds = self.start.log_odds(np.concatenate(rows))
        cuts = np.cumsum([len(r) for r in rows])[:-1]
        return [best_starts(p, scores, alternatives) for p, scores in zip(pairs, np.split(odds, cuts), strict=True)]

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all: arrays, and everything else as JSON in its header.

        Raises:
            ConfigError: if it can't be written there.
        """
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for name in TREES:
            arrays |= {f"{name}.{key}": value for key, value in getattr(self, name).arrays().items()}
        meta = {
            "format_version": FORMAT_VERSION,
            "subject_threshold": self.subject_threshold,
            "alone_margin": self.alone_margin,
            "open_threshold": self.open_threshold,
            "whole_threshold": self.whole_threshold,
            "strict_threshold": self.strict_threshold,
            "encoder_id": self.encoder_id,
            "host": self.host,
            "layers": list(self.projection.layers) if self.projection else None,
            "cues": asdict(self.projection.cues) if self.projection else None,
            "about": self.about,
        }
        if self.projection:
            for name in ("open_mean", "whole_mean", "basis", "prior"):
                arrays[f"projection.{name}"] = getattr(self.projection, name).astype(np.float16)
        try:
            with replacing(path) as fresh:
                save_file(arrays, fresh, metadata={"mnemic": json.dumps(meta, sort_keys=True)})
        except (OSError, SafetensorError) as error:
            raise ConfigError(
                rule_got_do("A gate is written to a folder that exists.", f"{path}: {error}", "Choose another.")
            ) from error

    @classmethod
    def load(cls, path: Path) -> "Gate":
        """Read what `save` wrote.

        Raises:
            CheckpointMismatch: if the file is no gate, or one of another format version.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                meta = json.loads((file.metadata() or {}).get("mnemic", "null"))
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
        except (OSError, SafetensorError, ValueError) as error:
            raise CheckpointMismatch(
                rule_got_do("A gate is a safetensors file that calibration wrote.", f"{path}: {error}", "Calibrate again.")
            ) from error
        if not isinstance(meta, dict) or meta.get("format_version") != FORMAT_VERSION:
            got = meta.get("format_version") if isinstance(meta, dict) else "no header of ours"
            raise CheckpointMismatch(
                rule_got_do(f"A gate has format version {FORMAT_VERSION}.", f"{got} in {path}", "Calibrate again.")
            )
        trees = {
            name: TreeEnsemble.from_arrays({k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")})
            for name in TREES
        }
        layers = meta["layers"]
        projection = None
        if layers is not None:
            parts = {n: arrays[f"projection.{n}"].astype(np.float32) for n in ("open_mean", "whole_mean", "basis", "prior")}
            projection = Projection(cues=Cues(**meta["cues"]), layers=tuple(layers), **parts)
        return cls(
            **trees,
            subject_threshold=meta["subject_threshold"],
            alone_margin=meta["alone_margin"],
            open_threshold=meta["open_threshold"],
            whole_threshold=meta["whole_threshold"],
            strict_threshold=meta["strict_threshold"],
            projection=projection,
            encoder_id=meta["encoder_id"],
            host=meta["host"],
            about=meta["about"],
        )


def best_starts(pair: Pair, odds: npt.NDArray[np.float64], alternatives: int) -> Starts:
    """Return the likeliest answer starts of a pair, given each word's log-odds `[W]` to be one.

    No word that the query says itself, where the item has others. Where the item is a question with its answer, a word of the
    answer; asked that very question, its first one.
    """
    if pair.repeated:
        return ((pair.item.answer_from, 1.0),)
    impossible = np.arange(len(odds)) < pair.item.answer_from
    said = said_words(pair) | impossible
    content = pair.item.flags[0]
    odds = np.where(said if (content & ~said).any() else impossible, -np.inf, odds)
    best = [int(i) for i in np.argsort(-odds, kind="stable")[:alternatives] if np.isfinite(odds[i])]
    weights = np.exp(odds[best] - odds[best[0]])
    return tuple(zip(best, (float(w) for w in weights / weights.sum()), strict=True))
