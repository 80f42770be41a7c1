"""Where memories join the contract suite.

A registered memory without a case fails `test_every_memory_has_a_case`. To add one, write `tests/contract/case_<memory>.py` that
calls `mnemic.testing.register_case(ContractCase(...))`: every such file is imported here, before the tests are collected.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def _load(path: Path) -> None:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module_from_spec(spec))


for _path in sorted(Path(__file__).parent.glob("case_*.py")):
    _load(_path)
