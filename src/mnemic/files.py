"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[IO[str]]:
    """Open a UTF-8 file to write beside its place; it takes its place, on disk, when the body has ended without an error.

    Args:
        path: of the file; one that is there is replaced.
        private: for its owner alone.

    Raises:
        OSError: as the system does.
    """
    draft = path.with_name(f".{path.name}.new-{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600 if private else 0o666)
        with draft.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
