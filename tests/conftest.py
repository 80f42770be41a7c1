"""Settings of the whole test run: few threads, no network, and where the really trained tiny model is."""

import os

# before the first import of torch or transformers
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stories", default=None, metavar="PATH", help="folder of the stories260K model (or MNEMIC_STORIES)")


@pytest.fixture(scope="session")
def stories_path(request: pytest.FixtureRequest) -> Path:
    """Folder of a really trained tiny model; where there is none, a named skip."""
    named = request.config.getoption("--stories") or os.environ.get("MNEMIC_STORIES")
    beside = request.config.rootpath.parent / "shared" / "models" / "stories260K"
    path = Path(named) if named else beside
    if (path / "config.json").is_file():
        return path
    if named:
        pytest.fail(f"no model at {path}, named by --stories or MNEMIC_STORIES")
    pytest.skip("stories260K is absent: pass --stories PATH or set MNEMIC_STORIES")
