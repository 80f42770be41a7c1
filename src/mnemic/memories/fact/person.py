"""First person to second: what somebody said of themselves, as it is said to them."""

from .words import Word, split_words

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


def second_person(text: str) -> str:
    """Return a text with the words of its speaker turned to "you": "my sister's house" to "your sister's house".

    Titles and numbers stay: "My Fair Lady", "World War I", "US".
    """
    words = split_words(text)
    parts, at = [], 0
    for i, word in enumerate(words):
        new = _turned(words, i)
        if new is not None:
            parts += [text[at : word.start], new]
            at = word.end
    return "".join([*parts, text[at:]])


def _turned(words: list[Word], i: int) -> str | None:
    word = words[i]
    norm = word.norm.replace("’", "'")
    if norm in _VERBS:
        beside = [words[n] for n in (i - 1, i + 1) if 0 <= n < len(words)]
        return _VERBS[norm] if any(w.text == "I" and not _numeral(words, words.index(w)) for w in beside) else None
    new = _YOU.get(norm)
    if new is None or (norm == "i" and _numeral(words, i)) or (norm == "mine" and i and words[i - 1].norm not in _BEFORE_MINE):
        return None
    if word.text[0].isupper() and not norm.startswith("i"):
        titled = i > 0 or (len(words) > 1 and words[1].text[0].isupper() and words[1].norm not in _YOU)
        if titled or (len(word.text) > 1 and word.text.isupper()):
            return None
    return new[0].upper() + new[1:] if i == 0 and word.text[0].isupper() else new


def _numeral(words: list[Word], i: int) -> bool:
    """Return whether an "I" counts: "World War I". What begins a text has its capital from there: "That I knew"."""
    before = words[i - 1] if i else None
    named = before is not None and before.text[0].isupper() and before.norm.replace("’", "'") not in _YOU
    return named and (i > 1 or i == len(words) - 1)
