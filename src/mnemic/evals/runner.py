"""Teaches the facts and asks every arm, batch by batch, into the log."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from ..types import Learned
from . import scoring
from .arms import Answer, Arm, Cache, ModelArm, RuleArm, dense_facts, is_right
from .columns import Column, Probe
from .log import Key, Log
from .plan import HELD_OUT, Plan
from .progress import Progress
from .protocol import BenchLM, Loads
from .records import EditRecord

_AT_LEAST_TOKENS = 8
_SLACK_TOKENS = 2
"""At the start of a reply a target is tokenised without the space before it, which may take a token or two more."""
_TEACH_AT_ONCE = 32
_FROM_PROMPT = ("oracle", "rag")


class Runner:
    """One run over one loaded model."""

    def __init__(self, plan: Plan, log: Log, lm: BenchLM, progress: bool) -> None:
        """Set up a run that writes to `log`."""
        self._plan = plan
        self._log = log
        self._lm = lm
        self._progress = progress

    @classmethod
    def fill(cls, plan: Plan, log: Log, *, progress: bool, loads: Loads) -> None:
        """Measure what `log` doesn't hold yet. Where nothing is missing, no model is loaded."""
        if cls.missing(plan, log):
            lm = loads(model=plan.config.model, store=":memory:", encoder=plan.config.encoder, device=plan.config.device)
            try:
                cls(plan, log, lm, progress).run()
            finally:
                lm.close()

    @staticmethod
    def missing(plan: Plan, log: Log) -> bool:
        """Return whether anything is left to be measured."""
        asked = (_key(arm, c, p) for arm in plan.arm_names() for c in plan.columns for p in plan.probes[c.name])
        return not {"writes", "max_new_tokens"} <= set(log.facts) or any(key not in log.answers for key in asked)

    def run(self) -> None:
        """Teach everything, then ask what isn't answered yet."""
        if "max_new_tokens" not in self._log.facts:
            self._log.note("max_new_tokens", tokens_needed(self._lm, self._plan.taught, self._plan.config.max_new_tokens))
        total = len(self._plan.taught) + len(self._plan.arm_names()) * sum(map(len, self._plan.probes.values()))
        with Progress("facts and answers", total, shown=self._progress) as bar:
            self._teach(bar)
            cache = self._cached_answers()
            recalibrated = False
            for name in self._plan.arm_names():
                if name.endswith(HELD_OUT) and not recalibrated:
                    self._log.note("calibration", self._recalibrate(bar))
                    recalibrated = True
                self._ask(name, self._arm(name, cache), bar)

    def _recalibrate(self, bar: Progress) -> dict[str, Any]:
        """Refit the gate by the plan's recipe and return what the calibration reports, as plain data."""
        recipe = self._plan.calibration
        assert recipe is not None, "a plan with held-out arms has a recipe"
        examples, spare = recipe.examples(), recipe.spare()
        report = self._lm.calibrate(
            examples, among=spare, progress=lambda stage, done, size: bar.say(f"calibrating: {stage} {done}/{size}")
        )
        said: Any = asdict(report) if is_dataclass(report) and not isinstance(report, type) else str(report)
        relations = sorted({e.relation for e in examples if e.relation})
        return {"examples": len(examples), "settled_among": len(spare), "relations": relations, "report": said}

    def _teach(self, bar: Progress) -> None:
        bar.say("teaching")
        learned = teach(self._lm, self._plan.taught, bar, force=self._plan.config.force)
        if "writes" not in self._log.facts:
            self._log.note("writes", write_summary(learned))

    def _cached_answers(self) -> Cache:
        """Return what a continued run already knows of prompts that carry a fact."""
        columns = {c.name: c for c in self._plan.columns}
        cache: Cache = {}
        for (arm, name, record, _), line in self._log.answers.items():
            if arm in _FROM_PROMPT:
                column = columns[name]
                target = self._plan.taught[record].target if column.mode == "score" else ""
                cache[column.mode, column.tokens, line["input"], target] = _answer(line)
        return cache

    def _arm(self, name: str, cache: Cache) -> Arm:
        plan = self._plan
        options = {"max_new_tokens": self._log.facts["max_new_tokens"]}
        if name == "rule":
            return RuleArm(plan.taught, lambda column, probe: _answer(self._log.answers[_key("base", column, probe)]))
        if name == "oracle":
            return ModelArm(
                self._lm,
                plan.taught,
                options,
                batch_size=plan.config.batch_size,
                fact_for=lambda probe: plan.taught[probe.record].fact,
                cache=cache,
            )
        if name == "rag":
            texts = [probe.text for probes in plan.probes.values() for probe in probes]
            found = dense_facts(self._lm, [record.fact for record in plan.taught], texts)
            return ModelArm(
                self._lm,
                plan.taught,
                options,
                batch_size=plan.config.batch_size,
                fact_for=lambda probe: found[probe.text],
                cache=cache,
            )
        reader = None if name == "base" else name.removesuffix(HELD_OUT)
        return ModelArm(self._lm, plan.taught, options, batch_size=plan.config.batch_size, reader=reader)

    def _ask(self, name: str, arm: Arm, bar: Progress) -> None:
        for column in self._plan.columns:
            for batch in self._plan.batches(column):
                bar.say(f"{name}: {column.title}")
                if any(_key(name, column, probe) not in self._log.answers for probe in batch):
                    # a batch is asked whole, also where a kill left a part of it: identity is judged per batch
                    answers = arm.answer(column, batch)
                    self._log.append(self._line(name, column, p, a) for p, a in zip(batch, answers, strict=True))
                bar.advance(len(batch))

    def _line(self, name: str, column: Column, probe: Probe, answer: Answer) -> dict[str, Any]:
        record = self._plan.taught[probe.record]
        base = answer if name == "base" else _answer(self._log.answers[_key("base", column, probe)])
        own = scoring.normalise(record.fact)
        return {
            "arm": name,
            "column": column.name,
            "record": probe.record,
            "probe": probe.probe,
            "id": record.id,
            "relation": record.relation,
            "text": probe.text,
            "input": answer.given,
            "target": record.target,
            "output": answer.output,
            "ids": list(answer.ids),
            "forced": answer.forced,
            "ok": is_right(column, record, answer, base),
            "exact": scoring.exact_normalised(answer.output, (record.target, *record.aliases)),
            "spoke": [{**memory, "own": scoring.normalise(memory["text"]) == own} for memory in answer.spoke],
        }


def tokens_needed(lm: BenchLM, records: Sequence[EditRecord], configured: int | None) -> int:
    """Return how many tokens an answer gets: as configured, or enough to name the longest of these records' targets."""
    if configured is not None:
        return configured
    targets = [f" {record.target}" for record in records]
    longest = max(map(len, lm.tokenizer(targets, add_special_tokens=False)["input_ids"]))
    return max(_AT_LEAST_TOKENS, longest + _SLACK_TOKENS)


def teach(lm: BenchLM, records: Sequence[EditRecord], bar: Progress, *, force: bool = False) -> list[Learned]:
    """Teach the facts of records and return what became of each."""
    learned: list[Learned] = []
    for start in range(0, len(records), _TEACH_AT_ONCE):
        part = [record.fact for record in records[start : start + _TEACH_AT_ONCE]]
        learned += lm.learn(part, force=force)
        bar.advance(len(part))
    return learned


def _key(arm: str, column: Column, probe: Probe) -> Key:
    return arm, column.name, probe.record, probe.probe


def _answer(line: dict[str, Any]) -> Answer:
    return Answer(
        given=line["input"], output=line["output"], ids=tuple(line["ids"]), forced=line["forced"], spoke=tuple(line["spoke"])
    )


def write_summary(learned: Sequence[Learned]) -> dict[str, Any]:
    """Return how many texts were added, updated, superseded and skipped, and the milliseconds that one took."""
    ms = [one.ms for one in learned]
    return {
        "n": len(ms),
        "actions": dict(sorted(Counter(one.action for one in learned).items())),
        "ms_mean": float(np.mean(ms)),
        "ms_median": float(np.median(ms)),
        "ms_p95": float(np.percentile(ms, 95)),
    }
