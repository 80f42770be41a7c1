"""From a user's message to what of it is to be remembered, and what is left to be asked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..memories.fact.words import split_words
from ..types import FloatArray
from .judge import Judge
from .rules import NOBODY, about_material, asked_to_remember, excluded, is_question
from .sentences import Sentence, foreign_parts, sentences_of

Encode = Callable[[Sequence[str]], FloatArray]

_LEADING = frozenset(
    (
        "by the way oh ah well so and but also anyway anyhow btw fyi hi hello hey hiya thanks thank you cheers ok okay right"
        " listen look actually fun fact just know for record in case before i forget that reminds me speaking of which"
        " changing subject to change quick note small update one more thing another side unrelated completely random haha lol"
        " good great nice cool yes yeah yep no nope sure fine meanwhile incidentally come think it while we're at on a"
        " different topic not related since you're here should mention say forgot tell meant wanted need this may might help"
        " useful context background guess what there's something else must admit confess let as said mentioned earlier already"
        " told ps there all again funny because it's worth ever keep mind probably maybe is later first things see bit off"
        " comes up talking future reference couldn't have known ask happens interesting mentioning don't if could knowing"
        " noting point where were we now then hm hmm that's got goes chance about happen happened remind reminded get started"
        " honest honestly truth be full disclosure i've been meaning never"
    ).split()
)
"""Words that lead to a statement."""
_LEAD = re.compile(
    r"^(?P<lead>[^,:;–—!.]{1,80}?)(?:[,:;–—]|\s-|\s(?=(?:but|because|that)\s))\s+(?:(?:but|because|that)\s+)?(?=\S)"
)
_BARE_LEAD = re.compile(
    r"^(?:(?:actually|well|oh|so|and|but|also|anyway|btw|by the way|yeah|yes|no|ok|okay|plus|because)\s+)+"
    r"(?=(?:i|i['’]\w+|my|our|we|the)\s)",
    re.IGNORECASE,
)
"""The same without a sign behind it: "Actually my dog's name is Bo"."""
_LEAST_LEFT = 3
_MOST_CHARACTERS = 8_000
"""Longer messages are pasted, not said."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One sentence of a message, or several that belong together: what was decided about it and why.

    text: as it would be remembered. start, end: its place in the message, in characters. score: the judge's, None where a rule
    decided.
    """

    text: str
    start: int
    end: int
    admitted: bool
    why: str
    score: float | None

    @property
    def open(self) -> bool:
        """Whether no rule decided: the judge has to."""
        return not self.why


class Admission:
    """Decides what of a message is remembered."""

    def __init__(self, judge: Judge, encode: Encode) -> None:
        """Join a judge with the encoder that it was fitted with, if it knows any."""
        self.judge = judge
        self._encode = encode

    def hear(self, message: str) -> list[Heard]:
        """Return the sentences of a message in order, each with the decision about it."""
        found = ruled(message)
        waiting = [i for i, one in enumerate(found) if one.open]
        for place, score in zip(waiting, self._scores([found[i].text for i in waiting]), strict=True):
            admitted = score >= self.judge.threshold
            why = f"{'said in a conversation' if admitted else 'small talk'}, score {score:.2f}"
            found[place] = replace(found[place], admitted=admitted, why=why, score=score)
        return _joined(found)

    def _scores(self, texts: Sequence[str]) -> list[float]:
        vectors = self._encode(texts) if texts and self.judge.encoder_id is not None else None
        return [float(score) for score in self.judge.scores(texts, vectors)]


def ruled(message: str) -> list[Heard]:
    """Return the sentences of a message in order, with what the rules say of each."""
    if len(message) > _MOST_CHARACTERS:
        return [Heard(text=message, start=0, end=len(message), admitted=False, why="too long to be said", score=None)]
    whole = about_material(message)
    foreign = foreign_parts(message)
    found = []
    for sentence in sentences_of(message):
        shown = any(begin < sentence.end and sentence.start < end for begin, end in foreign)
        found.append(_ruled(sentence, whole or ("shown, not said" if shown else None)))
    return found


def left_to_ask(message: str, heard: Sequence[Heard]) -> str | None:
    """Return a message without what was admitted of it, or None if nothing that asks is left."""
    told = [one for one in heard if one.admitted]
    if not told:
        return message
    rest = [one for one in heard if not one.admitted]
    asking = [message[one.start : one.end] for one in rest if one.why == "a request" or is_question(one.text)]
    return " ".join(asking) or None


def _ruled(sentence: Sentence, rule: str | None) -> Heard:
    """Return what the rules say of a sentence; without a reason where they leave it to the judge."""
    text, start, asked = sentence.text, sentence.start, False
    if rule is None:
        # "Don't forget, ..." is no mere lead
        lead = 0 if asked_to_remember(text) is not None else _lead(text)
        text, start = text[lead:], start + lead
        wanted = asked_to_remember(text)
        if wanted is not None:
            start += len(text) - len(wanted)
            text, asked = wanted, True
        rule = excluded(text)
    if rule is not None:
        return Heard(text=sentence.text, start=sentence.start, end=sentence.end, admitted=False, why=rule, score=None)
    text = text[:1].upper() + text[1:]
    why = "asked to remember it" if asked else ""
    return Heard(text=text, start=start, end=sentence.end, admitted=asked, why=why, score=None)


def _lead(text: str) -> int:
    """Return how many characters only lead to what is said: "By the way, "."""
    at = 0
    while (match := _LEAD.match(text[at:])) is not None:
        words = [w.text.casefold().replace("’", "'") for w in split_words(match["lead"])]
        rest = text[at + match.end() :]
        if not words or any(w not in _LEADING for w in words) or len(split_words(rest)) < _LEAST_LEFT:
            break
        at += match.end()
    bare = _BARE_LEAD.match(text[at:])
    return at if bare is None else at + bare.end()


def _joined(heard: Sequence[Heard]) -> list[Heard]:
    """Return the sentences with those about "he" or "it" joined to the admitted one before them that they speak of."""
    found: list[Heard] = []
    for one in heard:
        if found and found[-1].admitted and one.why == NOBODY:
            before = found.pop()
            one = replace(before, text=f"{before.text} {one.text}", end=one.end)
        found.append(one)
    return found
