"""`ask`, `recall` and `why`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from mnemic.cli import output
from mnemic.errors import HostNotSupported, rule_got_do
from mnemic.store import open_store
from mnemic.types import NewItem

from .conftest import FakeLM

Cli = Callable[..., Result]


def test_the_answer_alone_is_on_standard_output(cli: Cli, fake: FakeLM) -> None:
    done = cli("ask", "What", "is", "my", "dog", "called?")
    assert (done.exit_code, done.stdout) == (0, "Biscuit\n")
    assert "memory a1 (score 0.98, weight 0.90): My dog is called Biscuit." in done.stderr
    assert fake.asked == [("What is my dog called?", {"memory": True, "readers": None, "brief": True, "max_new_tokens": 64})]


def test_no_memory_found_is_no_error_but_said(cli: Cli, fake: FakeLM) -> None:
    done = cli("ask", "What is the capital of Italy?")
    assert (done.exit_code, done.stdout) == (0, "I don't know\n")
    assert "No memory fits this question" in done.stderr


def test_without_memory(cli: Cli, fake: FakeLM) -> None:
    done = cli("ask", "--no-memory", "What is my dog called?")
    assert done.stdout == "I don't know\n"
    assert "Memory was off" in done.stderr


def test_streamed_and_whole_answers_are_the_same(cli: Cli, fake: FakeLM) -> None:
    whole, streamed = cli("ask", "my dog"), cli("ask", "--stream", "my dog")
    assert (streamed.stdout, streamed.stderr) == (whole.stdout, whole.stderr)
    assert fake.stream.closed


def test_what_takes_long_while_loading_is_said_on_standard_error(cli: Cli, fake: FakeLM) -> None:
    assert "This takes a while." in cli("recall", "dog").stderr


def test_a_question_from_standard_input(cli: Cli, fake: FakeLM) -> None:
    assert cli("ask", "-", text="What is my dog called?\n").stdout == "Biscuit\n"
    empty = cli("ask", "-", text="\n")
    assert (empty.exit_code, empty.stdout) == (1, "")
    assert "A question has words in it." in empty.stderr


def test_sampling_options_reach_generate(cli: Cli, fake: FakeLM) -> None:
    cli("ask", "dog", "--temperature", "0.7", "--top-p", "0.9", "--max-new-tokens", "5")
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.9}
    assert fake.asked[0][1] == {"memory": True, "readers": None, "brief": True, "max_new_tokens": 5, **sampling}
    cli("ask", "dog", "--no-brief")
    assert fake.asked[1][1]["brief"] is False
    assert cli("ask", "dog", "--top-p", "0.9").exit_code == 2


def test_ask_json(cli: Cli, fake: FakeLM) -> None:
    reply = json.loads(cli("ask", "my dog", "--json", "--stream").stdout)
    assert reply["text"] == "Biscuit"
    assert reply["memories"][0]["item"]["id"] == "a1"
    assert set(reply) == {"text", "token_ids", "memories", "prompt", "learned", "not_learned", "ms", "parts"}


def test_recall_is_tab_separated_without_a_terminal(cli: Cli, fake: FakeLM) -> None:
    done = cli("recall", "my", "dog")
    assert done.stdout == "0.980\tyes\ta1\tfamily\tMy dog is called Biscuit.\n"


@pytest.mark.parametrize(
    ("query", "remark"), [("nothing", "Nothing is remembered"), ("my cat", "None of these fits well enough")]
)
def test_recall_without_a_memory_that_speaks_says_so(cli: Cli, fake: FakeLM, query: str, remark: str) -> None:
    done = cli("recall", query)
    assert done.exit_code == 0
    assert remark in done.stderr


def test_recall_json(cli: Cli, fake: FakeLM) -> None:
    assert json.loads(cli("recall", "my dog", "--json").stdout)[0]["parts"] == {"cosine": 0.7}
    assert json.loads(cli("recall", "nothing", "--json").stdout) == []


@pytest.mark.parametrize(
    ("given", "readers"), [(("kv",), ["kv"]), (("pointer", "hidden"), ["pointer", "hidden"]), (("auto",), "auto")]
)
def test_readers_are_handed_on(cli: Cli, fake: FakeLM, given: tuple[str, ...], readers: object) -> None:
    cli("ask", "my dog", *(word for name in given for word in ("--readers", name)))
    assert fake.asked[0][1]["readers"] == readers


def test_what_spoke_says_through_which_readers(cli: Cli, fake: FakeLM) -> None:
    assert "(score 0.98, weight 0.90)" in cli("ask", "my dog").stderr
    fake.readers, fake.weight = ("kv", "hidden"), 0.0
    assert "(score 0.98, kv, hidden)" in cli("ask", "my dog").stderr
    fake.readers, fake.weight = ("pointer", "kv"), 0.9
    assert "(score 0.98, weight 0.90, kv)" in cli("ask", "my dog").stderr


def test_why_shows_what_each_reader_moved(cli: Cli, fake: FakeLM) -> None:
    done = cli("why", "my", "dog", "--readers", "pointer", "--readers", "kv", "--budget", "1")
    assert fake.moved == [("my dog", ["pointer", "kv"], 1.0)]
    assert done.stdout.splitlines()[1:] == ["Bis\tpointer\t2.000\t+1.500\t0.000", "Bis\ttogether\t2.500\t\t"]
    assert "Over the budget of 1 nats: pointer." in done.stderr
    said = json.loads(cli("why", "my dog", "--readers", "auto", "--json").stdout)
    assert fake.moved[1] == ("my dog", "auto", None)
    assert (said["explanation"]["threshold"], said["interference"]["together"], said["over"]) == (0.5, [2.5], [])
    assert "--budget only means something with --readers" in cli("why", "my dog", "--budget", "1").stderr


def test_why(cli: Cli, fake: FakeLM) -> None:
    assert cli("why", "my dog").stdout == "Biscuit spoke: 0.98 is above 0.50.\n"
    explanation = json.loads(cli("why", "my dog", "--json").stdout)
    assert set(explanation) == {"text", "hits", "threshold"}


def test_an_error_of_mnemic_is_one_message_and_no_stack_trace(cli: Cli, fake: FakeLM, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise HostNotSupported(rule_got_do("A host has to be known.", "family 'mamba'", "Name its parts with HostParts."))

    monkeypatch.setattr(fake, "ask", refuse)
    done = cli("ask", "dog")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[1:] == ["Error: A host has to be known. Got: family 'mamba'. Name its parts with HostParts."]
    assert "Traceback" in cli("--debug", "ask", "dog").stderr


def test_a_mistake_in_the_program_is_not_hidden(cli: Cli, fake: FakeLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "recall", lambda *_, **__: 1 / 0)
    assert isinstance(cli("recall", "dog").exception, ZeroDivisionError)


def test_an_interrupt_exits_with_130(cli: Cli, fake: FakeLM, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake, "ask", interrupt)
    done = cli("ask", "dog")
    assert done.exit_code == 130
    assert done.stderr.splitlines()[1:] == ["Interrupted."]


def test_texts_cannot_drive_the_terminal() -> None:
    assert output.clean("a\x1b[31mb\x07\tc\n\x9bd") == "a\ufffd[31mb\ufffd\tc\n\ufffdd"


def test_markup_in_an_answer_is_text(cli: Cli, fake: FakeLM, monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = fake.why("dog")
    monkeypatch.setattr(fake, "why", lambda query: type(explanation)("[red]x[/red] :smile:", (), 0.5))
    assert cli("why", "dog").stdout == "[red]x[/red] :smile:\n"


@pytest.mark.parametrize("command", ["ask", "recall", "why"])
def test_who_only_looks_makes_no_store(cli: Cli, fake: FakeLM, tmp_path: Path, command: str) -> None:
    done = cli(command, "dog", "--store", tmp_path / "typo")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "There has to be a store to look into" in done.stderr
    assert not (tmp_path / "typo").exists()
    assert fake.loaded_with == {}
    assert cli("ask", "dog", "--no-memory", "--store", tmp_path / "typo").exit_code == 0
    assert cli("learn", "My dog is called Biscuit.", "--store", tmp_path / "typo").exit_code == 0


@pytest.mark.parametrize("command", ["ask", "recall", "why"])
def test_a_mistyped_scope_is_said_before_a_model_is_loaded(cli: Cli, fake: FakeLM, tmp_path: Path, command: str) -> None:
    with open_store(tmp_path / "store") as store:
        store.open_for("fake", 2)
        store.insert([NewItem(text="A.", scope="anna", key=np.array([1.0, 0.0], dtype=np.float32), reason="new")])
    done = cli(command, "dog", "--scope", "ana")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "Got: 'ana'. Scopes here: 'anna'." in done.stderr
    assert fake.loaded_with == {}
    assert cli(command, "dog", "--scope", "anna").exit_code == 0
    assert cli("ask", "dog", "--scope", "ana", "--no-memory").exit_code == 0
    assert cli("learn", "My dog is called Biscuit.", "--scope", "ana").exit_code == 0
