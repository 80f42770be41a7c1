"""Pictures are drawn, show what was kept, and refuse what can't be drawn."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from fixtures.letters import Letters
from mnemic.errors import ConfigError, InputError
from mnemic.hosts import attach
from mnemic.hosts.calls import returned_cache
from mnemic.memories.recurrent import RecurrentMemory
from mnemic.plots import drawing, influence, resonance, states
from mnemic.testing import tiny_model
from mnemic.types import FloatArray

PNG = b"\x89PNG"


class Corners:
    """Lines as unit vectors: one corner for each first letter."""

    id = "corners"
    dim = 26

    def encode(self, texts: Sequence[str]) -> FloatArray:
        return np.eye(26, dtype=np.float32)[[ord(text[0]) - ord("a") for text in texts]]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list:
    """The figures that are saved."""
    saved = []
    save = drawing.save

    def keep(figure, out):
        saved.append(figure)
        save(figure, out)

    monkeypatch.setattr(drawing, "save", keep)
    return saved


def test_states_over_a_text(tmp_path: Path, figures: list) -> None:
    model = tiny_model("llama")
    memory = RecurrentMemory(("middle", "top"), 8, 0.9)
    handle = attach(model, [memory])
    with torch.no_grad():
        for site in ("middle", "top"):
            memory.at[site].weight_out.normal_(0.0, 0.1)
    handle.save_pretrained(tmp_path / "memory")
    whole = model(torch.tensor([Letters()("abcdefgh" * 2)["input_ids"]]), use_cache=True)
    (expected,) = handle.states(returned_cache(whole))
    handle.detach()
    (tmp_path / "text.txt").write_text("abcdefgh" * 50, encoding="utf-8")
    config = states.StatesConfig(
        memory=tmp_path / "memory", data=tmp_path / "text.txt", tokens=300, every=4, out=tmp_path / "states.png"
    )
    assert states.run(config, loads=lambda name: (model, Letters())) == tmp_path / "states.png"
    assert (tmp_path / "states.png").read_bytes().startswith(PNG)
    (figure,) = figures
    lines = [axis.lines[0] for axis in figure.axes if axis.lines]
    assert len(lines) == 2
    for site, line in zip(("middle", "top"), lines, strict=True):
        assert len(line.get_xdata()) == 300 / 4
        # the fourth point is the state after 16 tokens, as one forward makes it
        assert line.get_ydata()[3] == pytest.approx(float(expected[site].norm()), rel=1e-4)
    assert not model._forward_pre_hooks


def test_resonance_over_lines(tmp_path: Path, figures: list) -> None:
    (tmp_path / "text.txt").write_text("\n".join(["anna", "bert", "anna"] * 8) + "\n\n", encoding="utf-8")
    config = resonance.ResonanceConfig(data=tmp_path / "text.txt", promote_after=5, out=tmp_path / "r.svg")
    resonance.run(config, encoder=Corners())
    matches, prototypes, _ = figures[0].axes
    # each name is new once and then known
    assert list(matches.lines[0].get_ydata()) == pytest.approx([0, 0] + [1] * 22, abs=1e-6)
    learned, settled = (list(line.get_ydata()) for line in prototypes.lines[:2])
    assert (learned[:3], settled[:3]) == ([1, 2, 2], [0, 0, 0])
    assert (learned[-1], settled[-1]) == (0, 2)
    assert len(prototypes.lines[2].get_xdata()) == 2
    assert "<svg" in (tmp_path / "r.svg").read_text(encoding="utf-8")


def test_influence_of_a_result(tmp_path: Path, figures: list) -> None:
    one = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 3}
    found = {"decay": 0.9, "divergence": [one, one], "left": [one, one], "half_life": 1, "stated": 6.6}
    result = {"bench": "influence", "version": 1, "config": {"after": [1, 2]}, "decays": [found, {**found, "decay": 1.0}]}
    (tmp_path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    influence.run(influence.InfluenceConfig(result=tmp_path / "result.json", out=tmp_path / "i.png"))
    above, below = figures[0].axes
    assert [len(axis.lines) for axis in (above, below)] == [2, 2]
    assert list(above.lines[0].get_ydata()) == [0.5, 0.5]
    (tmp_path / "result.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="bench influence"):
        influence.run(influence.InfluenceConfig(result=tmp_path / "result.json", out=tmp_path / "i.png"))


def test_what_cant_be_drawn_is_refused_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for out in (tmp_path / "picture.txt", tmp_path / "nowhere" / "picture.png"):
        with pytest.raises(ConfigError, match=r"\.png, \.svg, \.pdf"):
            states.run(states.StatesConfig(out=out))
    with pytest.raises(ConfigError, match="`tokens` is a whole number from 1"):
        states.StatesConfig(tokens=0)
    with pytest.raises(ConfigError):
        resonance.ResonanceConfig(vigilance=2.0)
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="isn't empty"):
        resonance.run(resonance.ResonanceConfig(data=tmp_path / "empty.txt", out=tmp_path / "r.png"), encoder=Corners())
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"mnemic\[plot\]"):
        drawing.check_out(tmp_path / "picture.png")
