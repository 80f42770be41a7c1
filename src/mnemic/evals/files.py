"""Writing files of the user: whole or not at all, and with an error that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, rule_got_do
from ..files import whole_file


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says when a file can't be written into an `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(
            rule_got_do(
                "The file must be writable.", f"{path}: {error.strerror or error}", "Choose another place, or free space there."
            )
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file, making its folder; a reader sees the old file or the new one.

    Raises:
        InputError: if it can't be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(text)
