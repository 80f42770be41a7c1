import re

import pytest

from mnemic.errors import ConfigError
from mnemic.evals import generator
from mnemic.evals.pairs import PairsConfig, run


def by_question(pairs):
    """Return question -> its own record."""
    return {question: record for pair in pairs for record in pair for question in record.questions}


def test_each_question_gets_its_own_answer(fake):
    own = by_question(generator.generate_pairs(6, 0, "test", probes=1))
    _, loads = fake(fires=lambda text, facts: (own[text].fact, own[text].target))
    result = run(PairsConfig(n=6, batch_size=4), loads=loads)
    arm = result.arms["pointer"]
    assert (arm.own.value, arm.both.value) == (1.0, 1.0)
    assert arm.own_long.value == 1.0
    assert arm.own.n == 12
    assert arm.both.n == 6
    # one object per subject is all the rule has: the later fact's
    rule = result.arms["rule"]
    assert (rule.own.value, rule.both.value, rule.crossed.value) == (0.5, 0.0, 0.5)
    assert result.command == "mnemic bench pairs --n 6 --batch-size 4"


def test_the_other_answer_is_wrong(fake):
    pairs = generator.generate_pairs(5, 0, "test", probes=1)
    swapped = {**by_question((b, b) for _, b in pairs)}
    other = {q: a for (a, b) in pairs for q in b.questions} | {q: b for (a, b) in pairs for q in a.questions}
    assert set(swapped) < set(other)
    _, loads = fake(fires=lambda text, facts: (other[text].fact, other[text].target))
    arm = run(PairsConfig(n=5), loads=loads).arms["pointer"]
    assert (arm.own.value, arm.both.value, arm.crossed.value) == (0.0, 0.0, 1.0)


def test_a_log_of_another_run_is_refused(fake, tmp_path):
    _, loads = fake()
    log = tmp_path / "pairs.jsonl"
    run(PairsConfig(n=2, log=log), loads=loads)
    with pytest.raises(ConfigError, match=re.escape("seed: 0 then, 1 now")):
        run(PairsConfig(n=2, seed=1, log=log), loads=loads)


def test_no_pairs_are_refused():
    with pytest.raises(ConfigError, match="n is at least 1"):
        PairsConfig(n=0)
