"""The bench of windows: its unigram cache by hand, and a small run of the whole."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.letters import Letters, three_kinds
from mnemic.errors import ConfigError, InputError
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of
from mnemic.evals.windows import WindowsConfig, cache_nats, run
from mnemic.testing import tiny_model


def test_the_cache_by_hand() -> None:
    ids = torch.tensor([[5, 5, 6], [5, 7, 7]])
    nats = torch.full((2, 2), math.log(4))
    found = cache_nats(ids, nats, 0.5).exp().reciprocal()
    # the model gives a quarter to everything; before each token the cache holds what came before it in the whole document
    shares = torch.tensor([[1 / 1, 0 / 2], [0 / 4, 1 / 5]], dtype=torch.float64)
    torch.testing.assert_close(found, 0.5 * 0.25 + 0.5 * shares, rtol=1e-6, atol=0)


def test_a_small_run_sees_what_the_memory_adds(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(three_kinds(), encoding="utf-8")
    settings: dict[str, Any] = {"data": path, "separator": "=", "window": 8, "size": 16, "epochs": 3, "common": 50, "rate": 2e-2}
    model = tiny_model("llama")
    summary = run(WindowsConfig(**settings, rows=4, seeds=2), loads=lambda name: (model, Letters()))
    alone, reset, other, cache, plain, both = summary.rows
    assert len(summary.epochs) == 2
    for row in (alone, reset, other, plain):
        assert row.gain.value > 0, row.title
        assert len(row.seeds) == 2
        assert row.gain.value == pytest.approx(row.nats.value - summary.memory.value)
    assert cache.nats.value < alone.nats.value
    assert both.nats.value <= plain.nats.value < alone.nats.value
    # every memory was taken off again
    assert not model._forward_pre_hooks
    (table,) = tables_of(to_json(summary))
    assert len(table.rows) == 7
    few = tmp_path / "few.txt"
    few.write_text(three_kinds(3), encoding="utf-8")
    with pytest.raises(InputError, match="Another document needs two or more"):
        run(WindowsConfig(**{**settings, "data": few}, seeds=1), loads=lambda name: (model, Letters()))
    with pytest.raises(ConfigError, match="`seeds` is a whole number from 1 on"):
        WindowsConfig(seeds=0)
    with pytest.raises(ConfigError, match="carry and ones that don't"):
        WindowsConfig(carry=False)
