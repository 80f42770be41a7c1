"""Records as examples for the relation-aware gate."""

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
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
    report = lm.calibrate(examples_of(records))
    said: Any = asdict(report) if is_dataclass(report) and not isinstance(report, type) else str(report)
    relations = sorted({r.relation for r in records if r.relation is not None})
    return {"records": len(records), "relations": relations, "report": said}
