"""Records as examples for the relation-aware gate."""

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .records import EditRecord

if TYPE_CHECKING:
    from ..memories.fact.calibrate import Example


def examples_of(records: Sequence[EditRecord]) -> "list[Example]":
    """Return records as the gate's calibration takes them.

    What must fire: the prompt, its paraphrases and questions. What must not: other relations of the subject, neighbours,
    passing mentions, unrelated questions. Records without a relation count as one relation of their own.
    """
    from ..memories.fact.calibrate import Example

    return [
        Example(
            fact=r.fact,
            answer=r.target,
            relation=r.relation or "",
            same=(r.prompt, *r.paraphrases, *r.questions),
            other=(*r.other_relation, *r.other_questions),
            absent=(*r.neighbours, *r.neighbour_questions, *r.in_passing, *r.unrelated),
        )
        for r in records
    ]


def told() -> "list[Example]":
    """Return facts as people tell them in passing, with questions in other words: each has words and a relation of its own."""
    from ..memories.fact.calibrate import Example

    data: list[dict[str, Any]] = json.loads(Path(__file__).with_name("told.json").read_text(encoding="utf-8"))
    return [
        Example(
            fact=one["fact"],
            answer=one["answer"],
            relation=f"told {number}",
            same=tuple(one["same"]),
            other=tuple(one["other"]),
            absent=tuple(one["absent"]),
        )
        for number, one in enumerate(data)
    ]


def ask_other_relations(records: Sequence[EditRecord]) -> list[EditRecord]:
    """Return records that lack questions about other relations with such questions added.

    The relation of an other-relation prompt is recognised by its wording among the records' own prompts; that relation's usual
    question is then asked of the subject. Without these, whoever fits on the records learns that every question must be answered.
    """
    wording = _wordings(records)
    questions: dict[str, Counter[str]] = {}
    for record in records:
        for text in record.questions:
            questions.setdefault(record.relation or "", Counter())[_template(text, record)] += 1
    made = []
    for record in records:
        added = []
        for text in record.other_relation if not record.other_questions else ():
            relation = wording.get(_template(text, record))
            if relation in questions and relation != record.relation:
                added.append(questions[relation].most_common(1)[0][0].replace("{}", record.subject))
        made.append(replace(record, other_questions=(*record.other_questions, *added)))
    return made


def without_relations(records: Sequence[EditRecord], names: Collection[str]) -> list[EditRecord]:
    """Return the records of other relations than those named, without their queries that ask for one of the named.

    What a text asks for is recognised by its wording among all the records' prompts, paraphrases and questions.
    """
    if not names:
        return list(records)
    wording = _wordings(records)

    def kept(texts: Sequence[str], record: EditRecord) -> tuple[str, ...]:
        return tuple(text for text in texts if wording.get(_template(text, record)) not in names)

    return [
        replace(r, other_relation=kept(r.other_relation, r), other_questions=kept(r.other_questions, r))
        for r in records
        if r.relation not in names
    ]


def _template(text: str, record: EditRecord) -> str:
    return text.replace(record.subject, "{}")


def _wordings(records: Sequence[EditRecord]) -> dict[str, str]:
    """Return what the records' texts ask for: wordings without their subject -> relation."""
    return {
        _template(text, record): record.relation
        for record in records
        if record.relation is not None
        for text in (record.prompt, *record.paraphrases, *record.questions)
    }


_EQUATION = re.compile(r"(?P<head>The .+) (?P<verb>is|was|are|were) (?P<target>[^.]+)\.")


def restate(records: Sequence[EditRecord]) -> list[EditRecord]:
    """Return records whose facts are said in forms that the data have too few of, in turn.

    A question with its answer behind it ("When does the shop open? At nine"), asked about as any other fact; and an equation
    turned round ("Leeds is the birthplace of Tom Hale."), where it is one. Other records are left out.
    """
    made = []
    for number, record in enumerate(records):
        turned = _EQUATION.fullmatch(record.fact)
        if number % 2 and turned and turned["target"] == record.target:
            head = turned["head"]
            fact = f"{record.target[:1].upper()}{record.target[1:]} {turned['verb']} {head[:1].lower()}{head[1:]}."
            made.append(replace(record, fact=fact, target=fact[: len(record.target)]))
        elif number % 2 == 0 and record.questions:
            made.append(replace(record, fact=f"{record.questions[0]} {record.target}"))
    return made
