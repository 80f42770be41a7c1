"""Expressions that are said whole or not at all: dates, times, ranges, telephone numbers."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from .words import Word

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\.?"
)
_ORDINAL = (
    r"(?:twenty-|thirty-)?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth|thirteenth|fourteenth"
    r"|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
_DAY = rf"(?:\d{{1,2}}(?:st|nd|rd|th|\.)?|{_ORDINAL})"
_AND = r"(?:\s*[-–]\s*|\s+(?:to|until|till|and|or)\s+)"
_WEEKDAY = r"(?:mon|tue(?:s)?|wed(?:nes)?|thu(?:r|rs)?|fri|sat(?:ur)?|sun)(?:day)?s?\.?"
_YEAR = r"(?:,?\s+\d{4})?"
_PART = r"(?:(?:early|late|mid)[\s-]+(?:in\s+)?|(?:morning|afternoon|evening|night|end|beginning|middle)\s+of\s+(?:the\s+)?)?"
_SEASON = r"(?:spring|summer|autumn|fall|winter|christmas(?:\s+eve)?|easter)"
_CLOCK = r"(?:\d{1,2}(?:[:.]\d\d)?(?:\s*[ap]\.?m\b\.?)?|noon|midnight)"
_SPOKEN = r"(?:(?:a\s+)?quarter|half|five|ten|twenty|twenty-five)\s+(?:past|to|after|before)\s+\w+"
_AMOUNT = r"[$€£]?\d[\w.,:]*"

_EXPRESSIONS = tuple(
    re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)
    for pattern in (
        # 12 September 2026, Friday the 19th of December, 30 May to 2 June 2027, 12. September
        rf"{_PART}(?:{_WEEKDAY},?\s+(?:the\s+)?)?(?:{_DAY}(?:\s+(?:of\s+)?{_MONTH}{_YEAR})?{_AND})?{_DAY}\s+(?:of\s+)?{_MONTH}{_YEAR}",
        # May 30 to June 2, 2027
        rf"{_PART}(?:{_WEEKDAY},?\s+)?(?:{_MONTH}\s+{_DAY}{_AND})?{_MONTH}\s+{_DAY}{_YEAR}",
        # June or July 2019, the spring of 2031
        rf"{_PART}(?:{_MONTH}{_AND})?(?:{_MONTH}|{_SEASON}),?\s+(?:of\s+)?\d{{4}}",
        # every second Thursday at 6:45 am, Wednesday at 3 p.m.
        rf"(?:(?:every|each)\s+(?:\w+\s+)?)?{_WEEKDAY},?\s+at\s+{_CLOCK}",
        rf"(?:every|each)\s+(?:\w+\s+)?{_WEEKDAY}",
        rf"{_SPOKEN}(?:\s+(?:at|in\s+the)\s+(?:night|morning|afternoon|evening))?",
        # between 25 and 30 euros, from 9 to 5
        rf"(?:between|from)\s+{_AMOUNT}\s+(?:and|to|until|till)\s+{_AMOUNT}",
        # (030) 555-0147
        r"\+?\(?\d[\d()/ \-]{5,}\d",
    )
)


class Expression(NamedTuple):
    """Words `begin` to `end` (excluded) of an item, and what they are as text."""

    begin: int
    end: int
    text: str


def expression_at(text: str, words: Sequence[Word], i: int, asked: frozenset[str]) -> Expression | None:
    """Return the longest expression that word `i` belongs to, or None. One that was asked about is no answer."""
    found = []
    for pattern in _EXPRESSIONS:
        for match in pattern.finditer(text):
            inside = [n for n, w in enumerate(words) if match.start() <= w.start < match.end()]
            if i in inside and not any(words[n].norm in asked for n in inside):
                found.append(Expression(inside[0], inside[-1] + 1, match.group().strip()))
    return max(found, key=lambda e: e.end - e.begin, default=None)
