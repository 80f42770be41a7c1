"""What is asked of each record, and what counts as right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from . import scoring
from .records import EditRecord

Mode = Literal["generate", "ask", "score"]
"""Raw continuation, a question through the chat template, or the target fed token by token (teacher forcing)."""
Want = Literal["starts", "contains", "answers", "same", "forced"]
"""Literal target first; literal target anywhere; normalised target or alias first; the base model's tokens; all tokens on top."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the table."""

    name: str
    title: str
    mode: Mode
    want: Want
    texts: Callable[[EditRecord], Sequence[str]]
    tokens: int | None = None
    """Tokens of an answer, where the column has a length of its own."""
    headline: bool = False
    """Whether the column counts for the harmonic mean."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One text of one record in one column."""

    record: int
    probe: int
    text: str


_STANDARD = (
    Column(name="prompt", title="prompt", mode="generate", want="starts", texts=lambda r: (r.prompt,), headline=True),
    Column(name="paraphrase", title="paraphrase", mode="generate", want="starts", texts=lambda r: r.paraphrases, headline=True),
    Column(name="question", title="question", mode="ask", want="contains", texts=lambda r: r.questions, headline=True),
    Column(name="neighbour", title="neighbour", mode="generate", want="same", texts=lambda r: r.neighbours, headline=True),
    Column(
        name="other_relation",
        title="other relation",
        mode="generate",
        want="same",
        texts=lambda r: r.other_relation,
        headline=True,
    ),
    Column(name="in_passing", title="in passing", mode="generate", want="same", texts=lambda r: r.in_passing, headline=True),
    Column(name="other_question", title="other relation, asked", mode="ask", want="same", texts=lambda r: r.other_questions),
    Column(name="neighbour_question", title="neighbour, asked", mode="ask", want="same", texts=lambda r: r.neighbour_questions),
    Column(name="unrelated", title="unrelated, asked", mode="ask", want="same", texts=lambda r: r.unrelated),
    Column(name="prompt_forced", title="prompt, forced", mode="score", want="forced", texts=lambda r: (r.prompt,)),
    Column(name="paraphrase_forced", title="paraphrase, forced", mode="score", want="forced", texts=lambda r: r.paraphrases),
)
_QUESTIONS = (
    Column(name="reliability", title="reliability", mode="ask", want="answers", texts=lambda r: (r.prompt,), headline=True),
    Column(name="rephrase", title="rephrase", mode="ask", want="answers", texts=lambda r: r.paraphrases, headline=True),
    Column(name="locality", title="locality", mode="ask", want="same", texts=lambda r: r.neighbours, headline=True),
    Column(name="reliability_raw", title="reliability, continued", mode="generate", want="answers", texts=lambda r: (r.prompt,)),
    Column(name="rephrase_raw", title="rephrase, continued", mode="generate", want="answers", texts=lambda r: r.paraphrases),
    Column(name="locality_raw", title="locality, continued", mode="generate", want="same", texts=lambda r: r.neighbours),
    Column(name="reliability_forced", title="reliability, forced", mode="score", want="forced", texts=lambda r: (r.prompt,)),
    Column(name="rephrase_forced", title="rephrase, forced", mode="score", want="forced", texts=lambda r: r.paraphrases),
)


def columns_of(records: Sequence[EditRecord], *, forced: bool, long_answer: int = 0) -> tuple[Column, ...]:
    """Return the columns for which these records have probes.

    Args:
        records: all of one data set.
        forced: whether teacher forcing is measured too.
        long_answer: tokens of the second, longer answer to each question that asks for the target; 0 for none.
    """
    table: tuple[Column, ...] = _QUESTIONS if all(r.prompt_is_question for r in records) else _STANDARD
    if long_answer:
        table += tuple(at_length(c, long_answer) for c in table if c.mode == "ask" and c.want in ("contains", "answers"))
    return tuple(c for c in table if (forced or c.mode != "score") and any(c.texts(r) for r in records))


def at_length(column: Column, tokens: int) -> Column:
    """Return a column's second, longer look: does the target come at all?"""
    name, title = f"{column.name}_long", f"{column.title}, in {tokens} tokens"
    return replace(column, name=name, title=title, want="contains", tokens=tokens, headline=False)


def probes_of(column: Column, records: Sequence[EditRecord], per_record: int) -> list[Probe]:
    """Return a column's probes, shortest text first: batches of like length waste little on padding.

    The order depends on the texts alone, so every arm sees the same batches.
    """
    probes = [
        Probe(record=number, probe=index, text=text)
        for number, record in enumerate(records)
        for index, text in enumerate(tuple(column.texts(record))[:per_record])
    ]
    return sorted(probes, key=lambda p: (len(p.text), p.record, p.probe))


def judge(column: Column, record: EditRecord, output: str) -> bool:
    """Return whether an output that has to name the target does so, by the column's rule."""
    answers = (record.target, *record.aliases)
    if column.want == "starts":
        return any(scoring.starts_with(output, answer) for answer in answers)
    if column.want == "contains":
        return any(scoring.contains(output, answer) for answer in answers)
    return scoring.begins_normalised(output, answers)
