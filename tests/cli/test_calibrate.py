"""`mnemic calibrate`, with a tiny model."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import Result

from fixtures.small_lm import FACT, QUESTION, UNRELATED
from mnemic.assistant import MemoryLM
from mnemic.cli import session
from mnemic.memories.fact.gate import Gate

Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def opened(make: Callable[..., MemoryLM], monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tiny model that knows one fact behind the command."""

    @contextmanager
    def open_memory(model: str, store: str, encoder: str | None, scope: str) -> Iterator[MemoryLM]:
        lm = make(store, scope=scope)
        lm.learn(FACT)
        yield lm
        lm.close()

    monkeypatch.setattr(session, "open_memory", open_memory)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Return a file of questions, of which the first, third, ... ask for the fact."""
    path = tmp_path / "questions.txt"
    path.write_text(f"{QUESTION}\n{UNRELATED}\nWho is captain of the Winter Plough?\nWhat is two and two?\n", encoding="utf-8")
    return path


def test_the_rate_is_stated_with_what_woke(cli: Cli, questions: Path) -> None:
    done = cli("calibrate", "-q", questions)
    assert done.exit_code == 0, done.output
    first, *woken = done.stdout.splitlines()
    assert first.startswith("2 of 4 questions woke one of 1 items: false-injection rate 50.0% [15.0%, 85.0%] on questions.txt.")
    assert all(FACT in line for line in woken)
    assert len(woken) == 2
    value = json.loads(cli("calibrate", "-q", questions, "--json").stdout)
    assert (value["corpus"], value["items"], value["found"]["queries"], value["rate"]) == ("questions.txt", 1, 4, 0.5)
    assert value["found"]["woken"][0]["query"] == QUESTION


def test_a_settled_gate_is_written_and_wakes_less(cli: Cli, questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "gate.safetensors"
    text = questions.read_text(encoding="utf-8").splitlines()
    # settled on the first, third, ...: both ask for the fact; stated on the others
    questions.write_text("\n".join([text[0], text[2], text[2].replace("Who is", "Who was"), text[3]]) + "\n", encoding="utf-8")
    done = cli("calibrate", "-q", questions, "--rate", "0", "--out", out)
    assert done.exit_code == 0, done.output
    before, now = (line for line in done.stdout.splitlines() if "false-injection" in line)
    assert before.startswith("Before: 1 of 2 questions")
    assert now.startswith("Now: 0 of 2 questions")
    assert "settled" in Gate.load(out).about
    again = cli("calibrate", "-q", questions, "--rate", "0", "--out", out)
    assert again.exit_code == 1
    assert "to a new file" in again.stderr
    one = tmp_path / "one.txt"
    one.write_text(f"{UNRELATED}\n", encoding="utf-8")
    few = cli("calibrate", "-q", one, "--rate", "0", "--out", tmp_path / "other.safetensors")
    assert few.exit_code == 1
    assert "settled on one half" in few.stderr
    nowhere = cli("calibrate", "-q", questions, "--rate", "0", "--out", tmp_path / "none" / "gate.safetensors")
    assert "a folder that exists" in nowhere.stderr
    alone = cli("calibrate", "-q", questions, "--rate", "0.1")
    assert alone.exit_code == 2
    assert "go together" in alone.stderr
