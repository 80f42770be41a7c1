"""Records as examples for the relation-aware gate."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from .protocol import BenchLM
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


def calibrate(lm: BenchLM, records: Sequence[EditRecord]) -> dict[str, Any]:
    """Refit the gate on records and return what the calibration reports, as plain data."""
    report = lm.calibrate(examples_of(ask_other_relations(records)))
    said: Any = asdict(report) if is_dataclass(report) and not isinstance(report, type) else str(report)
    relations = sorted({r.relation for r in records if r.relation is not None})
    return {"records": len(records), "relations": relations, "report": said}


def ask_other_relations(records: Sequence[EditRecord]) -> list[EditRecord]:
    """Return records that lack questions about other relations with such questions added.

    The relation of an other-relation prompt is recognised by its wording among the records' own prompts; that relation's usual
    question is then asked of the subject. Without these, whoever fits on the records learns that every question must be answered.
    """
    wording: dict[str, str] = {}
    questions: dict[str, Counter[str]] = {}
    for record in records:
        if record.relation is None:
            continue
        for text in (record.prompt, *record.paraphrases):
            wording[text.replace(record.subject, "{}")] = record.relation
        for text in record.questions:
            questions.setdefault(record.relation, Counter())[text.replace(record.subject, "{}")] += 1
    made = []
    for record in records:
        added = []
        for text in record.other_relation if not record.other_questions else ():
            relation = wording.get(text.replace(record.subject, "{}"))
            if relation in questions and relation != record.relation:
                added.append(questions[relation].most_common(1)[0][0].replace("{}", record.subject))
        made.append(replace(record, other_questions=(*record.other_questions, *added)))
    return made


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
