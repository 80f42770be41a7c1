"""Everything a command prints: results on standard output, the rest on standard error.

Texts of users and models are never interpreted as markup and can't carry control characters to the terminal. A table becomes
tab-separated lines when standard output isn't a terminal.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

QUIET_SECONDS = 2.0
"""A bar appears only on work that takes longer than this."""

out = Console(highlight=False, markup=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Replace control characters other than tab and newline, so that a stored text can't drive the terminal."""
    return _CONTROL.sub("\ufffd", text)


def line(text: str) -> str:
    """Return `text` cleaned and on one line."""
    return " ".join(clean(text).split())


def say(text: str, style: str | None = None) -> None:
    """Print a result."""
    out.print(Text(clean(text), style=style or ""))


def note(text: str, style: str | None = "dim") -> None:
    """Print a remark beside the result, on standard error."""
    err.print(Text(clean(text), style=style or ""))


def error(text: str) -> None:
    """Print an error on standard error."""
    err.print(Text.assemble(("Error: ", "bold red"), clean(text)))


def emit_json(value: object) -> None:
    """Print one JSON value, and nothing else, on standard output."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


def plain(value: object) -> object:
    """Return `value` as what JSON knows: dataclasses become objects, numbers of any library plain ones."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return float(value) if hasattr(value, "__float__") else str(value)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """Print rows as a table, or as tab-separated lines when standard output isn't a terminal. The last column may wrap."""
    if not out.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(line(cell) for cell in row) + "\n")
        return
    grid = Table(title=title, title_justify="left", header_style="bold")
    for name in columns[:-1]:
        grid.add_column(name, no_wrap=True)
    grid.add_column(columns[-1], overflow="fold")
    for row in rows:
        grid.add_row(*(Text(line(cell)) for cell in row))
    out.print(grid, soft_wrap=False)


def when(seconds: float | None) -> str:
    """Return a time since the epoch as local date and time, or "never"."""
    if seconds is None:
        return "never"
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        # a clock that was wrong
        return f"{seconds:g}"


@contextmanager
def progress(label: str, total: int | None, *, unit: str = "texts") -> Iterator[Callable[..., None]]:
    """Yield a function that is told how many are done, and of how many where that wasn't known before.

    A bar shows on standard error once the work takes longer than a moment.
    """
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    task = bar.add_task(label, total=total)
    started = monotonic()
    shown = False

    def advance(done: int, total: int | None = total) -> None:
        nonlocal shown
        if not shown and err.is_terminal and monotonic() - started > QUIET_SECONDS:
            bar.start()
            shown = True
        bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        if shown:
            bar.stop()


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Show a spinner on standard error while something without steps runs."""
    if not err.is_terminal:
        yield
        return
    with err.status(label):
        yield
