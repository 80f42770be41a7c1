import math

import numpy as np
import pytest

from mnemic.errors import ConfigError
from mnemic.evals import scoring as s


@pytest.mark.parametrize(
    ("output", "target", "right"),
    [
        (" English. He", "English", True),
        ("\nEnglish", "English", True),
        (" english", "English", False),
        (" the English", "English", False),
        ("", "English", False),
    ],
)
def test_starts_with_is_literal(output, target, right):
    assert s.starts_with(output, target) is right


def test_contains_is_literal():
    assert s.contains("It is the tuba, I think", "tuba")
    assert not s.contains("It is the Tuba", "tuba")


@pytest.mark.parametrize(
    ("output", "answers", "begins", "exact"),
    [
        ("Unmanned aircraft.", ["unmanned aircraft"], True, True),
        ("The unmanned aircraft was", ["unmanned aircraft"], True, False),
        ("unmanned aircrafts", ["unmanned aircraft"], False, False),
        ("It is unmanned aircraft", ["unmanned aircraft"], False, False),
        ("UK", ["United Kingdom", "U K", "UK"], True, True),
        ("harp. It is played", ["harp"], True, True),
        ("harp, which is played", ["harp"], True, False),
        ("R.E.M.", ["R.E.M."], True, True),
        ("anything", [""], False, False),
        ("", ["x"], False, False),
        ("Iranian", ["Iran"], False, False),
    ],
)
def test_normalised_matches_end_at_words(output, answers, begins, exact):
    assert s.begins_normalised(output, answers) is begins
    assert s.exact_normalised(output, answers) is exact


def test_normalise_is_squads():
    assert s.normalise("The  “Big” Lebowski!") == "big lebowski"


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe 1998, table I, method 3 (score method without continuity correction)
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_published_values(hits, n, low, high):
    found = s.wilson(hits, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == hits / n


def test_wilson_at_the_ends():
    assert s.wilson(10, 10).high == 1.0
    assert s.wilson(0, 10).low == 0.0
    assert math.isnan(s.wilson(0, 0).value)
    with pytest.raises(ConfigError, match="0 <= hits <= n"):
        s.wilson(3, 2)


def test_harmonic_mean():
    assert s.harmonic_mean([1.0, 0.5]) == pytest.approx(2 / 3)
    assert s.harmonic_mean([1.0, 0.0]) == 0.0


def test_harmonic_interval_of_constant_columns_is_a_point():
    found = s.harmonic_interval({"a": np.ones(50), "b": np.full(50, 0.5)})
    assert (found.value, found.low, found.high) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_harmonic_interval_of_one_column_agrees_with_the_binomial():
    n, share = 400, 0.8
    column = np.array([1.0] * int(n * share) + [0.0] * int(n * (1 - share) + 0.5))
    found = s.harmonic_interval({"a": column})
    half = s.Z95 * math.sqrt(share * (1 - share) / n)
    # 2,000 draws: the standard error of a 2.5 % quantile is about 4 % of its distance from the mean
    assert found.low == pytest.approx(share - half, abs=0.15 * half)
    assert found.high == pytest.approx(share + half, abs=0.15 * half)


def test_harmonic_interval_skips_missing_probes():
    column = np.array([1.0, math.nan, 1.0, math.nan])
    assert s.harmonic_interval({"a": column}).value == 1.0


def test_bootstrap_mean_and_ratio():
    assert s.bootstrap_mean([2.0, 2.0]).low == 2.0
    found = s.bootstrap_mean(list(np.random.default_rng(1).normal(0, 1, 400)))
    assert found.high - found.low == pytest.approx(2 * s.Z95 / 20, rel=0.2)
    assert s.bootstrap_ratio([1.0, 2.0], [2.0, 4.0]) == s.Interval(value=0.5, low=0.5, high=0.5, n=2)
    with pytest.raises(ConfigError, match="needs values"):
        s.bootstrap_mean([])
    with pytest.raises(ConfigError, match="needs pairs"):
        s.bootstrap_ratio([1.0], [])


def test_ngram_entropy_by_hand():
    # "a b a b a": bigrams ab 2, ba 2 -> 1 bit; trigrams aba 2, bab 1 -> H(2/3)
    third = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    assert s.ngram_entropy("a b a b a") == pytest.approx((2 / 3 * 1.0 + 4 / 3 * third) / 2)
    assert s.ngram_entropy("word") == 0.0


def test_repeated_share():
    assert s.repeated_share(list(range(20))) == 0.0
    assert s.repeated_share([1, 2] * 10) == pytest.approx(1 - 2 / 17)
    assert s.repeated_share([1]) == 0.0
