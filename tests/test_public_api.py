"""What `import mnemic` offers."""

import ast
import inspect
from pathlib import Path

import pytest

import mnemic
from mnemic import errors

INIT = Path(inspect.getfile(mnemic))


def names_for_type_checkers() -> set[str]:
    block = next(node for node in ast.parse(INIT.read_text(encoding="utf-8")).body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("name", mnemic.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    value = getattr(mnemic, name)
    assert name == "__version__" or inspect.getdoc(value)


def test_run_time_and_type_checker_see_the_same_names() -> None:
    assert names_for_type_checkers() == set(mnemic.__all__) - {"__version__"}
    assert set(mnemic.__all__) <= set(dir(mnemic))


def test_every_error_is_public() -> None:
    tree = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.MnemicError)}
    assert tree <= set(mnemic.__all__)


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'mnemic' has no attribute 'remember'"):
        mnemic.remember  # noqa: B018


def test_the_package_is_typed() -> None:
    assert (INIT.parent / "py.typed").is_file()
