"""Real sentences out of files of any kind, each once."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError, rule_got_do

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“A-Z])|\s*\n+\s*")
_LEAST, _MOST = 12, 300
"""Characters of a sentence that is taken: shorter ones are headings and cries."""


def read_sentences(files: Sequence[Path]) -> list[str]:
    """Return the sentences of files in order, each once.

    A `.json` file gives every text in it, wherever it stands, a `.csv` file every cell, any other one its lines. What has no
    blank is no sentence.

    Raises:
        InputError: if a file can't be read, isn't UTF-8, or is no JSON where its name says so.
    """
    found: dict[str, None] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            pieces = _texts(_READERS[file.suffix](text)) if file.suffix in _READERS else iter([text])
        except (OSError, ValueError) as error:
            raise InputError(
                rule_got_do("Sentences come from readable UTF-8 files.", f"{file}: {error}", "Give others.")
            ) from error
        for piece in pieces:
            for sentence in _SENTENCE.split(piece):
                plain = " ".join(sentence.split())
                if _LEAST <= len(plain) <= _MOST and " " in plain and plain.isprintable():
                    found[plain] = None
    return list(found)


_READERS: dict[str, Callable[[str], Any]] = {".json": json.loads, ".csv": lambda text: list(csv.reader(text.splitlines()))}


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
