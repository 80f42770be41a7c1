"""Which words of an item an answer takes: where it ends, and with which word it is spoken."""

import re
from collections.abc import Collection, Sequence

from .words import ARTICLES, CALENDAR, CLAUSE_SUBJECTS, EQUATES, VERBS, Word, ends_sentence

_BREAK = re.compile(r"[;!?:]\S*\s|[\n()]")
"""What ends a clause between two words: a sign with a space behind it, so that addresses and times stay whole."""
_OPENING = "([{\"'“‘«,;:"
_CLOSING = ".,;:!?)]}\"'”’»"
_CLAUSE_OPENERS = frozenset("and but who which because while whereas although so where when".split())
PHRASE_OPENERS = ARTICLES | frozenset("my your his her its our their of in on at for from by with as than".split())
_DESCRIBING = 3
"""At most so many describing words before a thing."""
_NAME_JOINTS = frozenset("of and the de la le du da di von van der den del".split())


def answer_end(text: str, words: list[Word], start: int, asked: Collection[str] = ()) -> int:
    """Return the index after the last word of the answer that begins at word `start`.

    The answer runs to the end of its clause: to sentence punctuation, or to a comma or a conjunction that opens a clause of its
    own ("..., who is", "and he has"). "Romeo and Juliet" and "Washington, D.C." stay whole. Where the clause comes back to what
    was asked ("Paris is the capital of France"), a name ends with its last capital, any other answer, also one that begins with a
    number ("24 pages long"), before the first asked word.

    Args:
        text: the item.
        words: its words.
        start: the answer's first word.
        asked: meaningful words of the query, normalised.
    """
    end = _clause_end(text, words, start)
    back = next((i for i in range(start + 1, end) if words[i].norm in asked), end)
    if back == end or not _comes_back(words, start, back, end, asked):
        return end
    if words[start].proper and words[start].content and not words[start].text[0].isdigit():
        last = start
        while last + 1 < back and (words[last + 1].proper or _joins_names(words, last + 1, back)):
            last += 1
        return last + 1
    while back > start + 1 and not words[back - 1].content:
        back -= 1
    return back


def answer_begin(text: str, words: list[Word], start: int, *, whole: bool, asked: Collection[str] = ()) -> int:
    """Return the index of the word with which the answer that was found at word `start` is spoken.

    A thing is called by its whole phrase: the describing words between an article, a possessive, a preposition or "is" and
    `start` belong to it ("for its *smoked beetroot* pie", "is *lime* green"). To a question the article belongs too ("the
    basement"); an open text has its own.

    Args:
        text: the item.
        words: its words.
        start: where the answer was found.
        whole: whether the query is a question.
        asked: meaningful words of the query, normalised; they are no part of the answer.
    """
    first = begin = start
    if words[start].content and not words[start].proper:
        while (
            follows(text, words, first)
            and start - first < _DESCRIBING
            and words[first - 1].content
            and not words[first - 1].proper
            and words[first - 1].norm not in asked
        ):
            first -= 1
        # "the lime green door", "the door is lime green"
        if follows(text, words, first) and words[first - 1].norm in PHRASE_OPENERS | EQUATES | {"being"}:
            begin = first
    elif words[start].content and not words[start].digit:
        # "the vet Anna Bell": the word that begins a sentence has its capital from there
        while begin > 1 and follows(text, words, begin) and _names(text, words, begin - 1, asked):
            begin -= 1
    return begin - 1 if whole and follows(text, words, begin) and words[begin - 1].norm in ARTICLES else begin


def _names(text: str, words: Sequence[Word], i: int, asked: Collection[str]) -> bool:
    """Return whether word `i`, right before a name, is part of it: a capital of its own, no digit, and not asked about."""
    word, before = words[i], words[i - 1]
    begins = ends_sentence(before, text[before.end : word.start], word)
    own = word.norm not in CALENDAR and not word.plain.startswith("i'")
    return word.content and word.proper and not word.digit and own and not begins and word.norm not in asked


def clause_begin(text: str, words: Sequence[Word], i: int) -> int:
    """Return the first word of the clause that word `i` stands in: behind a sign, a comma or a conjunction."""
    while i and not begins_clause(text, words, i):
        i -= 1
    return i


def begins_clause(text: str, words: Sequence[Word], i: int) -> bool:
    """Return whether a clause begins with word `i`, which isn't the first one."""
    if words[i].norm in _CLAUSE_OPENERS:
        return True
    between = text[words[i - 1].end : words[i].start]
    # most words have a space between them and nothing else
    return between != " " and (
        _BREAK.search(between) is not None or "," in between or ends_sentence(words[i - 1], between, words[i])
    )


def follows(text: str, words: Sequence[Word], i: int) -> bool:
    """Return whether nothing but a space stands between a word and the one before it."""
    return i > 0 and text[words[i - 1].start + len(words[i - 1].text) : words[i].start].isspace()


def _comes_back(words: list[Word], start: int, back: int, end: int, asked: Collection[str]) -> bool:
    """Return whether asked words from `back` on are the clause again, not a part of the answer ("Anna Smith", "5 York Street").

    They are when something like a verb stands before them, or when more than one follow each other.
    """
    if any(w.norm in VERBS or (w.content and not w.proper) for w in words[start + 1 : back]):
        return True
    following = next((w for w in words[back + 1 : end] if w.content), None)
    return following is not None and following.norm in asked


def _clause_end(text: str, words: list[Word], start: int) -> int:
    for i in range(start + 1, len(words)):
        between = text[words[i - 1].end : words[i].start]
        if _BREAK.search(between) or ends_sentence(words[i - 1], between, words[i]):
            return i
        follower = words[i + 1].norm if i + 1 < len(words) else ""
        opens = words[i].norm in _CLAUSE_OPENERS and follower in CLAUSE_SUBJECTS
        if opens or ("," in between and words[i].norm in CLAUSE_SUBJECTS | {"who", "which", "where"}):
            return i
    return len(words)


def _joins_names(words: list[Word], i: int, end: int) -> bool:
    """Return whether a small word stands inside a name: "Bank of England", "Ludwig van Beethoven"."""
    return words[i].norm in _NAME_JOINTS and i + 1 < end and words[i + 1].proper


def span_text(text: str, words: list[Word], start: int, end: int) -> str:
    """Return words `start` to `end` (excluded) as they stand in the text, with the signs that belong to them.

    "$", "-" and "++" touch a word and are no punctuation of the sentence: "-20", "C++", "Wendy's".
    """
    first, last = words[start].start, words[end - 1].start + len(words[end - 1].text)
    while first > 0 and not text[first - 1].isspace() and text[first - 1] not in _OPENING:
        first -= 1
    while last < len(text) and not text[last].isspace() and text[last] not in _CLOSING:
        last += 1
    return text[first:last]
