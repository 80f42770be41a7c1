"""What a relation of the generator is."""

from dataclasses import dataclass
from typing import Literal

from ..words import Maker

Split = Literal["dev", "test"]


@dataclass(frozen=True)
class Templates:
    """Wordings of a relation in one split. `{s}` is the subject, `{o}` the object."""

    statements: tuple[str, ...]
    """Sentences to be taught. Most name the subject first, some the object."""
    completions: tuple[str, ...]
    """Texts that end where the object comes."""
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Relation:
    """One property that subjects of a kind have, in two disjoint sets of wordings."""

    name: str
    kind: str
    """Kind of subject: other relations of the same kind are what must not be answered with this relation's object."""
    object: Maker
    dev: Templates
    test: Templates

    def templates(self, split: Split) -> Templates:
        """Return the wordings of a split."""
        return self.dev if split == "dev" else self.test


def relation(name: str, kind: str, maker: Maker, statements: str, completions: str, questions: str) -> Relation:
    """Return a relation from texts with one wording per line, the first half of each for dev and the second for test."""
    halves = [_halve(text) for text in (statements, completions, questions)]
    dev, test = (Templates(*(half[side] for half in halves)) for side in (0, 1))
    return Relation(name, kind, maker, dev, test)


def _halve(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = tuple(line.strip() for line in text.strip().splitlines())
    middle = len(lines) // 2
    return lines[:middle], lines[middle:]
