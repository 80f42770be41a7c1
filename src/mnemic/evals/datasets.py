"""Readers of files of edits. A file is recognised by the shape of its records, whatever its name.

| shape | recognised by |
|---|---|
| mnemic | `fact`, `prompt`, `target`: what `mnemic bench generate` writes |
| probes | `prompt`, `target_new`, `paraphrase`, `question`, `in_passing`: CounterFact with true paraphrases and controls |
| counterfact | `prompt`, `target_new`, `rephrase_prompt`: CounterFact, flat form |
| rome | `requested_rewrite`, `paraphrase_prompts`, `neighborhood_prompts`: CounterFact as ROME publishes it |
| zsre | `src`, `rephrase`, `alt`, `loc`: zsRE in the form of MEND and EasyEdit |
| zsre-easyedit | `prompt`, `target_new`, `rephrase_prompt`, `locality`: zsRE as newer EasyEdit files have it |
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, rule_got_do
from .records import EditRecord, record_from_json

_SHAPES = "mnemic, probes, counterfact, rome, zsre, zsre-easyedit"
_NQ = "nq question: "


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Records of one file, in its order."""

    shape: str
    sha256: str
    """Digest of the file's bytes: part of what a result says it measured."""
    records: tuple[EditRecord, ...]


def after(records: Sequence[EditRecord], start: int, count: int, name: str) -> Sequence[EditRecord]:
    """Return the records from number `start` on, of which at least `count` are wanted.

    Raises:
        InputError: if the file called `name` has fewer.
    """
    left = records[start:]
    if len(left) < count:
        raise InputError(
            rule_got_do(
                f"The data must hold start + n records ({start + count}).",
                f"{len(left)} from {start} on in {name}",
                "Lower n or start.",
            )
        )
    return left


def load(path: Path) -> Dataset:
    """Read a file of edits.

    Raises:
        InputError: if the file can't be read, isn't a non-empty JSON list of records of one known shape, or a record is broken.
    """
    try:
        raw = path.read_bytes()
        data = json.loads(raw.decode("utf-8"))
    except OSError as error:
        raise InputError(rule_got_do("A file of edits must be readable.", f"{path}: {error}", "Check the path.")) from error
    except ValueError as error:
        raise InputError(
            rule_got_do(
                "A file of edits is UTF-8 JSON.", f"{path}: {error}", "Export it again, or check that it is the right file."
            )
        ) from error
    if not isinstance(data, list) or not data or not all(isinstance(item, dict) for item in data):
        raise InputError(
            rule_got_do(
                "A file of edits is a non-empty JSON list of objects.",
                f"{path}: {type(data).__name__}",
                f"Known shapes: {_SHAPES}.",
            )
        )
    shape = _shape_of(data[0], path)
    reader = _READERS[shape]
    records = []
    for index, item in enumerate(data):
        where = f"{path.name}, record {index}"
        try:
            records.append(reader(item, index, where))
        except KeyError as error:
            raise InputError(
                rule_got_do(f"Every record of shape {shape!r} has the key {error}.", where, "Complete or remove that record.")
            ) from error
    return Dataset(shape=shape, sha256=hashlib.sha256(raw).hexdigest(), records=tuple(records))


def _shape_of(record: dict[str, Any], path: Path) -> str:
    keys = set(record)
    for shape, needed in _NEEDED.items():
        if needed <= keys:
            return shape
    raise InputError(
        rule_got_do(
            f"The first record must have one of the known shapes ({_SHAPES}).",
            f"{path}: keys {sorted(keys)}",
            "See docs/bench.md.",
        )
    )


def _text(record: dict[str, Any], key: str, where: str) -> str:
    value = record[key]
    if not isinstance(value, str) or not value.strip():
        raise InputError(
            rule_got_do(f"`{key}` must be a non-empty text.", f"{where}: {value!r}", "Complete or remove that record.")
        )
    return value.strip()


def _texts(record: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = record[key]
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise InputError(
            rule_got_do(f"`{key}` must be a list of non-empty texts.", f"{where}: {value!r}", "Complete or remove that record.")
        )
    return tuple(text.strip() for text in value)


def _truth(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def _optional(record: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    return (_text(record, key, where),) if record.get(key) else ()


def sentence(prompt: str, target: str) -> str:
    """Return the fact that is taught for a completion prompt: the prompt continued by its target, closed by a full stop."""
    closed = target if target.endswith((".", "!", "?")) else f"{target}."
    return f"{prompt} {closed}"


def _mnemic(record: dict[str, Any], index: int, where: str) -> EditRecord:
    return record_from_json(record, where)


def _probes(record: dict[str, Any], index: int, where: str) -> EditRecord:
    prompt, target = _text(record, "prompt", where), _text(record, "target_new", where)
    return EditRecord(
        id=str(record.get("case_id", index)),
        subject=_text(record, "subject", where),
        relation=_text(record, "relation", where),
        fact=sentence(prompt, target),
        prompt=prompt,
        target=target,
        ground_truth=_truth(record, "ground_truth"),
        paraphrases=_optional(record, "paraphrase", where),
        questions=_optional(record, "question", where),
        other_relation=_optional(record, "other_relation", where),
        in_passing=_optional(record, "in_passing", where),
        neighbours=_optional(record, "neighbour", where),
    )


def _counterfact(record: dict[str, Any], index: int, where: str) -> EditRecord:
    prompt, target = _text(record, "prompt", where), _text(record, "target_new", where)
    return EditRecord(
        id=str(record.get("case_id", index)),
        subject=_text(record, "subject", where),
        fact=sentence(prompt, target),
        prompt=prompt,
        target=target,
        ground_truth=_truth(record, "ground_truth"),
        paraphrases=_optional(record, "rephrase_prompt", where),
        neighbours=_optional(record, "locality_prompt", where),
    )


def _rome(record: dict[str, Any], index: int, where: str) -> EditRecord:
    rewrite = record["requested_rewrite"]
    if not isinstance(rewrite, dict) or not isinstance(rewrite.get("target_new"), dict):
        raise InputError(
            rule_got_do(
                "`requested_rewrite` must be an object with `prompt`, `subject` and `target_new.str`.",
                f"{where}: {type(rewrite).__name__}",
                "Multi-hop files (a list of rewrites) aren't edits with probes; use ROME's counterfact.json.",
            )
        )
    subject = _text(rewrite, "subject", where)
    prompt = _text(rewrite, "prompt", where).replace("{}", subject)
    target = _text(rewrite["target_new"], "str", where)
    true = rewrite.get("target_true")
    return EditRecord(
        id=str(record.get("case_id", index)),
        subject=subject,
        relation=_truth(rewrite, "relation_id"),
        fact=sentence(prompt, target),
        prompt=prompt,
        target=target,
        ground_truth=_truth(true, "str") if isinstance(true, dict) else None,
        paraphrases=_texts(record, "paraphrase_prompts", where),
        neighbours=_texts(record, "neighborhood_prompts", where),
    )


def _zsre(record: dict[str, Any], index: int, where: str) -> EditRecord:
    question, target = _text(record, "src", where), _text(record, "alt", where)
    return EditRecord(
        id=str(record.get("case_id", index)),
        subject=_text(record, "subject", where),
        # zsRE has no statement: the question followed by its answer is what every editor is given
        fact=f"{question} {target}",
        prompt=question,
        prompt_is_question=True,
        target=target,
        ground_truth=_truth(record, "answers"),
        paraphrases=(_text(record, "rephrase", where),),
        neighbours=(_plain_question(_text(record, "loc", where)),),
    )


def _zsre_easyedit(record: dict[str, Any], index: int, where: str) -> EditRecord:
    question, target = _text(record, "prompt", where), _text(record, "target_new", where)
    locality = record["locality"]
    if not isinstance(locality, dict):
        raise InputError(
            rule_got_do("`locality` must be an object.", f"{where}: {locality!r}", "Complete or remove that record.")
        )
    near = [
        _text(item, "prompt", where)
        for group in locality.values()
        for item in (group if isinstance(group, list) else [group])
        if isinstance(item, dict)
    ]
    return EditRecord(
        id=str(record.get("case_id", index)),
        subject=_text(record, "subject", where),
        fact=f"{question} {target}",
        prompt=question,
        prompt_is_question=question.endswith("?"),
        target=target,
        ground_truth=_truth(record, "ground_truth"),
        paraphrases=_optional(record, "rephrase_prompt", where),
        neighbours=tuple(_plain_question(text) for text in near),
    )


def _plain_question(text: str) -> str:
    return text.removeprefix(_NQ).strip()


_NEEDED: dict[str, frozenset[str]] = {
    "mnemic": frozenset({"fact", "prompt", "target"}),
    "probes": frozenset({"prompt", "target_new", "paraphrase", "question", "in_passing"}),
    "zsre-easyedit": frozenset({"prompt", "target_new", "rephrase_prompt", "locality"}),
    "counterfact": frozenset({"prompt", "target_new", "rephrase_prompt"}),
    "rome": frozenset({"requested_rewrite", "paraphrase_prompts", "neighborhood_prompts"}),
    "zsre": frozenset({"src", "rephrase", "alt", "loc"}),
}
_READERS: dict[str, Callable[[dict[str, Any], int, str], EditRecord]] = {
    "mnemic": _mnemic,
    "probes": _probes,
    "zsre-easyedit": _zsre_easyedit,
    "counterfact": _counterfact,
    "rome": _rome,
    "zsre": _zsre,
}
