"""What a gate is fitted on."""

from pathlib import Path

import pytest

from mnemic.errors import InputError
from mnemic.evals.calibration import restate
from mnemic.evals.gatefit import GateConfig, collect
from mnemic.evals.generator import generate
from mnemic.evals.records import EditRecord, write_records


def record(fact: str, target: str, questions: tuple[str, ...] = ()) -> EditRecord:
    return EditRecord(id="1", subject="Vantafield", fact=fact, prompt="p", target=target, questions=questions)


def test_facts_are_restated_in_turn() -> None:
    question = record("Vantafield is led by Ann Lee.", "Ann Lee", ("Who leads Vantafield?",))
    equation = record("The head of Vantafield is my aunt.", "my aunt")
    other = record("Vantafield makes bells.", "bells")
    asked, turned = restate([question, equation, record("a", "b"), other])
    assert (asked.fact, asked.target) == ("Who leads Vantafield? Ann Lee", "Ann Lee")
    assert (turned.fact, turned.target) == ("My aunt is the head of Vantafield.", "My aunt")


def test_restated_facts_hold_their_answers() -> None:
    made = restate(generate(60, seed=3, split="dev"))
    assert len(made) >= 30
    assert all(r.target in r.fact for r in made)


def test_a_file_that_ends_before_the_records_to_use_is_refused(tmp_path: Path) -> None:
    write_records(tmp_path / "facts.json", generate(5, seed=1))
    with pytest.raises(InputError, match=r"hold start \+ n records \(14\). Got: 1 from 4 on in facts.json"):
        collect(GateConfig(data=tmp_path / "facts.json", start=4, n=10))
