"""Configuration, run and result of `mnemic bench streams`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...encoders import load_encoder
from ...errors import ConfigError, rule_got_do
from ...types import FloatArray
from .. import scoring
from ..environment import Environment, describe
from ..progress import Progress
from ..protocol import Encodes
from ..results import command_line, published
from ..scoring import Interval
from . import clusters, patterns, scope
from .clusters import Stream
from .data import OUT_OF_SCOPE, Part, load

_DEVELOPMENT = 3000
_VIGILANCE = (0.5, 0.6, 0.7, 0.8)
_NEAREST = (1, 5, 10, 20)
_PENALTIES = (0.03, 0.1, 0.3, 1.0)
_PATTERNS = tuple((vigilance, count) for vigilance in (0.5, 0.55, 0.6, 0.65) for count in (12, 20))
_DRAWS = 1000
_AT_ONCE = 512


@dataclass(frozen=True, kw_only=True)
class StreamsConfig:
    """What `mnemic bench streams` measures."""

    banking: Path = Path("banking77")
    """Folder of Banking77: train.csv (its settings are chosen there) and test.csv (reported)."""
    clinc: Path = Path("clinc150.json")
    """File of CLINC150: settings are chosen on val and oos_val, test and oos_test are reported."""
    shuffles: int = 5
    """Orders of each stream."""
    encoder: str | None = None
    """The text encoder; None for MiniLM."""
    seed: int = 0
    """Of orders, choices and the bootstrap."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.shuffles < 1:
            raise ConfigError(rule_got_do("shuffles is at least 1.", self.shuffles, "Choose a larger one."))


@dataclass(frozen=True, kw_only=True)
class ClusterRow:
    """Adjusted mutual information of a method on a data set, over orders."""

    title: str
    data: str
    setting: float
    score: Interval
    over_birch: Interval | None
    """Minus BIRCH's in the same order, where the two are told the same."""


@dataclass(frozen=True, kw_only=True)
class ScopeRow:
    """Area under the ROC curve of telling what is out of scope."""

    title: str
    setting: float | None
    numbers: int
    """Floats that the method keeps."""
    area: Interval
    less: Interval
    """Resonance's area minus this one, paired over queries."""


@dataclass(frozen=True, kw_only=True)
class PatternRow:
    """One share of `patterns.Outcome`, over draws of intents."""

    title: str
    share: Interval


@dataclass(frozen=True, kw_only=True)
class StreamsSummary:
    """The result of `mnemic bench streams`."""

    bench: str = "streams"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    clusters: list[ClusterRow]
    scope: list[ScopeRow]
    patterns: list[PatternRow]
    patterns_setting: tuple[float, int]
    seconds: float


def run(config: StreamsConfig, *, progress: bool = False, loads: Callable[[str | None], Encodes] | None = None) -> StreamsSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens the encoder.

    Raises:
        ConfigError: if scikit-learn or the encoder is missing.
        InputError: if a data set can't be used.
    """
    begun = time.perf_counter()
    _need_sklearn()
    banking, clinc = load(config.banking), load(config.clinc)
    encoder = (loads or _encoder)(config.encoder)
    wanted = [(banking, "test"), (clinc, "train"), (clinc, "val"), (clinc, "oos_val"), (clinc, "test"), (clinc, "oos_test")]
    dev = _some(banking["train"], _DEVELOPMENT, config.seed)
    parts = [dev, *(_part(data, name) for data, name in wanted)]
    methods = (*clusters.TOLD, *clusters.ALONE)
    tuned = 2 * sum(len(m.settings) for m in methods)
    measured = 2 * config.shuffles * len(methods)
    work = sum(len(p.texts) for p in parts) + _AT_ONCE * (tuned + measured + len(_PATTERNS) * 2 + config.shuffles + 10)
    with Progress("encoding", work, shown=progress) as bar:
        tell = partial(bar.advance, _AT_ONCE)
        x_dev, x_bank, x_train, x_val, x_oos_val, x_test, x_oos = [_encoded(encoder, part, bar) for part in parts]
        bar.say("tuning clusters")
        streams = {"Banking77": _stream(x_bank, parts[1]), "CLINC150": _stream(x_test, parts[5])}
        development = [_stream(x_dev, dev).shuffled(config.seed), _stream(x_val, parts[3]).shuffled(config.seed)]
        rows = _clusters(config, methods, development, streams, bar, tell)
        bar.say("out of scope")
        scope_rows = _scope(config, _stream(x_train, parts[2]), (x_val, x_oos_val), (x_test, x_oos), tell)
        bar.say("frequent and rare patterns")
        train, test = _aligned(x_train, parts[2], x_test, parts[5])
        pattern_rows, setting = _patterns(config, train, test, tell)
    return StreamsSummary(
        command=command_line("streams", config, StreamsConfig()),
        environment=describe(None),
        config=published(config),
        clusters=rows,
        scope=scope_rows,
        patterns=pattern_rows,
        patterns_setting=setting,
        seconds=time.perf_counter() - begun,
    )


def _clusters(
    config: StreamsConfig,
    methods: Sequence[clusters.Method],
    development: Sequence[Stream],
    streams: dict[str, Stream],
    bar: Progress,
    tell: Callable[[], None],
) -> list[ClusterRow]:
    settings = {m.title: clusters.tune(m, development, tell=tell) for m in methods}
    bar.say("clusters")
    rows = []
    for name, stream in streams.items():
        orders = [stream.shuffled(config.seed + n) for n in range(config.shuffles)]
        groups = len(set(stream.labels.tolist()))
        found: dict[str, list[float]] = {}
        for method in methods:
            for order in orders:
                labels = method.run(settings[method.title], order.x, groups)
                found.setdefault(method.title, []).append(clusters.mutual_information(order.labels, labels))
                tell()
        for told, rival in ((clusters.TOLD, "BIRCH"), (clusters.ALONE, "BIRCH, groups not told")):
            for method in told:
                scores = found[method.title]
                over = [a - b for a, b in zip(scores, found[rival], strict=True)]
                rows.append(
                    ClusterRow(
                        title=method.title,
                        data=name,
                        setting=settings[method.title],
                        score=scoring.t_mean(scores),
                        over_birch=None if method.title == rival else scoring.t_mean(over),
                    )
                )
    return rows


def _scope(
    config: StreamsConfig,
    train: Stream,
    development: tuple[FloatArray, FloatArray],
    asked: tuple[FloatArray, FloatArray],
    tell: Callable[[], None],
) -> list[ScopeRow]:
    train = train.shuffled(config.seed)
    capacity = len(train.x) // 10
    resonances = []
    for vigilance in _VIGILANCE:
        resonances.append(scope.resonance(train.x, train.labels, vigilance, capacity))
        tell()
    ours = scope.best(resonances, *development)
    classifiers = []
    for c in _PENALTIES:
        classifiers.append(scope.classifier(train.x, train.labels, c))
        tell()
    others = [
        scope.best(classifiers, *development),
        scope.best([scope.neighbours(train.x, k) for k in _NEAREST], *development),
    ]
    inside, outside = asked
    rng = np.random.default_rng(config.seed)
    draws = [(rng.integers(0, len(inside), len(inside)), rng.integers(0, len(outside), len(outside))) for _ in range(_DRAWS)]
    scores = {f.title: (f.score(inside), f.score(outside)) for f in (ours, *others)}
    areas = {title: np.array([scope.area(a[i], b[o]) for i, o in draws]) for title, (a, b) in scores.items()}
    exact = {title: scope.area(*pair) for title, pair in scores.items()}
    count = len(inside) + len(outside)
    return [
        ScopeRow(
            title=f.title,
            setting=f.setting,
            numbers=f.numbers,
            area=_interval(exact[f.title], areas[f.title], count),
            less=_interval(exact[ours.title] - exact[f.title], areas[ours.title] - areas[f.title], count),
        )
        for f in (ours, *others)
    ]


def _patterns(
    config: StreamsConfig, train: Stream, test: Stream, tell: Callable[[], None]
) -> tuple[list[PatternRow], tuple[float, int]]:
    # settings are chosen on intents that are never reported
    intents = np.random.default_rng(config.seed).permutation(np.unique(train.labels))
    chosen_on, reported = np.array_split(intents, 2)

    def outcomes(setting: tuple[float, int], seeds: Sequence[int], among: clusters.Labels) -> list[patterns.Outcome]:
        made = []
        for seed in seeds:
            made.append(patterns.run(patterns.phases(train, test, seed, among), *setting))
            tell()
        return made

    def worth(setting: tuple[float, int]) -> float:
        found = outcomes(setting, (config.seed, config.seed + 1), chosen_on)
        return float(np.mean([min(o.promoted, o.kept) for o in found]))

    setting = max(_PATTERNS, key=worth)
    found = outcomes(setting, range(config.seed, config.seed + config.shuffles), reported)
    shares: list[tuple[str, list[float]]] = [
        ("frequent intents promoted", [o.promoted for o in found]),
        ("rare intents still in ART memory, after new ones", [o.kept for o in found]),
        ("first intents known, before new ones", [o.before for o in found]),
        ("first intents known, after new ones", [o.after for o in found]),
        ("online k-means: known before", [o.kmeans_before for o in found]),
        ("online k-means: known after", [o.kmeans_after for o in found]),
        ("lost: resonance", [o.before - o.after for o in found]),
        ("lost: online k-means", [o.kmeans_before - o.kmeans_after for o in found]),
    ]
    return [PatternRow(title=title, share=scoring.t_mean(values)) for title, values in shares], setting


def _interval(value: float, drawn: FloatArray, count: int) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value=float(value), low=float(low), high=float(high), n=count)


def _encoded(encoder: Encodes, part: Part, bar: Progress) -> FloatArray:
    rows = []
    for begin in range(0, len(part.texts), _AT_ONCE):
        texts = part.texts[begin : begin + _AT_ONCE]
        rows.append(encoder.encode(texts))
        bar.advance(len(texts))
    return np.ascontiguousarray(np.concatenate(rows), dtype=np.float32)


def _stream(x: FloatArray, part: Part) -> Stream:
    return Stream(x, np.unique(np.array(part.intents), return_inverse=True)[1].astype(np.int64))


def _aligned(x: FloatArray, train: Part, y: FloatArray, test: Part) -> tuple[Stream, Stream]:
    """Return both parts with the same numbers for the same intents."""
    names = {name: number for number, name in enumerate(sorted({*train.intents, *test.intents}))}
    return tuple(  # type: ignore[return-value]  # a generator of two
        Stream(v, np.array([names[name] for name in part.intents], dtype=np.int64)) for v, part in ((x, train), (y, test))
    )


def _some(part: Part, count: int, seed: int) -> Part:
    chosen = np.random.default_rng(seed).permutation(len(part.texts))[:count].tolist()
    return Part(texts=tuple(part.texts[i] for i in chosen), intents=tuple(part.intents[i] for i in chosen))


def _part(data: dict[str, Part], name: str) -> Part:
    if name not in data:
        raise ConfigError(
            rule_got_do(f"CLINC150 has a part {name!r}.", sorted(data), "Use its full file, with out-of-scope queries.")
        )
    part = data[name]
    if name.startswith("oos") != all(intent == OUT_OF_SCOPE for intent in part.intents):
        raise ConfigError(
            rule_got_do("Only parts called oos... hold out-of-scope queries.", name, "Use the full file of CLINC150.")
        )
    return part


def _encoder(name: str | None) -> Encodes:
    return load_encoder(name or "minilm", None, 0)


def _need_sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            rule_got_do("This bench needs scikit-learn.", "it is not installed", "Run: pip install 'mnemic[calibrate]'.")
        ) from error
