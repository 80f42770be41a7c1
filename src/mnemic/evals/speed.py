"""`mnemic bench speed`: what memory costs in time, against the plain model's own `generate` on the same prompts.

The plain model is a second, detached copy, so that the two can be measured in turn: drift of the machine hits both alike.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..errors import ConfigError, rule_got_do
from ..types import Reply
from . import generator, scoring
from .environment import Environment, describe
from .progress import Progress
from .protocol import BenchLM, Loads, load_default
from .results import command_line, published
from .runner import teach
from .scoring import Interval

_WARM_UP = 2


@dataclass(frozen=True, kw_only=True)
class SpeedConfig:
    """What `mnemic bench speed` measures."""

    items: int = 1000
    """Facts in the memory."""
    pairs: int = 20
    """Prompts that hit, and prompts on an empty memory, each measured with memory and plain, in turn."""
    tokens: int = 64
    """New tokens per prompt; both arms write exactly so many."""
    writes: int = 20
    """Facts learned one by one, after the others, for the cost of `learn`."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    device: str | None = None
    """Where the model runs; None for where it is loaded by default."""
    seed: int = 0
    """Seed of the facts and of the bootstrap."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.items, self.pairs, self.tokens, self.writes) < 1:
            raise ConfigError(
                rule_got_do(
                    "items, pairs, tokens and writes are at least 1.",
                    (self.items, self.pairs, self.tokens, self.writes),
                    "Choose larger ones.",
                )
            )


@dataclass(frozen=True, kw_only=True)
class SpeedArm:
    """Tokens per second of paired generations."""

    title: str
    plain: Interval
    memory: Interval
    ratio: Interval
    """Mean over pairs of plain seconds / seconds with memory; `low` is the bound to look at."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Milliseconds of one stage."""

    title: str
    median: float
    p95: float


@dataclass(frozen=True, kw_only=True)
class SpeedSummary:
    """The result of `mnemic bench speed`."""

    bench: str = "speed"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    tokens: int
    arms: list[SpeedArm]
    parts: list[Part]
    forwards: float
    """Mean number of forward passes of the model per `learn`."""
    seconds: float


@dataclass
class _Stopwatch:
    """Milliseconds by stage."""

    ms: dict[str, list[float]] = field(default_factory=dict)

    def add(self, stage: str, seconds: float) -> None:
        self.ms.setdefault(stage, []).append(1000 * seconds)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - start)

    def parts(self) -> list[Part]:
        return [
            Part(title=stage, median=float(np.median(values)), p95=float(np.percentile(values, 95)))
            for stage, values in self.ms.items()
        ]


def run(config: SpeedConfig, *, progress: bool = False, loads: Loads = load_default) -> SpeedSummary:
    """Run the bench.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
        loads: opens the model; called twice.

    Raises:
        ConfigError: if too few prompts make a memory speak.
    """
    begun = time.perf_counter()
    records = generator.generate(config.items + config.writes, config.seed)
    facts, late = records[: config.items], records[config.items :]
    watch = _Stopwatch()
    # on disk, as a user's is: a write counts when it is durable
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        plain = loads(model=config.model, store=":memory:", encoder=config.encoder, device=config.device)
        stack.callback(plain.close)
        plain.handle.detach()
        lm = loads(model=config.model, store=folder, encoder=config.encoder, device=config.device)
        stack.callback(lm.close)
        bar = stack.enter_context(Progress("empty memory", 2 * config.pairs + config.items + config.writes, shown=progress))
        prompts = [record.prompt for record in facts]
        empty = _race(config, plain, lm, prompts, "empty memory", lambda reply: True, bar, _Stopwatch())
        bar.say("teaching")
        teach(lm, facts, bar)
        title = f"{config.items} facts, a hit"
        full = _race(config, plain, lm, prompts, title, lambda reply: bool(reply.memories), bar, watch)
        bar.say("learning one by one")
        forwards = [_learn_one(lm, record.fact, watch, bar) for record in late]
        for record in facts[: config.pairs]:
            with watch.time("recall, 5 of all facts"):
                lm.recall(record.prompt, k=5)
    return SpeedSummary(
        command=command_line("speed", config, SpeedConfig()),
        environment=describe(config.device),
        config=published(config),
        tokens=config.tokens,
        arms=[full, empty],
        parts=watch.parts(),
        forwards=float(np.mean(forwards)),
        seconds=time.perf_counter() - begun,
    )


def _race(
    config: SpeedConfig,
    plain: BenchLM,
    lm: BenchLM,
    prompts: Sequence[str],
    title: str,
    counts: Callable[[Reply], bool],
    bar: Progress,
    watch: _Stopwatch,
) -> SpeedArm:
    """Time both arms on prompts in turn until enough pairs count; who goes first alternates."""
    bar.say(title)
    pairs: list[tuple[float, float]] = []
    for number, prompt in enumerate(prompts):
        if number % 2:
            slow, reply = _with_memory(lm, prompt, config.tokens)
            bare = _bare(plain, prompt, config.tokens)
        else:
            bare = _bare(plain, prompt, config.tokens)
            slow, reply = _with_memory(lm, prompt, config.tokens)
        if number < _WARM_UP or not counts(reply):
            continue
        pairs.append((bare, slow))
        for stage, ms in reply.parts.items():
            watch.add(f"generate, {stage}", ms / 1000)
        bar.advance()
        if len(pairs) == config.pairs:
            break
    if len(pairs) < config.pairs:
        raise ConfigError(
            rule_got_do(
                f"{config.pairs} prompts must count ({title}).",
                f"{len(pairs)} of {len(prompts)}",
                "Lower pairs, or raise items by 3.",
            )
        )
    return SpeedArm(
        title=title,
        plain=scoring.bootstrap_mean([config.tokens / bare for bare, _ in pairs], seed=config.seed),
        memory=scoring.bootstrap_mean([config.tokens / slow for _, slow in pairs], seed=config.seed),
        ratio=scoring.bootstrap_mean([bare / slow for bare, slow in pairs], seed=config.seed),
    )


def _with_memory(lm: BenchLM, prompt: str, tokens: int) -> tuple[float, Reply]:
    """Return seconds and reply of the whole call: query encoding, gate, tokenising, generation, decoding."""
    start = time.perf_counter()
    (reply,) = lm.generate([prompt], memory=True, readers=None, batch_size=1, max_new_tokens=tokens, min_new_tokens=tokens)
    return time.perf_counter() - start, reply


def _bare(plain: BenchLM, prompt: str, tokens: int) -> float:
    """Return the seconds of the library's own `generate` on the detached model, tokenising and decoding included."""
    start = time.perf_counter()
    inputs = plain.tokenizer([prompt], return_tensors="pt").to(plain.model.device)
    made = plain.model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
    plain.tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return time.perf_counter() - start


def _learn_one(lm: BenchLM, fact: str, watch: _Stopwatch, bar: Progress) -> int:
    """Learn one fact; return how many forward passes of the model it took."""
    spans: list[list[float]] = []
    passes: list[None] = []
    hooks = (
        lm.model.register_forward_pre_hook(lambda *_: spans.append([time.perf_counter()])),
        lm.model.register_forward_hook(lambda *_: spans[-1].append(time.perf_counter())),
        # counted below the head: whoever runs the blocks alone has made a pass too
        lm.model.base_model.register_forward_pre_hook(lambda *_: passes.append(None)),
    )
    start = time.perf_counter()
    try:
        lm.learn([fact])
    finally:
        whole = time.perf_counter() - start
        for hook in hooks:
            hook.remove()
    # timed apart: the encoder may be anything, and only its one call per text is known
    start = time.perf_counter()
    lm.encoder.encode([fact])
    encoding = time.perf_counter() - start
    forward = sum(end - begin for begin, end in spans)
    watch.add("learn, all of it", whole)
    watch.add("learn, forward passes", forward)
    watch.add("learn, encoder", encoding)
    watch.add("learn, the rest", whole - forward - encoding)
    watch.add("learn may take: two passes of the text, the encoder, 5 ms", 2 * forward / max(1, len(passes)) + encoding + 0.005)
    bar.advance()
    return len(passes)
