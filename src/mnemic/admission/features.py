"""What a statement looks like: its words with names and numbers masked, its forms, and where there is one its vector."""

from collections.abc import Sequence

import numpy as np

from ..memories.fact.words import NOW, VERBS, Word, split_words
from ..types import FloatArray
from .rules import first_person

_NAME, _NUMBER = "<name>", "<number>"
_POSSESSIVES = frozenset("my our".split())
_INDEFINITE = frozenset("a an some any something someone somebody anything".split())
_PASSING = frozenset(
    "today tonight yesterday tomorrow morning afternoon evening night week weekend later soon minute moment ago finally"
    " earlier".split()
)
NUM_FORMS = 14
"""Numbers that `forms_of` returns."""
_SHORT, _LONG = 5, 18
_SCALE = 6.0
"""Of the vector: its numbers are about 1/sqrt(E) in size, the others 0 or 1, and one penalty weighs all of them."""


def tokens_of(text: str) -> list[str]:
    """Return the terms of a statement: its words, names and numbers masked, and pairs of neighbours."""
    words = [_masked(word, first=i == 0) for i, word in enumerate(split_words(text))]
    return [*dict.fromkeys([*words, *(f"{a} {b}" for a, b in zip(["<begin>", *words], words, strict=False))])]


def _masked(word: Word, *, first: bool) -> str:
    if word.digit:
        return _NUMBER
    if word.proper and not first and word.norm not in ("i", "i'm", "i've", "i'd", "i'll"):
        return _NAME
    return word.plain


def forms_of(text: str) -> FloatArray:
    """Return the forms of a statement, each 0 or 1."""
    words = split_words(text)
    norms = [w.norm for w in words]
    first = words[0].plain if words else ""
    return np.array(
        [
            first_person(words),
            first.split("'")[0] == "i",
            first in _POSSESSIVES,
            any(w.proper and not w.digit for w in words[1:] if w.norm.split("'")[0] != "i"),
            any(w.digit for w in words),
            text.rstrip().endswith("!"),
            text.rstrip().endswith("."),
            any(n in NOW for n in norms),
            any(n in _PASSING for n in norms),
            any(n in _INDEFINITE for n in norms),
            any(n in VERBS for n in norms),
            len(words) < _SHORT,
            len(words) > _LONG,
            "," in text,
        ],
        dtype=np.float32,
    )


def matrix(texts: Sequence[str], vocabulary: Sequence[str], vectors: FloatArray | None) -> FloatArray:
    """Return the features of statements `[len(texts), forms + words + E]`; without vectors the last part is missing.

    Args:
        texts: statements.
        vocabulary: the terms that count.
        vectors: the encoder's `[len(texts), E]`, or None.
    """
    place = {term: n for n, term in enumerate(vocabulary)}
    words = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
    for row, text in enumerate(texts):
        for term in tokens_of(text):
            if term in place:
                words[row, place[term]] = 1
    forms = np.stack([forms_of(text) for text in texts]) if texts else np.zeros((0, NUM_FORMS), dtype=np.float32)
    parts = [forms, words] if vectors is None else [forms, words, _SCALE * vectors.astype(np.float32)]
    return np.concatenate(parts, axis=1)
