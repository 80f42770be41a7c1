"""Checks of arguments that many rooms take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnemic.arguments import check_count, check_names, check_numbers, check_path, check_several, is_several, short
from mnemic.errors import ConfigError


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.0, "1", None, True, float("nan")])
def test_a_count_is_a_whole_number_that_is_large_enough(value: Any) -> None:
    with pytest.raises(ConfigError, match="`n` is a whole number from 1 on"):
        check_count("n", value, 1)
    assert [check_count("n", good, 1) for good in (1, 2**31 - 1, np.int64(3))] == [1, 2**31 - 1, 3]
    assert type(check_count("n", np.int64(3), 1)) is int


@dataclass(frozen=True)
class Settings:
    n: int = 1
    share: float = 0.5
    most: float | None = None
    first: int | None = None
    name: str = "a"
    on: bool = False


def test_numbers_of_settings_are_numbers() -> None:
    for good in ({}, {"share": 1}, {"share": np.float32(0.5)}, {"n": np.int64(2)}, {"most": 2.0, "first": 3}):
        check_numbers(Settings(**good))  # type: ignore[arg-type]
    for bad in ({"n": 1.5}, {"n": None}, {"n": True}, {"share": "1"}, {"share": None}, {"most": "2"}, {"first": 2.5}):
        with pytest.raises(ConfigError, match=f"`{next(iter(bad))}` is a (whole )?number. Got: "):
            check_numbers(Settings(**bad))  # type: ignore[arg-type]


def test_names_are_several_known_ones() -> None:
    known = ("a", "b")
    assert [check_names("Names", good, known) for good in (["b", "a"], ("a",), ())] == [("b", "a"), ("a",), ()]
    for bad in ("a", b"a", {"a": 1}, None, 3, ["c"], [["a"]], ["a", "a"]):
        with pytest.raises(ConfigError, match="Names are among a, b, each once"):
            check_names("Names", bad, known)
    with pytest.raises(ConfigError, match=r"Got: \[\]"):
        check_names("Names", [], known, least=1)


def test_one_or_several_of_a_kind() -> None:
    assert [check_several("numbers", good, int) for good in (1, [1, 2], ())] == [(1,), (1, 2), ()]
    for bad in ("1", None, [1, "2"], {1: 2}):
        with pytest.raises(ConfigError, match="`numbers` is one int or a list of them"):
            check_several("numbers", bad, int)


def test_a_path_is_text_or_a_path() -> None:
    assert [check_path("store", good) for good in ("a/b", Path("a/b"))] == ["a/b", str(Path("a/b"))]
    for bad in (None, 3, b"a"):
        with pytest.raises(ConfigError, match="`store` is text or a path"):
            check_path("store", bad)


def test_what_is_shown_is_short() -> None:
    assert short("a") == "'a'"
    assert len(short("a" * 1000)) < 100
    assert [is_several(value) for value in ([], (), set(), iter(()), "a", b"a", {}, 3)] == [True] * 4 + [False] * 4
