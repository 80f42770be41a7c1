"""A progress bar on standard error, or silence."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Counts work done. Shown on standard error, so that results on standard output stay clean."""

    def __init__(self, unit: str, total: int, *, shown: bool) -> None:
        """Prepare a bar of `total` units."""
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not shown,
        )
        self._task = self._bar.add_task(unit, total=total)

    def say(self, what: str) -> None:
        """Name the work at hand."""
        self._bar.update(self._task, description=what)

    def stage(self, name: str, done: int, size: int) -> None:
        """Show how far one stage of several is; the bar is that stage's own."""
        self._bar.update(self._task, description=name, completed=done, total=size)

    def advance(self, by: int = 1) -> None:
        """Count work done."""
        self._bar.advance(self._task, by)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
