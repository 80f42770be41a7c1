"""The bench of the resonance gate: its typos, and a small run of the whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.letters import Letters, three_kinds
from mnemic.errors import ConfigError, InputError
from mnemic.evals.resonance import ResonanceConfig, run, with_typos
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of
from mnemic.testing import tiny_model


def test_typos_touch_that_share_of_the_letters_and_nothing_else() -> None:
    text = "abcdefghij 0123456789\n" * 500
    wrong = with_typos(text, 0.1, np.random.default_rng(0))
    assert wrong == with_typos(text, 0.1, np.random.default_rng(0))
    assert [c for c in wrong if not c.isalpha() and c != " "] == [c for c in text if not c.isalpha() and c != " "]
    left = sum(line.split(" ")[0] == "abcdefghij" for line in wrong.splitlines())
    # a line of ten letters stays as it is with probability .9^10 = .349; three standard deviations of a share of 500, and lines
    # in which a letter was replaced by itself, one of 4 * 26 times ten letters a tenth of which are touched
    assert abs(left / 500 - 0.349) < 3 * (0.349 * 0.651 / 500) ** 0.5 + 0.01
    assert with_typos("", 0.5, np.random.default_rng(0)) == ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of three kinds, and another one."""
    folder = tmp_path_factory.mktemp("resonance")
    (folder / "text.txt").write_text(three_kinds(), encoding="utf-8")
    (folder / "other.txt").write_text("zyzzxyyzxx" * 60, encoding="utf-8")
    return folder


SETTINGS: dict[str, Any] = {"separator": "=", "window": 8, "epochs": 2, "common": 50, "rate": 2e-2, "rows": 4, "observed": 400}


def test_a_small_run_measures_every_gate_on_every_text(folder: Path) -> None:
    model = tiny_model("llama")
    config = ResonanceConfig(data=folder / "text.txt", other=(folder / "other.txt",), seeds=2, tokens=200, **SETTINGS)
    summary = run(config, loads=lambda name: (model, Letters()))
    assert [text.title for text in summary.texts] == ["held-out part", "with typos", "with token noise", "other.txt"]
    held = summary.texts[0]
    gates = {effect.gate: effect for effect in held.effects}
    assert list(gates) == ["gate", "damping alone", "readout alone", "one temperature"]
    # trained for this kind of text, by a model that knows nothing of it
    assert gates["gate"].effect.value < 0
    assert len(gates["gate"].seeds) == 2
    assert gates["one temperature"].effect.value <= 0
    for text in summary.texts:
        assert 0 <= text.resonance.low <= text.resonance.value <= 1
        assert text.tokens <= 200
    # tokens that were replaced aren't measured
    assert summary.texts[2].tokens < held.tokens
    assert all(gate["prototypes"] + gate["settled"] > 0 for gate in summary.gates)
    assert not model._forward_pre_hooks
    table, gates_table = tables_of(to_json(summary))
    assert len(table.rows) == 4
    assert len(gates_table.rows) == 5


def test_what_cant_be_measured_is_refused(folder: Path) -> None:
    short = folder / "short.txt"
    short.write_text("abc", encoding="utf-8")
    config = ResonanceConfig(data=folder / "text.txt", other=(short,), seeds=1, tokens=200, **SETTINGS)
    with pytest.raises(InputError, match=r"fills a window.*short\.txt"):
        run(config, loads=lambda name: (tiny_model("llama"), Letters()))
    for wrong in (
        {"typos": 0.0},
        {"noise": 1.0},
        {"seeds": 0},
        {"tokens": 3},
        {"parts": "none"},
        {"parts": "damping"},
        {"observed": 1},
    ):
        with pytest.raises(ConfigError):
            ResonanceConfig(**wrong)  # type: ignore[arg-type]
