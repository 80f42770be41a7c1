"""What a gate is fitted on."""

from pathlib import Path

import pytest

from mnemic.errors import ConfigError, InputError
from mnemic.evals.calibration import restate, without_relations
from mnemic.evals.generator import generate
from mnemic.evals.recipe import Recipe
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
        Recipe(data=tmp_path / "facts.json", start=4, n=10).examples()


def test_a_relation_that_is_left_out_is_neither_taught_nor_asked_for() -> None:
    def of(relation: str, verb: str, also: str) -> EditRecord:
        return EditRecord(
            id="1", subject="Ada Ro", fact=f"Ada Ro {verb} x.", prompt=f"Ada Ro {verb}", target="x", relation=relation,
            questions=(f"What of Ada Ro {verb}?",), other_relation=(f"Ada Ro {also}", "Ada Ro likes"),
            other_questions=(f"What of Ada Ro {also}?",),
        )  # fmt: skip

    records = [of("instrument", "plays", "speaks"), of("language", "speaks", "plays")]
    (kept,) = without_relations(records, ["language"])
    assert (kept.relation, kept.other_relation, kept.other_questions) == ("instrument", ("Ada Ro likes",), ())
    assert without_relations(records, ()) == records


def test_generated_relations_that_mean_the_same_are_left_out_too() -> None:
    whole, less = Recipe(generated=400, restated=0), Recipe(generated=400, restated=0, without=("headquarters", "origin"))
    assert {"headquarters", "band_home"} <= {e.relation for e in whole.examples()}
    assert not {"headquarters", "band_home"} & {e.relation for e in (*less.examples(), *less.spare())}
    assert {e.relation for e in less.spare()}


def test_what_is_settled_among_is_unknown_to_the_trees_and_asks_about_nothing_taught() -> None:
    recipe = Recipe(generated=100, settle=100)
    spare = recipe.spare()
    assert len(spare) == 100
    assert not {e.fact for e in spare} & {e.fact for e in recipe.examples()}
    subjects = [r.subject for r in recipe._invent(100, 3, probes=1) if len(r.subject) > 1]
    assert not [q for e in spare for q in e.absent if any(q.rstrip("?. ").endswith(f" {s}") for s in subjects)]
    assert Recipe(generated=100, settle=0).spare() == []


@pytest.mark.parametrize("counts", [{"n": -1}, {"generated": 0}, {"settle": -1}])
def test_a_recipe_needs_something(counts: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="A gate is fitted on records, generated facts, or both"):
        Recipe(**counts)
