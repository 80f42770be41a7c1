"""The bench of a first turn's influence, on a tiny model with a memory trained on two kinds of text."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.letters import Letters, three_kinds
from mnemic.errors import ConfigError, InputError
from mnemic.evals.influence import InfluenceConfig, run
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of
from mnemic.testing import tiny_model
from mnemic.train.run import TrainRecurrentConfig
from mnemic.train.run import run as train

SETTINGS: dict[str, Any] = {"separator": "=", "window": 8}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the text and a memory trained on it."""
    folder = tmp_path_factory.mktemp("influence")
    (folder / "text.txt").write_text(three_kinds(), encoding="utf-8")
    config = TrainRecurrentConfig(
        data=folder / "text.txt", out=folder / "memory", size=16, epochs=3, common=50, rate=2e-2, rows=4, **SETTINGS
    )
    train(config, loads=lambda name: (tiny_model("llama"), Letters()))
    return folder


def test_what_a_first_turn_left_fades_at_least_as_fast_as_stated(trained: Path) -> None:
    config = InfluenceConfig(
        data=trained / "text.txt", memory=trained / "memory", decays=(1.0, 0.9, 0.5), after=(1, 4, 16, 64), **SETTINGS
    )
    model = tiny_model("llama")
    summary = run(config, loads=lambda name: (model, Letters()))
    slow, middle, fast = summary.decays
    for found in summary.decays:
        values = [one.value for one in found.divergence]
        assert values[0] > 0
        assert values == sorted(values, reverse=True)
        # gates may forget faster than the decay says, never slower; a size is halved within the token it is looked at
        assert found.half_life is None or found.half_life <= found.stated + 1
    assert slow.left[1].value > middle.left[1].value > fast.left[1].value
    assert fast.left[2].value == pytest.approx(0, abs=0.5**15)
    assert not model._forward_pre_hooks
    table, lives = tables_of(to_json(summary))
    assert len(table.rows) == 2 * 3
    assert [row[1] for row in lives.rows] == ["∞", "6.6", "1.0"]


def test_what_cant_be_measured_is_refused(trained: Path) -> None:
    usual: dict[str, Any] = {"data": trained / "text.txt", "memory": trained / "memory", **SETTINGS}
    with pytest.raises(InputError, match="goes on for 4000 tokens"):
        run(InfluenceConfig(**usual, after=(4000,)), loads=lambda name: (tiny_model("llama"), Letters()))
    with pytest.raises(ConfigError, match=r"rises from 1"):
        InfluenceConfig(after=(4, 2))
    with pytest.raises(ConfigError, match=r"lie in \(0, 1\]"):
        InfluenceConfig(decays=(0.0,))
