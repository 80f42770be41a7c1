"""Settle a gate's subject threshold among many facts: the last step of calibration.

The fit sets its thresholds pair by pair; a query in a store of many facts meets several that resemble it, and the most alike of
them decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from .encoders import Encoder
from .learning import Teacher, make_lessons
from .memories.fact import FactConfig, Gate, Router
from .memories.fact.calibrate import Example
from .memories.fact.texts import TextReader
from .store import open_store
from .types import FloatArray

_SCOPE = "default"
_TOGETHER = 64
"""Queries routed together."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How often a memory woke at queries about none of the facts, before and after the threshold was raised."""

    facts: int
    queries: int
    before: float
    after: float


def settle(
    gate: Gate,
    examples: Sequence[Example],
    *,
    encoder: Encoder,
    reader: TextReader,
    rate: float,
    config: FactConfig | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
) -> tuple[Gate, Settled]:
    """Teach facts to an empty store and raise the threshold until at most `rate` of what is absent wakes a memory.

    Args:
        gate: the gate to settle.
        examples: facts that it wasn't fitted on; their `absent` queries are about none of the facts.
        encoder: the text encoder that it was fitted with.
        reader: the host that it was fitted with.
        rate: share of the absent queries that may wake a memory.
        config: of the fact memory.
        progress: called with a stage, how much of it is done, and its size.

    Returns:
        The gate with its new threshold, and what was measured. The threshold is never lowered.
    """
    queries = [query for example in examples for query in example.absent]
    if not queries:
        return gate, Settled(facts=len(examples), queries=0, before=0.0, after=0.0)
    with open_store(":memory:") as store:
        store.open_for(encoder.id, encoder.dim)
        router = Router(store, gate, config or FactConfig(), encoder.encode, reader)
        taught = 0

        def one_more() -> None:
            nonlocal taught
            taught += 1
            progress("teach", taught, len(examples))

        lessons = make_lessons([e.fact for e in examples], None, None, None, _SCOPE, force=False)
        Teacher(store, router, encoder).learn(lessons, one_more)
        margins = loudest(router, queries, _SCOPE, progress=progress)
    return raise_threshold(gate, margins, rate, facts=len(examples))


def loudest(
    router: Router,
    queries: Sequence[str],
    scope: str,
    *,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
) -> FloatArray:
    """Return for each query by how much the most alike item that may speak is above the subject's threshold; -inf for none."""
    found: list[float] = []
    for begin in range(0, len(queries), _TOGETHER):
        for row in router.route(queries[begin : begin + _TOGETHER], scope):
            found.append(max((c.verdict.subject for c in row if c.verdict is not None and c.accepted), default=-np.inf))
        progress("settle", len(found), len(queries))
    return np.array(found, dtype=np.float32)


def raise_threshold(gate: Gate, margins: FloatArray, rate: float, *, facts: int) -> tuple[Gate, Settled]:
    """Return the gate with a subject's threshold above which at most `rate` of the margins lie, and what was measured.

    Args:
        gate: the gate that the margins were measured with.
        margins: as `loudest` returned them.
        rate: share of the queries that may wake a memory.
        facts: how many facts they were measured among.
    """
    raised = max(0.0, float(np.quantile(margins, 1 - rate, method="higher")))
    found = Settled(
        facts=facts, queries=len(margins), before=float((margins >= 0).mean()), after=float((margins > raised).mean())
    )
    # just above the last one that may not fire
    threshold = float(np.nextafter(gate.subject_threshold + raised, np.inf)) if raised else gate.subject_threshold
    return replace(gate, subject_threshold=threshold, about={**gate.about, "settled": asdict(found)}), found
