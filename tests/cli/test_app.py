"""The application around its subcommands."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import Result

import mnemic
from mnemic.cli import output, reference
from mnemic.cli.exits import PIPE_CLOSED
from mnemic.store import open_store
from mnemic.types import NewItem

Cli = Callable[..., Result]
DOCS = Path(__file__).parents[2] / "docs"


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"mnemic {mnemic.__version__}\n"


def test_help_names_every_subcommand_and_the_exit_codes(cli: Cli) -> None:
    text = cli("--help").stdout
    for name in ("learn", "ask", "recall", "why", "list", "forget", "bench", "doctor", "Exit codes"):
        assert name in text


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [(["lern"], "Did you mean 'learn'"), (["ask", "x", "--modle", "m"], "--model"), (["recall", "x", "-k", "0"], "-k")],
)
def test_wrong_usage_exits_with_2_and_helps(cli: Cli, arguments: list[str], remedy: str) -> None:
    done = cli(*arguments)
    assert done.exit_code == 2
    assert remedy in done.stderr


def test_the_reference_page_is_current() -> None:
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == reference.page(), "run `make docs`"


def test_a_reader_that_goes_away_is_no_stack_trace(tmp_path: Path) -> None:
    key = np.array([1.0, 0.0], dtype=np.float32)
    with open_store(tmp_path) as store:
        store.open_for("fake", 2)
        # more than a pipe holds
        store.insert([NewItem(text=f"{n} " * 200, scope="default", key=key, reason="new") for n in range(500)])
    command = [sys.executable, "-m", "mnemic", "list", "--store", str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.read(10)
    child.stdout.close()
    errors = child.stderr.read().decode()
    child.stderr.close()
    assert (child.wait(), errors) == (PIPE_CLOSED, "")


def test_json_of_anything_the_library_returns() -> None:
    assert output.plain({"score": np.float32(0.5), "ids": (1, None), "path": Path("x")}) == {
        "score": 0.5,
        "ids": [1, None],
        "path": "x",
    }


def test_a_bar_shows_only_on_long_work(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(output, "err", Console(stderr=True, force_terminal=True, width=80))
    with output.progress("Learning", 10) as advance:
        advance(5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(output, "QUIET_SECONDS", -1.0)
    with output.progress("Learning", 10) as advance:
        advance(5)
    assert "5/10" in capsys.readouterr().err
