import json

import pytest

from mnemic.errors import ConfigError
from mnemic.evals import datasets
from mnemic.evals.calibration import told
from mnemic.evals.generator import _PASSING, _PASSING_SELF, _prefix, everyday, generate, generate_pairs
from mnemic.evals.records import write_records
from mnemic.evals.relations import EVERYDAY, RELATIONS
from mnemic.evals.smalltalk import UNRELATED

OWN_QUESTIONS = {q for r in (*RELATIONS, *EVERYDAY) if r.kind == "self" for q in r.dev.questions}


def wordings(split):
    """Every template of a split, statements also as the prompts they give."""
    found = set()
    for relation in RELATIONS:
        words = relation.templates(split)
        found |= set(words.statements) | set(words.completions) | set(words.questions)
        found |= {prompt for prompt in map(_prefix, words.statements) if prompt is not None}
    if split == "dev":
        found |= {t for r in EVERYDAY for texts in (r.dev.statements, r.dev.completions, r.dev.questions) for t in texts}
    return found | set(_PASSING[split]) | set(_PASSING_SELF[split]) | set(UNRELATED[split])


def test_the_same_seed_gives_the_same_records_and_another_seed_others():
    assert generate(60, seed=3) == generate(60, seed=3)
    assert {r.fact for r in generate(60, seed=3)}.isdisjoint(r.fact for r in generate(60, seed=4))


def test_fewer_records_are_the_first_of_more():
    assert generate(300, seed=1)[:120] == generate(120, seed=1)


def test_the_stream_is_the_same_on_every_machine():
    # the wording of a published result: a change of pools or templates is a new version of the bench
    assert generate(1, seed=0, split="dev")[0].id == "facts-dev-0-00000"


def test_wordings_of_the_splits_are_disjoint():
    assert wordings("dev").isdisjoint(wordings("test"))


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: r.name)
def test_every_relation_has_wordings_enough(relation):
    for split in ("dev", "test"):
        words = relation.templates(split)
        assert min(len(words.statements), len(words.completions), len(words.questions)) >= 2
        assert all(s.count("{o}") == 1 and s.endswith(".") for s in words.statements)
        assert not any("{o}" in text for text in words.completions + words.questions)
        assert all(q.endswith("?") for q in words.questions)
        subjects = 0 if relation.kind == "self" else 1
        assert all(text.count("{s}") == subjects for text in words.statements + words.completions + words.questions)


@pytest.mark.parametrize("relation", EVERYDAY, ids=lambda r: r.name)
def test_every_relation_of_everyday_talk_has_wordings_enough(relation):
    words = relation.dev
    assert min(len(words.statements), len(words.completions), len(words.questions)) >= 3
    assert all(s.count("{o}") == 1 and s.endswith(".") for s in words.statements)
    assert not any("{o}" in text for text in words.completions + words.questions)
    assert all(q.endswith("?") for q in words.questions)
    texts = words.statements + words.completions + words.questions
    assert all("{s}" not in text if relation.kind == "self" else "{s}" in text for text in texts)
    assert relation.test == type(words)((), (), ())


def test_everyday_talk_is_of_the_speaker_and_of_others_and_asked_of_either():
    records = everyday(400, seed=2)
    assert records == everyday(400, seed=2)
    mine = [r for r in records if r.subject == "I"]
    assert 100 < len(mine) < 250
    assert {r.relation for r in records} >= {r.name for r in EVERYDAY}
    for record in records:
        assert record.target in record.fact
        assert record.questions
        assert record.other_questions
        assert record.neighbour_questions
        asked = [text for text in record.neighbour_questions if text in OWN_QUESTIONS]
        # facts about others are asked about the speaker, and never the other way round
        assert bool(asked) == (record.subject != "I")


def test_what_was_told_holds_its_answer_once_and_is_asked_in_every_way():
    examples = told()
    assert len(examples) >= 300
    assert len({e.relation for e in examples}) == len(examples)
    for example in examples:
        assert example.fact.count(example.answer) == 1
        assert min(len(example.same), len(example.other), len(example.absent)) >= 3
        assert set(example.same).isdisjoint((*example.other, *example.absent))


def test_relations_are_many_and_named_once():
    assert len(RELATIONS) >= 40
    assert len({r.name for r in RELATIONS}) == len(RELATIONS)
    assert min(len(_PASSING["dev"]), len(_PASSING["test"])) >= 10


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_record_says_one_thing_and_its_controls_say_nothing_of_it(split):
    records = generate(len(RELATIONS) * 4, seed=5, split=split)
    taught = {r.subject for r in records}
    assert {r.relation for r in records} == {r.name for r in RELATIONS}
    for record in records:
        assert record.target in record.fact
        assert record.target not in record.prompt.split()
        assert record.prompt not in record.paraphrases
        assert all((record.paraphrases, record.questions, record.other_relation, record.in_passing, record.neighbours))
        probes = (*record.paraphrases, *record.questions, *record.other_relation, *record.in_passing, *record.neighbours)
        assert all("{" not in text and text[0] == text[0].upper() and not text.endswith(" ") for text in (record.fact, *probes))
        assert set(record.other_relation).isdisjoint((record.prompt, *record.paraphrases))
        if record.subject != "I":
            same = (*record.paraphrases, *record.questions, *record.other_relation, *record.in_passing, *record.other_questions)
            assert all(record.subject.lower() in text.lower() for text in same)
            # a neighbour is about a subject that no fact is taught of
            assert not any(text.lower().startswith(record.subject.lower()) for text in record.neighbours)
        assert record.unrelated
    named = [r.subject for r in records if r.subject != "I"]
    assert len(set(named)) == len(named)
    assert len(taught) == len(set(named)) + 1


def test_a_prefix_that_says_too_little_is_no_prompt():
    assert _prefix("{s} is {o}.") is None
    assert _prefix("{s} is called {o}.") == "{s} is called"
    assert _prefix("The {o} pays {s}.") is None
    assert _prefix("I am a {o} by profession.") is None
    assert _prefix("I am allergic to {o}.") == "I am allergic to"


def test_pairs_share_a_subject_and_differ_in_the_relation():
    pairs = generate_pairs(200, seed=2)
    assert len({a.subject for a, _ in pairs}) == 200
    for a, b in pairs:
        assert a.subject == b.subject
        assert a.relation != b.relation
        assert set(a.questions).isdisjoint(b.questions)
        # what is taught in the other fact can't serve as the control where nothing may change
        assert set(a.other_relation).isdisjoint((b.prompt, *b.paraphrases))
        assert set(a.other_questions).isdisjoint(b.questions)


def test_records_survive_a_file(tmp_path):
    records = generate(12, seed=9)
    write_records(tmp_path / "facts.json", records)
    data = datasets.load(tmp_path / "facts.json")
    assert data.shape == "mnemic"
    assert list(data.records) == records
    assert isinstance(json.loads((tmp_path / "facts.json").read_text("utf-8")), list)


def test_asking_for_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"needs n >= 1.*Got: n=0.*Ask for at least one"):
        generate(0)
    with pytest.raises(ConfigError, match="at least one pair"):
        generate_pairs(0)


def test_the_speaker_is_taught_each_thing_once():
    mine = [r for r in RELATIONS if r.kind == "self"]
    assert len(generate(len(mine), relations=mine)) == len(mine)
    with pytest.raises(ConfigError, match=r"can be taught once.*Add other relations"):
        generate(len(mine) + 1, relations=mine)


def test_some_neighbours_are_named_almost_like_the_subject():
    records = [r for r in generate(400, seed=6) if r.subject != "I"]
    shared = [len(set(r.subject.lower().split()) & set(r.neighbours[0].lower().split())) for r in records]
    assert sum(n > 0 for n in shared) > len(records) / 3
