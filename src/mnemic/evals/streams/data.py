"""Sentences with intents: Banking77 as a folder of CSV files, CLINC150 as one JSON file."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, rule_got_do

OUT_OF_SCOPE = "oos"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Sentences with their intents."""

    texts: tuple[str, ...]
    intents: tuple[str, ...]


def load(path: Path) -> dict[str, Part]:
    """Return the parts of a data set by name: "train", "test", with CLINC150 also "val", "oos_val", "oos_test", ...

    Raises:
        InputError: if it is neither a folder with train.csv and test.csv (columns `text`, `category`), nor a JSON object of lists
            of [text, intent].
    """
    try:
        if path.is_dir():
            return {name: _csv(path / f"{name}.csv") for name in ("train", "test")}
        data = json.loads(path.read_text(encoding="utf-8"))
        return {name: _part([(text, intent) for text, intent in rows]) for name, rows in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            rule_got_do(
                "Intents are a folder with train.csv and test.csv (text, category), or a JSON object of [text, intent] lists.",
                f"{path}: {error!r}",
                "Check the path.",
            )
        ) from error


def _csv(path: Path) -> Part:
    with path.open(encoding="utf-8", newline="") as file:
        return _part([(row["text"], row["category"]) for row in csv.DictReader(file)])


def _part(rows: list[tuple[str, str]]) -> Part:
    if not rows or not all(isinstance(text, str) and isinstance(intent, str) for text, intent in rows):
        raise ValueError("no sentences")
    return Part(texts=tuple(text for text, _ in rows), intents=tuple(intent for _, intent in rows))
