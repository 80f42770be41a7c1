"""The arrows of docs/design/shape.md: who may import whom, and what `import mnemic` may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "mnemic"

PLAIN = {"types", "errors", "arguments"}
BELOW_ASSISTANT = PLAIN | {
    "bulk", "checkpoint", "choosing", "encoders", "explain", "gates", "generation", "gpt2", "host_texts", "hosts", "inputs",
    "interference", "memories", "models", "ops", "progress", "readers", "registry", "settling", "store",
}  # fmt: skip
ALLOWED = {
    "__init__": BELOW_ASSISTANT | {"assistant"},
    "__main__": {"cli"},
    "cli": {
        "__init__",
        "assistant",
        "bulk",
        "evals",
        "plots",
        "train",
        "models",
        "encoders",
        "store",
        "inputs",
        "testing",
        "transfer",
        "conversation",
    }
    | PLAIN,
    "evals": BELOW_ASSISTANT | {"__init__", "admission", "assistant", "conversation", "files", "train"},
    "testing": BELOW_ASSISTANT | {"__init__"},
    "assistant": BELOW_ASSISTANT | {"learning", "talking", "upkeep"},
    "upkeep": PLAIN
    | {"bulk", "encoders", "gates", "host_texts", "inputs", "keeping", "memories", "progress", "store", "transfer"},
    "bulk": PLAIN | {"encoders", "inputs", "store"},
    "talking": PLAIN | {"admission", "conversation", "encoders", "generation", "host_texts", "readers", "store"},
    "admission": PLAIN | {"files", "memories"},
    "plots": PLAIN | {"checkpoint", "encoders", "hosts", "memories", "train"},
    "train": PLAIN | {"hosts", "memories", "models"},
    "gpt2": PLAIN | {"hosts", "memories"},
    "settling": PLAIN | {"encoders", "learning", "memories", "store"},
    "learning": PLAIN | {"encoders", "memories", "store"},
    "keeping": PLAIN | {"encoders", "store"},
    "transfer": PLAIN | {"files", "store"},
    "conversation": PLAIN | {"files", "generation", "store"},
    "encoders": PLAIN | {"host_texts", "models"},
    "models": PLAIN,
    "readers": PLAIN | {"generation", "hosts", "memories"},
    "interference": {"generation"},
    "choosing": PLAIN | {"generation", "memories", "readers", "settling"},
    "gates": PLAIN | {"memories"},
    "explain": PLAIN,
    "generation": PLAIN,
    "progress": set(),
    "host_texts": PLAIN | {"hosts", "memories"},
    "checkpoint": PLAIN | {"__init__", "hosts", "memories", "registry"},
    "hosts": PLAIN | {"__init__", "memories", "registry", "checkpoint"},
    "memories": PLAIN | {"files", "ops", "store", "registry"},
    "ops": {"errors"},
    "store": PLAIN,
    "inputs": PLAIN | {"foreign", "store"},
    "foreign": set(),
    "files": set(),
    "registry": PLAIN | {"memories"},
    "types": set(),
    "errors": set(),
    "arguments": {"errors"},
}
"""Room -> rooms it may import; its own is always allowed. `__init__` stands for `from .. import __version__`."""

NARROW = {
    ("hosts", "memories"): "memories.base",
    ("memories", "store"): "store.base",
    ("registry", "memories"): "memories.base",
    ("inputs", "store"): "store.checks",
    ("conversation", "store"): "store.checks",
    ("cli", "testing"): "testing.models",
}
"""Of these rooms only one module, the protocol or the rules, may be imported."""

FORBIDDEN_OUTSIDE = {
    "memories": {"transformers", "sqlite3"},
    "ops": {"transformers", "sqlite3"},
    "store": {"torch", "transformers"},
    "inputs": {"torch", "transformers"},
    "types": {"torch", "transformers"},
    "errors": {"torch", "transformers", "numpy"},
    "arguments": {"torch", "transformers", "numpy"},
}
"""Room -> packages that it never imports, not even inside a function."""


def files() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").parts[0]


def imported_modules(tree: ast.AST, path: Path) -> Iterator[str]:
    """Yield the absolute dotted name of each import, below `mnemic` written without the prefix as `.room.module`."""
    package = path.relative_to(SRC).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield f".{alias.name.removeprefix('mnemic.')}" if alias.name.startswith("mnemic.") else alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - (node.level - 1)]
                parts = [*base, *(node.module.split(".") if node.module else [])]
            elif node.module == "mnemic" or (node.module or "").startswith("mnemic."):
                parts = (node.module or "").split(".")[1:]
            else:
                yield node.module or ""
                continue
            for alias in node.names:
                yield "." + ".".join([*parts, alias.name])


def wrong_imports(path: Path, source: str) -> list[str]:
    """Return what is wrong with the imports of one file of the package."""
    room = room_of(path)
    wrong = []
    for name in imported_modules(ast.parse(source), path):
        if not name.startswith("."):
            if name.split(".")[0] in FORBIDDEN_OUTSIDE.get(room, set()):
                wrong.append(f"{room} imports {name}")
            continue
        parts = name[1:].split(".")
        target = parts[0] if (SRC / parts[0]).is_dir() or (SRC / f"{parts[0]}.py").is_file() else "__init__"
        if target == room:
            continue
        narrow = NARROW.get((room, target))
        if target not in ALLOWED[room] or (narrow and not f"{name[1:]}.".startswith(f"{narrow}.")):
            wrong.append(f"{room} imports {name[1:]}")
    return wrong


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SRC)))
def test_arrows_only_go_down(path: Path) -> None:
    assert wrong_imports(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("memories/fact/module.py", "import transformers"),
        ("memories/fact/module.py", "from transformers.cache_utils import Cache"),
        ("memories/fact/module.py", "def f():\n    from ...hosts import attach"),
        ("memories/fact/module.py", "from ...store.embedded import SqliteStore"),
        ("store/sql.py", "from torch import nn"),
        ("store/sql.py", "from ..assistant import MemoryLM"),
        ("hosts/attach.py", "from ..memories.fact import FactMemory"),
        ("ops/pointer/api.py", "from ...types import Item"),
        ("types.py", "from . import errors"),
        ("cli/learn.py", "from mnemic.memories.fact import FactMemory"),
        ("cli/learn.py", "import mnemic.hosts"),
        ("cli/doctor.py", "from ..testing import tiny_model"),
    ],
)
def test_a_wrong_arrow_is_seen(file: str, line: str) -> None:
    assert len(wrong_imports(SRC / file, line)) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("memories/fact/module.py", "from ...store.base import Store\nimport torch"),
        ("memories/fact/module.py", "from .config import FactConfig\nfrom ..base import Memory"),
        ("hosts/attach.py", "from ..memories.base import Memory\nfrom transformers import Cache"),
        ("cli/learn.py", "from .. import __version__\nfrom ..errors import MnemicError"),
    ],
)
def test_a_right_arrow_passes(file: str, line: str) -> None:
    assert wrong_imports(SRC / file, line) == []


def loaded_by(code: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter holds after running `code`."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_import_mnemic_is_light() -> None:
    heavy = {"torch", "transformers", "numpy", "typer", "rich", "sqlite3", "fastapi", "starlette", "uvicorn", "psycopg"}
    assert loaded_by("import mnemic") & heavy == set()


def test_the_command_line_starts_without_a_model() -> None:
    assert loaded_by("import mnemic.cli") & {"torch", "transformers", "sentence_transformers"} == set()


def test_listing_loads_no_model() -> None:
    code = "from mnemic.cli.session import open_records\nwith open_records(':memory:') as records:\n    records.count()"
    assert loaded_by(code) & {"torch", "transformers", "sentence_transformers"} == set()


def test_the_library_loads_no_web_framework_and_no_database_driver() -> None:
    everything = "\n".join(f"mnemic.{name}" for name in ("load", "attach", "MemoryLM", "FactMemory"))
    assert loaded_by(f"import mnemic\n{everything}") & {"fastapi", "starlette", "uvicorn", "psycopg", "asyncpg"} == set()


def test_opening_a_folder_loads_no_database_driver() -> None:
    assert loaded_by("from mnemic.store import open_store\nopen_store(':memory:').close()") & {"psycopg", "psycopg_pool"} == set()
