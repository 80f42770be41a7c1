"""`bench`: the wiring alone. What is measured is tested with the bench itself."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from typer.testing import CliRunner, Result

from mnemic.cli import fields
from mnemic.evals import capacity, edits, pairs, quality, report, speed, tables

Cli = Callable[..., Result]


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    """Settings of nothing."""

    data: Path | None = None
    """A file,
    read once."""
    n: int = 10
    """How many."""
    readers: tuple[str, ...] = ("pointer",)
    """Who reads."""
    forced: bool = True
    """Whether."""
    split: Literal["dev", "test"] = "test"
    """Which."""


def run_toy(*arguments: str) -> tuple[Result, list[ToyConfig]]:
    seen: list[ToyConfig] = []
    app = typer.Typer()
    app.command()(fields.command_from(ToyConfig, seen.append))
    return CliRunner().invoke(app, list(arguments)), seen


def test_every_field_becomes_an_option_with_its_default() -> None:
    assert run_toy()[1] == [ToyConfig()]


def test_options_reach_the_configuration() -> None:
    done, seen = run_toy("--data", "x.json", "--n", "3", "--readers", "a", "--readers", "b", "--no-forced", "--split", "dev")
    assert done.exit_code == 0
    assert seen == [ToyConfig(data=Path("x.json"), n=3, readers=("a", "b"), forced=False, split="dev")]


def test_the_help_is_the_docstring_under_the_field() -> None:
    assert fields.field_help(ToyConfig) == {
        "data": "A file, read once.",
        "n": "How many.",
        "readers": "Who reads.",
        "forced": "Whether.",
        "split": "Which.",
    }


@pytest.mark.parametrize("arguments", [["--n", "many"], ["--split", "train"], ["--nn", "3"]])
def test_a_wrong_value_is_wrong_usage(arguments: list[str]) -> None:
    done, seen = run_toy(*arguments)
    assert (done.exit_code, seen) == (2, [])


@pytest.mark.parametrize(
    "config",
    [
        capacity.CapacityConfig,
        edits.EditsConfig,
        pairs.PairsConfig,
        quality.QualityConfig,
        speed.SpeedConfig,
        report.ReportConfig,
    ],
)
def test_every_setting_of_every_bench_has_help(config: type) -> None:
    assert set(fields.field_help(config)) == set(inspect.signature(config).parameters)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    """Put a stand-in behind `bench edits` and return what it was called with."""
    calls: list[tuple[Any, bool]] = []

    @dataclass(frozen=True)
    class Summary:
        bench: str = "edits"
        value: float = 0.5

    def run(config: Any, *, progress: bool) -> Summary:
        calls.append((config, progress))
        return Summary()

    monkeypatch.setattr(edits, "run", run)
    monkeypatch.setattr(
        tables, "tables_of", lambda data: (tables.Table(title="T", header=("a", "b"), rows=(("1", str(data["value"])),)),)
    )
    return calls


def test_a_bench_prints_its_tables_and_saves_the_result(cli: Cli, ran: list[tuple[Any, bool]], tmp_path: Path) -> None:
    done = cli("bench", "edits", "--n", "5", "--held-out", "6", "--json", tmp_path / "out.json", "--markdown")
    assert done.exit_code == 0
    assert ran == [(edits.EditsConfig(n=5, held_out=6), False)]
    assert "| 1 | 0.5 |" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == {"bench": "edits", "value": 0.5}


def test_a_result_on_standard_output_is_json_alone(cli: Cli, ran: list[tuple[Any, bool]]) -> None:
    assert json.loads(cli("bench", "edits", "--json", "-", "--markdown").stdout) == {"bench": "edits", "value": 0.5}


def test_settings_that_contradict_each_other_are_an_error_without_a_stack_trace(cli: Cli) -> None:
    done = cli("bench", "edits", "--n", "0")
    assert done.exit_code == 1
    assert "n is at least 1. Got: 0." in done.stderr
    assert "Traceback" not in done.stderr


def test_generated_facts_can_be_read_back(cli: Cli, tmp_path: Path) -> None:
    from mnemic.evals import datasets, generator

    file = tmp_path / "facts.json"
    assert cli("bench", "generate", file, "--n", "7", "--seed", "3", "--split", "dev").exit_code == 0
    assert list(datasets.load(file).records) == generator.generate(7, 3, "dev")


def test_report_names_places_without_a_result_and_check_fails_on_old_tables(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "tables_of", lambda _: (tables.Table(title="T", header=("a",), rows=(("1",),)),))
    monkeypatch.setattr(report, "tables_of", tables.tables_of)
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:old -->\n<!-- /bench -->\n<!-- bench:none -->\n<!-- /bench -->\n", encoding="utf-8")
    (tmp_path / "old.json").write_text("{}", encoding="utf-8")
    arguments = ("bench", "report", "--results", tmp_path, "--documents", page)
    stale = cli(*arguments, "--check")
    assert stale.exit_code == 1
    assert "not current" in stale.stdout
    written = cli(*arguments)
    assert written.exit_code == 0
    assert "no result for none" in written.stderr
    assert cli(*arguments, "--check").exit_code == 0
