"""`mnemic bench quality`: what the text is like that follows a hit, against the base model's on the same prompts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError, rule_got_do
from . import datasets, generator, scoring
from .environment import Environment, describe
from .progress import Progress
from .protocol import BenchLM, Loads, load_default
from .records import EditRecord
from .relations import Split
from .results import command_line, published
from .runner import teach
from .scoring import Interval


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """What `mnemic bench quality` measures."""

    data: Path | None = None
    """A file of edits; without one, invented facts are generated."""
    n: int = 100
    """How many records are taught and asked about."""
    start: int = 0
    """The first record that is taught."""
    tokens: int = 64
    """Tokens of each continuation; every arm writes exactly so many."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    device: str | None = None
    """Where the model runs; None for where it is loaded by default."""
    reader: str = "pointer"
    """The reader of the memory."""
    batch_size: int = 16
    """Prompts per batch."""
    seed: int = 0
    """Seed of generated facts and of the bootstrap."""
    split: Split = "test"
    """Wordings of generated facts."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.n, self.tokens, self.batch_size) < 1 or self.start < 0:
            raise ConfigError(
                rule_got_do(
                    "n, tokens and batch_size are at least 1, start at least 0.",
                    (self.n, self.tokens, self.batch_size, self.start),
                    "Choose larger ones.",
                )
            )


@dataclass(frozen=True, kw_only=True)
class QualityArm:
    """What one arm wrote. Entropies in bits, loops as shares of repeated 4-grams of tokens."""

    title: str
    entropy: Interval
    loops: Interval
    entropy_ratio: Interval
    """Over the base model's, paired."""
    loops_difference: Interval
    """Minus the base model's, paired."""


@dataclass(frozen=True, kw_only=True)
class QualitySummary:
    """The result of `mnemic bench quality`."""

    bench: str = "quality"
    version: int = 2
    command: str
    environment: Environment
    config: dict[str, Any]
    tokens: int
    asked: int
    hits: int
    """Prompts on which a memory spoke: only these count."""
    arms: list[QualityArm]
    samples: list[dict[str, str]]
    """The first continuations, to be read."""
    seconds: float


class _Text(NamedTuple):
    """A continuation."""

    text: str
    ids: tuple[int, ...]


def run(config: QualityConfig, *, progress: bool = False, loads: Loads = load_default) -> QualitySummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens the model.

    Raises:
        ConfigError: if the data has too few records, or no prompt made a memory speak.
        InputError: if the data can't be used.
    """
    begun = time.perf_counter()
    records = _records(config)
    lm = loads(model=config.model, store=":memory:", encoder=config.encoder, device=config.device)
    options = {"max_new_tokens": config.tokens, "min_new_tokens": config.tokens, "batch_size": config.batch_size}
    base, heard, hits = [], [], []
    try:
        with Progress("teaching", 2 * len(records), shown=progress) as bar:
            teach(lm, records, bar)
            bar.say("continuing")
            for i in range(0, len(records), config.batch_size):
                batch = records[i : i + config.batch_size]
                texts = [record.prompt for record in batch]
                spoken = lm.generate(texts, memory=True, readers=(config.reader,), **options)
                silent = lm.generate(texts, memory=False, readers=None, **options)
                for record, with_memory, without in zip(batch, spoken, silent, strict=True):
                    if with_memory.memories:
                        hits.append(record)
                        heard.append(_Text(with_memory.text, with_memory.token_ids))
                        base.append(_Text(without.text, without.token_ids))
                bar.advance(len(texts))
            if not hits:
                raise ConfigError(
                    rule_got_do(
                        "At least one prompt makes a memory speak.",
                        f"none of {len(records)}",
                        "Check the gate with `mnemic recall`.",
                    )
                )
            written = {"no memory": base}
            written["no memory, the taught answer given"] = _given(lm, config, hits, [record.target for record in hits], bar)
            true = [record.ground_truth for record in hits if record.ground_truth]
            if len(true) == len(hits):
                written["no memory, the true answer given"] = _given(lm, config, hits, true, bar)
            written[f"memory: {config.reader}"] = heard
    finally:
        lm.close()
    return QualitySummary(
        command=command_line("quality", config, QualityConfig()),
        environment=describe(config.device),
        config=published(config),
        tokens=config.tokens,
        asked=len(records),
        hits=len(hits),
        arms=[_arm(title, texts, base, config.seed) for title, texts in written.items()],
        samples=[
            {"prompt": r.prompt, **{title: texts[i].text for title, texts in written.items()}} for i, r in enumerate(hits[:10])
        ],
        seconds=time.perf_counter() - begun,
    )


def _given(
    lm: BenchLM, config: QualityConfig, records: Sequence[EditRecord], answers: Sequence[str], bar: Progress
) -> list[_Text]:
    """Return continuations of the base model, to the same length, of which an answer is given: what it makes of any answer.

    Raises:
        ConfigError: if an answer alone is as long as a continuation.
    """
    heads = [tuple(ids) for ids in lm.tokenizer([f" {answer}" for answer in answers], add_special_tokens=False)["input_ids"]]
    found: dict[int, _Text] = {}
    for size in sorted({len(head) for head in heads}):
        left = config.tokens - size
        if left < 1:
            raise ConfigError(
                rule_got_do("A continuation is longer than any answer.", f"an answer of {size} tokens", "Raise tokens.")
            )
        places = [i for i, head in enumerate(heads) if len(head) == size]
        for begin in range(0, len(places), config.batch_size):
            batch = places[begin : begin + config.batch_size]
            replies = lm.generate(
                [f"{records[i].prompt} {answers[i]}" for i in batch],
                memory=False,
                readers=None,
                batch_size=config.batch_size,
                max_new_tokens=left,
                min_new_tokens=left,
            )
            bar.say(f"continuing given answers {len(found)}/{len(records)}")
            for i, reply in zip(batch, replies, strict=True):
                found[i] = _Text(f" {answers[i]}{reply.text}", (*heads[i], *reply.token_ids))
    return [found[i] for i in range(len(records))]


def _arm(title: str, texts: Sequence[_Text], base: Sequence[_Text], seed: int) -> QualityArm:
    entropy, entropy_base = ([scoring.ngram_entropy(t.text) for t in arm] for arm in (texts, base))
    loops, loops_base = ([scoring.repeated_share(t.ids) for t in arm] for arm in (texts, base))
    return QualityArm(
        title=title,
        entropy=scoring.bootstrap_mean(entropy, seed=seed),
        loops=scoring.bootstrap_mean(loops, seed=seed),
        entropy_ratio=scoring.bootstrap_ratio(entropy, entropy_base, seed=seed),
        loops_difference=scoring.bootstrap_mean([a - b for a, b in zip(loops, loops_base, strict=True)], seed=seed),
    )


def _records(config: QualityConfig) -> Sequence[EditRecord]:
    if config.data is None:
        return generator.generate(config.start + config.n, config.seed, config.split)[config.start :]
    records = datasets.load(config.data).records
    return datasets.after(records, config.start, config.n, config.data.name)[: config.n]
