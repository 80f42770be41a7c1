import json

import pytest

from mnemic.errors import InputError
from mnemic.evals import datasets

PROBES = {
    "case_id": 7,
    "relation": "instrument",
    "subject": "Ada Ro",
    "prompt": "Ada Ro plays the",
    "target_new": "tuba",
    "ground_truth": "harp",
    "paraphrase": "Ada Ro performs on the",
    "question": "Which instrument does Ada Ro play?",
    "other_relation": "Ada Ro was born in",
    "in_passing": "My friend kept talking about Ada Ro while we",
    "neighbour": "Bo Li plays the",
}
FLAT = {
    "case_id": 1,
    "subject": "Ada Ro",
    "prompt": "Ada Ro plays the",
    "target_new": "tuba",
    "ground_truth": "harp",
    "rephrase_prompt": "Ada Ro. She plays",
    "locality_prompt": "Bo Li plays the",
}
ROME = {
    "case_id": 2,
    "requested_rewrite": {
        "prompt": "{} plays the",
        "relation_id": "P1303",
        "target_new": {"str": "tuba", "id": "Q1"},
        "target_true": {"str": "harp", "id": "Q2"},
        "subject": "Ada Ro",
    },
    "paraphrase_prompts": ["Hi. Ada Ro, playing the", "Ada Ro performs on the"],
    "neighborhood_prompts": ["Bo Li plays the", "Cy Mo plays the"],
}
ZSRE = {
    "subject": "UniFirst",
    "src": "What does UniFirst make?",
    "pred": "uniform",
    "rephrase": "What will UniFirst make?",
    "alt": "kites",
    "answers": ["uniform"],
    "loc": "nq question: who sings here",
    "loc_ans": "nobody",
}
EASY = {
    "subject": "UniFirst",
    "prompt": "What does UniFirst make?",
    "target_new": "kites",
    "ground_truth": ["uniform"],
    "rephrase_prompt": "What will UniFirst make?",
    "locality": {"Relation_Specificity": [{"prompt": "nq question: who sings here", "ground_truth": ["nobody"]}]},
}


def read(tmp_path, *records):
    path = tmp_path / "edits.json"
    path.write_text(json.dumps(list(records)), encoding="utf-8")
    return datasets.load(path)


@pytest.mark.parametrize(
    ("shape", "record"),
    [("probes", PROBES), ("counterfact", FLAT), ("rome", ROME), ("zsre", ZSRE), ("zsre-easyedit", EASY)],
)
def test_a_shape_is_recognised(tmp_path, shape, record):
    data = read(tmp_path, record)
    assert data.shape == shape
    assert len(data.sha256) == 64
    assert data.records[0].target in {"tuba", "kites"}
    assert data.records[0].ground_truth in {"harp", "uniform"}


def test_probes_keep_every_column(tmp_path):
    record = read(tmp_path, PROBES).records[0]
    assert record.id == "7"
    assert record.fact == "Ada Ro plays the tuba."
    assert record.relation == "instrument"
    assert record.paraphrases == ("Ada Ro performs on the",)
    assert record.questions == ("Which instrument does Ada Ro play?",)
    assert record.other_relation == ("Ada Ro was born in",)
    assert record.in_passing == ("My friend kept talking about Ada Ro while we",)
    assert record.neighbours == ("Bo Li plays the",)


def test_the_nested_form_fills_in_the_subject(tmp_path):
    record = read(tmp_path, ROME).records[0]
    assert record.prompt == "Ada Ro plays the"
    assert record.fact == "Ada Ro plays the tuba."
    assert record.paraphrases == ("Hi. Ada Ro, playing the", "Ada Ro performs on the")
    assert len(record.neighbours) == 2


@pytest.mark.parametrize("record", [ZSRE, EASY])
def test_zsre_is_a_question_with_its_answer(tmp_path, record):
    found = read(tmp_path, record).records[0]
    assert found.prompt_is_question
    assert found.fact == "What does UniFirst make? kites"
    assert found.neighbours == ("who sings here",)


def test_a_target_with_a_full_stop_gets_no_second_one():
    assert datasets.sentence("The band is called", "R.E.M.") == "The band is called R.E.M."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "non-empty JSON list"),
        ('{"a": 1}', "non-empty JSON list"),
        ("[1]", "non-empty JSON list"),
        ("[{", "UTF-8 JSON"),
        ('[{"a": 1}]', r"one of the known shapes.*keys \['a'\]"),
        (json.dumps([FLAT, {**FLAT, "target_new": " "}]), r"`target_new` must be a non-empty text.*record 1.*' '"),
        (json.dumps([FLAT, {"prompt": "x"}]), r"has the key 'target_new'.*record 1"),
        (json.dumps([{**ROME, "requested_rewrite": [1]}]), "Multi-hop"),
        (json.dumps([{**ROME, "neighborhood_prompts": "no"}]), "`neighborhood_prompts` must be a list"),
        (json.dumps([{**EASY, "locality": []}]), "`locality` must be an object"),
        (json.dumps([{"id": "1", "subject": "a", "fact": "a b", "prompt": "a", "target": ""}]), r"missing or empty \['target'\]"),
        (json.dumps([{"id": "1", "subject": "a", "fact": "a b", "prompt": "a", "target": "b", "x": 1}]), r"unknown \['x'\]"),
        (
            json.dumps([{"id": "1", "subject": "a", "fact": "a b", "prompt": "a", "target": "b", "questions": "q"}]),
            "`questions` must be a list of texts",
        ),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "edits.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        datasets.load(path)


def test_a_missing_or_undecodable_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="must be readable"):
        datasets.load(tmp_path / "nowhere.json")
    (tmp_path / "latin.json").write_bytes(b'["\xe9"]')
    with pytest.raises(InputError, match="UTF-8 JSON"):
        datasets.load(tmp_path / "latin.json")
