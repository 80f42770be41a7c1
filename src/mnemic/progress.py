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
    if progress is True:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True)) as bar:
            task = bar.add_task("Learning", total=total)
            yield lambda: bar.advance(task)
        return

    def report() -> None:
        nonlocal done
        done += 1
        if callable(progress):
            progress(done, total)

    yield report
