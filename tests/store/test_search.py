"""Words and scans."""

import numpy as np
import pytest

from mnemic.store import words_of
from mnemic.store.index import MIN_WASTE, ExactIndex
from mnemic.store.scan import FloatScan, Int8Scan
from mnemic.store.words import WordIndex, idf
from store.samples import direction

DIM = 32


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My dog's name: Biscuit-2!", ["my", "dog", "s", "name", "biscuit", "2"]),
        ("ŁÓDŹ straße Ćwierć naïve", ["łodz", "strasse", "cwierc", "naive"]),
        ("e\u0301te\u0301 \u00e9t\u00e9", ["ete", "ete"]),
        ("snake_case under", ["snake", "case", "under"]),
        ("東京都 is big", ["東京", "京都", "is", "big"]),
        ("a東b", ["a", "東", "b"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("ﬁne ①", ["fine", "1"]),
        ("… ?", []),
    ],
)
def test_words_are_folded_and_split(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_idf_is_positive_and_falls_with_frequency() -> None:
    values = [idf(10, n) for n in range(1, 11)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0


def test_closing_the_race_early_changes_nothing() -> None:
    """Against plain BM25 over all rows, with words rare enough for the race to close."""
    rng = np.random.default_rng(0)
    vocabulary = ["the", "is", *(f"w{n}" for n in range(60))]
    texts = [" ".join(["the", "is", *rng.choice(vocabulary, size=int(rng.integers(1, 9)))]) for _ in range(500)]
    index, alive = WordIndex(), np.ones(512, dtype=np.bool_)
    for text in texts:
        index.add(text)
    for row in range(0, 500, 7):
        index.remove(row)
        alive[row] = False
    counted = {row: words_of(text) for row, text in enumerate(texts) if alive[row]}
    mean = sum(map(len, counted.values())) / len(counted)
    for query in (["the", "w1"], ["is", "the"], ["w5", "w6", "the", "w7"], ["w0"]):
        expected = {}
        for row, words in counted.items():
            parts = []
            for word in query:
                count, holding = words.count(word), sum(word in other for other in counted.values())
                parts.append(idf(len(counted), holding) * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(words) / mean)))
            expected[row] = sum(parts)
        for k in (1, 3, 50):
            rows, scores = index.top(query, k, alive)
            best = sorted(expected.values(), reverse=True)[:k]
            # four fp64 terms below 15, in either order
            assert sorted(scores, reverse=True)[:k] == pytest.approx([b for b in best if b], abs=1e-12)
            assert scores == pytest.approx([expected[row] for row in rows], abs=1e-12)
            assert all(alive[rows])


def test_an_index_that_is_mostly_dead_asks_to_be_built_anew() -> None:
    index = ExactIndex(DIM, capacity=4)
    for n in range(MIN_WASTE + 2):
        index.put(7, "same", f"text {n}", None, direction(n, DIM))
        assert index.wasteful == (n > MIN_WASTE)
    assert [s.id for s in index.search(direction(MIN_WASTE + 1, DIM), 5, None)] == ["same"]
    assert (index.word_count("text"), index.word_count(str(MIN_WASTE)), index.word_count(str(MIN_WASTE + 1))) == (1, 0, 1)


def clustered(rows: int, seed: int) -> np.ndarray:
    """Return unit rows `[rows, DIM]` in tight clusters, where int8 alone mistakes neighbours."""
    rng = np.random.default_rng(seed)
    keys = rng.standard_normal((20, DIM))[rng.integers(0, 20, rows)] + 0.02 * rng.standard_normal((rows, DIM))
    return (keys / np.linalg.norm(keys, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("spread", ["even", "clustered", "one outlier"])
def test_the_int8_scan_finds_what_fp32_finds(spread: str) -> None:
    pytest.importorskip("faiss", reason="the extra `index` isn't installed")
    keys = clustered(3000, 1) if spread == "clustered" else np.stack([direction(n, DIM) for n in range(3000)])
    if spread == "one outlier":
        # its large coordinate coarsens the scale of all rows after they were copied
        keys[2000] = np.eye(DIM, dtype=np.float32)[0]
    wanted = np.random.default_rng(2).random(3000) < 0.7
    exact, scan = FloatScan(DIM, 8), Int8Scan(DIM, 8, least=500)
    for row, key in enumerate(keys):
        exact.append(key)
        scan.append(key)
        if row in (600, 1999, 2000, 2999):
            for seed in range(10):
                query = keys[seed] if seed % 2 else direction(100_000 + seed, DIM)
                for mask in (wanted[: row + 1], np.arange(row + 1) < 30):
                    (expected_rows, expected), (rows, scores) = exact.top(query, 5, mask), scan.top(query, 5, mask)
                    # fp32 dot products of unit vectors, summed in either order
                    assert np.sort(scores)[-5:] == pytest.approx(np.sort(expected)[-5:], abs=DIM * 2**-24)
                    assert set(rows) <= set(expected_rows)
