"""Settings of the whole test run: few threads, no network, and where the really trained tiny model is."""

import os

# before the first import of torch or transformers
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path

import pytest

pytest_plugins = ("fixtures.small_lm",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stories", default=None, metavar="PATH", help="folder of the stories260K model (or MNEMIC_STORIES)")
    parser.addoption(
        "--gpt2-tokenizer", default=None, metavar="PATH", help="folder of GPT-2's tokenizer files (or MNEMIC_GPT2_TOKENIZER)"
    )


def _found(request: pytest.FixtureRequest, option: str, variable: str, folder: str, what: str) -> Path:
    """Return a folder named by an option or a variable, or lying beside the repository; skip the test where there is none."""
    named = request.config.getoption(option) or os.environ.get(variable)
    beside = request.config.rootpath.parent / "shared" / "models" / folder
    path = Path(named) if named else beside
    if (path / "config.json").is_file():
        return path
    if named:
        pytest.fail(f"nothing at {path}, named by {option} or {variable}")
    pytest.skip(f"{what} is absent: pass {option} PATH or set {variable}")


@pytest.fixture(scope="session")
def stories_path(request: pytest.FixtureRequest) -> Path:
    """The stories260K model."""
    return _found(request, "--stories", "MNEMIC_STORIES", "stories260K", "stories260K")


@pytest.fixture(scope="session")
def gpt2_tokenizer_path(request: pytest.FixtureRequest) -> Path:
    """GPT-2's tokenizer files."""
    return _found(request, "--gpt2-tokenizer", "MNEMIC_GPT2_TOKENIZER", "gpt2_tokenizer", "GPT-2's tokenizer")
