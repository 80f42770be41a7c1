"""Asks a memory that grows: the base model once, the memory after each step, in the same batches."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypedDict

from .arms import Answer, Arm, is_right
from .columns import Column, Probe, probes_of
from .progress import Progress
from .protocol import BenchLM
from .records import EditRecord


class Line(TypedDict):
    """What became of one text."""

    column: str
    record: int
    probe: int
    ok: bool


@dataclass(frozen=True)
class Batch:
    """Texts of one column that are always asked together."""

    column: Column
    probes: tuple[Probe, ...]
    end: int
    """It is asked as soon as so many records are asked about."""


@dataclass
class Round:
    """What came of asking everything at one size."""

    lines: list[Line] = field(default_factory=list)
    recall_ms: list[float] = field(default_factory=list)
    """Of the texts that are asked at every size."""
    spoke: int = 0
    by_contract: int = 0
    compared: int = 0
    differ: int = 0


def batches_of(
    columns: Sequence[Column], records: Sequence[EditRecord], ends: Sequence[int], per_record: int, batch_size: int
) -> list[Batch]:
    """Return the batches of all columns.

    No batch holds records from both sides of one of the `ends`. So what is asked at one size is asked at each larger one in the
    very same batches, and what differs between sizes is the memory alone.
    """
    batches, start = [], 0
    for end in sorted(set(ends)):
        for column in columns:
            probes = [p for p in probes_of(column, records[:end], per_record) if p.record >= start]
            batches += [
                Batch(column=column, probes=tuple(probes[i : i + batch_size]), end=end) for i in range(0, len(probes), batch_size)
            ]
        start = end
    return batches


class Asker:
    """Asks batches with memory and compares with the base model, whose answers are made once."""

    def __init__(
        self,
        lm: BenchLM,
        records: Sequence[EditRecord],
        batches: Sequence[Batch],
        *,
        base: Arm,
        memory: Arm,
        checked: float,
        seed: int,
    ) -> None:
        """Set up over one model.

        Args:
            lm: the model, for recalls.
            records: all records; a probe's `record` counts in them.
            batches: what is asked.
            base: the model without its memory.
            memory: the model with it.
            checked: of the batches in which no memory speaks, the share that is generated all the same.
            seed: of the choice of these.
        """
        self._lm = lm
        self._records = records
        self._batches = batches
        self._base = base
        self._memory = memory
        self._checked = checked
        self._seed = seed
        self._base_answers: dict[int, list[Answer]] = {}

    def texts(self, end: int) -> int:
        """Return how many texts are asked about so many records."""
        return sum(len(batch.probes) for batch in self._batches if batch.end <= end)

    def ask(self, size: int, end: int, bar: Progress) -> Round:
        """Ask about the first `end` records, while the memory holds `size` facts."""
        found = Round()
        first = min(batch.end for batch in self._batches)
        # the first search after a change reads what changed
        self._lm.recall(self._batches[0].probes[0].text, k=1)
        for number, batch in enumerate(self._batches):
            if batch.end > end:
                continue
            base = self._base_of(number, bar)
            bar.say(f"{size} facts: {batch.column.title}")
            accepted = self._recall(batch, found.recall_ms if batch.end == first else None)
            speaks = any(accepted)
            chosen = Random(f"mnemic-capacity:{self._seed}:{size}:{number}").random() < self._checked
            if speaks or chosen:
                answers = self._memory.answer(batch.column, batch.probes)
                silent = [(a, b) for a, b, heard in zip(answers, base, accepted, strict=True) if not heard]
                found.compared += len(silent)
                found.differ += sum(bool(a.spoke) or a.ids != b.ids for a, b in silent)
            else:
                answers = base
                found.by_contract += len(base)
            found.spoke += sum(bool(answer.spoke) for answer in answers)
            found.lines += self._lines(batch, answers, base)
            bar.advance(len(base))
        return found

    def _base_of(self, number: int, bar: Progress) -> list[Answer]:
        """Return the base model's answers to a batch."""
        if number not in self._base_answers:
            batch = self._batches[number]
            bar.say(f"no memory: {batch.column.title}")
            self._base_answers[number] = self._base.answer(batch.column, batch.probes)
            bar.advance(len(batch.probes))
        return self._base_answers[number]

    def _recall(self, batch: Batch, times: list[float] | None) -> list[bool]:
        """Return for which texts a memory speaks; keep the milliseconds in `times`."""
        accepted = []
        for probe in batch.probes:
            begun = time.perf_counter()
            hits = self._lm.recall(probe.text, k=1)
            if times is not None:
                times.append((time.perf_counter() - begun) * 1000)
            accepted.append(bool(hits) and hits[0].accepted)
        return accepted

    def _lines(self, batch: Batch, answers: Sequence[Answer], base: Sequence[Answer]) -> list[Line]:
        return [
            Line(
                column=batch.column.name,
                record=probe.record,
                probe=probe.probe,
                ok=is_right(batch.column, self._records[probe.record], answer, without),
            )
            for probe, answer, without in zip(batch.probes, answers, base, strict=True)
        ]
