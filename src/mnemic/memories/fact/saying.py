"""How an answer is spoken: more of the item than the words where the gate found it.

The gate finds the word that tells most, and that is seldom the first one to say: "2026" of "12 September 2026", "sink" of "in the
drawer under the sink". A place asked for with "where" is spoken with its preposition, a date with its day, a name with its title,
and what is denied with its "not".
"""

import re
from collections.abc import Sequence

from .spans import PHRASE_OPENERS, answer_begin, answer_end, clause_begin, follows, span_text
from .words import ARTICLES, STOP_WORDS, TITLES, VERBS, Word

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+(?:the\s+)?)?"
_DAYS = rf"(?:{_DAY}\s*(?:-|–|to|until|and)\s*)?{_DAY}"
_DATE = re.compile(
    rf"\b{_WEEKDAY}(?:{_DAYS}\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?|{_MONTH}\s+{_DAYS}(?:,?\s+\d{{4}})?|{_MONTH}\s+\d{{4}})\b",
    re.IGNORECASE,
)
_PLACES = frozenset(
    "in on at under over behind inside outside near above below beside between beneath underneath against along across opposite"
    " by within beyond around next".split()
)
_SETTLED = frozenset("in on at".split())
"""What may be left out before a name: "Bergen" says where as well as "in Bergen"."""
_PLACE_WORDS = frozenset(
    "home away upstairs downstairs abroad overseas indoors outdoors everywhere nowhere somewhere elsewhere underground downtown"
    " ashore aboard north south east west parked hidden located".split()
)
_JOINTS = frozenset("of to and from".split())
"""What may stand inside the naming of a place: "in front of the house", "next to the oven"."""
_NEVER = frozenset("not never".split())
_CONTRACTED = re.compile(r"(?:n['’]t|^cannot)$")
_EQUATES = frozenset("is are was were".split())


def say(text: str, words: list[Word], start: int, *, query: Sequence[Word], whole: bool) -> str:
    """Return the answer that was found at word `start` as it is spoken.

    Args:
        text: the item.
        words: its words.
        start: where the answer was found.
        query: the words of the query.
        whole: whether the query is a question.
    """
    asked = frozenset(w.norm for w in query if w.content)
    begin = title_begin(text, words, answer_begin(text, words, start, whole=whole, asked=asked))
    date = _date_begin(text, words, start, asked)
    if date < begin:
        begin = date - 1 if whole and follows(text, words, date) and words[date - 1].norm in ARTICLES else date
    if whole and _asks_where(query):
        begin = _place_begin(text, words, begin, asked)
    if not whole:
        begin = _going_on(words, begin, query)
    said = span_text(text, words, begin, max(begin + 1, answer_end(text, words, start, asked)))
    denied = denial(text, words, begin)
    # what the query itself denies isn't denied again
    if denied is None or denial_in(query):
        return said
    before = _preposition(text, words, begin)
    return f"{denied} {span_text(text, words, before, begin)} {said}" if before < begin else f"{denied} {said}"


def denial(text: str, words: Sequence[Word], start: int) -> str | None:
    """Return the words with which the clause of word `start` denies it ("not", "no longer"), or None if it doesn't."""
    for i in range(start - 1, clause_begin(text, words, start) - 1, -1):
        norm = words[i].norm
        if norm in _NEVER:
            return norm
        if norm == "longer" and i and words[i - 1].norm == "no":
            return "no longer"
        if _CONTRACTED.search(norm):
            return "not"
    return None


def title_begin(text: str, words: Sequence[Word], begin: int) -> int:
    """Return where a name begins with the titles before it: "Dr. Vellum" and "Mrs Dunn"."""
    while begin and words[begin - 1].norm in TITLES and text[words[begin - 1].end : words[begin].start].strip() in ("", "."):
        begin -= 1
    return begin


def denial_in(words: Sequence[Word]) -> bool:
    """Return whether a text denies something anywhere."""
    return any(w.norm in _NEVER or w.norm == "longer" or _CONTRACTED.search(w.norm) for w in words)


def no_place(text: str, words: Sequence[Word], start: int, query: Sequence[Word]) -> bool:
    """Return whether a question asks where something is, and what the item says of it is no place: "is broken".

    That is so where a single thing is said to *be* so, in small letters, with no word of a place.
    """
    if not _asks_where(query):
        return False
    verb = next((i for i in range(start - 1, -1, -1) if words[i].norm in _EQUATES), None)
    if verb is None or any(w.proper or w.norm in _PLACES | _PLACE_WORDS | PHRASE_OPENERS for w in words[verb + 1 :]):
        return False
    return all(w.content or w.norm in _NEVER for w in words[verb + 1 :])


def _asks_where(query: Sequence[Word]) -> bool:
    return any(w.norm == "where" for w in query)


def _date_begin(text: str, words: Sequence[Word], start: int, asked: frozenset[str]) -> int:
    """Return the first word of the date that a word belongs to, or the word itself. A date that was asked about isn't said."""
    for match in _DATE.finditer(text):
        inside = [i for i, w in enumerate(words) if match.start() <= w.start < match.end()]
        if start in inside and not any(words[i].norm in asked for i in inside):
            return inside[0]
    return start


def _place_begin(text: str, words: Sequence[Word], begin: int, asked: frozenset[str]) -> int:
    """Return where the naming of a place begins: with the first preposition of place of the phrases up to word `begin`."""
    first = begin
    while (
        follows(text, words, first)
        and words[first - 1].norm not in asked | VERBS
        and (words[first - 1].content or words[first - 1].norm in _PLACES | _JOINTS | PHRASE_OPENERS)
    ):
        first -= 1
    place = next((i for i in range(first, begin) if words[i].norm in _PLACES), begin)
    while place < begin and words[place].norm in _SETTLED and words[place + 1].proper:
        place += 1
    return place


def _going_on(words: Sequence[Word], begin: int, query: Sequence[Word]) -> int:
    """Return where an item goes on from an open text whose last two words it holds, if only small words come in between.

    "The continent" may go on with "of Africa", but "Africa" does as well, and is the answer.
    """
    tail = tuple(w.norm for w in query[-2:])
    place = begin
    while place > 1 and words[place - 1].norm in (STOP_WORDS | _PLACES) - {"of"} and begin - place < 4:
        if tuple(w.norm for w in words[place - 2 : place]) == tail:
            return place
        place -= 1
    return place if place > 1 and tuple(w.norm for w in words[place - 2 : place]) == tail else begin


def _preposition(text: str, words: Sequence[Word], begin: int) -> int:
    """Return where the preposition before an answer stands, with the article between them; or the answer itself."""
    place = begin
    if follows(text, words, place) and words[place - 1].norm in ARTICLES:
        place -= 1
    return place - 1 if follows(text, words, place) and words[place - 1].norm in PHRASE_OPENERS - ARTICLES else place
