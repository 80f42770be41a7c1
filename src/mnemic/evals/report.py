"""`mnemic bench report`: writes the tables of result files between markers of documents, so that no figure is typed by hand.

A document marks a place with `<!-- bench:NAME -->` and `<!-- /bench -->`, each on a line of its own; NAME is a result file
without its ending. `<!-- bench:NAME#ARM -->` is the place for the shares of one arm of `edits` by relation.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, rule_got_do
from .files import write_text
from .tables import relations_table, tables_of

_NAME = r"bench:(?P<name>[\w.-]+)(?:#(?P<arm>[\w.() -]+?))?"
_PLACE = re.compile(rf"(?P<open>^<!-- {_NAME} -->[ \t]*$)(?P<body>.*?)(?P<close>^<!-- /bench -->[ \t]*$)", re.M | re.S)
_MARK = re.compile(rf"^<!-- (?:{_NAME}|/bench) -->[ \t]*$", re.M)


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Where results are and where their tables go."""

    results: Path = Path("benchmarks/results")
    """The folder of result files."""
    documents: tuple[Path, ...] = (
        Path("README.md"),
        Path("docs/bench.md"),
        Path("docs/chat.md"),
        Path("docs/store.md"),
        Path("docs/memories/recurrent.md"),
        Path("docs/memories/resonance.md"),
    )
    """Markdown files with markers."""
    check: bool = False
    """Change nothing; only say what isn't current."""


@dataclass(frozen=True, kw_only=True)
class ReportSummary:
    """What was written, and which places have no result."""

    changed: tuple[str, ...]
    """Documents that were, or with `check` would be, rewritten."""
    missing: tuple[str, ...]
    """Names of markers without a result file; their places are left as they are."""


def run(config: ReportConfig) -> ReportSummary:
    """Fill the markers of every document.

    Raises:
        InputError: if a document can't be read or its markers don't pair up, or a result file is broken.
    """
    results = {path.stem: _read(path) for path in sorted(config.results.glob("*.json"))}
    changed, missing = [], set()
    for document in config.documents:
        try:
            text = document.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                rule_got_do("A document must be readable UTF-8.", f"{document}: {error}", "Check its path.")
            ) from error
        places = list(_PLACE.finditer(text))
        if len(list(_MARK.finditer(text))) != 2 * len(places) or any(_MARK.search(place["body"]) for place in places):
            raise InputError(
                rule_got_do(
                    "Every `<!-- bench:NAME -->` line is followed by its own `<!-- /bench -->` line.",
                    f"unpaired markers in {document}",
                    "Correct the markers.",
                )
            )
        missing |= {place["name"] for place in places} - set(results)
        new = _PLACE.sub(lambda place: _filled(place, results), text)
        if new != text:
            changed.append(str(document))
            if not config.check:
                write_text(document, new)
    return ReportSummary(changed=tuple(changed), missing=tuple(sorted(missing)))


def _filled(place: "re.Match[str]", results: dict[str, dict[str, Any]]) -> str:
    if place["name"] not in results:
        return place.group()
    data = results[place["name"]]
    tables = tables_of(data) if place["arm"] is None else (relations_table(data, place["arm"]),)
    return "\n".join([place["open"], "", *(table.markdown() for table in tables), place["close"]])


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(rule_got_do("A result file is JSON.", f"{path}: {error}", "Run that bench again.")) from error
    if not isinstance(data, dict):
        raise InputError(
            rule_got_do("A result file is a JSON object.", f"{path}: {type(data).__name__}", "Run that bench again.")
        )
    return data
