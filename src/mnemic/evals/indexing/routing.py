"""The way of a question from its vector to a verdict, in a store of many invented facts."""

from ..generator import generate

_AT_ONCE = 4000


def facts_for(count: int, asked: int, seed: int) -> tuple[list[str], list[str]]:
    """Return so many different invented facts, and questions to ask: half about some of them, half about what nobody told."""
    facts: dict[str, None] = {}
    questions: list[str] = []
    while len(facts) < count:
        for record in generate(_AT_ONCE, seed, "test", probes=1):
            facts[record.fact] = None
            if len(questions) < asked:
                questions += [*record.questions[:1], *record.neighbour_questions[:1]]
        seed += 1
    return list(facts)[:count], questions[:asked]
