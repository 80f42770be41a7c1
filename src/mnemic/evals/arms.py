"""Who answers: the model without memory, with the fact in its prompt, a rule, and the memory itself."""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .columns import Column, Mode, Probe, judge
from .protocol import BenchLM
from .records import EditRecord


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an arm made of one text."""

    given: str
    """The text as the arm gave it to the model, facts included."""
    output: str
    ids: tuple[int, ...] = ()
    forced: bool | None = None
    """Under teacher forcing: whether every target token was the most likely one."""
    spoke: tuple[Mapping[str, Any], ...] = ()
    """Memories that spoke: `text`, `score`, `weight`."""


_BEFORE_WORD, _AFTER_WORD = re.compile(r"(?<!\w)"), re.compile(r"(?!\w)")
"""Places where a word, or anything that isn't one, may begin and end."""
Lookup = Callable[[Column, Probe], Answer]
Cache = dict[tuple[Mode, int | None, str, str], Answer]
"""Answers by mode, length of their own, text given, and target under teacher forcing."""


def is_right(column: Column, record: EditRecord, answer: Answer, base: Answer) -> bool:
    """Return whether an answer counts by its column's rule; `base` is the base model's answer in the same batch."""
    if column.want == "same":
        return (answer.ids, answer.output) == (base.ids, base.output)
    if column.want == "forced":
        return answer.forced is True
    return judge(column, record, answer.output)


class Arm(Protocol):
    """One way to answer."""

    def answer(self, column: Column, probes: Sequence[Probe]) -> list[Answer]:
        """Return an answer per probe. The probes are one batch."""
        ...


def with_fact(fact: str, text: str, mode: Mode) -> str:
    """Return a text with a fact before it.

    Nine forms for texts to be continued and five for questions were tried on CounterFact records that aren't reported. These made
    SmolLM2-135M-Instruct say the target most often, so the arms that memory is compared with do their best.
    """
    return (
        f"Context: {fact}\n\nQuestion: {text}\nAnswer briefly." if mode == "ask" else f"Fact: {fact}\n\nAs stated above, {text}"
    )


class ModelArm:
    """The model, with or without its memory, on prompts that may carry a fact."""

    def __init__(
        self,
        lm: BenchLM,
        records: Sequence[EditRecord],
        options: Mapping[str, Any],
        *,
        batch_size: int,
        reader: str | None = None,
        fact_for: Callable[[Probe], str] | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Set up the arm.

        Args:
            lm: the model.
            records: the taught records; a probe's `record` counts in them.
            options: for generation.
            batch_size: at least as many as the probes of one call, so that each call is one batch.
            reader: the reader of the memory; None switches memory off.
            fact_for: the fact that goes into a probe's prompt; None for none.
            cache: answers to reuse where the text given is the same; None answers every batch anew, as identity tests need it.
        """
        self._lm = lm
        self._records = records
        self._options = dict(options)
        self._batch_size = batch_size
        self._reader = reader
        self._fact_for = fact_for
        self._cache = cache

    def answer(self, column: Column, probes: Sequence[Probe]) -> list[Answer]:
        """Return the model's answers."""
        texts = [p.text if self._fact_for is None else with_fact(self._fact_for(p), p.text, column.mode) for p in probes]
        targets = [self._records[p.record].target if column.mode == "score" else "" for p in probes]
        if self._cache is None:
            return self._fresh(column, texts, targets)
        keys = [(column.mode, column.tokens, text, target) for text, target in zip(texts, targets, strict=True)]
        missing = [key for key in dict.fromkeys(keys) if key not in self._cache]
        if missing:
            made = self._fresh(column, [text for _, _, text, _ in missing], [target for *_, target in missing])
            self._cache.update(zip(missing, made, strict=True))
        return [self._cache[key] for key in keys]

    def _fresh(self, column: Column, texts: list[str], targets: list[str]) -> list[Answer]:
        memory = self._reader is not None
        if column.mode == "score":
            hits = self._lm.score(texts, targets, memory=memory)
            return [Answer(given=text, output="", forced=bool(hit)) for text, hit in zip(texts, hits, strict=True)]
        call = self._lm.ask if column.mode == "ask" else self._lm.generate
        options = self._options if column.tokens is None else {**self._options, "max_new_tokens": column.tokens}
        readers = (self._reader,) if self._reader is not None else None
        replies = call(texts, memory=memory, readers=readers, batch_size=self._batch_size, **options)
        return [
            Answer(
                given=text,
                output=reply.text,
                ids=tuple(reply.token_ids),
                spoke=tuple({"text": s.item.text, "score": s.score, "weight": s.weight} for s in reply.memories),
            )
            for text, reply in zip(texts, replies, strict=True)
        ]


class RuleArm:
    """The longest taught subject in the text: its object is the answer. Where none is found, the base model's answer stands.

    It needs no model, and is what any benchmark that always names the subject rewards.
    """

    def __init__(self, records: Sequence[EditRecord], base: Lookup) -> None:
        """Set up the rule over the taught records; `base` finds the base model's answer to a probe."""
        # of two facts about one subject the later one stands, as for anything that is overwritten
        self._objects = {r.subject.casefold(): r.target for r in records}
        self._records = records
        self._base = base

    def answer(self, column: Column, probes: Sequence[Probe]) -> list[Answer]:
        """Return what the rule says."""
        return [self._one(column, probe) for probe in probes]

    def _one(self, column: Column, probe: Probe) -> Answer:
        named = subjects_in(probe.text, self._objects)
        if not named:
            return self._base(column, probe)
        says = self._objects[min(named, key=lambda subject: (-len(subject), subject))]
        forced = says == self._records[probe.record].target if column.mode == "score" else None
        return Answer(given=probe.text, output=f" {says}", forced=forced)


def subjects_in(text: str, subjects: Container[str]) -> set[str]:
    """Return which of these (case-folded) subjects stand in a text as words of their own."""
    folded = text.casefold()
    starts = [match.start() for match in _BEFORE_WORD.finditer(folded)]
    ends = [match.start() for match in _AFTER_WORD.finditer(folded)]
    return {folded[i:j] for i in starts for j in ends if i < j and folded[i:j] in subjects}


def dense_facts(lm: BenchLM, facts: Sequence[str], texts: Sequence[str], *, batch_size: int = 64) -> dict[str, str]:
    """Return for each text the fact whose encoder vector has the highest cosine with the text's: ordinary dense retrieval.

    It searches all facts that were taught, also those that the memory chose not to store.
    """
    keys = np.concatenate([lm.encoder.encode(list(facts[i : i + batch_size])) for i in range(0, len(facts), batch_size)])
    best: dict[str, str] = {}
    unique = list(dict.fromkeys(texts))
    for i in range(0, len(unique), batch_size):
        part = unique[i : i + batch_size]
        for text, row in zip(part, lm.encoder.encode(part) @ keys.T, strict=True):
            best[text] = facts[int(row.argmax())]
    return best
