"""The bench of bulk learning: a small run."""

import pytest

from mnemic.errors import ConfigError
from mnemic.evals.bulk import BulkConfig, records, run
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of


def test_a_small_run_learns_everything() -> None:
    summary = run(BulkConfig(stored=(300, 600), workers=()))
    assert [(r.encoder, r.workers, r.texts) for r in summary.runs] == [("none", 1, 300), ("none", 1, 600)]
    assert all(r.per_second > 0 and r.peak > 0 and r.again > 0 for r in summary.runs)
    (table,) = tables_of(to_json(summary))
    assert len(table.rows) == 2


def test_no_text_is_like_another() -> None:
    texts = [record.text for record in records(500, 0)]
    assert len(set(texts)) == 500
    assert texts == [record.text for record in records(500, 0)]


@pytest.mark.parametrize("wrong", [{"stored": (), "workers": ()}, {"stored": (0,)}, {"workers": (0,)}, {"encoded": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        BulkConfig(**wrong)  # type: ignore[arg-type]
