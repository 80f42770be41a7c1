"""The bench of pruning: a small run, and that its arms are what they say."""

import numpy as np
import pytest

from mnemic.errors import ConfigError
from mnemic.evals.pruning import RULE, PruneConfig, answered, run, simulate
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of

SMALL = PruneConfig(items=200, seeds=3)


def test_a_small_run_puts_use_before_chance_and_the_oracle_before_all() -> None:
    summary = run(SMALL)
    for scenario in summary.scenarios:
        values = {arm: share.value for arm, share in scenario.answered.items()}
        assert values["random"] < values["least often used (LFU)"]
        assert values["random"] < values[RULE]
        # the oracle knows the frequencies of the first day; with drift they change afterwards
        assert max(values.values()) <= values["least asked for from now on (oracle)"] + 0.02
        assert scenario.ahead["random"].value == pytest.approx(values[RULE] - values["random"])
    answers, ahead = tables_of(to_json(summary))
    assert len(answers.rows) == len(ahead.rows) + 1


def test_a_year_is_the_same_for_the_same_seed_and_nothing_is_used_before_it_is_taught() -> None:
    year, again, other = simulate(SMALL, 1), simulate(SMALL, 1), simulate(SMALL, 2)
    assert np.array_equal(year.later, again.later)
    assert not np.array_equal(year.later, other.later)
    used = [record for record in year.records if record.uses]
    assert used
    # a day's questions may be about what is taught later on that day
    assert all(record.last_used is not None and record.last_used > record.created - 86_400 for record in used)
    assert all(record.created < year.now for record in year.records)


def test_keeping_all_answers_all_and_keeping_none_nothing() -> None:
    assert set(answered(PruneConfig(items=50, keep=1.0), 0).values()) == {1.0}
    assert set(answered(PruneConfig(items=50, keep=0.0), 0).values()) == {0.0}


@pytest.mark.parametrize("wrong", [{"items": 1}, {"keep": 1.5}, {"asked": 0.0}, {"seeds": 1}, {"drift": -0.1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        PruneConfig(**wrong)  # type: ignore[arg-type]
