"""From texts to stored items: checked first, then read, decided and written one by one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TypeAlias, TypeVar

from .encoders import Encoder
from .errors import ConfigError, rule_got_do
from .memories.fact import Router, Writer
from .memories.fact.reading import FreshReading
from .memories.fact.write import Decision
from .store.base import Store
from .store.checks import check_label, check_text
from .types import FloatArray, FoundAt, Item, Learned, NewItem

T = TypeVar("T")
PerText: TypeAlias = T | list[T | None] | None
"""One value for every text, or a list with one for each."""

_BATCH = 32
"""Texts encoded and read together; each is decided and written by itself, so that an interrupt loses at most the one in hand."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One text to learn, with what was said about it."""

    text: str
    category: str | None
    importance: float | None
    source: str | None
    scope: str
    force: bool


def make_lessons(
    texts: Sequence[str],
    category: PerText[str],
    importance: PerText[float],
    source: PerText[str],
    scope: str,
    *,
    force: bool,
) -> list[Lesson]:
    """Return the texts as lessons; every one is checked, so that nothing is written when one can't be.

    Raises:
        InputError: if a text, a category or a source can't be stored as it is.
        ConfigError: if an importance is out of range, or a list has another length than the texts.
    """
    lessons = []
    columns = (
        _each("category", category, len(texts)),
        _each("importance", importance, len(texts)),
        _each("source", source, len(texts)),
    )
    for text, kind, worth, origin in zip(texts, *columns, strict=True):
        check_text(text)
        check_label("category", kind)
        check_label("source", origin)
        if worth is not None and not _is_share(worth):
            raise ConfigError(rule_got_do("Importance is a number from 0 to 1.", repr(worth), "Give e.g. 0.5."))
        lessons.append(Lesson(text=text, category=kind, importance=worth, source=origin, scope=scope, force=force))
    return lessons


class Teacher:
    """Writes lessons into a store."""

    def __init__(self, store: Store, router: Router, encoder: Encoder) -> None:
        """Use the router's gate to tell what is known already."""
        self._store = store
        self._router = router
        self._encoder = encoder
        self._writer = Writer(store, router)

    def learn(self, lessons: Sequence[Lesson], report: Callable[[], None]) -> list[Learned]:
        """Write every lesson; `report` is called after each one that is durable."""
        learned = []
        for begin in range(0, len(lessons), _BATCH):
            batch = lessons[begin : begin + _BATCH]
            begun = time.perf_counter()
            keys = self._encoder.encode([lesson.text for lesson in batch])
            readings = self._router.read_texts([lesson.text for lesson in batch])
            shared_ms = (time.perf_counter() - begun) * 1000 / len(batch)
            for lesson, key, fresh in zip(batch, keys, readings, strict=True):
                begun = time.perf_counter()
                decision, item = self._write(lesson, key, fresh)
                ms = shared_ms + (time.perf_counter() - begun) * 1000
                learned.append(Learned(action=decision.action, item=item, reason=decision.reason, ms=ms))
                report()
        return learned

    def _write(self, lesson: Lesson, key: FloatArray, fresh: FreshReading | None) -> tuple[Decision, Item | None]:
        """Decide on one text and write it, durably."""
        decision = Decision(action="added", reason="stored as asked")
        if not lesson.force:
            decision = self._writer.decide(lesson.text, key, fresh, lesson.scope)
        known = decision.item
        if decision.action == "skipped" and known is not None:
            if isinstance(lesson.source, FoundAt):
                # lines move and files are renamed: that says nothing about the text
                lesson = replace(lesson, source=None)
            if not self._adds_to(lesson, known):
                return decision, known
            decision = replace(decision, action="updated", reason=f"{decision.reason}; with what was said about it")
        if decision.action == "updated" and known is not None:
            item = self._store.update(
                known.id,
                lesson.scope,
                text=lesson.text,
                key=key,
                reason=decision.reason,
                importance=lesson.importance,
                category=lesson.category,
                source=lesson.source,
            )
        else:
            surprise = fresh.item.surprise if fresh is not None else 0.5
            new = NewItem(
                text=lesson.text,
                scope=lesson.scope,
                key=key,
                reason=decision.reason,
                # a correction is about the same thing: it keeps its place unless another one is named
                category=known.category if lesson.category is None and known is not None else lesson.category,
                importance=surprise if lesson.importance is None else lesson.importance,
                source=lesson.source,
                supersedes=known.id if known is not None else None,
                also_supersedes=tuple(other.id for other in decision.others),
            )
            (item,) = self._store.insert([new])
        self._router.keep_readings({item.id: fresh.item if fresh is not None else None})
        return decision, item

    @staticmethod
    def _adds_to(lesson: Lesson, known: Item) -> bool:
        """Return whether a lesson says something about a known text that the item doesn't hold."""
        said = ((lesson.category, known.category), (lesson.importance, known.importance), (lesson.source, known.source))
        return any(new is not None and new != old for new, old in said)


def _is_share(value: object) -> bool:
    """Return whether a value is a number from 0 to 1; numpy's numbers are numbers too."""
    return isinstance(value, Real) and 0 <= float(value) <= 1


def _each(name: str, value: PerText[T], count: int) -> list[T | None]:
    """Return a value for each of `count` texts."""
    if not isinstance(value, list):
        return [value] * count
    if len(value) != count:
        raise ConfigError(
            rule_got_do(f"A list of {name} has one for each text.", f"{len(value)} for {count} texts", "Make them match.")
        )
    return value
