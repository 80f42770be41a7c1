"""Figures in files. matplotlib is asked for here and nowhere else, and never opens a window."""

from pathlib import Path
from typing import Any

from ..errors import ConfigError, rule_got_do

ENDINGS = (".png", ".svg", ".pdf")


def check_out(out: Path) -> None:
    """Refuse a file that can't be drawn into, before anything is computed.

    Raises:
        ConfigError: for another ending, a folder that isn't there, or where matplotlib isn't installed.
    """
    if out.suffix.lower() not in ENDINGS or not out.expanduser().parent.is_dir():
        raise ConfigError(
            rule_got_do(f"A picture is a {', '.join(ENDINGS)} file in a folder that exists.", str(out), "Choose another.")
        )
    _matplotlib()


def panels(count: int, *, title: str) -> tuple[Any, list[Any]]:
    """Return a figure and its `count` axes, one above the other."""
    _matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6 * count), layout="constrained")
    figure.suptitle(title)
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def save(figure: Any, out: Path) -> None:
    """Write a figure.

    Raises:
        ConfigError: if the file can't be written.
    """
    try:
        figure.savefig(out.expanduser(), dpi=150)
    except OSError as error:
        raise ConfigError(rule_got_do("A picture is written to a file.", f"{out}: {error}", "Choose another.")) from error


def _matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            rule_got_do("Pictures need matplotlib.", "not installed", 'Run: pip install "mnemic[plot]".')
        ) from error
