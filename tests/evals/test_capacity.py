"""The bench of capacity, on a memory that is as good as a test says, and the records that collide."""

import json
from dataclasses import replace

import pytest

from mnemic.errors import ConfigError
from mnemic.evals.arms import subjects_in
from mnemic.evals.capacity import CapacityConfig, run
from mnemic.evals.collisions import find_collisions
from mnemic.evals.records import EditRecord
from mnemic.evals.results import to_json
from mnemic.evals.tables import tables_of

COLUMNS = ["prompt", "paraphrase", "question", "neighbour", "other_relation", "in_passing"]
N = 12


def record(i, **changes):
    """Return a person who plays an instrument, as the probe file tells it."""
    name = f"Ada{i} Ro"
    return {
        "case_id": 100 + i,
        "relation": "instrument",
        "subject": name,
        "prompt": f"{name} plays the",
        "target_new": ["tuba", "harp", "oboe"][i % 3],
        "paraphrase": f"{name} performs on the",
        "question": f"What about {name}?",
        "other_relation": f"{name} was born in",
        "in_passing": f"The talk was of {name} and",
        "neighbour": f"Bo{i} Li plays the",
        **changes,
    }


@pytest.fixture
def write(tmp_path):
    """Return a function that writes records, of which some are changed."""

    def make(changes=None):
        path = tmp_path / "probes.json"
        records = [record(i, **(changes or {}).get(i, {})) for i in range(N)]
        path.write_text(json.dumps(records), encoding="utf-8")
        return path

    return make


def knows(text, facts):
    """An ideal memory."""
    for fact in facts:
        name = " ".join(fact.split()[:2])
        if name in text and any(cue in text for cue in ("plays", "performs", "What")):
            return fact, fact.rstrip(".").split()[-1]
    return None


def config(data, **settings):
    return CapacityConfig(**{"data": data, "sizes": (3, 8, 0), "asked": 8, "batch_size": 4, "checked": 0.0, **settings})


def shares(part):
    return {name: interval.value for name, interval in part.columns.items()}


def test_an_ideal_memory_stays_ideal(write, fake):
    lm, loads = fake(fires=knows)
    result = run(config(write()), loads=loads)
    assert [(s.size, s.asked) for s in result.sizes] == [(3, 3), (8, 8), (12, 8)]
    for size in result.sizes:
        assert shares(size.apart) == dict.fromkeys(COLUMNS, 1.0)
        assert size.apart == size.everything
        assert size.apart.harmonic.value == 1.0
        assert size.apart.n == size.apart.columns["prompt"].n == size.asked
        assert size.spoke == 3 * size.asked
    # of 1,000 facts there are none here: the first size is compared with
    assert result.against == 3
    assert [s.apart.change["prompt"].share.n for s in result.sizes] == [3, 3, 3]
    assert [s.writes["n"] for s in result.sizes] == [3, 5, 4]
    assert result.sizes[1].writes["actions"] == {"added": 5}
    assert result.config["max_new_tokens"] == 8
    assert result.collisions["records"] == 0
    assert lm.closed


def test_it_is_taught_in_steps_and_asked_the_same_in_the_same_batches(write, fake):
    lm, loads = fake(fires=knows)
    held = []
    original = lm._many
    lm._many = lambda *a: (held.append(len(lm.facts)), original(*a))[1]
    run(config(write(), checked=1.0), loads=loads)
    calls = list(zip(held, lm.calls, strict=True))
    plain = [(kind, texts) for _, (kind, memory, texts) in calls if not memory]
    spoken = {size: [(kind, texts) for at, (kind, memory, texts) in calls if memory and at == size] for size in (3, 8, 12)}
    assert set(held) == {3, 8, 12}
    # the base model answers each batch once, whatever the memory holds
    assert len(plain) == len(set(plain))
    assert set(spoken[8]) == set(spoken[12]) == set(plain)
    assert set(spoken[3]) < set(spoken[8])
    assert len(spoken[3]) == 6
    assert all(
        ("Ada0" in str(texts)) == any(f"Ada{i} " in str(texts) for i in (1, 2)) for _, texts in plain if "Ada" in str(texts)
    )


def test_what_a_fuller_memory_loses_is_published_beside_what_it_gains(write, fake):
    def tires(text, facts):
        # knows the paraphrase of its last five facts alone, and from eight facts on that of nobody's neighbour
        if "performs" in text:
            return knows(text, facts[-5:])
        if text.startswith("Bo") and len(facts) == 12:
            return facts[0], "tuba"
        return knows(text, facts)

    _, loads = fake(fires=tires)
    small, middle, large = run(config(write(), against=8), loads=loads).sizes
    assert shares(middle.apart)["paraphrase"] == pytest.approx(5 / 8)
    assert shares(large.apart)["paraphrase"] == pytest.approx(1 / 8)
    change = large.apart.change["paraphrase"]
    # at eight facts the last five are Ada3 to Ada7, at twelve Ada7 to Ada11
    assert (change.gained, sorted(change.lost)) == ([], ["103", "104", "105", "106"])
    assert change.share.value == pytest.approx(-4 / 8)
    assert change.share.low < -4 / 8 < change.share.high < 0
    # of the three that are asked at the small size, none is among the last five of eight
    change = small.apart.change["paraphrase"]
    assert (sorted(change.gained), change.lost, change.share.n) == (["100", "101", "102"], [], 3)
    assert shares(large.apart)["neighbour"] == 0.0
    assert large.apart.harmonic.value == 0.0
    assert large.apart.change["prompt"].share.value == 0.0
    assert middle.apart.change["paraphrase"].share.value == 0.0


def test_colliding_records_are_left_out_at_every_size_and_counted_beside(write, fake):
    # the neighbour of the second record is taught last of all
    data = write({1: {"neighbour": "Like Ada11 Ro plays the"}})
    _, loads = fake(fires=knows)
    result = run(config(data), loads=loads)
    assert result.collisions["ids"] == [{"id": "101", "reasons": ["neighbour"]}]
    assert (result.collisions["records"], result.collisions["asked"]) == (1, 1)
    assert result.collisions["reasons"]["neighbour"]["records"] == 1
    assert result.collisions["reasons"]["prompt"]["records"] == 0
    assert [s.apart.n for s in result.sizes] == [2, 7, 7]
    assert [s.everything.n for s in result.sizes] == [3, 8, 8]
    assert all(s.apart.columns[c].n == s.apart.n for s in result.sizes for c in COLUMNS)
    assert [shares(s.apart)["neighbour"] for s in result.sizes] == [1.0, 1.0, 1.0]
    assert [shares(s.everything)["neighbour"] for s in result.sizes] == [1.0, 1.0, 7 / 8]


def test_where_no_memory_speaks_nothing_is_generated_but_what_is_checked(write, fake):
    lm, loads = fake(fires=knows)
    result = run(config(write()), loads=loads)
    assert all("plays" in t or "performs" in t or "What" in t for _, memory, texts in lm.calls for t in texts if memory)
    assert [s.by_contract for s in result.sizes] == [9, 24, 24]
    assert [s.compared for s in result.sizes] == [0, 0, 0]
    _, loads = fake(fires=knows)
    whole = run(config(write(), checked=1.0), loads=loads)
    assert [s.by_contract for s in whole.sizes] == [0, 0, 0]
    assert [(s.compared, s.differ) for s in whole.sizes] == [(9, 0), (24, 0), (24, 0)]
    assert [s.apart for s in whole.sizes] == [s.apart for s in result.sizes]


def test_the_choice_of_what_is_checked_follows_the_seed(write, fake):
    def compared(seed):
        _, loads = fake(fires=knows)
        return [s.compared for s in run(config(write(), checked=0.4, seed=seed, batch_size=1), loads=loads).sizes]

    assert compared(1) == compared(1)
    assert len({tuple(compared(seed)) for seed in range(4)}) > 1
    assert 0 < sum(compared(1)) < 9 + 24 + 24


def test_a_silent_memory_that_changes_the_answer_is_found(write, fake):
    lm, loads = fake(fires=knows)
    original = lm._reply

    def leaks(text, memory, length):
        reply = original(text, memory, length)
        return replace(reply, token_ids=(0,)) if memory and "born" in text else reply

    lm._reply = leaks
    result = run(config(write(), checked=1.0), loads=loads)
    assert [s.differ for s in result.sizes] == [3, 8, 8]
    assert shares(result.sizes[0].apart)["other_relation"] == 0.0
    assert "19 differ" in tables_of(to_json(result))[-1].note


def test_a_memory_that_speaks_where_its_recall_was_silent_is_found(write, fake):
    lm, loads = fake(fires=knows)
    lm.recall = lambda query, k: []
    result = run(config(write(), checked=1.0), loads=loads)
    assert [s.differ for s in result.sizes] == [9, 24, 24]


def test_tables(write, fake):
    _, loads = fake(fires=knows)
    data = json.loads(
        json.dumps(to_json(run(config(write({1: {"neighbour": "Like Ada11 Ro plays the"}}), against=8), loads=loads)))
    )
    tables = tables_of(data)
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)
    first, change, everything, costs = tables
    assert [row[:2] for row in first.rows] == [("3", "2"), ("8", "7"), ("12", "7")]
    assert first.rows[0][2] == "1.000 [0.342, 1.000]"
    assert "Left out at every size: 1 of 8 asked records, which collide with another of the 12 taught; of all" in first.note
    assert "taught, 1 do (1: its neighbour is another's subject)." in first.note
    assert "mnemic bench capacity --data probes.json --sizes 3 --sizes 8 --sizes 0 --asked 8 --against 8" in first.note
    assert change.title == "Minus the same records at 8 facts"
    assert [row[0] for row in change.rows] == ["3", "12"]
    assert change.rows[1][1] == "0.000 [0.000, 0.000] (+0 −0)"
    assert everything.rows[2][5] == "0.875 [0.529, 0.978]"
    assert costs.rows[2][1] == "2.0 (1.00)"
    assert costs.rows[2][4] == "4 added"
    _, loads = fake(fires=knows)
    (first, *_) = tables_of(to_json(run(config(write()), loads=loads)))
    assert first.note.startswith("None of the 12 taught records collides with another. `mnemic bench capacity")


def test_an_interrupted_run_leaves_the_model_closed(write, fake):
    lm, loads = fake(fires=knows, breaks_after=9)
    with pytest.raises(KeyboardInterrupt):
        run(config(write()), loads=loads)
    assert lm.closed


def test_invented_facts_need_no_file(fake):
    lm, loads = fake()
    result = run(CapacityConfig(sizes=(2, 4), asked=3, batch_size=4), loads=loads)
    assert [(s.size, s.asked) for s in result.sizes] == [(2, 2), (4, 3)]
    assert result.command == "mnemic bench capacity --sizes 2 --sizes 4 --asked 3 --batch-size 4"
    assert len(lm.facts) == 4
    assert result.data["name"] == "invented facts"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": ()}, r"Sizes rise from 1 or more; 0, for all, stands at the end\. Got: \[\]\. Give"),
        ({"sizes": (5, 5)}, r"Sizes rise.*\[5, 5\]"),
        ({"sizes": (0, 5)}, r"Sizes rise.*\[0, 5\]"),
        ({"sizes": (-1, 0)}, r"Sizes rise.*\[-1\]"),
        ({"sizes": (5, 12, 0)}, r"Sizes rise.*\[5, 12, 12\]"),
        ({"sizes": (5, 13)}, r"must hold start \+ n records \(13\).*12 in probes.json.*Lower `start`"),
        ({"sizes": (0,), "start": 12}, r"must hold start \+ n records \(13\)"),
        ({"asked": 0}, r"asked is at least 1\. Got: 0"),
        ({"batch_size": 0}, "batch_size is at least 1"),
        ({"start": -1}, "start isn't negative"),
        ({"checked": 1.5}, r"checked is a share, 0 to 1\. Got: 1.5"),
        ({"against": 1000}, r"`against` is one of the sizes\. Got: 1000, sizes \[3, 8, 12\]"),
        ({"data": None}, r"Size 0 is for all of a file\. Got: no file"),
    ],
)
def test_settings_that_contradict_each_other(write, fake, settings, message):
    _, loads = fake()
    with pytest.raises(ConfigError, match=message):
        run(config(**{"data": write(), **settings}), loads=loads)


def test_a_first_size_of_colliding_records_alone_is_refused(write, fake):
    _, loads = fake()
    data = write({i: {"neighbour": f"Ada{i + 5} Ro plays the"} for i in range(3)})
    with pytest.raises(ConfigError, match=r"some records collide with none\. Got: 3 of 3 collide"):
        run(config(data), loads=loads)


def made(**changes):
    return EditRecord(**{"id": "0", "subject": "Ann", "fact": "Ann sings.", "prompt": "Ann", "target": "sings", **changes})


def test_reasons_of_collisions():
    def reasons(*records, per_record=1):
        return find_collisions(records, per_record)

    ann, bob = made(), made(subject="Bob", prompt="Bob")
    assert reasons(ann, bob) == {}
    assert reasons(ann, replace(bob, prompt="ANN")) == {0: ("prompt",), 1: ("prompt",)}
    same = made(subject="ann", prompt="she")
    assert reasons(ann, bob, same) == {0: ("subject",), 2: ("subject",)}
    both = reasons(replace(ann, relation="job"), replace(same, relation="job"), bob)
    assert both == {0: ("prompt", "subject"), 1: ("prompt", "subject")}
    assert reasons(replace(ann, relation="job"), replace(same, relation="home"))[0] == ("subject",)
    assert reasons(ann, replace(bob, neighbours=("Joanna and Annie are",))) == {}
    assert reasons(ann, replace(bob, neighbours=("That of ANN's is",))) == {1: ("neighbour",)}
    # who is asked about isn't its own neighbour, and what isn't asked doesn't count
    assert reasons(replace(ann, neighbours=("Ann is",)), bob) == {}
    assert reasons(ann, replace(bob, neighbours=("Cid is", "Ann is"))) == {}
    assert reasons(ann, replace(bob, neighbours=("Cid is", "Ann is")), per_record=2) == {1: ("neighbour",)}
    for name in ("paraphrases", "questions", "other_relation", "in_passing"):
        assert reasons(ann, replace(bob, **{name: ("ann",)})) == {1: ("text",)}
        assert reasons(ann, replace(bob, **{name: ("Bob",)})) == {}


def test_subjects_stand_in_a_text_as_words_of_their_own():
    subjects = {"new york", "york", "c++", ".af", "bay"}
    assert subjects_in("In New York, they", subjects) == {"new york", "york"}
    assert subjects_in("Newyork Bayern x.af", subjects) == set()
    assert subjects_in("C++, or (.af)", subjects) == {"c++", ".af"}
    assert subjects_in("Bay", subjects) == {"bay"}
    assert subjects_in("", subjects) == set()
