"""Conversations: messages checked, rendered and cut to the window; the memory is asked about the last one."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.small_lm import ANSWER, FACT, PROMPT, QUESTION, UNRELATED
from mnemic.admission import Admission, Judge
from mnemic.admission.features import NUM_FORMS, tokens_of
from mnemic.assistant import MemoryLM
from mnemic.conversation import Origin, fingerprint, load, render, render_within, save
from mnemic.errors import ConfigError, InputError, StoreError

Make = Callable[..., MemoryLM]


def said(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    """Return turns of user and assistant in turn."""
    turns = [{"role": ("user", "assistant")[n % 2], "content": content} for n, content in enumerate(contents)]
    return ([{"role": "system", "content": system}] if system else []) + turns


def test_what_was_taught_is_answered_in_the_middle_of_a_conversation(make: Make) -> None:
    lm = make()
    lm.learn(FACT)
    talk = said("Hello.", "Hi!", QUESTION, system="Be kind.")
    reply = lm.chat(talk, max_new_tokens=24)
    assert reply.text.strip() == ANSWER
    assert [s.item.text for s in reply.memories] == [FACT]
    assert reply.prompt == QUESTION
    assert lm.chat(talk, memory=False, max_new_tokens=24).memories == ()
    stream = lm.chat(talk, stream=True, max_new_tokens=24)
    assert "".join(stream).strip() == ANSWER
    assert stream.reply.token_ids == reply.token_ids


def test_earlier_turns_do_not_wake_a_memory(make: Make) -> None:
    lm = make()
    lm.learn(FACT)
    talk = said(QUESTION, ANSWER, UNRELATED)
    on, off = lm.chat(talk, max_new_tokens=8), lm.chat(talk, memory=False, max_new_tokens=8)
    assert on.token_ids == off.token_ids
    assert on.memories == ()


def test_a_full_window_drops_the_oldest_turns_and_keeps_its_memory(make: Make) -> None:
    lm = make(window=200)
    lm.learn(FACT)
    long = [text for n in range(40) for text in (f"Something {n} that was said.", "I see.")]
    reply = lm.chat(said(*long, QUESTION, system="Be kind."), max_new_tokens=24)
    assert reply.text.strip() == ANSWER
    with pytest.raises(InputError, match="leaves room for an answer"):
        lm.chat(said("word " * 100), max_new_tokens=24)


def test_whole_turns_are_left_out_from_the_oldest_on(tokenizer: Any) -> None:
    talk = said("one", "1", "two", "2", "three", system="Be kind.")
    whole = render_within(tokenizer, talk, None)
    assert whole.text == "Be kind.\nUser: one\nAssistant: 1\nUser: two\nAssistant: 2\nUser: three\nAssistant:"
    assert (whole.query, whole.chat) == ("three", False)
    sizes = [len(tokenizer(render(tokenizer, [talk[0], *talk[begin:]]).text)["input_ids"]) for begin in (1, 3, 5)]
    for room, left_out in ((sizes[0], 0), (sizes[0] - 1, 2), (sizes[1], 2), (sizes[1] - 1, 4), (1, 4)):
        cut = render_within(tokenizer, talk, room)
        assert cut.text == render(tokenizer, [talk[0], *talk[1 + left_out :]]).text


def test_a_chat_template_is_used_where_there_is_one(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    monkeypatch.setattr(tokenizer, "chat_template", template, raising=False)
    prompt = render(tokenizer, said("one", "1", "two"))
    assert (prompt.text, prompt.chat) == ("[user]one[assistant]1[user]two[assistant]", True)


@pytest.mark.parametrize(
    ("messages", "got"),
    [
        ([], "Pass a list"),
        ("hello", "Pass a list"),
        ([{"role": "user"}], "message 1"),
        ([{"role": "user", "content": "a", "name": "x"}], "message 1"),
        ([{"role": "tool", "content": "a"}], "message 1 with role 'tool'"),
        (said("a", "b"), "a last message of the assistant"),
        ([*said("a", "b"), {"role": "system", "content": "c"}], "message 3 with role 'system'"),
        ([{"role": "user", "content": " "}], "white space"),
        ([{"role": "user", "content": 7}], "not text"),
    ],
)
def test_what_is_no_conversation_is_refused(make: Make, messages: Any, got: str) -> None:
    with pytest.raises(InputError, match=got):
        make().chat(messages)


def test_a_conversation_is_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    for talk in ([], said("one", ""), said("one", "\ud800"), said("one", "1", "two", system="Be kind.")):
        save(path, talk, "abc123")
        assert load(path) == (talk, "abc123")
    path.write_text(json.dumps({"mnemic": "conversation", "format": 1, "messages": []}), encoding="utf-8")
    assert load(path).name != load(path).name
    assert path.stat().st_mode & 0o077 == 0
    for content in ("nothing", "[]", json.dumps({"mnemic": "conversation", "format": 2, "messages": []})):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="a file that was saved"):
            load(path)
    path.write_text(json.dumps({"mnemic": "conversation", "format": 1, "messages": [{"role": "dog"}]}), encoding="utf-8")
    with pytest.raises(InputError, match="message 1"):
        load(path)
    with pytest.raises(ConfigError, match="a file that can be written"):
        save(tmp_path / "no folder" / "talk.json", [], "abc123")
    assert [p.name for p in tmp_path.iterdir()] == ["talk.json"]


TOLD = "My dog is called Biscuit."


def judge(*texts: str) -> Judge:
    """Return a judge that keeps these statements, by a word of each, and no other."""
    terms = sorted({term for text in texts for term in tokens_of(text)})
    weights = np.zeros(NUM_FORMS + len(terms), dtype=np.float32)
    weights[NUM_FORMS:] = 1
    return Judge(vocabulary=tuple(terms), weights=weights, bias=-2.5, threshold=0.5, encoder_id=None, about={})


@pytest.fixture
def listening(make: Make, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a MemoryLM that keeps what is said of the dog."""

    def build(*arguments: Any, **options: Any) -> MemoryLM:
        lm = make(*arguments, **options)
        monkeypatch.setattr(lm, "admission", Admission(judge(TOLD), lm.encoder.encode), raising=False)
        return lm

    return build


def test_what_the_user_states_is_remembered_with_its_place_and_nothing_else_is(listening: Make) -> None:
    lm = listening()
    message = f"Hello! By the way, m{TOLD[1:]} Is my dog called Rex?"
    talk = said("Is my dog called Biscuit?", TOLD, message, system=TOLD)
    reply = lm.chat(talk, remember=True, conversation="c0ffee", max_new_tokens=2)
    (learned,) = reply.learned
    assert learned.action == "added"
    (item,) = lm.items()
    assert item.text == TOLD
    origin = Origin.of(item.source)
    assert origin == Origin("c0ffee", 2, message.index("my dog"), message.index(" Is my"))
    assert message[origin.start : origin.end].casefold() == TOLD.casefold()
    assert Origin.of("facts.txt:3") is None

    talk = [*talk, {"role": "assistant", "content": "No."}, {"role": "user", "content": TOLD}]
    again = lm.chat(talk, remember=True, max_new_tokens=2)
    assert [one.action for one in again.learned] == ["skipped"]
    assert lm.items() == [item]
    assert lm.chat(said(TOLD), max_new_tokens=2).learned == ()


def test_without_a_name_a_conversation_is_known_by_how_it_began(listening: Make) -> None:
    lm = listening()
    lm.chat(said("Hello.", "Hi.", TOLD), remember=True, max_new_tokens=2)
    (item,) = lm.items()
    origin = Origin.of(item.source)
    assert origin is not None
    assert (origin.conversation, origin.turn) == (fingerprint(said("Hello.")), 2)


def test_what_only_tells_is_not_looked_up(listening: Make) -> None:
    lm = listening()
    lm.learn(FACT)
    lm.learn(TOLD)
    for message in (TOLD, f"{TOLD} Thanks."):
        reply = lm.chat(said(message), max_new_tokens=2)
        assert (reply.memories, reply.prompt) == ((), "")
        assert "asks nothing" in lm.why(reply).text
    both = lm.chat(said(f"{TOLD} {QUESTION}"), remember=True, max_new_tokens=24)
    assert both.text.strip() == ANSWER
    assert both.prompt == QUESTION
    stream = lm.chat(said(f"{TOLD} {QUESTION}"), stream=True, remember=True, max_new_tokens=24)
    assert "".join(stream).strip() == ANSWER
    assert [one.action for one in stream.reply.learned] == ["skipped"]


def test_an_answer_is_not_lost_because_something_can_not_be_remembered(listening: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = listening()

    def full(items: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(lm.store, "insert", full)
    reply = lm.chat(said(TOLD), remember=True, max_new_tokens=2)
    assert (len(reply.token_ids), reply.learned, reply.not_learned) == (2, (), "The disk is full.")
    with pytest.raises(InputError, match="conversation"):
        lm.chat(said(TOLD), remember=True, conversation="a\x00b", max_new_tokens=2)


def test_what_is_remembered_needs_a_memory(listening: Make) -> None:
    with pytest.raises(ConfigError, match="needs a memory"):
        listening().chat(said(TOLD), memory=False, remember=True)


def test_several_conversations_are_answered_as_each_alone(listening: Make) -> None:
    lm = listening()
    lm.learn(FACT)
    talks = [said(QUESTION), said("Hello.", "Hi.", UNRELATED), said(TOLD)]
    together = lm.chat(talks, max_new_tokens=24, batch_size=3, remember=True)
    assert [bool(reply.memories) for reply in together] == [True, False, False]
    assert together[0].text.strip() == ANSWER
    assert [len(reply.learned) for reply in together] == [0, 0, 1]
    assert [r.token_ids for r in lm.chat(talks[:2], memory=False, max_new_tokens=8, batch_size=1)] == [
        lm.chat(talk, memory=False, max_new_tokens=8).token_ids for talk in talks[:2]
    ]
    with pytest.raises(ConfigError, match="streamed at a time"):
        lm.chat(talks, stream=True)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="message 1"):
        lm.chat([talks[0], [{"role": "user"}]])


def test_who_asks_about_themselves_is_told_of_themselves(make: Make) -> None:
    lm = make()
    lm.learn("The captain of the ship Winter Plough is my sister Ann.")
    assert lm.ask(QUESTION, max_new_tokens=24).text.strip() == "your sister Ann"
    assert lm.generate(PROMPT, max_new_tokens=24).text.strip().startswith("my sister Ann")


def test_a_program_may_end_in_the_midst_of_an_answer(tmp_path: Path) -> None:
    code = """
from mnemic.generation import Streamed
import time
def run(send):
    while True:
        send("word ")
        time.sleep(0.01)
print(next(Streamed(run)))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "word \n", "")
