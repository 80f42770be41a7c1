"""Words of a text: where they are, which of them carry meaning, what two texts share."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_WORD = re.compile(r"\w+(?:(?:['’.\-]|(?<=\d)[,:](?=\d))\w+)*")
_ANSWERED = re.compile(
    r"\s*(?:(?:question|q)\s*:\s+)?(?P<question>\w[^?]*\?)\s+(?:(?:answer|a)\s*:\s+)?(?P<answer>[^\s?][^?]*)", re.IGNORECASE
)
_CHATTER = frozenset("know guess hear heard remember believe imagine see right ok okay".split())
"""What a question of that alone doesn't ask for: "Did you know? ...", "Guess what? ..."."""
TITLES = frozenset("dr mr mrs ms prof".split())
_ABBREVIATIONS = TITLES | frozenset("st jr sr no inc vs".split())
_CONTRACTED = ("n't", "n’t")
_POSSESSIVE = re.compile(r"['’]s$")

STOP_WORDS = frozenset(
    "a an the of in on at to for from by with as is was are were be been being am it its that this these those which who whom"
    " whose what where when why how did does do has have had will would can could should may might must and or but if than then"
    " so not no he she him her his they them their we us our you your i me my mine one there here also just very much many some"
    " any tell give say name named call called now currently nowadays please longer anymore".split()
)
"""Words that say nothing about which fact is meant."""

NOW = frozenset("now currently today presently nowadays still again already actually just anymore".split())
"""Words that say when something holds, and not what."""
VERBS = frozenset("is was are were be been has have had did does do will would can could".split())
"""Small verbs: an answer holds none of them."""
EQUATES = frozenset("is are was were".split())
PLACES = frozenset(
    "in on at under over behind inside outside near above below beside between beneath underneath against along across opposite"
    " by within beyond around next with".split()
)
"""Prepositions of place."""
CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays"
    " january february march april may june july august september october november december".split()
)
TIMES = CALENDAR | frozenset(
    "morning evening night noon midnight o'clock day days week weeks month months year years hour hours minutes spring summer"
    " autumn winter am pm today tomorrow weekend weekends christmas easter".split()
)
"""Words that name a time."""
ASKING = frozenset("who whom whose what which where when why how".split())
_TELLING = frozenset("when where why".split())
_UNFINISHED = frozenset(
    "is was are were a an the of in on at to for from by with as and or that my your his her its our their".split()
)
ARTICLES = frozenset("a an the".split())
CLAUSE_SUBJECTS = VERBS | frozenset("i you he she it we they there his her its their my our your".split())


OWN_NAME = "my-name"
"""What "name" is behind "my": there it is what is asked about, and elsewhere ("my dog's name") a word without meaning."""


class Word(NamedTuple):
    """One word: `norm` is lower-cased and without a possessive ending; `start` and `end` are character offsets."""

    text: str
    norm: str
    start: int
    end: int

    @property
    def content(self) -> bool:
        """Whether the word carries meaning of its own; "don't" and the like are small verbs."""
        return self.norm not in STOP_WORDS and not self.denying

    @property
    def denying(self) -> bool:
        """Whether the word is a small verb with its "not": "isn't", "cannot"."""
        return self.norm.endswith(_CONTRACTED) or self.norm == "cannot"

    @property
    def plain(self) -> str:
        """`norm` with straight apostrophes: "i'm" for "I’m"."""
        return self.norm.replace("’", "'")

    @property
    def proper(self) -> bool:
        """Whether the word looks like a name or a number: it has a capital or a digit."""
        return any(c.isupper() or c.isdigit() for c in self.text)

    @property
    def digit(self) -> bool:
        """Whether the word holds a digit."""
        return any(c.isdigit() for c in self.text)


def split_words(text: str) -> list[Word]:
    """Return the words of a text in order. A possessive ending belongs to the word's span, not to its `norm`."""
    words: list[Word] = []
    for match in _WORD.finditer(text):
        raw = match.group()
        bare = _POSSESSIVE.sub("", raw)
        norm = bare.casefold()
        if norm == "name" and words and words[-1].norm == "my":
            norm = OWN_NAME
        words.append(Word(raw, norm, match.start(), match.start() + len(bare)))
    return words


def is_whole(text: str) -> bool:
    """Return whether a text is a whole sentence, most often a question, and not one that breaks off.

    Without a sign at its end, it is one if it begins with a question word, a small verb follows within three words ("what is",
    "what's", "how many rooms does"), no comma comes, and the last word doesn't want another one: "what is my dog called" is,
    "What Ann likes most is", "who is the author of" and "who wrote it" are not.
    """
    bare = text.rstrip()
    words = split_words(bare)
    if bare.endswith(("?", ".", "!", "…")):
        # the full stop of a title ends nothing: "Our landlord is Mr."
        return not (words and words[-1].norm in TITLES and bare.endswith("."))
    if len(words) < 3 or words[0].norm not in ASKING or words[-1].norm in _UNFINISHED or "," in bare:
        return False
    contracted = bool(_POSSESSIVE.search(words[0].text))
    # "When he was six" tells, "when was he six" asks: after these a verb comes at once
    near = words[1:2] if words[0].norm in _TELLING else words[1:4]
    subject_first = words[1].norm in CLAUSE_SUBJECTS - VERBS
    return contracted or (not subject_first and any(w.norm in VERBS for w in near))


class AnsweredQuestion(NamedTuple):
    """A question with its answer in one text: where the question begins and ends, and where the answer begins, in characters."""

    begin: int
    end: int
    answer: int


def answered_question(text: str) -> AnsweredQuestion | None:
    """Return where question and answer stand in a text that is one followed by the other, with or without their labels.

    "When does the shop open? At nine", "Q: Who has the key? A: Ann". None for any other text: "Did you know? Honey never spoils",
    "Stop, will you? It is late", "John Campbell wrote Who Goes There? in 1938".
    """
    match = _ANSWERED.fullmatch(text)
    if match is None or not split_words(match["answer"]) or not _asks(match["question"]):
        return None
    return AnsweredQuestion(match.start("question"), match.end("question"), match.start("answer"))


def _asks(text: str) -> bool:
    """Return whether what ends with "?" asks for something in one sentence: by a question word, or a small verb at its head."""
    words = split_words(text)
    broken = any(ends_sentence(a, text[a.end : b.start], b) for a, b in pairwise(words))
    if broken or re.search(r"[!…]\s|\n", text) or not any(w.content and w.norm not in _CHATTER for w in words):
        return False
    return words[0].norm in VERBS or has_question_word(words)


def has_question_word(words: Sequence[Word]) -> bool:
    """Return whether a sentence holds a question word: at its head, or further on and not as part of a name."""
    return any(w.norm in ASKING and (i == 0 or w.text.islower()) for i, w in enumerate(words))


def same_question(one: str, other: str) -> bool:
    """Return whether two texts are the same question but for case, spaces and the sign at the end: "C++" isn't "C#"."""
    return _bare_question(one) == _bare_question(other)


def _bare_question(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!.… ")


def spoken_words(text: str) -> list[Word]:
    """Return the words of an item in order, without the labels of a question that is kept with its answer."""
    words, parts = split_words(text), answered_question(text)
    return words if parts is None else [w for w in words if parts.begin <= w.start < parts.end or w.start >= parts.answer]


def content_norms(text: str) -> list[str]:
    """Return the distinct meaningful words of a text, normalised, in order of appearance."""
    return list(dict.fromkeys(w.norm for w in split_words(text) if w.content))


class SharedSpan(NamedTuple):
    """The longest run of words two texts share, without stop words at its ends: first index in each, and its length."""

    query_start: int
    fact_start: int
    length: int


def shared_span(query: list[Word], fact: list[Word]) -> SharedSpan:
    """Return the shared run with the most content words (ties: the longer). Length 0 when nothing is shared."""
    best, best_rank = SharedSpan(0, 0, 0), (0, 0)
    places: dict[str, list[int]] = {}
    for j, word in enumerate(fact):
        places.setdefault(word.norm, []).append(j)
    for i, word in enumerate(query):
        for j in places.get(word.norm, ()):
            if i and j and query[i - 1].norm == fact[j - 1].norm:
                continue  # inside a run that was seen from its beginning, and is no better than that
            n = 1
            while i + n < len(query) and j + n < len(fact) and query[i + n].norm == fact[j + n].norm:
                n += 1
            rank = (sum(w.content for w in query[i : i + n]), n)
            if rank > best_rank:
                best, best_rank = SharedSpan(i, j, n), rank
    start, length = 0, best.length
    while length and not query[best.query_start + start].content:
        start, length = start + 1, length - 1
    while length and not query[best.query_start + start + length - 1].content:
        length -= 1
    return SharedSpan(best.query_start + start, best.fact_start + start, length)


def replace_words(text: str, words: list[Word], start: int, length: int, by: str) -> str:
    """Return the text with a run of words replaced."""
    if length == 0:
        return text
    return text[: words[start].start] + by + text[words[start + length - 1].end :]


def ends_sentence(before: Word, between: str, after: Word) -> bool:
    """Return whether a full stop between two words ends a sentence.

    Not after an initial ("D.C.") or a title ("Dr. Vellum"), nor before a small letter or without a space.
    """
    short = len(before.text.rsplit(".", 1)[-1]) == 1 or before.norm in _ABBREVIATIONS
    return re.search(r"\.\S*\s", between) is not None and not short and not after.text[0].islower()
