"""The margin of pairs without a common word."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mnemic import settling
from mnemic.gates import shipped
from mnemic.memories.fact import Gate


def candidate(subject: float, *, alone: bool, accepted: bool = True) -> Any:
    return SimpleNamespace(accepted=accepted, pair=SimpleNamespace(alone=alone), verdict=SimpleNamespace(subject=subject))


ROWS = {
    "both": [candidate(3.0, alone=False), candidate(1.0, alone=True)],
    "shared": [candidate(2.0, alone=False)],
    "silent": [candidate(5.0, alone=True, accepted=False)],
    "nothing": [],
}


class Found:
    """Routes each query to the candidates above."""

    def route(self, queries: list[str], scope: str) -> list[Any]:
        return [ROWS[query] for query in queries]


def test_only_what_may_speak_is_loud_and_alone_counts_pairs_without_a_common_word() -> None:
    router = cast(Any, Found())
    assert settling.loudest(router, list(ROWS), "s").tolist() == [3.0, 2.0, -np.inf, -np.inf]
    assert settling.loudest(router, list(ROWS), "s", alone=True).tolist() == [1.0, -np.inf, -np.inf, -np.inf]


def test_the_margin_is_raised_to_just_above_what_may_not_fire(monkeypatch: pytest.MonkeyPatch) -> None:
    class Taught:
        def __enter__(self) -> Found:
            return Found()

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(settling, "taught", lambda *_, **__: Taught())
    gate = Gate.load(shipped("words"))
    common: dict[str, Any] = {"encoder": None, "reader": None}
    raised, found = settling.settle_alone(gate, [], list(ROWS), rate=0.0, **common)
    assert raised.alone_margin == pytest.approx(gate.alone_margin + 1.0)
    assert raised.alone_margin > gate.alone_margin + 1.0
    assert (raised.subject_threshold, found.before, found.after) == (gate.subject_threshold, 0.25, 0.0)
    # half of them may fire: nothing is raised
    assert settling.settle_alone(gate, [], list(ROWS), rate=0.5, **common)[0].alone_margin == gate.alone_margin
    assert settling.settle_alone(gate, [], [], rate=0.0, **common)[0] is gate
