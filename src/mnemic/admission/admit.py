"""From a user's message to what of it is to be remembered, and what is left to be asked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..memories.fact.words import split_words
from ..types import FloatArray
from .judge import Judge
from .rules import MOST_WORDS, NOBODY, UNKNOWN, about_all, asked_to_remember, asks, excluded, first_person, speaks_on, supposed
from .sentences import Sentence, foreign_parts, sentences_of

Encode = Callable[[Sequence[str]], FloatArray]

_LEADING = frozenset(
    (
        "by the way correction oh ah well so and but also anyway anyhow btw fyi hi hello hey hiya thanks thank you cheers ok okay"
        " right listen look actually fun fact just know for record in case before i forget that reminds me speaking of"
        " which changing subject to change quick note small update one more thing another side unrelated completely random"
        " haha lol good great nice cool yes yeah yep no nope sure fine meanwhile incidentally come it while we're at on a"
        " different topic related since you're here mention forgot tell this help useful context background what something"
        " else admit confess as earlier already ps there all again funny because it's worth ever keep mind is later first"
        " things see bit off comes up talking future reference happens interesting mentioning knowing noting point we now"
        " then hm hmm that's got goes chance about happen remind reminded get started honest honestly truth be full"
        " disclosure i've been meaning"
    ).split()
)
"""Words that lead to a statement. None that doubts, denies or says who said it: those are part of what is said."""
_LEAD = re.compile(
    r"^(?P<lead>[^,:;–—!.]{1,80}?)(?:[,:;–—]|\s-|\s(?=(?:but|because|that)\s))\s+(?:(?:but|because|that)\s+)?(?=\S)"
)
_TAIL = re.compile(r",?\s+(?:by the way|btw|you know|just so you know|fyi|by the by)(?=[.!]*$)", re.IGNORECASE)
"""What only ends a statement: "I'm allergic to shellfish, by the way"."""
_BARE_LEAD = re.compile(
    r"^(?:(?:actually|honestly|well|oh|so|and|but|also|anyway|btw|by the way|yeah|yes|no|ok|okay|plus|because)\s+)+"
    r"(?=(?:i|i['’]\w+|my|our|we|the)\s)",
    re.IGNORECASE,
)
"""The same without a sign behind it: "Actually my dog's name is Bo"."""
_MARKER = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_BEGINNERS = frozenset("my our we the a an this these in on at".split())
"""Words that begin a sentence with a capital; any other one is kept as it was said: "hunter2 is my password"."""
_LEAST_LEFT, _MOST_LEADS, _LEAD_CHARACTERS = 3, 6, 200
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
    sentences = sentences_of(message)
    whole = about_all(sentence.text for sentence in sentences)
    foreign = foreign_parts(message)
    found = []
    for sentence in sentences:
        shown = any(begin < sentence.end and sentence.start < end for begin, end in foreign)
        found.append(_ruled(sentence, whole or ("shown, not said" if shown else None)))
    return found


def left_to_ask(message: str, heard: Sequence[Heard]) -> str | None:
    """Return what of a message wants an answer, or None if it only tells something.

    Statements aren't looked up, whether they are remembered or not: a memory doesn't answer what it is told.
    """
    asking = [one for one in heard if not one.admitted and _wants(one)]
    if len(asking) == len(heard):
        return message
    return " ".join(message[one.start : one.end] for one in asking) or None


def _wants(one: Heard) -> bool:
    """Return whether a sentence may want an answer: it asks, or it isn't closed as a statement is."""
    return asks(one.text) or one.why == UNKNOWN or not one.text.rstrip("\"'”’») ").endswith((".", "!", "…"))


def _ruled(sentence: Sentence, rule: str | None) -> Heard:
    """Return what the rules say of a sentence; without a reason where they leave it to the judge."""
    text, start, asked = sentence.text, sentence.start, False
    # before what leads to it is taken off, and by `excluded` after: "If I mentioned it, my sister ..."
    if rule is None and supposed(text):
        rule = "a supposition"
    if rule is None:
        # "Don't forget, ..." is no mere lead
        lead = 0 if asked_to_remember(text) is not None else _lead(text)
        text, start = text[lead:], start + lead
        wanted = asked_to_remember(text)
        if wanted is not None:
            start += len(text) - len(wanted)
            text, asked = wanted, True
        text = _TAIL.sub("", text)
        rule = excluded(text)
    if rule == NOBODY:
        return Heard(text=text, start=start, end=sentence.end, admitted=False, why=rule, score=None)
    if rule is not None:
        return Heard(text=sentence.text, start=sentence.start, end=sentence.end, admitted=False, why=rule, score=None)
    words = split_words(text)
    if start > sentence.start and words[0].plain.split("'")[0] in _BEGINNERS:
        text = text[:1].upper() + text[1:]
    # asked for by whom it isn't about, it has to look like a fact
    admitted = asked and first_person(words)
    return Heard(
        text=text, start=start, end=sentence.end, admitted=admitted, why="asked to remember it" if admitted else "", score=None
    )


def _lead(text: str) -> int:
    """Return how many characters only lead to what is said: "- By the way, "."""
    marker = _MARKER.match(text)
    at = 0 if marker is None else marker.end()
    for _ in range(_MOST_LEADS):
        match = _LEAD.match(text[at : at + _LEAD_CHARACTERS])
        if match is None:
            break
        words = [w.text.casefold().replace("’", "'") for w in split_words(match["lead"])]
        rest = text[at + match.end() : at + match.end() + _LEAD_CHARACTERS]
        if not words or any(w not in _LEADING for w in words) or len(split_words(rest)) < _LEAST_LEFT:
            break
        at += match.end()
    bare = _BARE_LEAD.match(text[at : at + _LEAD_CHARACTERS])
    return at if bare is None else at + bare.end()


def _joined(heard: Sequence[Heard]) -> list[Heard]:
    """Return the sentences, one about "he" or "it" joined to the admitted one before it, of which it speaks."""
    found: list[Heard] = []
    open_to_more = False
    for one in heard:
        words = split_words(one.text)
        fits = open_to_more and len(split_words(found[-1].text)) + len(words) <= MOST_WORDS
        if fits and one.why == NOBODY and speaks_on(words):
            before = found.pop()
            found.append(replace(before, text=f"{before.text} {one.text}", end=one.end))
            open_to_more = False
        else:
            found.append(one)
            open_to_more = one.admitted
    return found
