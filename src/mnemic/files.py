"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give an empty draft beside a file; it takes the file's place, on disk, when the body has ended without an error.

    Args:
        path: of the file; one that is there is replaced.
        private: for its owner alone.

    Raises:
        OSError: as the system does.
    """
    draft = path.with_name(f".{path.name}.new-{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600 if private else 0o666)
        mode = draft.stat().st_mode
        yield draft
        # who writes it may have put a file of its own there
        draft.chmod(mode)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[IO[str]]:
    """Open a UTF-8 file to write, as `replacing` does."""
    with replacing(path, private=private) as draft, draft.open("w", encoding="utf-8") as file:
        yield file
