"""Conversations: messages checked, rendered and cut to the window; the memory is asked about the last one."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.small_lm import ANSWER, FACT, QUESTION, UNRELATED
from mnemic.assistant import MemoryLM
from mnemic.conversation import load, render, render_within, save
from mnemic.errors import ConfigError, InputError

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
        save(path, talk)
        assert load(path) == talk
    assert path.stat().st_mode & 0o077 == 0
    for content in ("nothing", "[]", json.dumps({"mnemic": "conversation", "format": 2, "messages": []})):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="a file that was saved"):
            load(path)
    path.write_text(json.dumps({"mnemic": "conversation", "format": 1, "messages": [{"role": "dog"}]}), encoding="utf-8")
    with pytest.raises(InputError, match="message 1"):
        load(path)
    with pytest.raises(ConfigError, match="a file that can be written"):
        save(tmp_path / "no folder" / "talk.json", [])
    assert [p.name for p in tmp_path.iterdir()] == ["talk.json"]


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
