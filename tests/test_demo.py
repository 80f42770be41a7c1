"""The demo's own checks: it must not pass when what it shows is wrong."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mnemic.types import Hit, Item, Learned, Reply, Spoke

PATH = Path(__file__).parent.parent / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module
    spec.loader.exec_module(module)
    return module


class PerfectLM:
    """Answers every question of the demo from the fact it belongs to, and speaks nowhere else."""

    def __init__(self, demo: ModuleType) -> None:
        self.facts = {question: fact for fact in (*demo.KNOWN, *demo.PRIVATE) for question in (fact.same, fact.other)}
        self.stored: list[Item] = []

    def learn(self, text: str, **options: Any) -> Learned:
        for item in self.stored:
            if item.text == text:
                return Learned(action="skipped", item=item, reason="already known", ms=1.0)
        item = Item(
            id=f"i{len(self.stored)}", scope="default", text=text, category=None, importance=0.5, source=None, reason="new",
            status="active", created=0.0, said=0.0, last_used=None, uses=0, supersedes=None, superseded_by=None,
        )  # fmt: skip
        self.stored.append(item)
        return Learned(action="added", item=item, reason="new", ms=1.0)

    def items(self) -> list[Item]:
        return self.stored

    def recall(self, query: str) -> list[Hit]:
        right = [item for item in self.stored if query in self.facts and item.text == self.facts[query].text]
        rest = [item for item in self.stored if item not in right]
        return [Hit(item=item, score=0.9, parts={}, accepted=True) for item in right + rest[:2]]

    def ask(self, question: str, *, memory: bool = True, max_new_tokens: int) -> Reply:
        fact = self.facts.get(question)
        if not memory or fact is None:
            return Reply(text="no idea", token_ids=(0,))
        item = next(item for item in self.stored if item.text == fact.text)
        return Reply(text=f"It is {fact.answer}.", token_ids=(1,), memories=(Spoke(item=item, score=0.9, weight=0.9),))


class Confused(PerfectLM):
    def recall(self, query: str) -> list[Hit]:
        return super().recall(query)[::-1]


class Talkative(PerfectLM):
    def ask(self, question: str, **options: Any) -> Reply:
        return replace(super().ask(question, **options), token_ids=(int(options.get("memory", True)),))


class Forgetful(PerfectLM):
    def items(self) -> list[Item]:
        return self.stored[1:]


class WrongMemory(PerfectLM):
    def ask(self, question: str, **options: Any) -> Reply:
        reply = super().ask(question, **options)
        return replace(reply, memories=tuple(replace(s, item=self.stored[0]) for s in reply.memories))


def run(demo: ModuleType, lm: PerfectLM) -> list[str]:
    return [*demo.teach(lm).failed, *demo.ask(lm).failed]


def test_a_memory_that_works_passes(demo: ModuleType) -> None:
    assert run(demo, PerfectLM(demo)) == []


@pytest.mark.parametrize(
    ("kind", "claim"),
    [(Confused, "Paris ranks first"), (Talkative, "never taught"), (Forgetful, "are in the store"), (WrongMemory, "same words")],
)
def test_a_memory_that_does_not_is_seen(demo: ModuleType, kind: type[PerfectLM], claim: str) -> None:
    assert any(claim in failed for failed in run(demo, kind(demo)))


def test_the_demo_teaches_what_it_should(demo: ModuleType) -> None:
    assert [(fact.text, fact.category) for fact in demo.KNOWN] == [
        ("Paris is the capital city of France.", "geography"),
        ("Python is a programming language used for AI.", "programming"),
        ("The Earth orbits around the Sun.", "astronomy"),
        ("Water freezes at 0 degrees Celsius.", "physics"),
        ("Shakespeare wrote Romeo and Juliet.", "literature"),
        ("Einstein developed the theory of relativity.", "science"),
    ]
    assert len(demo.PRIVATE) >= 12
    for fact in (*demo.KNOWN, *demo.PRIVATE):
        assert fact.answer in fact.text
        assert fact.answer not in fact.same + fact.other
