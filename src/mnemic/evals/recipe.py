"""What gates are fitted on: the same recipe for those that are shipped and for the bench's refitted ones."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ..errors import ConfigError, rule_got_do
from . import datasets
from .calibration import ask_other_relations, examples_of, restate, told, without_relations
from .generator import everyday, generate
from .records import EditRecord
from .relations import Split
from .relations.mine import MINE
from .talk.corpus import talk

if TYPE_CHECKING:
    from ..memories.fact.calibrate import Example

_ALIKE = {
    "birth": ("birthplace", "my_home_town", "my_nationality"),
    "continent": ("inn_street", "thing_place"),
    "country": ("inn_street", "thing_place", "setting", "my_nationality"),
    "employer": ("employer",),
    "founded": ("band_home", "town_founded"),
    "genre": ("music", "my_favourite_film_genre"),
    "headquarters": ("headquarters", "band_home"),
    "instrument": ("instrument", "my_instrument_i_play"),
    "maker": ("maker", "thing_brand", "product", "car_model"),
    "native_language": ("speaks", "my_native_language"),
    "occupation": ("occupation", "my_job", "my_first_job", "fam_job"),
    "origin": ("band_home", "my_nationality"),
    "title": ("occupation", "my_job", "my_first_job", "fam_job"),
    "twin": ("twin_town",),
    "work_city": ("employer", "headquarters", "fam_city"),
}
"""Relations of CounterFact files -> generated relations that mean the same or nearly so: who leaves out one leaves out all."""

_SPOKEN = 600
"""Facts of everyday talk among which each relation of the speaker is looked for."""
_ASKED = 2
"""Questions to an assistant beside each fact of everyday talk."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a gate is fitted on, and what its threshold is settled among."""

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
    everyday: int = 1000
    """How many facts of everyday talk, the speaker's own and of people and things around them."""
    told: bool = True
    """Whether to add facts as people tell them, each in words of its own; not where relations are left out: these have none."""
    settle: int = 500
    """How many more records of the file, and as many generated facts, are taught to set the subject's threshold among many."""
    without: tuple[str, ...] = ()
    """Relations that are left out, with the generated ones that mean the same, in facts and in what is asked."""
    split: Split = "dev"
    """Wordings of generated facts."""
    seed: int = 0
    """For the choice of records, folds and trees."""

    def __post_init__(self) -> None:
        """Check the counts."""
        if min(self.n, self.generated, self.restated, self.everyday, self.settle, self.start) < 0 or (
            self.data is None and self.generated == 0
        ):
            raise ConfigError(
                rule_got_do(
                    "A gate is fitted on records, generated facts, or both.",
                    f"start={self.start}, n={self.n}, generated={self.generated}",
                    "Give some.",
                )
            )

    def examples(self) -> "list[Example]":
        """Return what the trees are fitted on.

        Raises:
            InputError: if the file can't be used.
        """
        made = examples_of(self._of_file[: self.n]) if self.n else []
        if self.generated:
            made += examples_of(self._invent(self.generated, 1))
        if self.everyday:
            made += examples_of(without_relations(self._everyday(), self._left_out))
        if self.told and not self.without:
            made += told()
        if self.restated:
            made += examples_of(restate(self._invent(self.restated, 2)))
        return made

    def spare(self) -> "list[Example]":
        """Return facts that the trees haven't seen, with queries that are about none of them: about their neighbours.

        Of the file those behind the ones used, and generated facts of another seed; and what people ask of an assistant.
        """
        if not self.settle:
            return []
        records = self._of_file[self.n : self.n + self.settle] + self._invent(self.settle, 3, probes=1)
        subjects = [f" {r.subject.casefold()} " for r in records if len(r.subject) > 1]

        def is_taught(query: str) -> bool:
            # a neighbour that happens to be taught may well wake a memory
            return any(s in f" {query.casefold().rstrip('?. ')} " for s in subjects)

        made = [
            replace(example, absent=tuple(q for q in (*r.neighbours, *r.neighbour_questions) if not is_taught(q)))
            for r, example in zip(records, examples_of(records), strict=True)
        ]
        # where everything is left out there is nothing to ask about
        return [replace(e, absent=(*e.absent, *talk("dev").unrelated)) if i == 0 else e for i, e in enumerate(made)]

    def spoken(self) -> "tuple[list[Example], list[str]]":
        """Return facts of the speaker, one of each relation, and of what is theirs; and what people ask an assistant.

        The questions are others than those of everyday talk that the trees are fitted on.
        """
        mine = {r.relation: r for r in everyday(_SPOKEN, self.seed + 4) if r.subject == "I"}
        theirs = generate(self.settle, seed=self.seed + 4, split=self.split, relations=MINE, probes=1)
        return examples_of(without_relations([*mine.values(), *theirs], self._left_out)), list(talk("dev").asked)

    @cached_property
    def _of_file(self) -> list[EditRecord]:
        """Return the file's usable records in the order in which they are used."""
        if self.data is None:
            return []
        left = datasets.after(datasets.load(self.data).records, self.start, self.n, self.data.name)
        # other-relation questions are worded by the whole file's templates, whichever records are then used
        records = without_relations(ask_other_relations(left), self.without)
        Random(self.seed).shuffle(records)
        return records

    def _everyday(self) -> list[EditRecord]:
        """Return facts of everyday talk beside what people ask an assistant: "How do I boil an egg?" is no question about me."""
        rng, asked = Random(f"{self.seed}:asked"), talk("dev").unrelated
        return [replace(r, unrelated=tuple(rng.sample(asked, _ASKED))) for r in everyday(self.everyday, self.seed)]

    def _invent(self, count: int, offset: int, *, probes: int = 2) -> list[EditRecord]:
        return without_relations(generate(count, seed=self.seed + offset, split=self.split, probes=probes), self._left_out)

    @property
    def _left_out(self) -> set[str]:
        return {*self.without, *(alike for name in self.without for alike in _ALIKE.get(name, ()))}
