"""A bar for whoever asked for one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Called with how many texts are done, and how many there are."""


@contextmanager
def reporting(progress: bool | Progress, total: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each of `total` texts.

    Args:
        progress: True for a bar on standard error, False for nothing, or a function to call.
        total: how many there will be.
    """
    done = 0
    with reporting_counts(progress, "Learning", total) as report:

        def one_more() -> None:
            nonlocal done
            done += 1
            report(done, total)

        yield one_more


@contextmanager
def reporting_counts(progress: bool | Progress, label: str, total: int | None = None) -> Iterator[Progress]:
    """Yield a function to call with how many are done, and how many there are (0: nobody knows).

    Args:
        progress: True for a bar on standard error, False for nothing, or a function to call.
        label: beside the bar.
        total: how many there will be; None if that is said later.
    """
    if progress is True:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done, whole: bar.update(task, completed=done, total=whole or None)
        return
    yield progress if callable(progress) else lambda done, whole: None
