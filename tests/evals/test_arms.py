import pytest

from mnemic.errors import InputError
from mnemic.evals.arms import Answer, RuleArm, dense_facts
from mnemic.evals.columns import Column, Probe
from mnemic.evals.log import Log
from mnemic.evals.records import EditRecord

COLUMN = Column(name="c", title="c", mode="generate", want="starts", texts=lambda r: (r.prompt,))


def record(subject, target):
    return EditRecord(id=subject, subject=subject, fact=f"{subject} is {target}.", prompt=f"{subject} is", target=target)


def rule(*records):
    return RuleArm(records, base=lambda column, probe: Answer(given=probe.text, output="base", ids=(1,)))


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("The twin of Old York is", " red"),
        ("York is", " blue"),
        ("york is", " blue"),
        ("Yorkshire is", "base"),
        ("New Yorker", "base"),
        ("Nothing of it", "base"),
    ],
)
def test_the_rule_says_the_object_of_the_longest_subject(text, output):
    (answer,) = rule(record("York", "blue"), record("Old York", "red")).answer(COLUMN, [Probe(record=0, probe=0, text=text)])
    assert answer.output == output
    assert bool(answer.ids) == (output == "base")


def test_of_two_facts_about_a_subject_the_rule_has_the_later():
    (answer,) = rule(record("York", "blue"), record("York", "red")).answer(COLUMN, [Probe(record=0, probe=0, text="York is")])
    assert answer.output == " red"


def test_retrieval_finds_the_nearest_fact(fake):
    lm, _ = fake()
    facts = ["Ada Ro plays the tuba.", "Bo Li speaks Welsh.", "Cy Mo was born in Kelstow."]
    texts = ["Bo Li speaks", "Ada Ro performs on the", "Where was Cy Mo born?"]
    found = dense_facts(lm, facts, texts, batch_size=2)
    assert [found[text] for text in texts] == [facts[1], facts[0], facts[2]]


def test_a_log_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(InputError, match="must be writable"):
        Log(tmp_path, {})
