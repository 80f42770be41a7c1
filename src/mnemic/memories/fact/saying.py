"""How an answer is spoken: more of the item than the words where the gate found it.

The gate finds the word that tells most, and that is seldom the first one to say: "2026" of "12 September 2026", "sink" of "in the
drawer under the sink". A place asked for with "where" is spoken with its preposition, a date with its day, a name with its title,
and what is denied with its "not". A question to be answered with yes or no is answered with the whole item.
"""

from collections.abc import Sequence

from .expressions import expression_at
from .spans import PHRASE_OPENERS, answer_begin, answer_end, clause_begin, follows, span_text
from .words import ARTICLES, EQUATES, NOW, PLACES, STOP_WORDS, TITLES, VERBS, Word, answered_question, has_question_word

_SETTLED = frozenset("in on at".split())
"""What may be left out before a name: "Bergen" says where as well as "in Bergen"."""
_PLACE_WORDS = frozenset(
    "home away upstairs downstairs abroad overseas indoors outdoors everywhere nowhere somewhere elsewhere underground downtown"
    " ashore aboard north south east west parked hidden located".split()
)
_JOINTS = frozenset("of to and from".split())
"""What may stand inside the naming of a place: "in front of the house", "next to the oven"."""
_NEVER = frozenset("not never".split())
_LIMITS = frozenset("until till before after below above since during".split())
"""What a denial may be up to: "not until 4 May" is not "4 May"."""
_SUBORDINATORS = frozenset("that if unless whether because since".split())
_POLAR = VERBS | frozenset("am may might must should shall".split())
_SENTENCE = 30
"""Words of an item that may be spoken whole."""
_SMALL = 4
"""Small words at most between an open text and what answers it."""
_STEM = 3
"""Letters that a word must have in common with another one to be a form of it."""


def say(text: str, words: list[Word], start: int, *, query: Sequence[Word], whole: bool) -> str:
    """Return the answer that was found at word `start` as it is spoken.

    Args:
        text: the item.
        words: its words.
        start: where the answer was found.
        query: the words of the query.
        whole: whether the query is a question.
    """
    if whole and _wants_yes_or_no(query) and len(words) <= _SENTENCE and answered_question(text) is None:
        return text.strip().rstrip(".!")
    asked = frozenset(w.norm for w in query if w.content)
    start = _instead(text, words, start)
    begin = title_begin(text, words, answer_begin(text, words, start, whole=whole, asked=asked))
    end = _end(text, words, start, asked)
    expression = expression_at(text, words, start, asked)
    if expression is not None:
        if "(" in expression.text:
            return expression.text
        begin, end = min(begin, expression.begin), max(end, expression.end)
    # things have their article already
    before = {"no"} if expression is None else ARTICLES
    if whole and follows(text, words, begin) and words[begin - 1].norm in before:
        begin -= 1
    if whole and _asks_where(query):
        begin = _place_begin(text, words, begin, asked)
    if not whole:
        begin = _going_on(words, begin, query)
    said = span_text(text, words, begin, max(begin + 1, end))
    denied = denial(text, words, begin)
    # what the query itself denies isn't denied again
    if denied is None or denial_in(query) or not _denies(text, words, begin, asked):
        return said
    place = _preposition(text, words, begin)
    return f"{denied} {span_text(text, words, place, begin)} {said}" if place < begin else f"{denied} {said}"


def denial(text: str, words: Sequence[Word], start: int) -> str | None:
    """Return the words with which the clause of word `start` denies it ("not", "no longer"), or None if it doesn't."""
    place = _denying(text, words, start)
    if place is None:
        return None
    return "not" if words[place].denying else "no longer" if words[place].norm == "longer" else words[place].norm


def title_begin(text: str, words: Sequence[Word], begin: int) -> int:
    """Return where a name begins with the titles before it: "Dr. Vellum" and "Mrs Dunn"."""
    while begin and words[begin - 1].norm in TITLES and text[words[begin - 1].end : words[begin].start].strip() in ("", "."):
        begin -= 1
    return begin


def denial_in(words: Sequence[Word]) -> bool:
    """Return whether a text denies something anywhere."""
    return any(_is_denial(words, i) for i in range(len(words)))


def behind_denial(words: Sequence[Word], start: int) -> int:
    """Return the first word from `start` on that is no part of a denial itself."""
    place = start
    while place < len(words) - 1 and (words[place].norm in _NEVER | {"no", "longer"} or words[place].denying):
        place += 1
    return place


def no_place(text: str, words: Sequence[Word], start: int, query: Sequence[Word]) -> bool:
    """Return whether a question asks where something is, and what the item says of it is no place: "is broken".

    That is so where a single thing is said to *be* so, in small letters, with no word of a place.
    """
    if not _asks_where(query):
        return False
    verb = next((i for i in range(start - 1, -1, -1) if words[i].norm in EQUATES), None)
    if verb is None or any(w.proper or w.norm in PLACES | _PLACE_WORDS | PHRASE_OPENERS for w in words[verb + 1 :]):
        return False
    return all(w.content or w.norm in _NEVER for w in words[verb + 1 :])


def _asks_where(query: Sequence[Word]) -> bool:
    return any(w.norm == "where" for w in query)


def _wants_yes_or_no(query: Sequence[Word]) -> bool:
    """Return whether a question begins with a small verb and offers no choice: "Is Ann in?", not "Is Ann in or out?"."""
    begins = bool(query) and (query[0].norm in _POLAR or query[0].denying)
    return begins and not has_question_word(query) and all(w.norm != "or" for w in query)


def _instead(text: str, words: Sequence[Word], start: int) -> int:
    """Return where an answer is found whose item says "not this but that", or "that, not this": at "that"."""
    if start > 1 and words[start - 1].norm == "not" and "," in text[words[start - 2].end : words[start - 1].start]:
        return start - 2
    but = next((i for i in range(start + 1, min(start + 5, len(words) - 1)) if words[i].norm == "but"), None)
    return (
        start
        if but is None or denial(text, words, start) is None or "," in text[words[start].end : words[but].start]
        else but + 1
    )


def _end(text: str, words: list[Word], start: int, asked: frozenset[str]) -> int:
    """Return the index after the answer's last word: a name ends at a comma before a small letter, and "now" says nothing."""
    end = answer_end(text, words, start, asked)
    if words[start].proper and not words[start].digit:
        commas = (i for i in range(start + 1, end) if "," in text[words[i - 1].end : words[i].start])
        end = next((i for i in commas if words[i].text[0].islower()), end)
    while end > start + 1 and words[end - 1].norm in NOW:
        end -= 1
    return end


def _denying(text: str, words: Sequence[Word], start: int) -> int | None:
    """Return the word that denies what follows it in the clause of word `start`, the nearest one."""
    for i in range(start - 1, clause_begin(text, words, start) - 1, -1):
        if words[i].norm in _SUBORDINATORS:
            return None
        if _is_denial(words, i):
            return i
    return None


def _is_denial(words: Sequence[Word], i: int) -> bool:
    """Return whether a word denies what follows: "not", "isn't", the end of "no longer"."""
    no_longer = words[i].norm == "longer" and i > 0 and words[i - 1].norm == "no"
    return no_longer or words[i].norm in _NEVER or words[i].denying


def _denies(text: str, words: Sequence[Word], begin: int, asked: frozenset[str]) -> bool:
    """Return whether a denial before an answer is of the answer, and not of something that wasn't asked about.

    "Tom doesn't eat meat" says what he eats; "Tom must not forget the pills at 8" says when he takes them.
    """
    place = _denying(text, words, begin)
    between = () if place is None else words[place + 1 : begin]
    return all(not w.content or w.norm in _LIMITS | PLACES or any(_alike(w.norm, a) for a in asked) for w in between)


def _alike(one: str, other: str) -> bool:
    """Return whether two words may be forms of one: "lives" and "live"."""
    shorter = min(len(one), len(other))
    return shorter >= _STEM and one[: max(_STEM, shorter - 1)] == other[: max(_STEM, shorter - 1)]


def _place_begin(text: str, words: Sequence[Word], begin: int, asked: frozenset[str]) -> int:
    """Return where the naming of a place begins: with the first preposition of place of the phrases up to word `begin`."""
    first = begin
    while (
        follows(text, words, first)
        and words[first - 1].norm not in asked | VERBS
        and (words[first - 1].content or words[first - 1].norm in PLACES | _JOINTS | PHRASE_OPENERS)
    ):
        first -= 1
    place = next((i for i in range(first, begin) if words[i].norm in PLACES), begin)
    while place < begin and words[place].norm in _SETTLED and words[place + 1].proper:
        place += 1
    return place


def _going_on(words: Sequence[Word], begin: int, query: Sequence[Word]) -> int:
    """Return where an item goes on from an open text whose last two words it holds, if only small words come in between.

    "The continent" may go on with "of Africa", but "Africa" does as well, and is the answer.
    """
    tail = tuple(w.norm for w in query[-2:])
    for place in range(begin, max(1, begin - _SMALL - 1), -1):
        if tuple(w.norm for w in words[place - 2 : place]) == tail:
            return place
        if words[place - 1].norm not in (STOP_WORDS | PLACES) - {"of"}:
            break
    return begin


def _preposition(text: str, words: Sequence[Word], begin: int) -> int:
    """Return where the preposition before an answer stands, with the article between them; or the answer itself."""
    place = begin
    if follows(text, words, place) and words[place - 1].norm in ARTICLES:
        place -= 1
    openers = (PHRASE_OPENERS | PLACES | _LIMITS) - ARTICLES
    return place - 1 if follows(text, words, place) and words[place - 1].norm in openers else place
