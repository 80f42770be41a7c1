"""The published table of memories and hosts: `python -m mnemic.testing.table docs/hosts.md` renews it."""

import sys
from pathlib import Path

from .. import registry
from ..errors import HostNotSupported
from ..hosts import FAMILIES, attach
from ..memories.base import Memory
from .models import tiny_model

BEGIN, END = "<!-- table:hosts -->", "<!-- /table -->"


def support(memory: type[Memory], family: str) -> str | None:
    """Return None if `memory` attaches to `family`, else what it says why not."""
    try:
        attach(tiny_model(family), memory()).detach()
    except HostNotSupported as error:
        return str(error)
    return None


def host_table() -> str:
    """Return the table as Markdown: a row per family, a column per registered memory, and the reasons of what isn't supported."""
    memories = dict(registry.classes())
    reasons: list[str] = []
    lines = [
        f"| `model_type` | hosts | positions | {' | '.join(f'`{name}`' for name in memories)} |",
        f"|---|---|---|{'---|' * len(memories)}",
    ]
    for family in FAMILIES.values():
        cells = []
        for memory in memories.values():
            reason = support(memory, family.name)
            if reason is not None:
                reasons.append(reason)
            cells.append("yes" if reason is None else f"no ({len(reasons)})")
        kind = "learned" if family.learned_positions else "rotary"
        lines.append(f"| `{family.name}` | {family.notes} | {kind} | {' | '.join(cells)} |")
    lines += [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines)


def renewed(page: str) -> str:
    """Return a page with the table between its two markers renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{host_table()}\n{END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(renewed(target.read_text(encoding="utf-8")), encoding="utf-8")
