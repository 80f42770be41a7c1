"""`mnemic bench quality`: what the text is like that follows a hit, against the base model's on the same prompts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError, rule_got_do
from . import datasets, generator, scoring
from .environment import Environment, describe
from .progress import Progress
from .protocol import Loads, load_default
from .records import EditRecord
from .relations import Split
from .results import command_line, published
from .scoring import Interval

_TEACH_AT_ONCE = 32


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
    """Tokens of each continuation; both arms write exactly so many."""
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
class QualitySummary:
    """The result of `mnemic bench quality`. Entropies in bits, loops as shares of repeated 4-grams of tokens."""

    bench: str = "quality"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    tokens: int
    asked: int
    hits: int
    """Prompts on which a memory spoke: only these count."""
    entropy_base: Interval
    entropy: Interval
    entropy_ratio: Interval
    """With memory over without, paired."""
    loops_base: Interval
    loops: Interval
    loops_difference: Interval
    """With memory minus without, paired."""
    samples: list[dict[str, str]]
    """The first continuations, to be read."""
    seconds: float


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
    base, heard, prompts = [], [], []
    try:
        with Progress("teaching", 2 * len(records), shown=progress) as bar:
            for i in range(0, len(records), _TEACH_AT_ONCE):
                part = records[i : i + _TEACH_AT_ONCE]
                lm.learn([record.fact for record in part])
                bar.advance(len(part))
            bar.say("continuing")
            for i in range(0, len(records), config.batch_size):
                texts = [record.prompt for record in records[i : i + config.batch_size]]
                spoken = lm.generate(texts, memory=True, readers=(config.reader,), **options)
                silent = lm.generate(texts, memory=False, readers=None, **options)
                for text, with_memory, without in zip(texts, spoken, silent, strict=True):
                    if with_memory.memories:
                        prompts.append(text)
                        heard.append(with_memory)
                        base.append(without)
                bar.advance(len(texts))
    finally:
        lm.close()
    if not heard:
        raise ConfigError(
            rule_got_do(
                "At least one prompt makes a memory speak.", f"none of {len(records)}", "Check the gate with `mnemic recall`."
            )
        )
    entropy, entropy_base = ([scoring.ngram_entropy(r.text) for r in replies] for replies in (heard, base))
    loops, loops_base = ([scoring.repeated_share(r.token_ids) for r in replies] for replies in (heard, base))
    return QualitySummary(
        command=command_line("quality", config, QualityConfig()),
        environment=describe(config.device),
        config=published(config),
        tokens=config.tokens,
        asked=len(records),
        hits=len(heard),
        entropy_base=scoring.bootstrap_mean(entropy_base, seed=config.seed),
        entropy=scoring.bootstrap_mean(entropy, seed=config.seed),
        entropy_ratio=scoring.bootstrap_ratio(entropy, entropy_base, seed=config.seed),
        loops_base=scoring.bootstrap_mean(loops_base, seed=config.seed),
        loops=scoring.bootstrap_mean(loops, seed=config.seed),
        loops_difference=scoring.bootstrap_mean([a - b for a, b in zip(loops, loops_base, strict=True)], seed=config.seed),
        samples=[
            {"prompt": p, "memory": a.text, "no memory": b.text} for p, a, b in list(zip(prompts, heard, base, strict=True))[:10]
        ],
        seconds=time.perf_counter() - begun,
    )


def _records(config: QualityConfig) -> Sequence[EditRecord]:
    if config.data is None:
        return generator.generate(config.start + config.n, config.seed, config.split)[config.start :]
    records = datasets.load(config.data).records
    return datasets.after(records, config.start, config.n, config.data.name)[: config.n]
