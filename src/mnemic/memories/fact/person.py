"""First person to second: what somebody said of themselves, as it is said to them."""

from collections.abc import Sequence
from itertools import pairwise

from .words import CALENDAR, Word, split_words

_YOU = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
    "i'm": "you're",
    "i've": "you've",
    "i'll": "you'll",
    "i'd": "you'd",
    "we're": "you're",
    "we've": "you've",
    "we'll": "you'll",
    "we'd": "you'd",
}
_VERBS = {"am": "are", "was": "were", "wasn't": "weren't"}
"""How a small verb beside "I" goes with "you"."""


_BEFORE_MINE = frozenset("of is are was were than like and with to from".split())
"""What "mine" stands behind where it is no pit."""


_COUNTED = frozenset("type part phase class chapter grade act volume book world war stage level".split())
"""What a numeral stands behind: "type I"."""


_POSSESSIVE = frozenset("my mine our ours".split())


def speaker(words: Sequence[Word]) -> int:
    """Return how a text speaks of its speaker: 2 as "I" or "we", 1 as "my" or "our" alone, 0 not at all.

    "US" is a country, "World War I" counts.
    """
    own = [
        w.plain
        for i, w in enumerate(words)
        if w.plain in _YOU and w.text != "US" and not (w.norm == "i" and i and words[i - 1].norm in _COUNTED)
    ]
    return 0 if not own else 1 if all(word in _POSSESSIVE for word in own) else 2


def owned(words: Sequence[Word]) -> frozenset[str]:
    """Return what somebody has, and who has it: "sister" and "goat" of "my sister's goat", "boss" of "our boss"."""
    found = set()
    for word, following in pairwise(words):
        has = word.content and len(word.text) > word.end - word.start
        if has:
            found.add(word.norm)
        if (has or word.norm in _POSSESSIVE) and following.content:
            found.add(following.norm)
    return frozenset(found)


def second_person(text: str) -> str:
    """Return a text with the words of its speaker turned to "you": "my sister's house" to "your sister's house".

    Titles, numerals, addresses stay: "My Fair Lady", "World War I", "me@example.org", "US".
    """
    words = split_words(text)
    if _titled(text, words):
        return text
    parts, at = [], 0
    for i, word in enumerate(words):
        new = None if _attached(text, word) else _turned(text, words, i)
        if new is not None:
            parts += [text[at : word.start], new]
            at = word.end
    return "".join([*parts, text[at:]])


def _titled(text: str, words: list[Word]) -> bool:
    """Return whether a text is a title: capitals throughout ("My Fair Lady"), or "I" with a comma or a capital behind it."""
    if len(words) < 2:
        return False
    if words[0].text == "I" and (words[1].text[0].isupper() or text[words[0].end :].startswith(",")):
        return True
    return words[0].text[0].isupper() and all(w.text[0].isupper() and w.norm not in _YOU for w in words[1:])


def _attached(text: str, word: Word) -> bool:
    """Return whether a word is part of an address: signs without a space beside it."""
    before, after = text[max(0, word.start - 1) : word.start], text[word.end : word.end + 2]
    return before in ("@", "/", ".", ":", "_") or (
        after[:1] in ("@", "/", "_") or (after[:1] in (".", ":") and after[1:].isalnum())
    )


def _turned(text: str, words: list[Word], i: int) -> str | None:
    word = words[i]
    norm = word.plain
    if norm in _VERBS:
        beside = [n for n in (i - 1, i + 1) if 0 <= n < len(words)]
        spoken = any(words[n].norm == "i" and not _numeral(words, n) for n in beside)
        return _VERBS[norm] if spoken and not (i and words[i - 1].digit) else None
    new = _YOU.get(norm)
    begins = i == 0 or text[words[i - 1].end : word.start].rstrip()[-1:] in (".", "!", "?")
    numeral = norm == "i" and not begins and _numeral(words, i)
    if new is None or numeral or (norm == "mine" and i and words[i - 1].norm not in _BEFORE_MINE):
        return None
    if word.text[0].isupper() and not norm.startswith("i") and (not begins or (len(word.text) > 1 and word.text.isupper())):
        return None
    return new[0].upper() + new[1:] if begins and word.text[0].isupper() else new


def _numeral(words: list[Word], i: int) -> bool:
    """Return whether an "I" counts: "World War I". What begins a text has its capital from there: "That I knew"."""
    if not i or words[i].text != "I":
        return False
    before = words[i - 1]
    named = before.text[0].isupper() and before.plain not in _YOU and before.norm not in CALENDAR
    return before.norm in _COUNTED or (named and (i > 1 or i == len(words) - 1 or before.content))
