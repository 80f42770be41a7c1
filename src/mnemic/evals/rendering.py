"""What tables of results are made of: the table itself, an interval as text, and how a result came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table as RichTable

Data = Mapping[str, Any]
"""A result, or a part of one, as `results.to_json` made it."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, a header, rows of the same length, and a remark below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """Return the table in Markdown, its title above and its note below."""
        lines = [f"**{self.title}**", "", _line(self.header), _line(["---"] * len(self.header)), *map(_line, self.rows)]
        return "\n".join([*lines, "", self.note] if self.note else lines) + "\n"

    def rich(self) -> RichTable:
        """Return the table for a terminal."""
        table = RichTable(title=self.title, caption=self.note or None, caption_justify="left")
        for number, name in enumerate(self.header):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def cell(interval: Data | None, digits: int = 3) -> str:
    """Return "value [low, high]" of an interval, "–" of none."""
    if interval is None or interval["value"] is None:
        return "–"
    return f"{interval['value']:.{digits}f} [{interval['low']:.{digits}f}, {interval['high']:.{digits}f}]"


def provenance(data: Data) -> str:
    """Return the line that says how a result came about."""
    where, config = data["environment"], data["config"]
    packages = ", ".join(f"{name} {where['packages'][name]}" for name in ("torch", "transformers") if name in where["packages"])
    source = f"mnemic {where['mnemic']} ({where['revision'] or 'no revision'}), Python {where['python']}, {packages}"
    machine = f"{where['cpu'] or where['platform']}, {where['threads']} threads, {where['device']}"
    model = f"model {config['model']} · " if "model" in config else ""
    return f"`{data['command']}` · {model}{source} · {machine} · 95 % intervals"
