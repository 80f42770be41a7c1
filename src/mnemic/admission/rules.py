"""Rules that keep a sentence from being remembered, each with the name that `why` shows."""

import re

from ..memories.fact.words import VERBS, Word, is_whole, split_words

_FIRST_PERSON = frozenset("i me my mine myself we us our ours ourselves i'm i've i'll i'd we're we've we'll we'd".split())
_NOBODY = frozenset("it they he she them him his her its their".split())
_POINTING = frozenset("that this these those".split())
_ADDRESS = frozenset("you your yours you're you've you'll you'd".split())
_DANGLING = frozenset("called named and or but because is are was were the a an my our your with of to for".split())
"""Words with which a sentence breaks off."""
_LEAST_WORDS, _MOST_WORDS = 3, 60


def _any_of(*patterns: str) -> "re.Pattern[str]":
    return re.compile("|".join(patterns), re.IGNORECASE)


_MATERIAL = _any_of(
    r"\b(?:translate|summari[sz]e|paraphrase|proofread|rewrite|rephrase|reword|classify|grammar|punctuation|spell-?check)\b",
    r"\b(?:correct|fix|improve|polish|edit) (?:this|the|my) (?:grammar|sentence|spelling|text|paragraph|email|letter)\b",
    r"\b(?:shorten|continue|complete|finish) (?:this|it|the|my) ?(?:story|text|sentence|line|poem)?\s*[:\n]",
    r"\b(?:in|into) (?:spanish|french|german|italian|latin|dutch|polish|russian|chinese|japanese|arabic|portuguese)\b[^.]*[?:]",
    r"\bhow (?:do|would) (?:you|i) say\b",
    r"\bis (?:this|that) sentence\b",
    r"\bwhat does .{3,60} mean\b",
)
_FICTION = _any_of(
    r"\b(?:imagine|pretend|suppose|supposing|role-?play|act as|hypothetical(?:ly)?|fictional|make-believe|once upon)\b",
    r"\blet'?s (?:say|pretend|assume|imagine)\b",
    r"\bsay (?:i|you|we) (?:am|are|were|was|had)\b",
    r"\bin (?:this|my|the) (?:\w+ )?(?:story|game|novel|scenario|dream|play|scene)\b",
    r"\bcharacter sheet\b",
    r"\bmy character\b|\bthe (?:narrator|hero|protagonist)\b|\bknock,? knock\b|\blyrics?\b",
)
_EXAMPLE = _any_of(r"\bfor (?:example|instance)\b", r"\be\.g\.", r"^such as\b", r"\bas an example\b")
_SUPPOSED = _any_of(
    r"^(?:if|unless|what if|even if|were i|had i|should i)\b",
    r"\bas if\b",
    r"\bif (?:i|we) (?:were|was|had|could|won|ever)\b",
    r"\bi (?:wish|wonder)\b",
)
_POLITELY = r"(?:(?:please|pls|also|and|now|so|(?:could|can|would|will) you|i(?:'d| would) like you to|i want you to)[\s,]+)*"
_REMEMBER = re.compile(
    rf"^{_POLITELY}"
    r"(?:remember|note|memori[sz]e|keep in mind|bear in mind|do(?:n['’]t| not) forget|make a (?:mental )?note|take note"
    r"|write down)(?:\s+(?:this|that|it|down|of|for (?:me|later|next time|the future|future reference)))*"
    r"\s*[:,;–—-]?\s+(?:that\s+)?(?=\S+\s+\S)",
    re.IGNORECASE,
)
_REQUESTS = frozenset(
    (
        "tell write give explain show help make list translate summarise summarize suggest find fix correct describe let"
        " let's lets do don't stop try go come wait answer use keep add check compare create draw teach recommend name define"
        " calculate compute solve convert rank sort rewrite rephrase continue finish plan design compose draft invent think"
        " guess pick choose spell count quiz play sing put take turn run read look listen ask talk speak repeat ignore forget"
        " skip cheer roast surprise entertain please can could would will shall should is am are was were does did has have"
        " had may might outline brainstorm generate provide assist advise walk break remind set send convince persuade settle"
        " rate review"
    ).split()
)
"""Words that begin a request or a question, whatever its closing sign: "Have a nice day"."""
_ADDRESSED = _any_of(
    r"\bi(?:'d| would) (?:like|love|want|appreciate) (?:you|it if you|a|an|some|to (?:know|hear|learn|see|read|ask))\b",
    r"\bi (?:need|want) (?:you|a|an|some|help|ideas?|advice|to know)\b",
    r"\b(?:can|could|would|will) you\b|\b(?:tell|help|give|show) me\b",
)


def asked_to_remember(sentence: str) -> str | None:
    """Return what a sentence asks to be remembered, without the asking; None if it asks for no such thing."""
    match = _REMEMBER.match(sentence)
    return None if match is None else sentence[match.end() :]


def is_question(sentence: str) -> bool:
    """Return whether a sentence asks something."""
    bare = sentence.rstrip("\"'”’») ")
    return bare.endswith(("?", "？", "؟")) or (not bare.endswith((".", "!", "…")) and is_whole(bare))


def excluded(sentence: str) -> str | None:
    """Return the name of the rule that keeps a sentence from being remembered, or None."""
    words = split_words(sentence)
    if is_question(sentence):
        return "a question"
    if (words and words[0].norm.replace("’", "'") in _REQUESTS) or _ADDRESSED.search(sentence):
        return "a request"
    if _SUPPOSED.search(sentence):
        return "a supposition"
    if _EXAMPLE.search(sentence):
        return "an example"
    if words and words[0].norm.replace("’", "'") in _ADDRESS:
        return "about the assistant"
    if about_nobody(words):
        return NOBODY
    if len(words) < _LEAST_WORDS or (words[-1].norm in _DANGLING and not sentence.endswith((".", "!"))):
        return "no whole statement"
    if len(words) > _MOST_WORDS:
        return "too long for one statement"
    return None


NOBODY = "about nobody that it names"
"""The rule that a sentence behind an admitted one may break: it is joined to that one."""


def about_nobody(words: list[Word]) -> bool:
    """Return whether a sentence begins with a pronoun that needs another sentence to mean somebody."""
    first = words[0].norm.replace("’", "'").split("'")[0] if words else ""
    # "this year" is a time, "this is" and "that's" are what was said before
    alone = len(words) < 2 or words[0].norm != first or words[1].norm in VERBS or not words[1].content
    return first in _NOBODY or (first in _POINTING and alone)


def first_person(words: list[Word]) -> bool:
    """Return whether a sentence speaks of the speaker."""
    return any(w.norm.replace("’", "'") in _FIRST_PERSON for w in words)


def about_material(message: str) -> str | None:
    """Return the name of the rule that keeps a whole message from being remembered: it brings a text to work on, or a fiction."""
    if _MATERIAL.search(message):
        return "material of a request"
    if _FICTION.search(message):
        return "fiction"
    return None
