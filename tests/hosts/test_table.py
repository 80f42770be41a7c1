from pathlib import Path

from mnemic.errors import HostNotSupported
from mnemic.hosts import FAMILIES
from mnemic.testing import TraceMemory
from mnemic.testing.table import host_table, renewed, support

PAGE = Path(__file__).parents[2] / "docs" / "hosts.md"


def test_the_published_table_is_current():
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: python -m mnemic.testing.table docs/hosts.md"


def test_every_family_has_a_row():
    rows = [line for line in host_table().splitlines() if line.startswith("| `")][1:]
    assert [row.split("`")[1] for row in rows] == list(FAMILIES)


def test_a_pair_that_isnt_supported_shows_its_reason(monkeypatch):
    def refuse(self, host):
        raise HostNotSupported("no room here.")

    monkeypatch.setattr(TraceMemory, "bind", refuse)
    assert support(TraceMemory, "llama") == "no room here."
    assert "no (1)" in host_table()
    assert "1. no room here." in host_table()
