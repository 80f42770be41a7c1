"""Settle a gate's subject threshold among many facts: the last step of calibration.

The fit sets its thresholds pair by pair; a query in a store of many facts meets several that resemble it, and the most alike of
them decides.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import numpy as np

from .encoders import Encoder
from .learning import Teacher, make_lessons
from .memories.fact import FactConfig, Gate, Router
from .memories.fact.calibrate import Example
from .memories.fact.texts import TextReader
from .store import open_store
from .types import FloatArray

SCOPE = "default"
"""Where facts are taught for a trial."""
_TOGETHER = 64
"""Queries routed together."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How often a memory woke at queries about none of the facts, before and after the threshold was raised."""

    facts: int
    queries: int
    before: float
    after: float


@contextmanager
def taught(
    examples: Sequence[Example],
    gate: Gate,
    *,
    encoder: Encoder,
    reader: TextReader,
    config: FactConfig | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
) -> Iterator[Router]:
    """Teach the examples' facts to an empty store of their own, and route in it for the length of the block.

    Args:
        examples: whose facts.
        gate: that decides.
        encoder: the text encoder that the gate was fitted with.
        reader: the host that it was fitted with.
        config: of the fact memory.
        progress: called with "teach", how many facts are taught, and how many there are.
    """
    with open_store(":memory:") as store:
        store.open_for(encoder.id, encoder.dim)
        router = Router(store, gate, config or FactConfig(), encoder.encode, reader)
        known = 0

        def one_more() -> None:
            nonlocal known
            known += 1
            progress("teach", known, len(examples))

        lessons = make_lessons([e.fact for e in examples], None, None, None, SCOPE, force=False)
        Teacher(store, router, encoder).learn(lessons, one_more)
        yield router


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
    with taught(examples, gate, encoder=encoder, reader=reader, config=config, progress=progress) as router:
        margins = loudest(router, queries, SCOPE, progress=progress)
    return raise_threshold(gate, margins, rate, facts=len(examples))


def settle_alone(
    gate: Gate,
    examples: Sequence[Example],
    queries: Sequence[str],
    *,
    encoder: Encoder,
    reader: TextReader,
    rate: float,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
) -> tuple[Gate, Settled]:
    """Teach facts and raise the margin of pairs without a common word until at most `rate` of the queries wakes a memory so.

    Args:
        gate: the gate to settle, otherwise settled.
        examples: facts, the speaker's own among them.
        queries: about none of the facts: what people ask an assistant.
        encoder: the text encoder that the gate was fitted with.
        reader: the host that it was fitted with.
        rate: share of the queries that may wake a memory through an item with which they share no meaningful word.
        progress: as in `settle`.
    """
    if not queries:
        return gate, Settled(facts=len(examples), queries=0, before=0.0, after=0.0)
    with taught(examples, gate, encoder=encoder, reader=reader, progress=progress) as router:
        margins = loudest(router, queries, SCOPE, alone=True, progress=progress)
    raised, found = _raised(margins, rate, facts=len(examples))
    margin = float(np.nextafter(gate.alone_margin + raised, np.inf)) if raised else gate.alone_margin
    return replace(gate, alone_margin=margin, about={**gate.about, "settled_alone": asdict(found)}), found


def loudest(
    router: Router,
    queries: Sequence[str],
    scope: str,
    *,
    alone: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, size: None,
) -> FloatArray:
    """Return for each query by how much the most alike item that may speak is above the subject's threshold; -inf for none.

    With `alone`, of the items with which the query shares no meaningful word.
    """
    found: list[float] = []
    for begin in range(0, len(queries), _TOGETHER):
        for row in router.route(queries[begin : begin + _TOGETHER], scope):
            heard = (c for c in row if c.accepted and (c.pair.alone or not alone))
            found.append(max((c.verdict.subject for c in heard if c.verdict is not None), default=-np.inf))
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
    raised, found = _raised(margins, rate, facts=facts)
    # just above the last one that may not fire
    threshold = float(np.nextafter(gate.subject_threshold + raised, np.inf)) if raised else gate.subject_threshold
    return replace(gate, subject_threshold=threshold, about={**gate.about, "settled": asdict(found)}), found


def _raised(margins: FloatArray, rate: float, *, facts: int) -> tuple[float, Settled]:
    """Return by how much margins must be lowered for at most `rate` of them to be above 0, and what was measured."""
    raised = max(0.0, float(np.quantile(margins, 1 - rate, method="higher")))
    found = Settled(
        facts=facts, queries=len(margins), before=float((margins >= 0).mean()), after=float((margins > raised).mean())
    )
    return raised, found
