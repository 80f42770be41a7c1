"""A message as sentences with their places, and which of its parts are not the user's own words."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..memories.fact.words import TITLES, split_words

_ENDS = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？؟]+|\n+")
_FENCE = re.compile(r"(```|~~~).*?(?:\1|\Z)", re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_LABELLED = re.compile(
    r"^[ \t]*(?:q|a|question|answer|user|assistant|human|ai|bot|system|input|output|prompt|response|example(?:\s*\d+)?"
    r"|customer|agent|sentence|text|premise|hypothesis|label|speaker\s*\w*)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTATION = re.compile(r"“[^”]*”|„[^“”]*[“”]|«[^»]*»|\"[^\"]*\"|(?<!\w)‘[^’]*’(?!\w)|(?<!\w)'[^']*'(?!\w)")
_QUOTED_WORDS = 3
"""Words from which on a quotation is somebody's sentence and not a name."""
_LONGEST_WORD = 40
_ABBREVIATIONS = TITLES | frozenset("st jr sr no inc vs etc eg ie e.g i.e approx".split())


class Sentence(NamedTuple):
    """A sentence of a message: its text, and where it stands in characters."""

    text: str
    start: int
    end: int


def sentences_of(message: str) -> list[Sentence]:
    """Return the sentences of a message in order, each with its closing sign; blank ones are left out.

    A full stop ends no sentence behind a title, an initial or an abbreviation, or before a small letter.
    """
    found, begin = [], 0
    for end in _boundaries(message):
        sentence = _trimmed(message, begin, end)
        if sentence is not None:
            found.append(sentence)
        begin = end
    return found


def _boundaries(message: str) -> Iterator[int]:
    for match in _ENDS.finditer(message):
        if not match.group().startswith(".") or match.group().startswith("..") or not _abbreviated(message, match):
            yield match.end()
    yield len(message)


def _abbreviated(message: str, stop: "re.Match[str]") -> bool:
    before = re.search(r"[\w.]+$", message[max(0, stop.start() - _LONGEST_WORD) : stop.start()])
    word = "" if before is None else before.group().casefold()
    after = message[stop.end() : stop.end() + _LONGEST_WORD].lstrip()
    return word in _ABBREVIATIONS or len(word) == 1 or after[:1].islower()


def _trimmed(message: str, begin: int, end: int) -> Sentence | None:
    raw = message[begin:end]
    start = begin + len(raw) - len(raw.lstrip())
    text = raw.strip()
    return Sentence(text, start, start + len(text)) if any(c.isalnum() for c in text) else None


def foreign_parts(message: str) -> list[tuple[int, int]]:
    """Return the places of what a message only shows: code, quoted lines, long quotations, labelled examples."""
    spans = [m.span() for pattern in (_FENCE, _QUOTED_LINE) for m in pattern.finditer(message)]
    spans += [m.span() for m in _QUOTATION.finditer(message) if len(split_words(m.group())) >= _QUOTED_WORDS]
    labels = list(_LABELLED.finditer(message))
    if labels:
        # what follows a label is of the example, up to a blank line behind the last one
        blank = message.find("\n\n", labels[-1].end())
        spans.append((labels[0].start(), len(message) if blank < 0 else blank))
    return spans
