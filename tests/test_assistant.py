"""The user's object on a tiny random host with the shipped gate that looks at words alone."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixtures.small_lm import ANSWER, FACT, PROMPT, QUESTION, UNRELATED, HashEncoder
from mnemic.assistant import MemoryLM, load
from mnemic.errors import CheckpointMismatch, ConfigError, EncoderMismatch, InputError, NotFound, StoreError
from mnemic.evals.calibration import examples_of
from mnemic.evals.generator import generate
from mnemic.evals.recipe import Recipe
from mnemic.gates import SHIPPED, shipped
from mnemic.memories.fact import Gate
from mnemic.memories.fact.calibrate import Rates
from mnemic.memories.fact.cues import ANSWERS, STATEMENTS, item_form, query_form
from mnemic.memories.fact.features import pair_names, start_names
from mnemic.memories.recurrent import RecurrentMemory
from mnemic.settling import settle
from mnemic.store import open_store
from mnemic.types import FoundAt


def test_a_fact_taught_is_a_fact_told(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    learned = lm.learn(FACT, category="ships")
    assert (learned.action, learned.item.category if learned.item else None) == ("added", "ships")
    reply = lm.generate(PROMPT, max_new_tokens=24)
    assert reply.text.strip().startswith(ANSWER)
    assert [s.item.text for s in reply.memories] == [FACT]
    answer = lm.ask(QUESTION, max_new_tokens=24)
    assert ANSWER in answer.text
    assert lm.recall(QUESTION)[0].accepted


def test_what_it_knows_nothing_of_is_the_base_models(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    queries = [UNRELATED, QUESTION, "My dog likes"]
    on, off = lm.ask(queries, max_new_tokens=8), lm.ask(queries, memory=False, max_new_tokens=8)
    assert [a.token_ids == b.token_ids for a, b in zip(on, off, strict=True)] == [True, False, True]
    assert [len(r.memories) for r in on] == [0, 1, 0]


def test_memory_outlives_the_process_that_taught_it(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    make(tmp_path / "store").learn(FACT)
    assert ANSWER in make(tmp_path / "store").ask(QUESTION, max_new_tokens=24).text


def test_rows_of_a_batch_each_have_their_own_memory(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    other = "The captain of the ship Blue Heron is Magnar Coldwell."
    lm.learn([FACT, other])
    replies = lm.generate([PROMPT, "The captain of the ship Blue Heron is", UNRELATED], max_new_tokens=30)
    assert replies[0].text.strip().startswith(ANSWER)
    assert replies[1].text.strip().startswith("Magnar Coldwell")
    assert replies[2].memories == ()


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3},
        {"do_sample": True, "top_k": 5, "temperature": 0.5},
        {"prompt_lookup_num_tokens": 3},
        {"use_cache": False},
    ],
)
def test_the_answer_survives_every_way_of_generating(make: Callable[..., MemoryLM], options: dict[str, Any]) -> None:
    lm = make()
    lm.learn(FACT)
    torch.manual_seed(0)
    assert lm.generate(PROMPT, max_new_tokens=24, **options).text.strip().startswith(ANSWER)


def test_saying_it_again_changes_nothing(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    first = lm.learn(FACT)
    assert lm.learn(FACT).action == "skipped"
    assert lm.learn(FACT.upper()).action == "updated"
    assert [i.id for i in lm.items()] == [first.item.id if first.item else ""]


def test_a_correction_supersedes(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    old = lm.learn(FACT).item
    new = lm.learn("The captain of the ship Winter Plough is Magnar Coldwell.")
    assert new.action == "superseded"
    assert new.item is not None
    assert old is not None
    assert new.item.supersedes == old.id
    assert "Magnar Coldwell" in lm.ask(QUESTION, max_new_tokens=24).text
    assert [i.text for i in lm.items(status="superseded")] == [FACT]


@pytest.mark.parametrize("text", ["Who feeds the heron? {}", "Q: Who feeds the heron?\nA: {}"])
def test_a_question_kept_with_its_answer_is_answered_by_it(make: Callable[..., MemoryLM], text: str) -> None:
    lm = make()
    # a gate that refuses everything: nothing but the wording speaks for the item
    lm._use(replace(lm.gate, subject_threshold=50.0, open_threshold=50.0, whole_threshold=50.0))
    lm.learn(text.format("Magnar Coldwell"))
    for question in ("Who feeds the heron?", "who feeds the heron"):
        (hit,) = lm.recall(question)
        assert hit.accepted
        assert lm.generate(question, max_new_tokens=30).text.strip().startswith("Magnar Coldwell")
    assert not lm.recall("Who feeds the blue heron?")[0].accepted
    # a question that is kept has one answer
    again = lm.learn("Who feeds the heron? Ann Lee")
    assert again.action == "superseded"
    assert [i.text for i in lm.items()] == ["Who feeds the heron? Ann Lee"]
    assert lm.learn("Who feeds the otter? Ann Lee").action == "added"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What star sign is Bob? Aries", "What star sign is Ann? Leo"),
        ("On which continent is Corvale? Asia", "On which continent is Ondrath? Europe"),
        ("Who designed C++? Bjarne Stroustrup", "Who designed C#? Anders Hejlsberg"),
    ],
)
def test_questions_that_only_look_alike_have_their_own_answers(make: Callable[..., MemoryLM], first: str, second: str) -> None:
    lm = make()
    assert [learned.action for learned in lm.learn([first, second])] == ["added", "added"]
    for text in (first, second):
        top = lm.recall(text.split("? ")[0] + "?")[0]
        assert (top.accepted, top.item.text) == (True, text)


@pytest.mark.parametrize("question", ["Did you see the game?", "Is the heron at home?", "Did you know?"])
def test_a_question_that_asks_for_no_thing_may_be_answered_twice(make: Callable[..., MemoryLM], question: str) -> None:
    lm = make()
    lm.learn([f"{question} Leeds did it well.", f"{question} Oslo was better."])
    assert len(lm.items()) == 2


def test_an_answer_that_looks_like_a_label_is_kept_whole(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn("Which room is the meeting in? A.12")
    assert lm.generate("Which room is the meeting in?", max_new_tokens=12).text.strip().startswith("A.12")


def test_a_correction_replaces_the_other_wordings_too(make: Callable[..., MemoryLM], monkeypatch: pytest.MonkeyPatch) -> None:
    lm = make()
    wording = lm.learn("Xanthe Ravrick is the captain of the ship Winter Plough.", force=True).item
    lm.learn("The ship Winter Plough was built in Ostervale.", force=True)
    lm.learn(FACT, force=True)
    judge = lm.router.judge_pairs

    def sure(pairs: Sequence[Any]) -> list[Any]:
        # which pairs the gate is sure of is not the point here: let it be sure of all
        return [None if v is None else replace(v, strict=True) for v in judge(pairs)]

    monkeypatch.setattr(lm.router, "judge_pairs", sure)
    new = lm.learn("The captain of the ship Winter Plough is Magnar Coldwell.").item
    assert new is not None
    assert wording is not None
    assert {i.text: i.superseded_by for i in lm.items(status="superseded")} == {FACT: new.id, wording.text: new.id}
    # what says something else stays
    assert len(lm.items()) == 2


def test_the_threshold_is_settled_among_many(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm._use(replace(lm.gate, subject_threshold=-50.0, open_threshold=-50.0, whole_threshold=-50.0))
    spare = Recipe(settle=40, seed=3).spare()
    told: list[tuple[str, int, int]] = []
    gate, settled = settle(
        lm.gate, spare, encoder=lm.encoder, reader=lm.texts, rate=0.01, progress=lambda *said: told.append(said)
    )
    assert settled.before > 0.3
    assert settled.after <= 0.01
    assert told[len(spare) - 1] == ("teach", len(spare), len(spare))
    assert told[-1] == ("settle", settled.queries, settled.queries)
    # the store in use isn't touched
    assert lm.items() == []
    assert gate.subject_threshold > -50.0
    assert gate.about["settled"] == asdict(settled)


def test_what_is_said_about_a_known_text_is_kept(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT, importance=0.3)
    labelled = lm.learn(FACT, category="ships", source="log")
    assert (labelled.action, [(i.category, i.source, i.importance) for i in lm.items()]) == ("updated", [("ships", "log", 0.3)])
    assert lm.learn(FACT, category="ships").action == "skipped"
    corrected = lm.learn("The captain of the ship Winter Plough is Magnar Coldwell.")
    # a correction is about the same thing, but comes from somewhere else
    assert corrected.item is not None
    assert (corrected.action, corrected.item.category, corrected.item.source) == ("superseded", "ships", None)


def test_where_a_text_was_found_is_kept_and_is_no_news(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    assert lm.learn(FACT, source=FoundAt("facts.txt:1")).item.source == "facts.txt:1"
    # the file's lines have moved
    assert lm.learn(FACT, source=FoundAt("facts.txt:7")).action == "skipped"
    assert lm.learn(FACT, source="log").action == "updated"
    # found at a place again: what was said stays, whatever else is new
    assert lm.learn(FACT, source=FoundAt("facts.txt:7")).action == "skipped"
    assert lm.learn(FACT, source=FoundAt("facts.txt:7"), category="ships").action == "updated"
    assert [(i.source, i.category) for i in lm.items()] == [("log", "ships")]


def test_importance_is_a_number(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    with pytest.raises(ConfigError, match=r"Importance is a number from 0 to 1\. Got: '0\.5'"):
        lm.learn(FACT, importance="0.5")  # type: ignore[call-overload]
    assert lm.learn(FACT, importance=np.float32(0.25)).item.importance == 0.25


def test_two_facts_of_one_subject_stay_apart(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    results = lm.learn([FACT, "The ship Winter Plough was built in Ostervale."])
    assert [r.action for r in results] == ["added", "added"]


def test_force_stores_it_anyway(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    assert lm.learn(FACT, force=True).action == "added"
    assert len(lm.items()) == 2


def test_of_statements_that_part_at_the_answer_the_later_one_speaks(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm._use(replace(lm.gate, subject_threshold=-50.0, open_threshold=-50.0, whole_threshold=-50.0))
    first, second = "The bike of Xanthe is chained to the red fence.", "The bike of Xanthe is chained to the green gate."
    # with "force", so that what a correction is doesn't matter here
    for texts in ([first, second], [second, first]):
        lm.learn(texts, force=True)
        assert lm.recall("The bike of Xanthe is chained to the")[0].item.text == texts[1]
        for item in lm.items():
            lm.forget(item.id)


def test_what_is_said_again_after_something_else_is_the_latest(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm._use(replace(lm.gate, subject_threshold=-50.0, open_threshold=-50.0, whole_threshold=-50.0))
    red, green = "The bike of Xanthe is chained to the red fence.", "The bike of Xanthe is chained to the green gate."
    other = "The ship Winter Plough is painted blue."
    lm.learn([red, green, other], force=True)
    again = lm.learn(red)
    assert (again.action, again.reason) == ("updated", "said again after something else")
    assert lm.recall("The bike of Xanthe is chained to the")[0].item.text == red
    assert [lm.learn(text).action for text in (red, other)] == ["skipped", "skipped"]
    assert len(lm.items()) == 3


def test_forgetting_gives_the_base_model_back(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    item = lm.learn(FACT).item
    assert item is not None
    lm.forget(item.id)
    assert lm.ask(QUESTION, max_new_tokens=8).token_ids == lm.ask(QUESTION, memory=False, max_new_tokens=8).token_ids
    assert lm.items() == []


def test_scopes_do_not_see_each_other(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    item = lm.learn(FACT, scope="ann").item
    assert item is not None
    lm.learn("Bob sleeps late.", scope="bob")
    assert lm.ask(QUESTION, scope="bob", max_new_tokens=4).memories == ()
    assert lm.recall(QUESTION, scope="ann")[0].item.id == item.id
    with pytest.raises(NotFound):
        lm.forget(item.id, scope="bob")


def test_looking_into_a_scope_that_was_never_taught_names_the_others(make: Callable[..., MemoryLM]) -> None:
    lm = make(scope="ann")
    # in a new store any name is as good as another
    assert (lm.recall(QUESTION), lm.items(), lm.why(QUESTION).hits) == ([], [], ())
    lm.learn(FACT)
    looks: list[Callable[[], object]] = [
        lambda: lm.recall(QUESTION, scope="anne"),
        lambda: lm.why(QUESTION, scope="anne"),
        lambda: lm.items(scope="anne"),
        lambda: lm.forget("a1", scope="anne"),
    ]
    for look in looks:
        with pytest.raises(NotFound, match=r"Got: 'anne'\. Scopes here: 'ann'\."):
            look()
    # who has taught nothing yet may ask all the same, and begins a scope by teaching
    assert lm.ask(QUESTION, scope="anne", max_new_tokens=2).memories == ()
    lm.learn(FACT, scope="anne")
    assert lm.recall(QUESTION, scope="anne")[0].accepted
    # a scope in which all was forgotten is known
    lm.forget(lm.items(scope="anne")[0].id, scope="anne")
    assert lm.recall(QUESTION, scope="anne") == []


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "\ud800", None, 7])
def test_unusable_texts_are_refused_before_anything_is_written(make: Callable[..., MemoryLM], text: str) -> None:
    lm = make()
    with pytest.raises(InputError):
        lm.learn([FACT, text])
    assert lm.items() == []


@pytest.mark.parametrize("nothing", [None, 7, b"Ann", {"text": FACT}])
def test_what_is_no_text_is_refused(make: Callable[..., MemoryLM], nothing: Any) -> None:
    with pytest.raises(InputError, match="A text is a str, and several are a list of them"):
        make().learn(nothing)


def test_a_text_longer_than_the_window_is_refused(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    with pytest.raises(InputError, match="window of"):
        lm.learn("ship " * 5000)
    with pytest.raises(InputError, match="window of"):
        lm.generate("ship " * 5000)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lm: lm.learn(FACT, importance=2), "Importance is a number from 0 to 1"),
        (lambda lm: lm.generate(PROMPT, readers=["pionter"]), "Readers are among pointer"),
        (lambda lm: lm.generate(PROMPT, batch_size=0), "`batch_size` is a whole number from 1 on"),
        (lambda lm: lm.generate(PROMPT, num_return_sequences=2, do_sample=True), "One reply per prompt"),
        (lambda lm: lm.recall(QUESTION, k=0), "`k` is a whole number from 1 on"),
        (lambda lm: lm.ask([QUESTION], stream=True), "One question is streamed"),
        (lambda lm: lm.generate(PROMPT, readers="pointer"), r"each once\. Got: 'pointer'\. Give a list"),
        (lambda lm: lm.generate(PROMPT, readers=3), "Readers are among pointer"),
        (lambda lm: lm.generate(PROMPT, batch_size="a"), r"`batch_size` is a whole number from 1 on\. Got: 'a'"),
        (lambda lm: lm.recall(QUESTION, k=None), r"`k` is a whole number from 1 on\. Got: None"),
        (lambda lm: lm.recall(QUESTION, k=1.5), "`k` is a whole number"),
    ],
)
def test_bad_arguments_say_what_to_do(make: Callable[..., MemoryLM], call: Callable[[MemoryLM], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(make())


@pytest.mark.parametrize("nothing", [None, 3, b"Ann", {"text": FACT}, [None], [FACT, 3]])
@pytest.mark.parametrize("call", ["ask", "generate", "learn", "recall", "why", "forget"])
def test_what_is_no_text_is_an_error_of_the_library(make: Callable[..., MemoryLM], call: str, nothing: Any) -> None:
    lm = make()
    with pytest.raises(InputError, match=r" is (text|a str|printable)[^.]*\. Got: "):
        getattr(lm, call)(nothing)


def test_scores_are_of_texts(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    for prompts, targets in ((None, ["a"]), ([PROMPT], None), ([3], ["a"]), ([PROMPT], [3])):
        with pytest.raises(InputError, match="is a str"):
            lm.score(prompts, targets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": 3}, "`encoder` is text or a path. Got: 3"),
        ({"memories": "recurrent"}, "`memories` is one Memory or a list of them. Got: 'recurrent'"),
        ({"memories": None}, "`memories` is one Memory"),
        ({"config": {"strength": 0.5}}, "`config` is a FactConfig. Got: {'strength': 0.5}"),
        ({"gate": 3}, "`gate` is text or a path. Got: 3"),
    ],
)
def test_parts_of_another_kind_are_refused(make: Callable[..., MemoryLM], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_a_store_is_one_that_was_opened(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    with pytest.raises(ConfigError, match=r"`store` is a Store\. Got: ':memory:'\. Open one"):
        MemoryLM(lm.model, lm.tokenizer, ":memory:", encoder=HashEncoder())  # type: ignore[arg-type]


def test_a_single_memory_need_not_be_in_a_list(make: Callable[..., MemoryLM]) -> None:
    memory = RecurrentMemory()
    assert make(memories=memory).handle.memories[-1] is memory


@pytest.mark.parametrize("name", ["nosuch", "all-MiniLM-L6-v2", "./none/there", "a/b/c", "", 3])
def test_an_encoder_that_cannot_be_is_refused_before_anything_is_opened(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ConfigError, match="encoder"):
        load(encoder=name, store=tmp_path / "store", model=tmp_path / "none")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("arguments", [{"model": 3}, {"model": None}, {"store": None}, {"store": 3}])
def test_names_and_paths_are_text(arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"`{next(iter(arguments))}` is text or a path"):
        load(**{"model": "none/there", "store": ":memory:", **arguments})
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_keeps_what_was_written(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    lm = make(tmp_path / "store")
    texts = [f"The captain of the ship Number{i} is Person{i}." for i in range(6)]

    def stop(done: int, total: int) -> None:
        assert total == 6
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lm.learn(texts, force=True, progress=stop)
    assert [i.text for i in make(tmp_path / "store").items()] == texts[:3]


def test_a_store_of_another_encoder_is_refused(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    make(tmp_path / "store").learn(FACT)

    class Other(HashEncoder):
        id = "other:64"

    with pytest.raises(EncoderMismatch):
        make(tmp_path / "store", encoder=Other())


def test_a_stream_is_the_reply_in_pieces(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    whole = lm.ask(QUESTION, max_new_tokens=24)
    stream = lm.ask(QUESTION, stream=True, max_new_tokens=24)
    assert "".join(stream) == stream.reply.text == whole.text
    assert stream.reply.memories[0].item.text == FACT


def test_threads_take_turns(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    facts = [f"The captain of the ship Number{i} is Person{i}." for i in range(4)]
    lm.learn(facts, force=True)
    said: dict[int, str] = {}

    def ask(i: int) -> None:
        said[i] = lm.generate(f"The captain of the ship Number{i} is", max_new_tokens=16).text

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(said[i].strip().startswith(f"Person{i}") for i in range(4))


def test_why_names_the_memory_and_the_reason_of_silence(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    assert f'"{FACT}" spoke' in lm.why(lm.ask(QUESTION, max_new_tokens=4)).text
    assert "would speak" in lm.why(QUESTION).text
    silent = lm.why("How long is the ship Winter Plough?")
    assert "doesn't say what is asked" in silent.text or "about something else" in silent.text


def test_teacher_forcing_agrees_with_the_pointer(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    assert lm.score([PROMPT, PROMPT], [ANSWER, "somebody else"]) == [True, False]
    assert lm.score([PROMPT], [ANSWER], memory=False) == [False]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The captain of the ship Winter Plough is Xanthe Ravrick.", "The captain of the ship Blue Heron is Magnar Coldwell."),
        ("Anna Lee sleeps late.", "Anna Lee was born in Ostervale."),
        ("Anna Lee was born in Oslo.", "Anna Lee was born in 1970."),
        ("Anna Lee works in Berlin.", "Anna Lee works for Siemens."),
        ("Anna Lee is allergic to hazelnuts.", "Anna Lee is allergic to peanuts."),
        ("The museum of Aldersey opens at 10:30.", "The museum of Aldersey opens on Mondays."),
        ("The green door leads to the cellar.", "The green door has a brass handle."),
    ],
)
def test_facts_that_only_begin_alike_are_both_kept(make: Callable[..., MemoryLM], first: str, second: str) -> None:
    assert [r.action for r in make().learn([first, second])] == ["added", "added"]


def test_lists_say_something_of_each_text(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn([FACT, "Bob sleeps late."], category=["ships", None], importance=[0.9, None], source=["a:1", "a:2"])
    assert [(i.category, i.source) for i in lm.items()] == [("ships", "a:1"), (None, "a:2")]
    assert lm.items()[0].importance == 0.9
    with pytest.raises(ConfigError, match="one for each text"):
        lm.learn([FACT], category=["a", "b"])


def test_a_sentence_without_meaningful_words_is_known_too(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    assert [lm.learn("He is not here.").action for _ in range(2)] == ["added", "skipped"]


@pytest.mark.parametrize("option", ["generation_config", "return_dict_in_generate", "pad_token_id"])
def test_options_that_are_set_inside_are_refused(make: Callable[..., MemoryLM], option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        make().generate(PROMPT, **{option: 1})


def test_a_gate_that_cannot_be_read_leaves_the_model_alone(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    lm = make()
    model, tokenizer = lm.model, lm.tokenizer
    lm.close()
    with pytest.raises(CheckpointMismatch, match="Calibrate again"):
        MemoryLM(model, tokenizer, open_store(":memory:"), encoder=HashEncoder(), gate=tmp_path / "none")
    MemoryLM(model, tokenizer, open_store(":memory:"), encoder=HashEncoder()).close()


def test_an_answer_outlives_a_counter_that_cannot_be_written(
    make: Callable[..., MemoryLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = make()
    lm.learn(FACT)

    def full(*_: object) -> None:
        raise StoreError("no space")

    monkeypatch.setattr(lm.store, "touch", full)
    assert ANSWER in lm.ask(QUESTION, max_new_tokens=24).text


def test_a_calibrated_gate_reads_the_host_and_can_be_kept(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    lm = make(tmp_path / "store")
    report = lm.calibrate(examples_of(generate(40, seed=3, split="dev")))
    assert lm.gate.projection is not None
    assert 0 < report.same <= 1
    item = lm.learn(FACT).item
    assert item is not None
    before = lm.recall(PROMPT)[0]
    lm.gate.save(tmp_path / "gate.safetensors")
    lm.close()
    again = make(tmp_path / "store", gate=tmp_path / "gate.safetensors")
    after = again.recall(PROMPT)[0]
    # the projection is saved in float16: 11 bits of mantissa, on cosines of at most 1
    assert after.parts["resonance_0"] == pytest.approx(before.parts["resonance_0"], abs=2**-9)
    # a cached reading of another text is read again instead of breaking the query
    key = next(iter(again.store.get_states([item.id], f"{again.texts.fingerprint}:{again.gate.projection.identity}")), None)
    assert key == item.id
    (short,) = again.router.read_texts(["Bob sleeps."])
    assert short is not None
    again.router.keep_readings({item.id: short.item})
    assert again.recall(PROMPT)[0].parts["resonance_0"] == pytest.approx(after.parts["resonance_0"], abs=2**-9)


def test_calibration_settles_among_further_facts(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    recipe = Recipe(generated=30, restated=0, settle=20)
    lm.calibrate(recipe.examples(), among=recipe.spare())
    settled = lm.gate.about["settled"]
    assert settled["facts"] == 20
    assert settled["after"] <= Rates().among
    lm.calibrate(recipe.examples())
    assert "settled" not in lm.gate.about


def test_where_the_window_has_room_texts_are_read_behind_cues(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    lm = make(window=4096)
    lm.calibrate(examples_of(generate(30, seed=3, split="dev")))
    assert lm.gate.projection is not None
    cues = lm.gate.projection.cues
    assert (cues.statements, cues.answers) == (STATEMENTS, ANSWERS)
    lm.gate.save(tmp_path / "gate.safetensors")
    kept = Gate.load(tmp_path / "gate.safetensors").projection
    assert kept is not None
    assert kept.cues == cues
    # what the gate sees is what the model makes of cue and text in one piece
    layer = lm.gate.projection.layers[-1]
    (item,) = cues.read([item_form(FACT)], (layer,), lm.texts, ends=False)
    (whole,) = lm.texts.read([STATEMENTS + FACT], (layer,), ends=False)
    count = len(item.token_ids)
    assert whole.token_ids[-count:] == item.token_ids
    np.testing.assert_allclose(item.states[layer], whole.states[layer][-count:], atol=1e-4)
    np.testing.assert_allclose(item.losses[1:], whole.losses[1 - count :], atol=1e-4)
    assert [(a + len(STATEMENTS), b + len(STATEMENTS)) for a, b in item.offsets] == list(whole.offsets)[-count:]
    question, unfinished = cues.read([query_form(QUESTION), query_form(PROMPT)], (layer,), lm.texts, ends=True)
    asked = f"{ANSWERS}Question: {QUESTION}\nAnswer:"
    for read, text in ((question, asked), (unfinished, STATEMENTS + PROMPT)):
        (one,) = lm.texts.read([text], (layer,), ends=True)
        np.testing.assert_allclose(read.states[layer], one.states[layer], atol=1e-4)
        np.testing.assert_allclose(read.last_logprobs, one.last_logprobs, atol=1e-4)


def test_an_answered_question_is_read_as_questions_are(make: Callable[..., MemoryLM]) -> None:
    lm = make(window=4096)
    lm.calibrate(examples_of(generate(30, seed=3, split="dev")))
    projection = lm.gate.projection
    assert projection is not None
    fresh = [*lm.router.read_texts([f"{QUESTION} {ANSWER}"]), *lm.router.read_texts([f"Q: {QUESTION}\nA: {ANSWER}"])]
    (asked,) = lm.router.read_queries([QUESTION])
    plain, labelled = (f.item for f in fresh if f is not None)
    assert asked is not None
    # before the answer the model has read what it reads of the bare question: the state is the same but for float16
    first = -len(ANSWER.split())
    np.testing.assert_allclose(plain.states[first], asked.state, atol=2e-3 * float(np.abs(asked.state).max()))
    # labels aren't read, nor are they words
    assert labelled.lead_ids.tolist() == plain.lead_ids.tolist()
    np.testing.assert_allclose(labelled.states, plain.states, rtol=1e-3)


def test_a_beginning_is_known_from_reading_the_text(make: Callable[..., MemoryLM]) -> None:
    """One forward pass tells what a text says and how its beginning reads as a query, unless that would read otherwise."""
    lm = make(window=4096)
    lm.calibrate(examples_of(generate(30, seed=3, split="dev")))
    # the second one ends in a letter of two bytes, which are two tokens here
    texts = [(f"{stem} {ANSWER}", stem) for stem in (FACT[: FACT.index(ANSWER)].rstrip(), "The name of the café", QUESTION)]
    for text, stem in texts:
        (fresh,) = lm.router.read_texts([text])
        (read,) = lm.router.read_queries([stem])
        assert fresh is not None
        assert read is not None
        word = len(fresh.item.lead_ids) - len(ANSWER.split())
        known = fresh.beginnings({stem: word})[stem]
        np.testing.assert_allclose(known.state, read.state, atol=1e-4 * float(np.abs(read.state).max()))
        np.testing.assert_allclose(known.logprobs, read.logprobs, atol=1e-3)
    (whole,) = lm.router.read_texts(["It is late. The ship sails at nine."])
    assert whole is not None
    # a sentence that ends is read as a question is, behind other examples
    assert whole.beginnings({"It is late.": 3, "": 0}) == {}


def test_a_text_that_leaves_no_room_for_the_cue_is_refused_before_anything_is_written(make: Callable[..., MemoryLM]) -> None:
    lm = make(window=2048)
    long = "word " * 400
    lm.learn(long)
    lm.calibrate(examples_of(generate(30, seed=3, split="dev")))
    assert lm.router.window is not None
    assert lm.router.window < lm.texts.count_tokens(long) < 2048
    with pytest.raises(InputError, match=r"window of \d+ tokens \(2048 less what is read before it\)"):
        lm.learn([FACT, long + "more"])
    assert [i.text for i in lm.items()] == [long]
    # one that was stored before is listed and never judged; it spoils no other question
    assert [(h.item.text, h.accepted) for h in lm.recall("word")] == [(long, False)]
    assert lm.generate(long, max_new_tokens=2).memories == ()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_gate_fits_the_features_of_the_code(name: str) -> None:
    gate = Gate.load(shipped(name))
    assert gate.start.num_features == len(start_names(gate.num_layers))
    assert gate.subject.num_features == gate.relation.num_features == len(pair_names(gate.num_layers))


def test_scoring_in_batches_is_scoring_one_by_one(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    prompts, targets = [PROMPT, "My dog likes", PROMPT], [ANSWER, "x", "somebody else"]
    alone = [lm.score([p], [t])[0] for p, t in zip(prompts, targets, strict=True)]
    assert lm.score(prompts, targets) == lm.score(prompts, targets, batch_size=2) == alone
    with pytest.raises(ConfigError, match=r"Every prompt has a target\. Got: 1 and 2"):
        lm.score([PROMPT], ["a", "b"])
    with pytest.raises(ConfigError, match="`batch_size` is a whole number from 1 on"):
        lm.score([PROMPT], ["a"], batch_size=0)


def test_a_gate_needs_negatives_that_are_near(make: Callable[..., MemoryLM]) -> None:
    far = [replace(e, absent=(UNRELATED,)) for e in examples_of(generate(30, seed=3, split="dev"))]
    with pytest.raises(ConfigError, match="share a meaningful word with their fact"):
        make().calibrate(far, use_host=False)


def test_a_gate_of_another_host_is_refused(make: Callable[..., MemoryLM], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fitted with"):
        make(gate=shipped("smollm2-minilm"))


@pytest.mark.parametrize(
    "options", [{}, {"num_beams": 3}, {"do_sample": True, "temperature": 0.7}, {"repetition_penalty": 1.2}], ids=str
)
def test_a_brief_reply_ends_with_the_answer(make: Callable[..., MemoryLM], options: dict[str, Any]) -> None:
    lm = make()
    lm.learn(FACT)
    torch.manual_seed(0)
    long, unrelated = lm.ask([QUESTION, UNRELATED], brief=False, max_new_tokens=40, **options)
    torch.manual_seed(0)
    brief, same = lm.ask([QUESTION, UNRELATED], max_new_tokens=40, **options)
    assert brief.text.strip() == ANSWER
    assert len(long.token_ids) > len(brief.token_ids)
    assert long.token_ids[: len(brief.token_ids)] == brief.token_ids
    assert same.memories == unrelated.memories == ()
    if not options.get("do_sample"):
        # the row beside it goes on to its own end, as if the other one hadn't stopped
        assert same.token_ids == unrelated.token_ids


def test_an_option_that_generate_refuses_is_an_error_of_ours(make: Callable[..., MemoryLM]) -> None:
    with pytest.raises(ConfigError, match="Options are those of the model's own"):
        make().generate(PROMPT, nosuch=1)


def test_a_brief_reply_is_streamed_to_its_end_and_other_criteria_stand(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn(FACT)
    stream = lm.ask(QUESTION, stream=True, max_new_tokens=40)
    assert "".join(stream).strip() == ANSWER == stream.reply.text.strip()

    def after_one(input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), input_ids.shape[1] >= start + 1)

    start = lm.tokenizer(f"Question: {QUESTION}\nAnswer:", return_tensors="pt").input_ids.shape[1]
    assert len(lm.ask(QUESTION, max_new_tokens=40, stopping_criteria=[after_one]).token_ids) == 1


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("The dog of Ann Lee is called Rex.", "The dog of Ann Lee is not called Rex.", 1),
        ("The dog of Ann Lee is not called Rex.", "The dog of Ann Lee is called Rex.", 1),
        # the same words in other places, and questions, deny nothing
        ("Tom Hale likes Ann Lee.", "Ann Lee doesn't like Tom Hale.", 2),
        ("Who is in the shed? Ann Lee", "Who isn't in the shed? Ann Lee", 2),
        # of what something isn't, many things are true
        ("The dog of Ann Lee is not called Rex.", "The dog of Ann Lee is not called Max.", 2),
        ("The dog of Ann Lee is called Rex.", "The dog of Ann Lee is not called Max.", 2),
        ("The dentist of Ann Lee is Dr. Vellum.", "The dentist of Ann Lee is Mrs. Dunn.", 1),
        ("My bank is Barlow Savings.", "My bank is no longer Barlow Savings.", 1),
        ("My boss is Nadia Roth.", "My boss isn't Nadia Roth anymore.", 1),
        ("Amir works at the zoo.", "Amir no longer works at the zoo.", 1),
        ("Tom eats meat.", "Tom doesn't eat meat.", 1),
        ("I live in Leeds.", "I don't live in Leeds anymore.", 1),
        ("The surname of Eva is Holt.", "The surname of Eva is not Holt but Holm.", 1),
        ("The code of the garage is 4417.", "Correction: the code of the garage is 4471.", 1),
        ("My office is on the second floor.", "My office is now on the fourth floor.", 1),
    ],
)
def test_a_denial_supersedes_what_it_denies(make: Callable[..., MemoryLM], first: str, second: str, left: int) -> None:
    lm = make()
    lm.learn(first)
    learned = lm.learn(second)
    assert learned.action == ("superseded" if left == 1 else "added"), learned.reason
    assert len(lm.items()) == left


def test_what_holds_now_speaks_before_what_held(make: Callable[..., MemoryLM]) -> None:
    lm = make()
    lm.learn([FACT, "The captain of the ship Winter Plough is now Magnar Coldwell."], force=True)
    assert len(lm.items()) == 2
    assert lm.ask(QUESTION, max_new_tokens=30).text.strip() == "Magnar Coldwell"
