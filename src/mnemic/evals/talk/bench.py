"""Personal facts told in conversation among small talk; a restart; then every one is asked for, beside the usual ways."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...admission import Heard, ruled
from ...assistant import MemoryLM, load
from ...conversation import Message
from ...errors import ConfigError, rule_got_do
from ...memories.fact.person import second_person
from ...types import Item
from .. import scoring
from ..environment import Environment, describe
from ..progress import Progress
from ..records import EditRecord
from ..relations import Split
from ..results import command_line, published
from ..scoring import Interval
from .corpus import Said, script, talk

_SYSTEM = "You are a helpful assistant. The user has told you: {facts}"
_TWICE = 2
_SAME_TOKENS = 16
"""Tokens by which answers with and without memory are compared: a memory that speaks does so from the first one on."""
_TOLD_TOKENS = 8
"""Tokens of the answers while facts are told: what the model says to them is not what is measured."""


@dataclass(frozen=True, kw_only=True)
class ChatConfig:
    """What `mnemic bench chat` measures."""

    n: int = 200
    """Personal facts that are told."""
    chatter: int = 280
    """Messages of small talk among and behind them."""
    turns: int = 10
    """Messages of the user in each conversation."""
    after: int = 20
    """Messages of small talk behind the last fact."""
    unrelated: int = 200
    """Questions that no fact has to do with."""
    tokens: int = 32
    """Tokens of each answer at most."""
    retrieved: int = 3
    """Items that retrieval puts into the system prompt."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    device: str | None = None
    """Where the model runs; None for where it is loaded by default."""
    batch_size: int = 16
    """Questions per batch."""
    seed: int = 0
    """Of facts and order."""
    split: Split = "test"
    """Whose wordings of facts, questions and small talk."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        least = min(self.n, self.turns, self.unrelated, self.tokens, self.retrieved, self.batch_size)
        if least < 1 or self.after < 0:
            raise ConfigError(rule_got_do("Counts are at least 1, after at least 0.", least, "Choose larger ones."))


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One way of answering: share of questions whose answer contains the truth."""

    title: str
    right: Interval
    by_relation: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A way of deciding what is remembered. facts: share of the told ones that it keeps; junk: of its items that are none."""

    title: str
    items: int
    facts: Interval
    junk: Interval


@dataclass(frozen=True, kw_only=True)
class ChatSummary:
    """The result of `mnemic bench chat`."""

    bench: str = "chat"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    relations: int
    messages: int
    small_talk: int
    answered: list[Answered]
    spoke: Interval
    """Share of the questions for facts on which a memory spoke."""
    admitted: list[Admitted]
    superseded: int
    """Facts that a later one replaced."""
    trimmed: Interval
    """Share of the kept facts that are kept word for word, without what led to them."""
    unrelated: Interval
    """Share of the unrelated questions that are answered token for token as without memory."""
    other: Interval
    """The same of questions about what was never told of the user's own things."""
    wrong: list[dict[str, str]]
    """The first questions whose answer by memory doesn't contain the truth."""
    kept_junk: list[str]
    seconds: float


def run(config: ChatConfig, *, progress: bool = False) -> ChatSummary:
    """Run the bench.

    Raises:
        ConfigError: if the corpus has too little for the settings.
    """
    begun = time.perf_counter()
    half = talk(config.split)
    if len(half.unrelated) < config.unrelated or not config.after < config.chatter <= len(half.chatter):
        raise ConfigError(
            rule_got_do(
                f"The corpus has {len(half.unrelated)} unrelated questions and {len(half.chatter)} messages of small talk.",
                f"{config.unrelated} and {config.chatter} asked for, {config.after} of these behind the facts",
                "Ask for fewer.",
            )
        )
    counts = {"chatter": config.chatter, "turns": config.turns, "after": config.after}
    conversations = script(config.n, config.seed, config.split, **counts)
    said = [one for conversation in conversations for one in conversation]
    records = [one.record for one in said if one.record is not None]
    hard = [question for record in records for question in record.neighbour_questions[:1]]
    total = len(said) + 4 * len(records) + 2 * (config.unrelated + len(hard))
    with tempfile.TemporaryDirectory() as folder, Progress("telling", total, shown=progress) as bar:
        heard = _tell(_open(config, folder), conversations, bar)
        lm = _open(config, folder)
        try:
            bar.say("asking")
            items = lm.items(status=None)
            answers, spoke = _ask(lm, config, records, [one.text for one in said], bar)
            bar.say("asking what was never told")
            unrelated = _same(lm, config, half.unrelated[: config.unrelated], bar)
            other = _same(lm, config, hard, bar)
        finally:
            lm.close()
    junk, trimmed = _sorted_out(items, records)
    return ChatSummary(
        command=command_line("chat", config, ChatConfig()),
        environment=describe(config.device),
        config=published(config),
        relations=len({record.relation for record in records}),
        messages=len(said),
        small_talk=len(said) - len(records),
        answered=[_answered(title, texts, records) for title, texts in answers.items()],
        spoke=scoring.wilson(sum(spoke), len(spoke)),
        admitted=_admitted(said, heard, items, junk, records),
        superseded=sum(item.status == "superseded" for item in items),
        trimmed=scoring.wilson(sum(trimmed), len(trimmed)),
        unrelated=scoring.wilson(sum(unrelated), len(unrelated)),
        other=scoring.wilson(sum(other), len(other)),
        wrong=[
            {"fact": r.fact, "question": r.questions[0], "answer": text}
            for r, text in zip(records, answers[_MEMORY], strict=True)
            if not _right(text, r)
        ][:30],
        kept_junk=[item.text for item in junk][:30],
        seconds=time.perf_counter() - begun,
    )


_MEMORY = "memory, told in conversation"


def _open(config: ChatConfig, folder: str) -> MemoryLM:
    return load(model=config.model, store=Path(folder) / "store", encoder=config.encoder, device=config.device)


def _tell(lm: MemoryLM, conversations: Sequence[Sequence[Said]], bar: Progress) -> list[list[Heard]]:
    """Hold the conversations, and return what was heard in each message."""
    heard = []
    try:
        for number, conversation in enumerate(conversations):
            messages: list[Message] = []
            for said in conversation:
                messages.append({"role": "user", "content": said.text})
                reply = lm.chat(messages, remember=True, conversation=f"bench{number}", max_new_tokens=_TOLD_TOKENS)
                messages.append({"role": "assistant", "content": reply.text})
                heard.append(lm.hear(said.text))
                bar.advance()
    finally:
        lm.close()
    return heard


def _ask(
    lm: MemoryLM, config: ChatConfig, records: Sequence[EditRecord], said: Sequence[str], bar: Progress
) -> tuple[dict[str, list[str]], list[bool]]:
    """Return the answers of every arm, and on which questions a memory spoke."""
    questions = [record.questions[0] for record in records]
    options: dict[str, Any] = {"max_new_tokens": config.tokens, "batch_size": config.batch_size}

    def alone(systems: Sequence[str | None]) -> list[str]:
        replies = lm.chat([_talk(q, s) for q, s in zip(questions, systems, strict=True)], memory=False, **options)
        bar.advance(len(questions))
        return [reply.text for reply in replies]

    with_memory = lm.chat([_talk(question, None) for question in questions], **options)
    bar.advance(len(questions))
    # the usual way: everything that was said is kept, and what is nearest is put before the question
    near = (lm.encoder.encode(questions) @ lm.encoder.encode(said).T).argsort(axis=1)[:, ::-1][:, : config.retrieved]
    retrieved = [" ".join(f'"{said[i]}"' for i in row) for row in near]
    told = [f'"{record.fact}"' for record in records]
    answers = {
        "no memory": alone([None] * len(questions)),
        "the fact in the system prompt (oracle)": alone([_SYSTEM.format(facts=fact) for fact in told]),
        f"{config.retrieved} retrieved messages in the system prompt (RAG)": alone([_SYSTEM.format(facts=f) for f in retrieved]),
        _MEMORY: [reply.text for reply in with_memory],
    }
    return answers, [bool(reply.memories) for reply in with_memory]


def _talk(question: str, system: str | None) -> list[Message]:
    asked: list[Message] = [{"role": "user", "content": question}]
    return asked if system is None else [{"role": "system", "content": system}, *asked]


def _same(lm: MemoryLM, config: ChatConfig, questions: Sequence[str], bar: Progress) -> list[bool]:
    """Return which questions are answered token for token as without memory."""
    found: list[bool] = []
    options: dict[str, Any] = {"max_new_tokens": _SAME_TOKENS, "batch_size": config.batch_size}
    for begin in range(0, len(questions), config.batch_size):
        talks = [_talk(question, None) for question in questions[begin : begin + config.batch_size]]
        on, off = lm.chat(talks, **options), lm.chat(talks, memory=False, **options)
        found += [a.token_ids == b.token_ids for a, b in zip(on, off, strict=True)]
        bar.advance(2 * len(talks))
    return found


def _right(answer: str, record: EditRecord) -> bool:
    return any(_within(target, answer) for target in (record.target, second_person(record.target)))


def _answered(title: str, texts: Sequence[str], records: Sequence[EditRecord]) -> Answered:
    right = [_right(text, record) for text, record in zip(texts, records, strict=True)]
    relations: dict[str, list[bool]] = {}
    for one, record in zip(right, records, strict=True):
        relations.setdefault(record.relation or "", []).append(one)
    return Answered(
        title=title,
        right=scoring.wilson(sum(right), len(right)),
        by_relation={name: sum(ones) / len(ones) for name, ones in sorted(relations.items())},
    )


def _sorted_out(items: Sequence[Item], records: Sequence[EditRecord]) -> tuple[list[Item], list[bool]]:
    """Return the items that are no told fact, and for each of the others whether it is that fact word for word."""
    junk, trimmed = [], []
    for item in items:
        told = next((r.fact for r in records if _tells(item.text, r.fact)), None)
        if told is None:
            junk.append(item)
        elif len(scoring.normalise(item.text).split()) > _TWICE * len(scoring.normalise(told).split()):
            # a fact with as much beside it is none that anybody would keep so
            junk.append(item)
        else:
            trimmed.append(scoring.normalise(item.text) == scoring.normalise(told))
    return junk, trimmed


def _tells(text: str, fact: str) -> bool:
    return _within(fact, text)


def _within(part: str, text: str) -> bool:
    """Return whether the words of a text hold those of another one, but for case, signs and articles."""
    return f" {scoring.normalise(part)} " in f" {scoring.normalise(text)} "


def _admitted(
    said: Sequence[Said],
    heard: Sequence[Sequence[Heard]],
    items: Sequence[Item],
    junk: Sequence[Item],
    records: Sequence[EditRecord],
) -> list[Admitted]:
    """Return what was stored, beside what would be by plainer ways of deciding."""
    # an item is kept once, however often it is said
    everything = _once([[one.text for one in ones] for ones in heard])
    by_rules = _once([[one.text for one in ruled(message.text) if one.open or one.admitted] for message in said])
    active = [item for item in items if item.status == "active"]
    stored = sum(any(_tells(item.text, record.fact) for item in active) for record in records)
    return [
        _way("everything that is said", said, everything),
        _way("what no rule excludes", said, by_rules),
        Admitted(
            title="rules and judge (what was stored)",
            items=len(items),
            facts=scoring.wilson(stored, len(records)),
            junk=scoring.wilson(len(junk), max(1, len(items))),
        ),
    ]


def _once(kept: Sequence[Sequence[str]]) -> list[list[str]]:
    seen: set[str] = set()
    found = []
    for texts in kept:
        fresh = [text for text in dict.fromkeys(texts) if text not in seen]
        seen.update(fresh)
        found.append(fresh)
    return found


def _way(title: str, said: Sequence[Said], kept: Sequence[Sequence[str]]) -> Admitted:
    facts = [any(_tells(t, m.record.fact) for t in texts) for m, texts in zip(said, kept, strict=True) if m.record is not None]
    count = sum(map(len, kept))
    junk = count - sum(facts)
    return Admitted(
        title=title, items=count, facts=scoring.wilson(sum(facts), len(facts)), junk=scoring.wilson(junk, max(1, count))
    )
