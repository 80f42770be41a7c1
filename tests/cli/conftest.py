"""A memory without a model behind the command line, and a way to run it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mnemic.cli import app
from mnemic.errors import InputError, rule_got_do
from mnemic.interference import Influence, Interference
from mnemic.types import Hit, Item, Learned, Reply, Spoke

ITEM = Item(
    id="a1",
    scope="default",
    text="My dog is called Biscuit.",
    category="family",
    importance=0.5,
    source="cli",
    reason="new",
    status="active",
    created=1_700_000_000.0,
    said=1_700_000_000.0,
    last_used=None,
    uses=0,
    supersedes=None,
    superseded_by=None,
)


@dataclass(frozen=True)
class FakeExplanation:
    text: str
    hits: tuple[Hit, ...]
    threshold: float


class FakeStream(Iterator[str]):
    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.closed = False
        self._pieces = iter([reply.text[:3], reply.text[3:]])

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeLM:
    """Remembers what it was asked, knows one thing about a dog, refuses texts that say "too long"."""

    loaded_with: dict[str, Any] = field(default_factory=dict)
    learned: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closed: bool = False
    readers: tuple[str, ...] = ("pointer",)
    weight: float = 0.9
    moved: list[tuple[str, Any, float | None]] = field(default_factory=list)
    before_learn: Callable[[], None] = lambda: None

    def __enter__(self) -> "FakeLM":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def learn(self, texts: Sequence[str], **options: Any) -> list[Learned]:
        self.before_learn()
        if any("too long" in text for text in texts):
            raise InputError(rule_got_do("A text has to fit the model's window.", "9000 tokens", "Split it."))
        done = []
        for index, text in enumerate(texts):
            known = text in [seen for seen, _ in self.learned]
            own = {name: value[index] if isinstance(value, list) else value for name, value in options.items()}
            self.learned.append((text, own))
            item = replace(ITEM, id=f"i{len(self.learned)}", text=text, category=own["category"])
            action, reason = ("skipped", "already known") if known else ("added", "new to the model")
            done.append(Learned(action=action, item=item, reason=reason, ms=1.5))
        return done

    def ask(self, question: str, *, memory: bool = True, stream: bool = False, **options: Any) -> Any:
        self.asked.append((question, {"memory": memory, **options}))
        spoke = (Spoke(item=ITEM, score=0.98, weight=self.weight, readers=self.readers),) if memory and "dog" in question else ()
        reply = Reply(text="Biscuit" if spoke else "I don't know", token_ids=(1, 2), memories=spoke, prompt=question, ms=12.0)
        self.stream = FakeStream(reply)
        return self.stream if stream else reply

    def recall(self, query: str, k: int = 5) -> list[Hit]:
        if "nothing" in query:
            return []
        accepted = "dog" in query
        return [Hit(item=ITEM, score=0.98 if accepted else 0.02, parts={"cosine": 0.7}, accepted=accepted)][:k]

    def interference(self, query: str, readers: Any, *, budget: float | None) -> Interference:
        self.moved.append((query, readers, budget))
        one = Influence(reader="pointer", kl=(2.0,), logprob=(1.5,), norm=(0.0,))
        return Interference(query=query, tokens=("Bis",), influences=(one,), together=(2.5,), budget=budget)

    def why(self, query: str) -> FakeExplanation:
        return FakeExplanation("Biscuit spoke: 0.98 is above 0.50.", tuple(self.recall(query)), 0.5)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLM:
    """Put a fake behind `mnemic.load` as the command line sees it, and a folder where the store would be."""
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("TQDM_DISABLE", "1")
    lm = FakeLM()

    def load(*, notify: Callable[[str], None], **options: Any) -> FakeLM:
        notify("This takes a while.")
        lm.loaded_with = options
        return lm

    monkeypatch.setitem(sys.modules, "mnemic.assistant", SimpleNamespace(load=load))
    return lm


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command with a store of its own and no settings of the machine."""
    for name in ("SCOPE", "MODEL", "ENCODER", "DEBUG", "BUDGET"):
        monkeypatch.delenv(f"MNEMIC_{name}", raising=False)
    monkeypatch.setenv("MNEMIC_STORE", str(tmp_path / "store"))
    # plain output whatever terminal the tests run in
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path, text: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments], input=text, prog_name="mnemic")

    return run
