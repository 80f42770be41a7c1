"""The bench of streams: its scores by hand, and a small run of the whole."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mnemic.errors import ConfigError, InputError, ShapeError
from mnemic.evals.results import to_json
from mnemic.evals.streams import StreamsConfig, run
from mnemic.evals.streams.clusters import TOLD, Stream, mutual_information, resonance
from mnemic.evals.streams.data import load
from mnemic.evals.streams.patterns import OFTEN, SELDOM, _Told, phases
from mnemic.evals.streams.patterns import run as run_patterns
from mnemic.evals.streams.scope import area
from mnemic.evals.tables import tables_of
from mnemic.memories.resonance import CellConfig, CosineARTCell, PromotionConfig, Prototypes
from mnemic.ops.resonance import ward


def test_area_by_hand() -> None:
    # of the six pairs four are in order, one is tied and one is the other way round
    assert area(np.array([0.9, 0.5, 0.4]), np.array([0.5, 0.1])) == pytest.approx((2 + 1.5 + 1) / 6)
    assert area(np.array([1.0, 2.0]), np.array([0.0])) == 1.0


def _cost(points: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> float:
    total = 0.0
    for group in set(groups.tolist()):
        p, w = points[groups == group], weights[groups == group]
        mean = (p * w[:, None]).sum(0) / w.sum()
        total += float((w[:, None] * (p - mean) ** 2).sum())
    return total


@pytest.mark.parametrize("seed", range(5))
def test_ward_joins_the_cheapest_pair_each_time(seed: int) -> None:
    """Against the definition: of all pairs of groups, the one whose union adds least to the sum of squares."""
    rng = np.random.default_rng(seed)
    points, weights = rng.normal(size=(14, 3)), rng.integers(1, 6, 14).astype(float)
    groups = np.arange(14)
    for count in range(13, 0, -1):
        names = sorted(set(groups.tolist()))
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        a, b = min(pairs, key=lambda p: _cost(points, weights, np.where(groups == p[1], p[0], groups)))
        added = _cost(points, weights, np.where(groups == b, a, groups)) - _cost(points, weights, groups)
        groups = np.where(groups == b, a, groups)
        for found in (
            ward(torch.from_numpy(points), torch.from_numpy(weights), count=count),
            ward(torch.from_numpy(points), torch.from_numpy(weights), cost=added * (1 + 1e-9)),
        ):
            assert mutual_information(groups, found.numpy()) == pytest.approx(1.0)


def test_ward_of_little_and_of_nothing() -> None:
    assert ward(torch.zeros(0, 2), torch.zeros(0)).tolist() == []
    assert ward(torch.zeros(1, 2), torch.ones(1)).tolist() == [0]
    with pytest.raises(ShapeError, match="weights"):
        ward(torch.zeros(2, 2), torch.tensor([1.0, 0.0]))


def _streams(intents: int, each: int, seed: int, spread: float = 0.15) -> Stream:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(intents, 32)) / 32**0.5
    labels = np.repeat(np.arange(intents), each)
    x = centres[labels] + spread * rng.normal(size=(len(labels), 32)) / 32**0.5
    return Stream((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels).shuffled(seed)


def test_well_separated_groups_are_found_by_all() -> None:
    stream = _streams(8, 40, 1)
    for method in TOLD:
        labels = method.run(method.settings[0], stream.x, 8)
        assert mutual_information(stream.labels, labels) > 0.9, method.title
    assert len(set(resonance(0.6, stream.x, 8).tolist())) == 8


def test_patterns_are_counted_by_where_they_went() -> None:
    train, test = _streams(40, OFTEN + 5, 2, spread=0.3), _streams(40, 6, 2, spread=0.3)
    drawn = phases(train, test, 0, np.arange(40))
    assert len(drawn.first.labels) == 10 * OFTEN + 20 * SELDOM
    assert not set(drawn.then.labels) & set(drawn.first.labels)
    good = run_patterns(drawn, 0.5, 20)
    assert (good.promoted, good.kept, good.before, good.after) == (1.0, 1.0, 1.0, 1.0)
    # nobody is promoted where it takes more inputs than there are
    assert run_patterns(drawn, 0.5, 1000).promoted == 0.0
    # and the rare don't stay where one is enough
    assert run_patterns(drawn, 0.5, 1).kept == 0.0


def test_counts_follow_an_exchange_of_prototypes() -> None:
    """With room for one settled prototype, each promotion sends another one back: both keep what they stand for."""
    axes = np.eye(3, dtype=np.float32)
    cell = CosineARTCell(3, CellConfig(capacity=8, vigilance=0.9))
    told = _Told(Prototypes(cell, PromotionConfig(capacity=1, count=2, drift=1.0)))
    told.observe(Stream(axes[[0, 0, 1, 1]], np.array([5, 5, 6, 6])))
    assert told.accuracy(Stream(axes[:2], np.array([5, 6]))) == 1.0
    assert told.own_places() == {6: [8], 5: [0]}


class _Letters:
    """An encoder that hashes words."""

    def encode(self, texts: object) -> np.ndarray:
        rows = np.zeros((len(list(texts)), 24), dtype=np.float32)  # type: ignore[call-overload]
        for row, text in zip(rows, texts, strict=True):  # type: ignore[call-overload]
            for word in text.split():
                row[sum(map(ord, word)) % 24] += 1
            row /= np.linalg.norm(row)
        return rows


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    words = ["pay", "card", "lost", "rate", "fee", "home", "sun", "tea", "cat", "bus"]

    def say(intent: int) -> str:
        return " ".join([f"w{intent}", f"v{intent}", str(rng.choice(words))])

    bank = tmp_path / "bank"
    bank.mkdir()
    for name, each in (("train", 20), ("test", 12)):
        with (bank / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows((say(i), f"intent {i}") for i in range(6) for _ in range(each))
    clinc = {
        name: [[say(i), f"i{i}"] for i in range(90) for _ in range(n)] for name, n in (("train", 12), ("val", 3), ("test", 4))
    }
    clinc |= {name: [[f"zz{n} yy", "oos"] for n in range(30)] for name in ("oos_val", "oos_test")}
    path = tmp_path / "clinc.json"
    path.write_text(json.dumps(clinc), encoding="utf-8")
    return bank, path


def test_a_small_run_fills_every_table(files: tuple[Path, Path]) -> None:
    summary = run(StreamsConfig(banking=files[0], clinc=files[1], shuffles=2), loads=lambda name: _Letters())
    assert {(r.title, r.data) for r in summary.clusters} >= {("resonance", "Banking77"), ("BIRCH", "CLINC150")}
    assert all(r.over_birch is None for r in summary.clusters if r.title.startswith("BIRCH"))
    ours, classifier, nearest = summary.scope
    assert ours.less.value == 0.0
    assert nearest.numbers == 90 * 12 * 24
    assert ours.numbers <= nearest.numbers / 10
    assert classifier.less.value == pytest.approx(ours.area.value - classifier.area.value)
    tables = tables_of(to_json(summary))
    assert [len(t.rows) for t in tables] == [10, 3, 8]
    assert all(len(row) == len(t.header) for t in tables for row in t.rows)


def test_data_that_is_something_else(tmp_path: Path, files: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="Intents are a folder"):
        load(tmp_path / "nothing")
    (tmp_path / "list.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(InputError, match="Intents are a folder"):
        load(tmp_path / "list.json")
    data = json.loads(files[1].read_text(encoding="utf-8"))
    del data["oos_val"]
    (tmp_path / "less.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ConfigError, match="has a part 'oos_val'"):
        run(StreamsConfig(banking=files[0], clinc=tmp_path / "less.json"), loads=lambda name: _Letters())
    with pytest.raises(ConfigError, match="shuffles is at least 1"):
        StreamsConfig(shuffles=0)
