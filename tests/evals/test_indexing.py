"""The bench of the index: what it reads and makes, and a small run."""

import json
from pathlib import Path

import numpy as np
import pytest

from mnemic.errors import ConfigError, InputError
from mnemic.evals.indexing import IndexConfig, bench, items, routing, run, vectors
from mnemic.evals.indexing.texts import read_sentences
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of
from mnemic.types import FloatArray


class Letters:
    """An encoder without a model: counts of letters, seen through a fixed random matrix."""

    id, dim = "letters:16", 16

    def __init__(self) -> None:
        self._weights = np.random.default_rng(0).standard_normal((128, self.dim)).astype(np.float32)
        self.calls = 0

    def encode(self, texts: list[str]) -> FloatArray:
        self.calls += 1
        counts = np.array([np.bincount([ord(c) % 128 for c in text], minlength=128) for text in texts], dtype=np.float32)
        made = counts @ self._weights
        return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_sentences_are_read_from_any_file_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "The first one is here. And a second!\n\nshort\nThe first one is here.\nno\tbreaks  inside it\n"
    )
    (tmp_path / "b.json").write_text(json.dumps({"x": [["how is the weather", "label"], {"y": "And a second!"}], "n": 3}))
    (tmp_path / "c.csv").write_text('text,label\n"I lost my card, help",lost_card\n')
    found = read_sentences([tmp_path / name for name in ("a.txt", "b.json", "c.csv")])
    assert found == [
        "The first one is here.",
        "And a second!",
        "no breaks inside it",
        "how is the weather",
        "I lost my card, help",
    ]


def test_files_that_cant_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xff")
    for name in ("a.json", "b.txt", "none.txt"):
        with pytest.raises(InputError, match=rf"Sentences come from readable UTF-8 files\..*{name}"):
            read_sentences([tmp_path / name])


def test_vectors_are_encoded_once(tmp_path: Path) -> None:
    encoder, texts = Letters(), [f"text number {n}" for n in range(30)]
    first = vectors.encoded(texts, encoder, tmp_path / "kept", lambda *_: None)
    calls = encoder.calls
    assert np.array_equal(vectors.encoded(texts, encoder, tmp_path / "kept", lambda *_: None), first)
    assert encoder.calls == calls
    assert first == pytest.approx(encoder.encode(texts), abs=1e-6)
    (kept,) = (tmp_path / "kept").iterdir()
    np.save(kept, first[:3])
    with pytest.raises(InputError, match=r"holds 30 vectors\. Got: shape \(3, 16\)"):
        vectors.encoded(texts, encoder, tmp_path / "kept", lambda *_: None)
    kept.write_bytes(b"broken")
    with pytest.raises(InputError, match="Cached vectors are whole files"):
        vectors.encoded(texts, encoder, tmp_path / "kept", lambda *_: None)


def test_mixtures_lie_between_a_vector_and_a_neighbour() -> None:
    real = Letters().encode([f"{n} {chr(97 + n % 26)}" * (1 + n % 5) for n in range(200)])
    made = np.empty((1000, real.shape[1]), dtype=np.float32)
    vectors.expand(real, 1000, made, seed=3)
    assert np.array_equal(made[:200], real)
    assert np.linalg.norm(made, axis=1) == pytest.approx(1.0, abs=1e-6)
    # a mixture is at least as near to the nearer of the two as half the angle between them, and the noise turns it by 0.1
    nearest = np.sort(real @ real.T, axis=1)[:, ::-1][:, vectors.NEAR].min()
    farthest = np.arccos(nearest) / 2 + 2 * vectors.NOISE
    assert (made @ real.T).max(axis=1).min() >= np.cos(farthest)
    again = np.empty_like(made)
    vectors.expand(real, 1000, again, seed=3)
    assert np.array_equal(made, again)


def test_items_are_distinct_and_one_in_a_hundred_is_rare() -> None:
    real = [f"this is sentence {n} of them" for n in range(50)]
    keys = np.tile(np.eye(4, dtype=np.float32)[0], (7000, 1))
    made = [item for batch in items.batches(real, keys, "s", 1) for item in batch]
    assert len({item.text for item in made}) == 7000
    assert [item.text for item in made[:50]] == real
    assert [n for n, item in enumerate(made) if item.category == items.RARE] == items.rare_rows(7000, 1).tolist()
    assert 40 <= len(items.rare_rows(7000, 1)) <= 100


def test_facts_are_distinct_and_asked_for() -> None:
    facts, questions = routing.facts_for(5000, 40, 0)
    assert len(set(facts)) == 5000
    assert len(set(questions)) == 40


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IndexConfig:
    monkeypatch.setattr(bench, "load_encoder", lambda *_: Letters())
    monkeypatch.setattr(routing, "_host", lambda: None)
    lines = [
        f"The {a} {b} of {c} was seen near the {a} river." for a in ("old", "red", "tall") for b in "abcdefghij" for c in "xyzuvw"
    ]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    return IndexConfig(
        data=(tmp_path / "lines.txt",), items=1500, real=100, queries=40, inserts=5, erased=2, routed=60, large=1000
    )


def test_a_small_run(small: IndexConfig) -> None:
    pytest.importorskip("faiss", reason="the extra `index` isn't installed")
    summary = run(small)
    assert summary.real == 100
    assert 0 < summary.probes <= summary.lists
    assert summary.search.recall is not None
    assert summary.search.recall >= 0.9
    assert summary.filtered.recall == 1.0
    for timed in (summary.search, summary.filtered, summary.words, summary.counts, summary.insert, summary.search_after):
        assert 0 < timed.p50 <= timed.p95
    assert summary.erase is not None
    assert summary.erase.count == 2
    assert summary.index_bytes > 1500 * 16 * 5
    assert [routed.gate for routed in summary.routes] == ["minilm", "words"]
    assert summary.routes[0].host is None
    speeds, sizes, routes = tables_of(to_json(summary))
    assert "1,500 items, 100 of them real" in speeds.title
    assert len(sizes.rows) == 5
    assert len(routes.rows) == 2
    assert "--items 1500" in summary.command


def test_without_a_saved_index_all_is_exact(small: IndexConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic.store.indexes.can_list", lambda: False)
    summary = run(IndexConfig(**{**vars(small), "routed": 0, "erased": 0}))
    assert (summary.lists, summary.index_bytes, summary.search.recall) == (0, 0, 1.0)
    assert "looked at one by one" in tables_of(to_json(summary))[0].title


def test_too_few_sentences_and_numbers_that_make_no_sense_are_refused(small: IndexConfig) -> None:
    with pytest.raises(InputError, match="The files hold 500 sentences to ask and more to keep"):
        run(IndexConfig(**{**vars(small), "queries": 500}))
    for wrong in ({"items": 10}, {"queries": 5}, {"real": 3}, {"routed": -1}):
        with pytest.raises(ConfigError):
            IndexConfig(**wrong)  # type: ignore[arg-type]
