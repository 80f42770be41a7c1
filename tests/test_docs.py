"""The examples in the documentation run, and its links lead somewhere."""

import ast
import os
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mnemic.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXPECTED = re.compile(r"# -> (.*)$")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def run_and_compare(code: str, page: Path) -> int:
    """Run statement by statement; where one ends in `# -> value`, its value reads like that. Returns how many were compared.

    `# -> ... value ...` means that the value is somewhere in it.
    """
    names: dict[str, object] = {}
    compared = 0
    lines = code.splitlines()
    for node in ast.parse(code).body:
        value = None
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), str(page), "eval"), names)
        else:
            exec(compile(ast.Module([node], []), str(page), "exec"), names)
        expected = EXPECTED.search(lines[(node.end_lineno or 0) - 1])
        if expected:
            assert isinstance(node, ast.Expr)
            wanted = expected[1].strip()
            somewhere = re.fullmatch(r"\.\.\. (.*) \.\.\.", wanted)
            fits = somewhere[1] in str(value) if somewhere else str(value) == wanted
            assert fits, f"{lines[node.lineno - 1]}: {value}"
            compared += 1
    return compared


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; converted weights are still taken from the real one's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("STORE", "SCOPE", "MODEL", "ENCODER", "DEBUG"):
        monkeypatch.delenv(f"MNEMIC_{name}", raising=False)
    return tmp_path


@pytest.mark.smollm2
@pytest.mark.parametrize(("page", "values"), [("README.md", 2), ("docs/tutorial.md", 12)])
def test_python_examples_are_true(home: Path, page: str, values: int) -> None:
    runnable = [code for code in blocks(ROOT / page, "python") if "from_pretrained(...)" not in code]
    assert run_and_compare("".join(runnable), ROOT / page) >= values


def test_the_card_of_resonance_is_true() -> None:
    page = ROOT / "docs" / "memories" / "resonance.md"
    assert run_and_compare("".join(blocks(page, "python")), page) == 2


@pytest.mark.smollm2
def test_command_examples_run(home: Path) -> None:
    commands = [line[2:] for code in blocks(ROOT / "README.md", "console") for line in code.splitlines() if line.startswith("$ ")]
    assert len(commands) >= 6
    for command in commands:
        program, *arguments = shlex.split(command)
        done = CliRunner().invoke(app, arguments, prog_name=program)
        assert (program, done.exit_code) == ("mnemic", 0), done.output


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [target for target in targets if target and "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_page_names_a_folder_of_somebodys_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.~])/(?:home|root|Users|work|tmp)/\S*", page.read_text(encoding="utf-8")) == []
