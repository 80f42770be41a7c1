"""Fit a gate on edit records and generated facts, and write it: how the shipped gates are made."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np

from ..assistant import MemoryLM
from ..encoders import load_encoder
from ..errors import ConfigError, rule_got_do
from ..host_texts import HostTexts
from ..memories.fact import Gate
from ..memories.fact.calibrate import Example, Report, fit
from ..models import load_model
from ..store import open_store
from . import datasets
from .calibration import ask_other_relations, examples_of, restate
from .generator import generate
from .progress import Progress
from .records import EditRecord


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """What a gate is fitted on, and what it looks at."""

    out: Path = Path("gate.safetensors")
    """The file to write."""
    data: Path | None = None
    """A file of edits that know their relations; without one, generated facts alone."""
    start: int = 1000
    """First record of the file that may be used: those before it are kept for reporting."""
    n: int = 1200
    """How many records of the file."""
    generated: int = 1200
    """How many generated facts (wordings of the dev split)."""
    restated: int = 600
    """How many more generated facts are made and restated, as questions with their answers or as equations turned round."""
    settle: int = 500
    """How many more records of the file, and as many generated facts, are taught to set the subject's threshold among many."""
    looks_at: Literal["host", "encoder", "words"] = "host"
    """What it sees: the host's states, the encoder and words; the last two; or words alone."""
    model: str = "smollm2"
    """The language model."""
    encoder: str | None = None
    """The text encoder; None for the default one."""
    seed: int = 0
    """For the choice of records, folds and trees."""

    def __post_init__(self) -> None:
        """Check the counts."""
        if min(self.n, self.generated, self.restated, self.settle, self.start) < 0 or (self.data is None and self.generated == 0):
            raise ConfigError(
                rule_got_do(
                    "A gate is fitted on records, generated facts, or both.",
                    f"start={self.start}, n={self.n}, generated={self.generated}",
                    "Give some.",
                )
            )


ABSENT_RATE = 0.01
"""Share of neighbours (another subject, the same relation) that may wake a memory when the threshold is settled."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How often a memory woke among many at neighbours of taught facts, before and after the subject's threshold was raised."""

    facts: int
    queries: int
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class GateSummary:
    """Where the gate is, and what it measured on relations it had not seen."""

    out: Path
    report: Report
    settled: Settled | None


def collect(config: GateConfig) -> list[Example]:
    """Return the examples that a configuration names.

    Raises:
        InputError: if the file can't be used.
    """
    made: list[Example] = []
    if config.n > 0:
        made += examples_of(_shuffled(config)[: config.n])
    if config.generated > 0:
        made += examples_of(generate(config.generated, seed=config.seed + 1, split="dev"))
    if config.restated > 0:
        made += examples_of(restate(generate(config.restated, seed=config.seed + 2, split="dev")))
    return made


def spare(config: GateConfig) -> list[EditRecord]:
    """Return records that the trees haven't seen: of the file those behind the ones used, and facts of another seed."""
    made: list[EditRecord] = []
    if config.settle and config.data is not None:
        made += _shuffled(config)[config.n : config.n + config.settle]
    if config.settle:
        made += generate(config.settle, seed=config.seed + 3, split="dev", probes=1)
    return made


def settle(lm: MemoryLM, records: Sequence[EditRecord], *, progress: Callable[[str], None]) -> tuple[Gate, Settled]:
    """Teach records, ask about their neighbours, and raise the subject's threshold until `ABSENT_RATE` of these wake a memory.

    The fit sets its thresholds pair by pair; a query in a store of many facts meets several that resemble it, and the most
    alike of them decides.

    Args:
        lm: with an empty store, and the gate to settle.
        records: what to teach, with neighbours.
        progress: told what goes on.
    """
    lm.learn([r.fact for r in records], progress=lambda done, size: progress(f"teach {done}/{size}"))
    subjects = [f" {r.subject.casefold()} " for r in records if len(r.subject) > 1]
    queries = [
        query
        for record in records
        for query in (*record.neighbours, *record.neighbour_questions)
        # a neighbour that happens to be taught may well wake a memory
        if not any(s in f" {query.casefold().rstrip('?. ')} " for s in subjects)
    ]
    gate = lm.gate
    loudest: list[float] = []
    for begin in range(0, len(queries), 64):
        progress(f"settle {begin}/{len(queries)}")
        for row in lm.router.route(queries[begin : begin + 64], lm.scope):
            loudest.append(max((c.verdict.subject for c in row if c.verdict is not None and c.accepted), default=-np.inf))
    margins = np.array(loudest)
    raised = max(0.0, float(np.quantile(margins, 1 - ABSENT_RATE, method="higher")))
    found = Settled(
        facts=len(records), queries=len(queries), before=float((margins >= 0).mean()), after=float((margins > raised).mean())
    )
    # just above the last one that may not fire
    threshold = float(np.nextafter(gate.subject_threshold + raised, np.inf)) if raised else gate.subject_threshold
    return replace(gate, subject_threshold=threshold, about={**gate.about, "settled": asdict(found)}), found


def _shuffled(config: GateConfig) -> list[EditRecord]:
    """Return the file's usable records in the order in which they are used."""
    if config.data is None:
        return []
    left = datasets.after(datasets.load(config.data).records, config.start, config.n, config.data.name)
    # other-relation questions are worded by the whole file's templates, whichever records are then used
    records = ask_other_relations(left)
    Random(config.seed).shuffle(records)
    return records


def run(config: GateConfig, *, progress: bool = False) -> GateSummary:
    """Fit a gate and write it.

    Raises:
        ConfigError: if the model, the encoder or scikit-learn is missing, or the examples can't be fitted on.
        InputError: if the file can't be used.
    """
    if not config.out.expanduser().parent.is_dir():
        raise ConfigError(rule_got_do("A gate is written to a folder that exists.", config.out, "Make it first."))
    examples = collect(config)
    model, tokenizer = load_model(config.model)
    texts = HostTexts(model, tokenizer)
    encoder = load_encoder(config.encoder, texts, int(model.get_input_embeddings().weight.shape[1]))
    with Progress("examples", len(examples), shown=progress) as bar:
        gate, report = fit(
            examples,
            encode=None if config.looks_at == "words" else encoder.encode,
            encoder_id=None if config.looks_at == "words" else encoder.id,
            reader=texts if config.looks_at == "host" else None,
            seed=config.seed,
            progress=lambda stage, done, size: bar.say(f"{stage} {done}/{size}"),
        )
        bar.advance(len(examples))
        records, settled = spare(config), None
        if records:
            with MemoryLM(model, tokenizer, open_store(":memory:"), encoder=encoder, gate=gate) as lm:
                gate, settled = settle(lm, records, progress=bar.say)
    gate.save(config.out)
    return GateSummary(out=config.out, report=report, settled=settled)
