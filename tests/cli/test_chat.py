"""`mnemic chat` in a pipe, with a tiny model."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fixtures.small_lm import ANSWER, FACT, QUESTION
from mnemic.assistant import MemoryLM
from mnemic.cli import session
from mnemic.store import open_store

Cli = Callable[..., Result]
Say = Callable[..., Result]


@pytest.fixture
def say(cli: Cli, make: Callable[..., MemoryLM], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Say:
    """Hold a conversation of some lines; the memory lives in the folder `store` from one to the next."""

    @contextmanager
    def opened(model: str, store: str, encoder: str | None, scope: str, *, new: bool = False) -> Iterator[MemoryLM]:
        assert new
        lm = make(store, scope=scope)
        yield lm
        lm.close()

    monkeypatch.setattr(session, "open_memory", opened)

    def run(*lines: str, options: tuple[str, ...] = ("-o", "max_new_tokens=24")) -> Result:
        return cli("chat", *options, text="\n".join(lines) + "\n")

    return run


def kept(tmp_path: Path) -> list[dict[str, str]]:
    value: dict[str, Any] = json.loads((tmp_path / "store" / "last_chat.json").read_text(encoding="utf-8"))
    messages: list[dict[str, str]] = value["messages"]
    return messages


def test_what_is_remembered_in_one_conversation_is_answered_in_the_next(say: Say) -> None:
    first = say(f"/remember {FACT}", "/bye", "never said")
    assert first.exit_code == 0
    assert "added" in first.stderr
    second = say(QUESTION, "/why")
    assert ANSWER in second.stdout.splitlines()[0]
    assert FACT in second.stderr
    assert "spoke" in second.stdout


SAID = "My locker at the station is number 12."


def test_what_is_stated_is_remembered_said_and_taken_back(say: Say) -> None:
    done = say(f"Remember that m{SAID[1:]}", "/memories", "/forget", "/memories", "/undo 2", "/memories")
    assert f": {SAID}" in done.stderr
    assert "remembered " in done.stderr
    assert "forgotten " in done.stderr
    assert [line.split("  ")[1] for line in done.stdout.splitlines() if SAID in line] == [SAID, SAID]
    again = say(f"Remember that m{SAID[1:]}")
    assert "known already" in again.stderr


def test_in_private_or_when_told_not_to_nothing_is_remembered(say: Say) -> None:
    short = ("-o", "max_new_tokens=2")
    done = say("/private", f"Remember that m{SAID[1:]}", "/private", "/memories", options=short)
    assert "Nothing is remembered yet." in done.stderr
    assert "remembered " not in done.stderr.replace("remembered or kept", "").replace("is remembered", "")
    done = say(f"Remember that m{SAID[1:]}", "/memories", options=(*short, "--no-remember"))
    assert "Nothing is remembered yet." in done.stderr


def test_in_private_nothing_goes_to_a_file_or_comes_from_one(say: Say, tmp_path: Path) -> None:
    path, short = tmp_path / "talk.json", ("-o", "max_new_tokens=2")
    say("One.", f"/save {path}", options=short)
    done = say("/private", "Secret.", f"/save {tmp_path / 'secret.json'}", f"/load {path}", "/private", "Two.", options=short)
    assert done.stderr.count("Nothing is remembered or kept in private") == 2
    assert not (tmp_path / "secret.json").exists()
    assert [m["content"] for m in kept(tmp_path) if m["role"] == "user"] == ["Two."]


def test_forget_means_what_was_remembered_last_and_not_what_was_known(say: Say) -> None:
    short = ("-o", "max_new_tokens=2")
    other = "My bicycle is in the shed."
    done = say(f"Remember that m{SAID[1:]} Remember that m{other[1:]}", "/forget", "/memories", options=short)
    assert [line.split("  ")[1] for line in done.stdout.splitlines() if "  " in line] == [SAID]
    again = say(f"Remember that m{SAID[1:]}", "/forget", options=short)
    assert "An item is forgotten by its id" in again.stderr


def test_where_a_thing_was_said_names_the_conversation_that_goes_on(say: Say, tmp_path: Path) -> None:
    short = ("-o", "max_new_tokens=2")
    say("Hello.", options=short)
    name = json.loads((tmp_path / "store" / "last_chat.json").read_text(encoding="utf-8"))["name"]
    say(f"Remember that m{SAID[1:]}", options=(*short, "-c"))
    with open_store(tmp_path / "store") as store:
        (item,) = store.items("default")
    assert item.source == f"conversation {name}, turn 2, characters 14-{14 + len(SAID)}"


def test_forget_undo_and_memories(say: Say) -> None:
    done = say(f"/remember {FACT}", QUESTION, "/forget", "/memories", "/undo 2", "/memories 1", QUESTION)
    assert "forgotten" in done.stderr
    assert "Nothing is remembered yet." in done.stderr
    lines = done.stdout.splitlines()
    assert ANSWER in lines[0]
    assert FACT in lines[1]
    assert ANSWER in lines[2]


def test_mistakes_are_said_and_the_conversation_goes_on(say: Say) -> None:
    wrong = ("/rember x", "/forget", "/why", "/memories none", "/save", "/load nothing.json", "/undo", "/undo one", "/private on")
    done = say(*wrong, "/remember", f"/remember {FACT}")
    assert done.exit_code == 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 10
    assert "/rember" in errors[0]
    assert "Traceback" not in done.output
    assert "added" in done.stderr


def test_in_private_nothing_is_recalled_remembered_or_kept(say: Say, tmp_path: Path) -> None:
    done = say(f"/remember {FACT}", "Hello there.", "/private", QUESTION, "/remember secret", "/why", "/private", QUESTION)
    private, _, public = done.stdout.splitlines()[-3:]
    assert ANSWER not in private
    assert ANSWER in public
    assert "Nothing is remembered or kept in private" in done.stderr
    assert [m["content"] for m in kept(tmp_path) if m["role"] == "user"] == ["Hello there.", QUESTION]


def test_a_conversation_goes_on_from_a_file_or_where_it_stopped(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    say("One.", f"/save {path}", "/clear", "Two.", options=("-o", "max_new_tokens=2", "-s", "Be kind."))
    assert [m["content"] for m in kept(tmp_path) if m["role"] != "assistant"] == ["Be kind.", "Two."]
    done = say("Three.", f"/load {path}", "Four.", f"/save {path}", options=("-o", "max_new_tokens=2", "-c"))
    assert "2 messages taken up" in done.stderr
    assert "A conversation is saved to a new file" in done.stderr
    assert [m["content"] for m in kept(tmp_path) if m["role"] == "user"] == ["One.", "Four."]
    nothing = say("Hello.", options=("-c", "--store", str(tmp_path / "elsewhere")))
    assert nothing.exit_code == 1
    assert "-c goes on with a conversation" in nothing.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_lines_between_three_quotes_are_one_message(say: Say, tmp_path: Path) -> None:
    done = say('"""', "/not a command", "", "second line", '"""', '"""', "left open", options=("-o", "max_new_tokens=2"))
    assert [m["content"] for m in kept(tmp_path) if m["role"] == "user"] == ["/not a command\n\nsecond line"]
    assert "has no closing" in done.stderr


def test_options_are_those_of_generate(say: Say) -> None:
    assert say("Hi.", options=("-o", "temperature=0.5", "-o", "max_new_tokens=2")).exit_code == 0
    wrong = say("Hi.", options=("-o", "temperature"))
    assert wrong.exit_code == 2
    unknown = say("Hi.", options=("-o", "colour=red"))
    assert unknown.exit_code == 0
    assert "Options are those of the model's own" in unknown.stderr
