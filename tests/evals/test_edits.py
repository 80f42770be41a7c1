import json
import math

import pytest

from mnemic.errors import ConfigError, InputError
from mnemic.evals.edits import EditsConfig, run
from mnemic.evals.results import to_json

N = 6
COLUMNS = ["prompt", "paraphrase", "question", "neighbour", "other_relation", "in_passing"]


@pytest.fixture
def data(tmp_path):
    """Six people who play an instrument, three who speak a language, and spare records of both relations."""
    records = []
    for i in range(20):
        relation, verb, also, objects = (
            ("instrument", "plays the", "performs on the", ["tuba", "harp", "oboe"])
            if i % 2
            else ("language", "speaks", "is fluent in", ["Welsh", "Danish", "Tamil"])
        )
        name = f"Ada{i} Ro"
        records.append(
            {
                "case_id": i,
                "relation": relation,
                "subject": name,
                "prompt": f"{name} {verb}",
                "target_new": objects[i % 3],
                "ground_truth": "x",
                "paraphrase": f"{name} {also}",
                "question": f"What about {name}?",
                "other_relation": f"{name} was born in",
                "in_passing": f"The talk was of {name} and",
                "neighbour": f"Bo{i} Li {verb}",
            }
        )
    path = tmp_path / "edits.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def knows(text, facts):
    """An ideal memory: answers what was taught in other words, and nothing else."""
    for fact in facts:
        name = " ".join(fact.split()[:2])
        if name in text and any(cue in text for cue in ("plays", "performs", "speaks", "fluent", "What")):
            return fact, fact.rstrip(".").split()[-1]
    return None


def config(data, **settings):
    return EditsConfig(**{"data": data, "n": N, "batch_size": 4, "long_answer": 0, **settings})


def test_readers_after_the_first_are_asked_only_where_a_memory_speaks(data, fake):
    lm, loads = fake(fires=knows)
    result = run(config(data, readers=("pointer", "kv", "pointer+kv"), arms=("base",)), loads=loads)
    assert shares(result.arms["kv"]) == shares(result.arms["pointer"]) == shares(result.arms["pointer+kv"])
    assert lm.readers_seen == [None, ("pointer",), ("kv",), ("pointer", "kv")]
    asked = {arm: sum(len(texts) for kind, _, texts in calls if kind != "score") for arm, calls in lm.calls_by_reader.items()}
    loud = N * 3
    # of six columns the first batch of four is asked whole, for a check; the other two probes only where a memory speaks
    assert asked[("kv",)] == asked[("pointer", "kv")] == loud + 3 * 4
    assert asked[("pointer",)] == N * len(COLUMNS)
    arm = result.arms["kv"]
    assert (arm.silent.n, arm.silent.value) == (3 * 4, 1.0)
    assert result.arms["base"].silent is None


def test_a_memory_that_changes_what_it_is_silent_on_is_found(data, fake):
    _, loads = fake(fires=knows, leaks=("kv",))
    result = run(config(data, readers=("pointer", "kv"), arms=("base",), forced=False), loads=loads)
    assert result.arms["pointer"].silent.value == 1.0
    assert result.arms["kv"].silent.value == 0.0


@pytest.mark.parametrize("readers", [("pointer", "kv+voice"), ("kv+kv",), ("",)])
def test_readers_that_are_none_are_refused_before_a_model_is_loaded(data, readers):
    with pytest.raises(ConfigError, match="are among pointer, kv, hidden, each once"):
        config(data, readers=readers)


def shares(arm):
    return {name: interval.value for name, interval in arm.columns.items()}


def test_every_arm_gets_what_it_deserves(data, fake):
    lm, loads = fake(fires=knows)
    result = run(config(data), loads=loads)
    assert shares(result.arms["base"]) == {
        **dict.fromkeys(COLUMNS[:3], 0.0),
        **dict.fromkeys(COLUMNS[3:], 1.0),
        "prompt_forced": 0.0,
        "paraphrase_forced": 0.0,
    }
    assert all(value == 1.0 for value in shares(result.arms["pointer"]).values())
    # the rule answers whatever names the subject, so it fails where the subject stands in another light
    assert shares(result.arms["rule"]) == {
        "prompt": 1.0,
        "paraphrase": 1.0,
        "question": 1.0,
        "neighbour": 1.0,
        "other_relation": 0.0,
        "in_passing": 0.0,
        "prompt_forced": 1.0,
        "paraphrase_forced": 1.0,
    }
    assert result.arms["rule"].harmonic.value == 0.0
    assert result.arms["pointer"].harmonic.value == 1.0
    # an obedient model repeats the fact in the prompt, where it is wanted and where it is not
    assert [result.arms["oracle"].columns[c].value for c in COLUMNS] == [1, 1, 1, 0, 0, 0]
    assert result.arms["pointer"].columns["prompt"].n == N
    assert lm.closed


def test_memory_is_measured_apart_from_what_it_says(data, fake):
    def loose(text, facts):
        # speaks of the first fact for every neighbour, and of the wrong fact when asked
        return (facts[0], "tuba") if text.startswith(("Bo", "What")) else knows(text, facts)

    _, loads = fake(fires=loose)
    arm = run(config(data), loads=loads).arms["pointer"]
    assert arm.abstained.value == 0.0
    assert arm.false_injection.value == pytest.approx(1 / 3)
    # 18 probes ask for the target; the 6 questions get fact 0, which is right for record 0 alone
    assert arm.wrong_memory.value == pytest.approx(5 / 18)
    assert arm.columns["neighbour"].value == 0.0


def test_a_wrong_answer_scores_nothing(data, fake):
    _, loads = fake(fires=lambda text, facts: (facts[0], "zither") if text.startswith(("Ada", "What")) else None)
    arm = run(config(data), loads=loads).arms["pointer"]
    assert [arm.columns[c].value for c in COLUMNS] == [0, 0, 0, 1, 0, 1]


def test_the_same_text_in_other_tokens_is_not_identical(data, fake):
    lm, loads = fake()
    original = lm._reply

    def respell(text, memory, length):
        reply = original(text, memory, length)
        return reply if not memory else type(reply)(text=reply.text, token_ids=(*reply.token_ids, 0))

    lm._reply = respell
    assert run(config(data), loads=loads).arms["pointer"].columns["neighbour"].value == 0.0


def test_everything_is_asked_after_everything_was_taught_and_in_the_same_batches(data, fake):
    lm, loads = fake(fires=knows)
    taught_when_asked = []
    original = lm._many
    lm._many = lambda *a: (taught_when_asked.append(len(lm.facts)), original(*a))[1]
    run(config(data, forced=False, arms=("base",)), loads=loads)
    assert set(taught_when_asked) == {N}
    plain = [(kind, texts) for kind, memory, texts in lm.calls if not memory]
    remembering = [(kind, texts) for kind, memory, texts in lm.calls if memory]
    assert plain == remembering
    assert max(len(texts) for _, texts in plain) == 4


def test_prompts_with_the_same_fact_are_generated_once(data, fake):
    lm, loads = fake()
    run(config(data, forced=False), loads=loads)
    dressed = [text for _, _, texts in lm.calls for text in texts if "\n" in text]
    assert len(dressed) == len(set(dressed))
    assert "Fact: Ada1 Ro plays the harp.\n\nAs stated above, Ada1 Ro plays the" in dressed
    assert "Context: Ada1 Ro plays the harp.\n\nQuestion: What about Ada1 Ro?\nAnswer briefly." in dressed


def test_a_killed_run_continues_and_gives_the_same_result(data, fake, tmp_path):
    _, loads = fake(fires=knows)
    whole = run(config(data), loads=loads)
    log = tmp_path / "log.jsonl"
    rounds = 0
    while True:
        lm, loads = fake(fires=knows, breaks_after=3)
        rounds += 1
        try:
            result = run(config(data, log=log), loads=loads)
            break
        except KeyboardInterrupt:
            assert lm.closed
            # what a kill in the middle of a write leaves behind
            with log.open("a", encoding="utf-8") as file:
                file.write('{"arm": "pointer", "colu')
    assert rounds > 5
    assert result.arms == whole.arms
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    keys = [(x["arm"], x["column"], x["record"], x["probe"]) for x in lines if "arm" in x]
    assert len(keys) == len(set(keys)) == 5 * 8 * N


def test_half_a_batch_is_asked_whole_again(data, fake, tmp_path):
    log = tmp_path / "log.jsonl"
    _, loads = fake(fires=knows)
    whole = run(config(data, log=log), loads=loads)
    lines = log.read_text("utf-8").splitlines(keepends=True)
    log.write_text("".join(lines[:-1]), encoding="utf-8")
    lm, loads = fake(fires=knows)
    assert run(config(data, log=log), loads=loads).arms == whole.arms
    assert len(lm.calls) == 1
    assert len(lm.calls[0][2]) == 2  # six probes in batches of four: the last batch has two


def test_a_finished_run_loads_no_model(data, fake, tmp_path):
    log = tmp_path / "log.jsonl"
    _, loads = fake(fires=knows)
    whole = run(config(data, log=log), loads=loads)

    def refuse(**_):
        raise AssertionError("nothing is left to ask")

    again = run(config(data, log=log), loads=refuse)
    assert again.arms == whole.arms
    assert again.writes == whole.writes


def test_a_changed_setting_is_refused(data, fake, tmp_path):
    log = tmp_path / "log.jsonl"
    _, loads = fake(fires=knows)
    run(config(data, log=log), loads=loads)
    with pytest.raises(ConfigError, match=r"same settings.*n: 6 then, 5 now.*Choose another log"):
        run(config(data, log=log, n=5), loads=loads)
    data.write_text(data.read_text("utf-8").replace("tuba", "lute"), encoding="utf-8")
    with pytest.raises(ConfigError, match="sha256"):
        run(config(data, log=log), loads=loads)


def test_a_file_that_is_no_log_is_left_alone(data, fake, tmp_path):
    log = tmp_path / "diary.txt"
    _, loads = fake()
    for text in ("dear diary", "dear diary\n", '{"a": 1}\n'):
        log.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"log (begins|is)"):
            run(config(data, log=log), loads=loads)
        assert log.read_text("utf-8") == text


def test_held_out_relations_are_not_calibrated_on_and_alone_are_asked(data, fake):
    lm, loads = fake(fires=knows)
    result = run(config(data, held_out=1, calibrate_from=10, calibrate_n=3, calibrate_settle=4), loads=loads)
    (held,) = result.data["held_out"]
    assert {held, "language" if held == "instrument" else "instrument"} - {e.relation for e in lm.calibrated} == {held}
    of_file = [e for e in lm.calibrated if e.fact.startswith("Ada")]
    assert len(of_file) == 3
    assert len([e for e in lm.settled_among if e.fact.startswith("Ada")]) == 5 - 3
    # as the shipped gates are: generated facts beside the file's
    assert len(lm.calibrated) > len(of_file)
    assert {int(e.fact.split()[0][3:]) for e in of_file} <= set(range(10, 20))
    assert set(result.arms["pointer"].relations) == {held}
    assert result.arms["pointer (held out)"].columns["prompt"].n == N / 2
    assert len(lm.facts) == N
    assert result.calibration["report"] == "refitted"
    assert result.calibration["settled_among"] == len(lm.settled_among)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n is at least 1"),
        ({"start": -1}, "start isn't negative"),
        ({"long_answer": -1}, "long_answer isn't negative"),
        ({"arms": ("base", "magic")}, r"Arms are some of.*magic"),
        ({"readers": ()}, "at least one reader"),
        ({"n": 21}, r"must hold start \+ n records \(21\).*20 in edits.json"),
        ({"held_out": 1, "calibrate_from": 3}, r"come after those that are measured.*up to 6, calibrated from 3"),
        ({"held_out": 1, "calibrate_from": 20}, r"records to calibrate on\. Got: none from 20 on in edits.json"),
        ({"held_out": 2, "calibrate_from": 10}, r"more relations than that.*2 relations"),
    ],
)
def test_settings_that_contradict_each_other(data, fake, settings, message):
    _, loads = fake()
    with pytest.raises(ConfigError, match=message):
        run(config(data, **settings), loads=loads)


def test_invented_facts_need_no_file(fake):
    _, loads = fake()
    result = run(EditsConfig(n=4, batch_size=4, readers=("pointer",)), loads=loads)
    assert result.data["shape"] == "generated"
    assert {"other_question", "neighbour_question", "unrelated"} <= set(result.arms["base"].columns)
    assert result.command == "mnemic bench edits --n 4 --batch-size 4"


def test_zsre_is_asked_and_continued(tmp_path, fake):
    records = [
        {
            "subject": f"Firm{i}",
            "src": f"What does Firm{i} make?",
            "rephrase": f"What will Firm{i} make?",
            "alt": "kites",
            "answers": ["uniform"],
            "loc": f"nq question: who sings song {i}",
        }
        for i in range(3)
    ]
    path = tmp_path / "zsre.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    _, loads = fake(fires=lambda text, facts: (facts[0], "the Kites, of course") if "Firm" in text else None)
    arm = run(EditsConfig(data=path, n=3, batch_size=4), loads=loads).arms["pointer"]
    assert arm.columns["reliability"].value == 1.0
    assert arm.exact["reliability"].value == 0.0
    assert arm.columns["locality"].value == 1.0
    assert {"rephrase_raw", "locality_raw", "reliability_forced"} <= set(arm.columns)
    assert math.isclose(arm.harmonic.value, 1.0)


def test_the_answer_may_be_longer_than_the_longest_target(data, fake):
    text = data.read_text("utf-8").replace('"tuba"', '"' + "very long " * 6 + 'tuba"')
    data.write_text(text, encoding="utf-8")
    _, loads = fake()
    assert run(config(data), loads=loads).config["max_new_tokens"] == 15
    assert run(config(data, max_new_tokens=4), loads=loads).config["max_new_tokens"] == 4


def test_a_result_is_plain_json_without_folders(data, fake):
    _, loads = fake(fires=knows)
    text = json.dumps(to_json(run(config(data), loads=loads)), allow_nan=False)
    assert "edits.json" in text
    assert str(data.parent) not in text
    assert json.loads(text)["writes"]["actions"] == {"added": N}


def test_questions_are_answered_again_at_length(data, fake):
    lm, loads = fake(fires=knows)
    lengths = []
    original = lm.ask
    lm.ask = lambda texts, *, max_new_tokens, **rest: (lengths.append(max_new_tokens), original(texts, max_new_tokens=8, **rest))[
        1
    ]
    result = run(config(data, arms=("base", "oracle"), long_answer=24), loads=loads)
    assert set(lengths) == {8, 24}
    assert result.arms["oracle"].columns["question_long"].value == 1.0
    # the same prompt at another length is another question: nothing may be taken from the cache
    assert lengths.count(8) == lengths.count(24)
    assert not next(c for c in result.columns if c["name"] == "question_long")["headline"]
