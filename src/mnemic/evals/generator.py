"""Invented facts with paraphrases, questions, other relations, passing mentions and neighbours.

Anyone can run the bench on them offline, and the relation-aware gate is calibrated on them. Subjects are invented, so that no
model can know the answer. Wordings of the splits "dev" and "test" are disjoint: what is tuned on dev never saw a test sentence.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from ..errors import ConfigError, rule_got_do
from . import words as w
from .records import EditRecord
from .relations import EVERYDAY, RELATIONS, Relation, Split
from .relations.everyday import COUNTERPARTS, SUBJECTS
from .relations.mine import MINE
from .relations.people import PEOPLE, SELF
from .smalltalk import UNRELATED

T = TypeVar("T")

_SUBJECTS: dict[str, w.Maker] = {
    "person": w.person,
    "self": w.pick("I"),
    "pet": w.pet,
    "belonging": w.belonging,
    "lock": w.lock,
    "account": w.account,
    "town": w.town,
    "inn": w.inn,
    "museum": w.museum,
    "castle": w.castle,
    "festival": w.festival,
    "world": w.world,
    "company": w.company,
    "ship": w.ship,
    "book": w.book,
    "device": w.device,
    "band": w.band,
    "service": w.service,
    "project": w.project,
    "recipe": w.recipe,
    **SUBJECTS,
}
_SELF = "self"
_TRIES = 1000
_NEAR_DRAWS = 150
_TELLING = 2
"""So many words beside the subject make a prompt that asks for one thing: "my dog is" could go on with anything."""

_PASSING: dict[Split, tuple[str, ...]] = {
    "dev": (
        "Somebody at the bus stop was talking about {s}, and meanwhile it began to",
        "I fell asleep over an article about {s} and dreamt of",
        "We argued about {s} until the waiter brought the",
        "My neighbour mentioned {s} while watering the",
        "There was a note about {s} on the fridge, right next to a drawing of a",
        "After a long chat about {s} we all went out for a walk in the",
        "She forgot to ask about {s}, because the phone rang and",
        "The podcast spent an hour on {s}; I was busy peeling",
        "He closed the file on {s}, put on his coat and",
        "Not a word was said about {s} at the meeting, since everyone was tired and",
        "The children made up a song about {s}, and then they ran to the",
        "When {s} came up in conversation, grandfather only laughed and poured himself some",
    ),
    "test": (
        "A letter about {s} lay on the table beside a bowl of",
        "They were still discussing {s} when the lights went out and",
        "While I was thinking of {s}, the cat jumped onto the",
        "On the radio somebody spoke of {s}, but the traffic was so loud that",
        "The teacher used {s} as an example and then opened the",
        "We came across {s} in an old newspaper and wrapped the glasses in",
        "He typed a message about {s}, deleted it again and made himself a",
        "Thanks to {s} we had something to talk about on the train, although the windows were",
        "Before anyone could say more about {s}, the soup was served with",
        "During the lecture that touched on {s} I mostly looked at the",
        "Her diary mentions {s} once, on a page with a pressed",
        "Whatever you think of {s}, the weather tomorrow will be",
    ),
}
_PASSING_SELF: dict[Split, tuple[str, ...]] = {
    "dev": (
        "I was waiting for the bus when suddenly it began to",
        "Last night I watched a film about",
        "I went for a walk and on the way I saw a",
        "When I opened the window, the room filled with",
        "I told the children a story about a dragon who",
        "Yesterday I cleaned the kitchen and threw away the",
    ),
    "test": (
        "I sat on a bench in the park and listened to the",
        "On the train I read a magazine about",
        "I lost my umbrella somewhere between the station and the",
        "This morning I spilled coffee all over the",
        "I have been thinking of painting the fence in front of the",
        "While I was hanging up the laundry, somebody knocked and",
    ),
}


def generate(
    n: int, seed: int = 0, split: Split = "test", *, relations: Sequence[Relation] = RELATIONS, probes: int = 2
) -> list[EditRecord]:
    """Return n invented facts, each about a subject of its own, with relations in turn.

    Args:
        n: how many.
        seed: the same seed, split and relations give the same records; the first m of n are those of m.
        split: whose wordings to use.
        relations: the relations to choose from.
        probes: at most how many probes of each sort a record has.

    Raises:
        ConfigError: if n is not positive, or more records are asked for than there are names for.
    """
    if n < 1 or probes < 1 or not relations:
        raise ConfigError(
            rule_got_do(
                "The generator needs n >= 1, probes >= 1 and a relation.",
                f"n={n}, probes={probes}, {len(relations)} relations",
                "Ask for at least one of each.",
            )
        )
    writer = _Writer(seed, "facts", split, probes)
    records: list[EditRecord] = []
    order: list[Relation] = []
    while len(records) < n:
        if not order:
            order = writer.shuffled(_open_relations(relations, writer.used))
        relation = order.pop()
        subject = writer.new_subject(relation.kind) if relation.kind != _SELF else "I"
        if relation.kind == _SELF:
            # there is one speaker: each of its relations is taught once, or it would contradict itself
            writer.used.add(relation.name)
        records.append(writer.record(relation, subject, len(records)))
    return records


def everyday(n: int, seed: int = 0, *, probes: int = 2) -> list[EditRecord]:
    """Return n facts of everyday talk (dev wordings), each to be judged by itself: about the speaker, family, home, things.

    Unlike those of `generate` they may contradict one another: subjects come again, and the speaker's relations too. Facts about
    others are also asked about the speaker, and the other way round: "my dog is nine" doesn't say how old I am.

    Raises:
        ConfigError: as `generate`.
    """
    if n < 1 or probes < 1:
        raise ConfigError(rule_got_do("The generator needs n >= 1 and probes >= 1.", (n, probes), "Ask for at least one."))
    relations = (*EVERYDAY, *SELF, *MINE, *PEOPLE)
    writer = _Writer(seed, "everyday", "dev", probes, (*RELATIONS, *EVERYDAY))
    mine = [r for r in relations if r.kind == _SELF]
    speakers = {writer.like(r).name: r for r in mine}
    records: list[EditRecord] = []
    order: list[Relation] = []
    while len(records) < n:
        order = order or writer.shuffled(relations)
        relation = order.pop()
        writer.used.clear()
        record = writer.record(relation, "I" if relation.kind == _SELF else writer.new_subject(relation.kind), len(records))
        if relation.kind != _SELF:
            asked = speakers.get(relation.name) or writer.rng.choice(mine)
            question = writer.rng.choice(asked.dev.questions)
            record = replace(record, neighbour_questions=(*record.neighbour_questions, question))
        records.append(record)
    return records


def generate_pairs(n: int, seed: int = 0, split: Split = "test", *, probes: int = 2) -> list[tuple[EditRecord, EditRecord]]:
    """Return n pairs of facts: two relations of one subject. No subject occurs in two pairs.

    Raises:
        ConfigError: as `generate`.
    """
    if n < 1:
        raise ConfigError(rule_got_do("The generator needs n >= 1.", n, "Ask for at least one pair."))
    writer = _Writer(seed, "pairs", split, probes)
    kinds = sorted({r.kind for r in RELATIONS} - {_SELF})
    pairs: list[tuple[EditRecord, EditRecord]] = []
    order: list[str] = []
    while len(pairs) < n:
        if not order:
            order = writer.shuffled(kinds)
        kind = order.pop()
        subject = writer.new_subject(kind)
        first, second = writer.shuffled([r for r in RELATIONS if r.kind == kind])[:2]
        at = 2 * len(pairs)
        taken = (first.name, second.name)
        pairs.append((writer.record(first, subject, at, taken), writer.record(second, subject, at + 1, taken)))
    return pairs


def _open_relations(relations: Sequence[Relation], used: set[str]) -> list[Relation]:
    left = [r for r in relations if r.kind != _SELF or r.name not in used]
    if not left:
        raise ConfigError(
            rule_got_do(
                "Each relation of the speaker can be taught once.",
                f"more records than the {len(relations)} such relations",
                "Add other relations.",
            )
        )
    return left


class _Writer:
    """Draws subjects and writes records, remembering which names are taken."""

    def __init__(self, seed: int, stream: str, split: Split, probes: int, relations: Sequence[Relation] = RELATIONS) -> None:
        # a text seeds alike on every Python version and platform
        self.rng = Random(f"mnemic-facts:{seed}:{stream}:{split}")
        self.split = split
        self.prefix = f"{stream}-{split}-{seed}"
        self.probes = probes
        self.relations = relations
        self.used: set[str] = set()

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return the values in a random order."""
        result = list(values)
        self.rng.shuffle(result)
        return result

    def new_subject(self, kind: str) -> str:
        """Return a name of that kind that no record of this set has used."""
        for _ in range(_TRIES):
            name = _SUBJECTS[kind](self.rng)
            if name not in self.used:
                self.used.add(name)
                return name
        raise ConfigError(
            rule_got_do(
                f"Every fact needs a subject of its own, and the names of kind {kind!r} are used up.",
                f"{len(self.used)} names in use",
                "Ask for fewer records.",
            )
        )

    def record(self, relation: Relation, subject: str, number: int, taught: Sequence[str] = ()) -> EditRecord:
        """Return one fact with its probes.

        Args:
            relation: what is said of the subject.
            subject: the name.
            number: the record's place in the set.
            taught: names of relations that are taught of this subject too: not to be used where nothing may change.
        """
        words = relation.templates(self.split)
        statement = self.rng.choice(words.statements)
        target = relation.object(self.rng)
        if statement.startswith("{o}"):
            target = target[:1].upper() + target[1:]
        completions = list(words.completions) + [p for p in map(_prefix, words.statements) if p is not None]
        prompt = _prefix(statement) or self.rng.choice(words.completions)
        paraphrases = [c for c in completions if c != prompt]
        others = [r for r in self.relations if r.kind == relation.kind and r.name != relation.name and r.name not in taught]
        far_relation = relation if relation.kind != _SELF else self.like(relation)
        far_words = far_relation.templates(self.split)
        far = [self._neighbour(far_relation.kind, subject) for _ in range(self.probes)]
        passing = _PASSING_SELF if relation.kind == _SELF else _PASSING
        return EditRecord(
            id=f"{self.prefix}-{number:05d}",
            subject=subject,
            relation=relation.name,
            fact=_fill(statement, subject, target),
            prompt=_fill(prompt, subject),
            target=target,
            paraphrases=self._some(paraphrases, subject),
            questions=self._some(words.questions, subject),
            other_relation=self._some([c for r in others for c in r.templates(self.split).completions], subject),
            in_passing=self._some(passing[self.split], subject),
            neighbours=tuple(_fill(self.rng.choice(far_words.completions), name) for name in far),
            other_questions=self._some([q for r in others for q in r.templates(self.split).questions], subject),
            neighbour_questions=tuple(_fill(self.rng.choice(far_words.questions), name) for name in far),
            unrelated=tuple(self.shuffled(UNRELATED[self.split])[: self.probes]),
        )

    def _neighbour(self, kind: str, subject: str) -> str:
        """Return another name: any one, or as often the one of many that shares most words with the subject.

        "My sister's cat" beside "my sister's dog", "the Novagrid K7" beside "the Novagrid C31": names that are merely alike.
        """
        known = subject.casefold()
        mine = set(known.split())
        drawn = [_SUBJECTS[kind](self.rng) for _ in range(_NEAR_DRAWS)]
        # "Dunmoor" may well mean "Saint Dunmoor": a name within the other is no clear neighbour
        drawn = [n for n in drawn if n not in self.used and n.casefold() not in known and known not in n.casefold()]
        if not drawn:
            return self.new_subject(kind)
        near = self.rng.random() < 0.5
        name = max(drawn, key=lambda n: len(mine & set(n.casefold().split()))) if near else drawn[0]
        self.used.add(name)
        return name

    def _some(self, templates: Sequence[str], subject: str) -> tuple[str, ...]:
        return tuple(_fill(template, subject) for template in self.shuffled(templates)[: self.probes])

    def like(self, relation: Relation) -> Relation:
        """Return a relation of people with the same sort of object, where there is one: the speaker has no double."""
        if relation.name in COUNTERPARTS:
            return next(r for r in self.relations if r.name == COUNTERPARTS[relation.name])
        people = [r for r in self.relations if r.kind == "person"]
        return next((r for r in people if r.object is relation.object), people[0])


def _prefix(statement: str) -> str | None:
    """Return the statement up to its object, or None where that says too little to ask for the object alone."""
    head = statement.partition("{o}")[0].strip()
    if "{s}" in head:
        return head if len(head.replace("{s}", " ").split()) >= _TELLING else None
    return head if "{s}" not in statement and len(head.split()) > _TELLING + 1 else None


def _fill(template: str, subject: str, target: str = "") -> str:
    text = template.replace("{s}", subject).replace("{o}", target)
    return text[:1].upper() + text[1:]
