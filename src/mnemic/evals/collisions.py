"""Records of one data set that get into each other's way: what is right for them isn't known once all of them are taught.

Found from the data alone, never from what a memory answered.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from .arms import subjects_in
from .records import EditRecord

Value = TypeVar("Value", bound=Hashable)
REASONS = {
    "prompt": "another has its prompt, or its subject and relation",
    "neighbour": "its neighbour is another's subject",
    "subject": "another is about its subject",
    "text": "one of its texts is another's prompt",
}
"""Why a record is left out -> in words."""


def find_collisions(taught: Sequence[EditRecord], per_record: int) -> dict[int, tuple[str, ...]]:
    """Return which records collide with another one, and why.

    Args:
        taught: all records that will have been taught.
        per_record: how many probes of a record are asked per column; the others are left out of account.

    Returns:
        Number of the record -> keys of `REASONS`. Spellings are compared without regard to case and spaces.
    """
    prompts = _holders((_fold(r.prompt), n) for n, r in enumerate(taught))
    subjects = _holders((_fold(r.subject), n) for n, r in enumerate(taught))
    relations: dict[tuple[str, str | None], set[int]] = _holders(
        ((_fold(r.subject), r.relation), n) for n, r in enumerate(taught) if r.relation is not None
    )
    found = {}
    for n, record in enumerate(taught):
        own = _fold(record.subject)
        neighbours = record.neighbours[:per_record]
        texts = [
            text
            for group in (record.paraphrases, record.questions, record.other_relation, record.in_passing, neighbours)
            for text in group[:per_record]
        ]
        holds = {
            "prompt": len(prompts[_fold(record.prompt)]) > 1 or len(relations.get((own, record.relation), ())) > 1,
            "neighbour": any(subjects_in(_fold(text), subjects) - {own} for text in neighbours),
            "subject": len(subjects[own]) > 1,
            "text": any(prompts.get(_fold(text), set()) - {n} for text in texts),
        }
        reasons = tuple(reason for reason, held in holds.items() if held)
        if reasons:
            found[n] = reasons
    return found


def _holders(pairs: Iterable[tuple[Value, int]]) -> dict[Value, set[int]]:
    """Return which records have each value."""
    holders: dict[Value, set[int]] = defaultdict(set)
    for value, number in pairs:
        holders[value].add(number)
    return dict(holders)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
