"""What the bench knows of one edit: the fact taught, and what to ask afterwards."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InputError, rule_got_do
from .files import write_text


@dataclass(frozen=True, kw_only=True)
class EditRecord:
    """One fact and its probes. Empty tuples mean that the source has no such probe.

    Completion probes (`prompt`, `paraphrases`, `other_relation`, `in_passing`, `neighbours`) are texts to be continued;
    `questions`, `*_questions` and `unrelated` are whole questions to be asked.
    """

    id: str
    subject: str
    fact: str
    """The sentence that is taught."""
    prompt: str
    """What must be continued with `target` (or answered by it, where `prompt_is_question`)."""
    target: str
    """The new object, spelled as in `fact`."""
    relation: str | None = None
    aliases: tuple[str, ...] = ()
    """Other spellings of the target that count as right."""
    ground_truth: str | None = None
    """What was true before the edit; None for invented facts."""
    prompt_is_question: bool = False
    """True when `prompt`, `paraphrases` and `neighbours` are questions (zsRE)."""
    paraphrases: tuple[str, ...] = ()
    """The same relation of the same subject in other words: must be continued with the target."""
    questions: tuple[str, ...] = ()
    other_relation: tuple[str, ...] = ()
    """The same subject under another relation: nothing may change."""
    in_passing: tuple[str, ...] = ()
    """The subject is only mentioned: nothing may change."""
    neighbours: tuple[str, ...] = ()
    """Another, untaught subject (same relation where the source has one): nothing may change."""
    other_questions: tuple[str, ...] = ()
    neighbour_questions: tuple[str, ...] = ()
    unrelated: tuple[str, ...] = ()
    """Things to ask that have to do with no taught fact: nothing may change."""


_TUPLES = frozenset(f.name for f in fields(EditRecord) if str(f.type).startswith("tuple"))
_REQUIRED = ("id", "subject", "fact", "prompt", "target")
_KNOWN = frozenset(f.name for f in fields(EditRecord))


def write_records(path: Path, records: Iterable[EditRecord]) -> None:
    """Write records as a JSON list that `datasets.load` reads back.

    Raises:
        InputError: if the file can't be written.
    """
    write_text(path, json.dumps([asdict(r) for r in records], ensure_ascii=False, indent=1) + "\n")


def record_from_json(data: dict[str, Any], where: str) -> EditRecord:
    """Return a record from one object of the bench's own JSON shape.

    Args:
        data: the object.
        where: file and position, for the error message.

    Raises:
        InputError: if a key is missing, unknown or of the wrong type.
    """
    missing = [name for name in _REQUIRED if not isinstance(data.get(name), str) or not data[name].strip()]
    unknown = sorted(set(data) - _KNOWN)
    if missing or unknown:
        raise InputError(
            rule_got_do(
                f"Every record needs the non-empty texts {', '.join(_REQUIRED)} and no unknown key.",
                f"{where}: missing or empty {missing}, unknown {unknown}",
                "Write the file with `mnemic bench generate` or correct that record.",
            )
        )
    values: dict[str, Any] = dict(data)
    for name in _TUPLES & set(data):
        value = data[name]
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise InputError(rule_got_do(f"`{name}` must be a list of texts.", f"{where}: {value!r}", "Correct that record."))
        values[name] = tuple(value)
    return EditRecord(**values)
