"""A message as sentences with their places, and which of its parts are not the user's own words."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..memories.fact.words import TITLES, split_words

_ENDS = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？؟]+|\n+")
_FENCE = re.compile(r"(```|~~~).*?(?:\1|\Z)", re.DOTALL)
_SHOWN_LINE = re.compile(r"^(?:[ \t]*>.*|[ \t]*\|.*\|[ \t]*|(?: {4}|\t).*)$", re.MULTILINE)
"""Quoted, of a table, or indented as code."""
_MARKUP = re.compile(r"<\|.*?\|>|\[/?INST\]|</?[a-z][^>\n]*>", re.IGNORECASE)
_LABELLED = re.compile(
    r"^[ \t>*_\-#\d.)]*(?:q|a|question|answer|user|assistant|human|ai|bot|system|input|output|prompt|response|example(?:\s*\d+)?"
    r"|customer|agent|sentence|text|premise|hypothesis|label|speaker\s*\w*|me|chatgpt)[ \t*_]*:",
    re.IGNORECASE | re.MULTILINE,
)
_SPEAKER = re.compile(r"^[ \t>*_\-#]*\w[\w ]{0,19}[ \t*_]*:[ \t]", re.MULTILINE)
_INTRODUCED = re.compile(
    r"\b(?:e-?mail|ad|advert|bio|review|letter|essay|post|tweet|text|message|paragraph|page|article|transcript|poem|copied|pasted"
    r"|wrote|reads|following|below|this|these)\b[^\n]{0,60}(?:\n|:\s)",
    re.IGNORECASE,
)
"""What leads to a text that is shown: "Can you answer this email?" and a new line, "Here's what my boss wrote:"."""
_QUOTATION = re.compile(
    r"“[^”]*(?:”|\Z)|„[^“”]*(?:[“”]|\Z)|«[^»]*»|「[^」]*」|『[^』]*』|(?<!\d)\"[^\"]*\"|`[^`\n]*`"
    r"|(?<!\w)‘(?:[^’]|(?<=\w)’(?=\w))*’(?!\w)|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)"
)
_NAMING = re.compile(r"\b(?:is|are|called|named|titled|reads?)\s*$", re.IGNORECASE)
"""What a quotation stands behind that is a title or a name: 'My favourite book is "The Name of the Wind"'."""
_QUOTED_WORDS = 3
"""Words from which on a quotation is somebody's sentence and not a name."""
_LONGEST_WORD = 40
_ABBREVIATIONS = TITLES | frozenset("st jr sr vs etc eg ie e.g i.e approx".split())
_LETTERED = re.compile(
    r"(?:^|\s)(?:is|was|type|group|flat|apartment|block|grade|vitamin|class|plan|hall|gate)\s+\w$", re.IGNORECASE
)
"""A single letter that is no initial: "My blood type is A."."""
_OPEN_END = re.compile(r"\b(?:called|named|and|or|is|are|in|at|the|a|an|my|our|with|of|to|for)\s*$", re.IGNORECASE)


class Sentence(NamedTuple):
    """A sentence of a message: its text, and where it stands in characters."""

    text: str
    start: int
    end: int


def sentences_of(message: str) -> list[Sentence]:
    """Return the sentences of a message in order, each with its closing sign; blank ones are left out.

    A full stop ends no sentence behind a title, an initial or an abbreviation, no sign does before a small letter, and the end of
    a line doesn't where the sentence goes on in the next one.
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
        before = message[max(0, match.start() - _LONGEST_WORD) : match.start()]
        after = message[match.end() : match.end() + _LONGEST_WORD].lstrip()[:1]
        goes_on = after.islower()
        sign = match.group()
        if sign == "\n":
            inside = goes_on or _OPEN_END.search(before) is not None
        elif sign[0] in ".!?":
            inside = (goes_on and not sign.startswith("..")) or (sign[0] == "." and _abbreviated(before, after))
        else:
            inside = False
        if not inside:
            yield match.end()
    yield len(message)


def _abbreviated(before: str, after: str) -> bool:
    match = re.search(r"[\w.]+$", before)
    word = "" if match is None else match.group().casefold()
    if word == "no":
        return after.isdigit()
    return word in _ABBREVIATIONS or (len(word) == 1 and not word.isdigit() and _LETTERED.search(before) is None)


def _trimmed(message: str, begin: int, end: int) -> Sentence | None:
    raw = message[begin:end]
    start = begin + len(raw) - len(raw.lstrip())
    text = raw.strip()
    return Sentence(text, start, start + len(text)) if any(c.isalnum() for c in text) else None


def foreign_parts(message: str) -> list[tuple[int, int]]:
    """Return the places of what a message only shows: code, quoted lines, long quotations, examples, introduced texts."""
    if _MARKUP.search(message):
        return [(0, len(message))]
    spans = [m.span() for pattern in (_FENCE, _SHOWN_LINE) for m in pattern.finditer(message)]
    spans += [
        m.span()
        for m in _QUOTATION.finditer(message)
        if len(split_words(m.group())) >= _QUOTED_WORDS
        and _NAMING.search(message[max(0, m.start() - _LONGEST_WORD) : m.start()]) is None
    ]
    labels, speakers = list(_LABELLED.finditer(message)), list(_SPEAKER.finditer(message))
    shown = labels or (speakers if len(speakers) > 1 else [])
    if shown:
        # what follows a label is of the example, up to a blank line behind the last one
        blank = message.find("\n\n", shown[-1].end())
        spans.append((shown[0].start(), len(message) if blank < 0 else blank))
    introduced = _INTRODUCED.search(message)
    if introduced is not None:
        spans.append((introduced.end(), len(message)))
    return spans
