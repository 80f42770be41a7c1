import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from fixtures.word_encoder import WordEncoder
from mnemic.types import FoundAt

from .conftest import FakeLM

Cli = Callable[..., Result]


def texts_of(fake: FakeLM) -> list[str]:
    return [text for text, _ in fake.learned]


def test_arguments_are_learned_one_text_each(cli: Cli, fake: FakeLM) -> None:
    done = cli("learn", "My dog is called Biscuit.", "The key is blue.", "--category", "home", "--importance", "0.9", "--force")
    assert done.exit_code == 0
    assert texts_of(fake) == ["My dog is called Biscuit.", "The key is blue."]
    assert {key: fake.learned[0][1][key] for key in ("category", "importance", "force")} == {
        "category": "home",
        "importance": 0.9,
        "force": True,
    }
    assert "added" in done.stdout
    assert "2 added, 0 updated, 0 superseded, 0 skipped" in done.stderr
    assert fake.closed


def test_settings_reach_the_memory(cli: Cli, fake: FakeLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_SCOPE", "anna")
    monkeypatch.setenv("MNEMIC_ENCODER", "host")
    cli("learn", "A text.", "--model", "gpt2", "--store", "elsewhere", "--budget", "40")
    assert fake.loaded_with == {
        "model": "gpt2",
        "store": "elsewhere",
        "encoder": "host",
        "scope": "anna",
        "gate": None,
        "budget": 40,
    }


def test_json_is_an_array_with_an_object_per_text(cli: Cli, fake: FakeLM) -> None:
    done = cli("learn", "One.", "Two.", "One.", "--json")
    results = json.loads(done.stdout)
    assert [r["action"] for r in results] == ["added", "added", "skipped"]
    assert results[0]["item"]["text"] == "One."
    assert set(results[0]) == {"action", "item", "reason", "ms"}


def test_a_text_file_is_a_fact_per_line_with_its_place_as_source(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    file = tmp_path / "facts.txt"
    file.write_text("One.\n\nTwo.\n", encoding="utf-8")
    assert cli("learn", "--file", file).exit_code == 0
    assert texts_of(fake) == ["One.", "Two."]
    assert fake.learned[1][1]["source"].endswith("facts.txt:3")


def test_only_a_source_that_is_named_is_said(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    file = tmp_path / "facts.jsonl"
    file.write_text('{"text": "One."}\n{"text": "Two.", "source": "a friend"}\n', encoding="utf-8")
    cli("learn", "Three.", "-", "--file", file, text="Four.\n")
    cli("learn", "Five.", "--source", "a letter")
    found = {text: isinstance(options["source"], FoundAt) for text, options in fake.learned}
    assert found == {"Three.": True, "One.": True, "Two.": False, "Four.": True, "Five.": False}


def test_what_a_line_says_itself_wins_over_the_options(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    file = tmp_path / "facts.jsonl"
    file.write_text('{"text": "One.", "category": "a", "importance": 0.1}\n{"text": "Two."}\n', encoding="utf-8")
    cli("learn", "--file", file, "--category", "b", "--source", "a friend")
    assert [(o["category"], o["importance"], o["source"]) for _, o in fake.learned] == [
        ("a", 0.1, "a friend"),
        ("b", None, "a friend"),
    ]


def test_standard_input(cli: Cli, fake: FakeLM) -> None:
    assert cli("learn", "-", text="One.\nTwo.\n").exit_code == 0
    assert texts_of(fake) == ["One.", "Two."]


def test_a_broken_file_teaches_nothing_and_names_the_lines(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.jsonl"
    good.write_text("One.\n", encoding="utf-8")
    bad.write_bytes(b'{"text": "Two."}\n{"text": \n{"text": "\xff"}\n')
    done = cli("learn", "--file", good, "--file", bad)
    assert done.exit_code == 1
    assert "line 2" in done.stderr
    assert "line 3" in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout, fake.learned, fake.loaded_with) == ("", [], {})


def test_keep_good_learns_the_rest_and_names_the_lines(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b'{"text": "Two."}\n{"text": \n{"text": "Three."}\n')
    done = cli("learn", "--file", bad, "--keep-good", "--json")
    assert done.exit_code == 0
    assert texts_of(fake) == ["Two.", "Three."]
    assert len(json.loads(done.stdout)) == 2
    assert "skipped line 2 of" in done.stderr


@pytest.mark.parametrize("arguments", [["learn", ""], ["learn", "  "], ["learn", "-", "--json"]])
def test_empty_texts_are_refused_before_anything_is_loaded(cli: Cli, fake: FakeLM, arguments: list[str]) -> None:
    done = cli(*arguments, text=" \n")
    assert done.exit_code == 1
    assert "Got: " in done.stderr
    assert (done.stdout, fake.loaded_with) == ("", {})


def test_nothing_given_is_wrong_usage(cli: Cli, fake: FakeLM) -> None:
    done = cli("learn")
    assert done.exit_code == 2
    assert "nothing to learn" in done.stderr


def test_a_missing_file_is_an_error_with_its_name(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    done = cli("learn", "--file", tmp_path / "none.txt")
    assert done.exit_code == 1
    assert "none.txt" in done.stderr.replace("\n", "")


def test_an_interrupt_finishes_the_texts_in_hand_and_counts_exactly(cli: Cli, fake: FakeLM) -> None:
    fake.before_learn = lambda: os.kill(os.getpid(), signal.SIGINT) if len(fake.learned) >= 32 else None
    previous = signal.getsignal(signal.SIGINT)
    done = cli("learn", "-", "--source", "test", "--json", text="".join(f"Fact {n}.\n" for n in range(100)))
    assert done.exit_code == 130
    assert len(json.loads(done.stdout)) == len(fake.learned) == 64
    assert "64 of 100 texts are done and durable" in done.stderr
    assert signal.getsignal(signal.SIGINT) is previous
    assert fake.closed


def test_a_text_that_does_not_fit_says_what_is_already_durable(cli: Cli, fake: FakeLM) -> None:
    done = cli("learn", "-", "--source", "test", text="".join(f"Fact {n}.\n" for n in range(40)) + "This is too long.\n")
    assert done.exit_code == 1
    assert "A text has to fit the model's window. Got: 9000 tokens. Split it." in done.stderr
    assert "32 of 41 texts are done and durable" in done.stderr


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an encoder that needs nothing in the place of MiniLM."""
    monkeypatch.setattr("mnemic.encoders.encoder_alone", lambda name, model, **_: WordEncoder())


@pytest.mark.usefixtures("encoder")
def test_bulk_needs_no_model_and_says_what_came_of_it(cli: Cli, fake: FakeLM, tmp_path: Path) -> None:
    file = tmp_path / "facts.jsonl"
    file.write_text('{"text": "One."}\n{"text": "Two.", "category": "n"}\n{"text": "One."}\n', encoding="utf-8")
    done = json.loads(cli("learn", "--bulk", file, "--encoder", "minilm", "--category", "c", "--json").stdout)
    assert {k: done[k] for k in ("read", "added", "known", "refused", "stopped")} == {
        "read": 3,
        "added": 2,
        "known": 1,
        "refused": 0,
        "stopped": False,
    }
    assert fake.loaded_with == {}
    assert [(i["text"], i["category"]) for i in json.loads(cli("list", "--json").stdout)] == [("One.", "c"), ("Two.", "n")]
    assert "0 added, 3 known already, 0 refused in" in cli("learn", "--bulk", file, "--encoder", "minilm").stdout


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize("flag", [("--on-error", "skip"), ("--keep-good",)])
def test_bulk_leaves_out_broken_lines_if_told_to(cli: Cli, fake: FakeLM, flag: tuple[str, ...]) -> None:
    lines = b"Good.\n\xff\xfe\nBetter.\n"
    refused = cli("learn", "--bulk", "-", "--encoder", "minilm", text=lines)
    assert (refused.exit_code, "1 bad line" in refused.stderr) == (1, True)
    done = cli("learn", "--bulk", "-", "--encoder", "minilm", *flag, text=lines)
    assert "2 added, 0 known already, 1 refused" in done.stdout
    assert "skipped line 2 of standard input: it isn't UTF-8" in done.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("a text", "--bulk", "x"), "stands alone"),
        (("--bulk", "x", "--force"), "stands alone"),
        (("a text", "--workers", "2"), "is for --bulk"),
    ],
)
def test_bulk_stands_alone(cli: Cli, fake: FakeLM, given: tuple[str, ...], words: str) -> None:
    done = cli("learn", *given)
    assert (done.exit_code, words in done.stderr) == (2, True)


def test_several_workers_need_a_text_encoder(cli: Cli, fake: FakeLM) -> None:
    done = cli("learn", "--bulk", "x", "--workers", "2", "--encoder", "host")
    assert (done.exit_code, "Use one worker" in done.stderr) == (1, True)
