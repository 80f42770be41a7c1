"""The bench of the recurrent memory: what it measures is right where it is known, and a small run of the whole."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from mnemic.errors import ConfigError, InputError
from mnemic.evals.recurrent import RecurrentBenchConfig, run
from mnemic.evals.recurrent.drift import measure
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of
from mnemic.hosts import attach
from mnemic.memories.recurrent import GRUMemoryWithDecay, RecurrentMemory
from mnemic.testing import tiny_model
from mnemic.testing.models import VOCAB


class _Letters:
    """A tokenizer of bytes."""

    def __call__(self, text: object, return_tensors: str | None = None, **options: object) -> object:
        if return_tensors:
            ids = torch.tensor([[ord(c) % (VOCAB - 2) for c in text[0][:20]]])  # type: ignore[index]
            return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        return {"input_ids": [ord(c) % (VOCAB - 2) for c in str(text)]}


def cells(count: int, input_size: int, **settings: Any) -> list[GRUMemoryWithDecay]:
    return [GRUMemoryWithDecay(input_size, 8, seed=seed, **settings) for seed in range(count)]


def test_a_disturbance_fades_as_stated_where_nothing_else_moves_the_state() -> None:
    """Inputs of zero and zero biases leave a linear state to its gate of one half and its decay."""
    x = torch.zeros(2000, 6)
    found = measure(x, cells(2, 6, decay=0.9, cell="mingru"), title="mingru", tell=lambda: None)
    # each token keeps 0.9 * (1 - sigmoid(0)) = 0.45 of it
    assert found.half_life == 1.0
    assert found.stated == pytest.approx(math.log(2) / -math.log(0.9))
    assert (found.first, found.last, found.saturated) == (0.0, 0.0, 0.0)


def test_a_stream_that_moves_moves_the_state() -> None:
    x = torch.randn(5000, 6, generator=torch.Generator().manual_seed(0))
    kept = measure(x, cells(2, 6, decay=1.0), title="gru", tell=lambda: None)
    faded = measure(x, cells(2, 6, decay=0.5), title="gru", tell=lambda: None)
    assert len(kept.norms) == 5
    assert 0 < faded.last < kept.last < 1
    assert kept.half_life >= faded.half_life
    assert 0 < kept.spread <= 1
    assert kept.stated == math.inf


def test_a_small_run_fills_every_table(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the old van is grey and the new one is green. " * 60, encoding="utf-8")
    config = RecurrentBenchConfig(data=path, tokens=2000, decays=(1.0, 0.9), size=8, seeds=2, length=100, pairs=2, new_tokens=4)
    summary = run(config, loads=lambda: (tiny_model("llama"), _Letters()))
    assert [(d.cell, d.decay) for d in summary.drift] == [("gru", 1.0), ("gru", 0.9), ("mingru", 1.0), ("mingru", 0.9)]
    # the two ways to compute the recurrence agree to rounding: 100 steps of numbers of a few units in float32
    assert all(t.values < 1e-4 and t.gradients < 1e-4 for t in summary.timing)
    assert any(t.gradients > 0 for t in summary.timing)
    tables = tables_of(to_json(summary))
    assert [len(t.rows) for t in tables] == [4, 4, 2]
    assert all(len(row) == len(t.header) for t in tables for row in t.rows)
    with pytest.raises(InputError, match="The text has 100000 tokens or more"):
        run(RecurrentBenchConfig(data=path), loads=lambda: (tiny_model("llama"), _Letters()))
    with pytest.raises(InputError, match="readable UTF-8"):
        run(RecurrentBenchConfig(data=tmp_path / "none"), loads=lambda: (tiny_model("llama"), _Letters()))


def test_a_trained_memory_is_measured_beside_the_random_ones(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the old van is grey and the new one is green. " * 60, encoding="utf-8")
    model = tiny_model("llama")
    memory = RecurrentMemory(("top",), 4, 0.5, cell="mingru")
    handle = attach(model, [memory])
    handle.save_pretrained(tmp_path / "untrained")
    with torch.no_grad():
        memory.at["top"].weight_out.fill_(0.1)
    handle.save_pretrained(tmp_path / "memory")
    handle.detach()
    sizes: dict[str, Any] = {"tokens": 2000, "size": 8, "seeds": 1, "length": 50, "pairs": 2, "new_tokens": 4}
    config = RecurrentBenchConfig(data=path, decays=(1.0, 0.9), memory=tmp_path / "memory", **sizes)
    summary = run(config, loads=lambda: (tiny_model("llama"), _Letters()))
    # whatever decay it was saved with, it is measured with those that were asked for
    assert [(d.cell, d.decay) for d in summary.drift[4:]] == [("mingru, trained", 1.0), ("mingru, trained", 0.9)]
    assert summary.drift[4].last > summary.drift[5].last > 0
    handle = attach(model, [RecurrentMemory(("middle",), 4)])
    handle.save_pretrained(tmp_path / "elsewhere")
    for name in ("elsewhere", "untrained"):
        with pytest.raises(ConfigError, match="One trained recurrent memory at the top is measured"):
            run(
                RecurrentBenchConfig(data=path, memory=tmp_path / name, **sizes),
                loads=lambda: (tiny_model("llama"), _Letters()),
            )


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"Decays lie in \(0, 1\]"):
        RecurrentBenchConfig(decays=(1.5,))
    with pytest.raises(ConfigError, match="pairs is at least 1"):
        RecurrentBenchConfig(pairs=0)
