"""Rules that keep a sentence, or a whole message, from being remembered, each with the name that `why` shows."""

import re
from collections.abc import Iterable

from ..memories.fact.words import VERBS, Word, is_whole, split_words

_FIRST_PERSON = frozenset("i me my mine myself we us our ours ourselves i'm i've i'll i'd we're we've we'll we'd".split())
_ENGLISH = frozenset("my our i i'm i've i'd i'll the we're we've".split())
_FOREIGN = frozenset(
    (
        "ich mein meine meinen meiner der die das ist und nicht ein eine wir habe bin je mon mes est le les et une suis nous j'ai"
        " m'appelle yo mi mis el los las una vivo tengo soy en mio mia il gli ho sono eu meu minha um uma ik mijn het een heb"
        " ben wij zijn"
    ).split()
)
"""Small words of German, French, Spanish, Italian, Portuguese and Dutch that English hasn't."""
_SPOKEN_OF = frozenset("it they he she his her its their".split())
_NOBODY = _SPOKEN_OF | frozenset("them him".split())
_POINTING = frozenset("that this these those".split())
_ADDRESS = frozenset("you your yours you're you've you'll you'd".split())
_DANGLING = frozenset("called named and or but because is are was were the a an my our your with of to for".split())
"""Words with which a sentence breaks off."""
_LATIN_ENDS = 0x250
"""First code point behind the Latin letters."""
_LEAST_WORDS, MOST_WORDS = 3, 60


def _any_of(*patterns: str) -> "re.Pattern[str]":
    return re.compile("|".join(patterns), re.IGNORECASE)


_MATERIAL = _any_of(
    r"\b(?:translate|summar(?:i[sz]e|y)|tl;?dr|paraphrase|proofread|rewrite|rephrase|reword|classify|grammar|punctuation)\b",
    r"\bspell-?check\b|\bscore (?:this|my)\b",
    r"\b(?:correct|fix|improve|polish|edit) (?:this|the|my) (?:sentence|spelling|text|paragraph|email|letter)\b",
    r"\b(?:shorten|continue|complete|finish) (?:this|it|the|my)\b",
    r"\b(?:in|into) (?:spanish|french|german|italian|latin|dutch|polish|russian|chinese|japanese|arabic|portuguese)\b",
    r"\bhow (?:do|would) (?:you|i) say\b|\bis (?:this|that) sentence\b|\bwhat does .{3,60} mean\b",
    r"\b(?:poem|story|song|scene|dialogue|riddle|limerick|haiku|speech|essay)\b.{0,40}\b(?:about|from|where|in which|of)\b",
    r"\bperspective of\b|^(?:riddle|joke)\b|^be an? \w+",
)
_FICTION = _any_of(
    r"^\W*(?:(?:ok|okay|so|now|and|please|let me)[\s,]+)*(?:pretend|supposing|suppose (?:i|you|we|that)|hypothetically)\b",
    r"^\W*(?:(?:ok|okay|so|now|and|please)[\s,]+)*imagine (?:i|you|we|a|an|the|that|my|if|being|how|there)\b",
    r"\blet'?s (?:say|pretend|assume|imagine)\b|^say (?:i|you|we) (?:am|are|were|was|had)\b",
    r"\b(?:role-?play(?:ing)?|make-believe|once upon a time|act as|fictional|character sheet|knock,? knock)\b",
    r"\bin (?:this|my|the) (?:\w+ )?(?:story|game|novel|scenario|dream|scene)\b|\bmy character\b",
    r"\bthe (?:narrator|hero|protagonist)\b",
)
_TAKEN_BACK = _any_of(
    r"\b(?:just|only) (?:joking|kidding|testing|a (?:joke|test))\b|\bi(?:['’]m| am| was) (?:joking|kidding|lying)\b|^joke\b",
    r"\b(?:made|making) (?:it|that|this) up\b|\b(?:is|was|['’]s) (?:not true|a lie|a joke|a test)\b|\bno chance that\b",
    r"\b(?:don['’]?t|do not|never|stop|without|not)\b.{0,25}\bremember(?:ing)?\b",
)
_EXAMPLE = _any_of(r"\bfor (?:example|instance)\b", r"\be\.g\.", r"^such as\b", r"\bas an example\b", r"\[[^\]]*\]|\{[^}]*\}")
_SUPPOSED = _any_of(
    r"^(?:if|unless|what if|even if|were i|had i|should i|maybe|perhaps|possibly|probably)\b",
    r"\bas if\b|\bif (?:i|we) (?:were|was|had|could|won|ever)\b",
    r"\bi (?:wish|wonder)\b",
)
_UNKNOWN = _any_of(
    r"\bi(?:['’]ve| have)? (?:forgot(?:ten)?|forget|can(?:['’]t|not) (?:remember|recall|think of))\b",
    r"\bi do(?:n['’]t| not) (?:know|remember|recall)\b",
    r"\btrying to (?:find|remember|recall)\b|\bi (?:want|need) my\b|\bagain\.$",
)
_OTHERS = _any_of(
    r"\b(?:said|wrote|claims?|claimed)(?::|,)?\s+[\"'“‘]?(?:i|i['’]m|my)\b|\bsays:",
    r",\s*(?:said|says|wrote|asked) (?:my|the|our|\w+)\b",
)
_POLITELY = r"(?:(?:please|pls|also|and|now|so|(?:could|can|would|will) you|i(?:'d| would) like you to|i want you to)[\s,]+)*"
_REMEMBER = re.compile(
    rf"^{_POLITELY}"
    r"(?:remember|note|memori[sz]e|keep in mind|bear in mind|do(?:n['’]t| not) forget|make a (?:mental )?note|take note)"
    r"(?:(?:\s+(?:this|that|it|down|of|for (?:me|later|next time|the future|future reference)))*\s*[:,;–—-]\s+(?:that\s+)?"
    r"|\s+(?:for (?:later|next time|future reference)\s+)?that\s+|\s+(?=(?:i|i['’]\w+|my|our|we)\s))"
    r"(?!(?:to|not|what|who|when|where|how|about|if|whether)\b)(?=\S+\s+\S)",
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
        " rate review be score act remember note memorise memorize"
    ).split()
)
"""Words that begin a request or a question, whatever its closing sign: "Have a nice day"."""
_ADDRESSED = _any_of(
    r"\bi(?:'d| would) (?:like|love|want|appreciate) (?:you|it if you|to (?:know|hear|learn|see|read|ask))\b",
    r"\bi (?:need|want) (?:you|(?:some )?help|ideas?|advice|to know)\b",
    r"\b(?:can|could|would|will) you\b|\b(?:tell|help|give|show) me\b",
)
_POINTED_AT = re.compile(r"^you(?:['’]ll| will| can)? (?:find|reach|recogni[sz]e|see)\b", re.IGNORECASE)
"""Sentences to "you" that say something of the speaker's things: "You will find my tent in the shed"."""
UNKNOWN = "not known to the speaker"
"""The rule for what a memory had better answer than keep: "I forgot where my key is"."""
NOBODY = "about nobody that it names"
"""The rule that a sentence behind an admitted one may break: it is joined to that one."""


def asked_to_remember(sentence: str) -> str | None:
    """Return what a sentence asks to be remembered, without the asking; None if it asks for no such thing."""
    match = _REMEMBER.match(sentence)
    return None if match is None else sentence[match.end() :]


def is_question(sentence: str) -> bool:
    """Return whether a sentence asks something."""
    bare = sentence.rstrip("\"'”’») ")
    return bare.endswith(("?", "？", "؟")) or (not bare.endswith((".", "!", "…")) and is_whole(bare))


def asks(sentence: str) -> bool:
    """Return whether a sentence wants something: a question or a request."""
    words = split_words(sentence)
    first = words[0].plain if words else ""
    # "Will is my brother", "May is my birthday month"
    named = first in ("will", "may") and len(words) > 1 and words[1].norm in VERBS
    return is_question(sentence) or (first in _REQUESTS and not named) or _ADDRESSED.search(sentence) is not None


def supposed(sentence: str) -> bool:
    """Return whether a sentence only supposes what it says."""
    return _SUPPOSED.search(sentence) is not None


def excluded(sentence: str) -> str | None:
    """Return the name of the rule that keeps a sentence from being remembered, or None."""
    words = split_words(sentence)
    norms = [w.plain for w in words]
    if is_question(sentence):
        return "a question"
    if asks(sentence):
        return "a request"
    if _UNKNOWN.search(sentence):
        return UNKNOWN
    if supposed(sentence):
        return "a supposition"
    if _EXAMPLE.search(sentence):
        return "an example"
    if _OTHERS.search(sentence):
        return "somebody else's words"
    if norms and norms[0] in _ADDRESS and not _POINTED_AT.search(sentence):
        return "about the assistant"
    if about_nobody(words):
        return NOBODY
    breaks_off = bool(words) and norms[-1] in _DANGLING and words[-1].text.islower() and not sentence.endswith((".", "!"))
    if len(words) + sum("'" in norm for norm in norms) < _LEAST_WORDS or breaks_off or sentence.endswith(":"):
        return "no whole statement"
    if len(words) > MOST_WORDS:
        return "too long for one statement"
    if not set(norms) & _ENGLISH and (set(norms) & _FOREIGN or not _latin(sentence)):
        return "not in English"
    return None


def _latin(sentence: str) -> bool:
    """Return whether most letters are of an alphabet that English is written in."""
    letters = [c for c in sentence if c.isalpha()]
    return 2 * sum(ord(c) < _LATIN_ENDS for c in letters) >= len(letters)


def about_nobody(words: list[Word]) -> bool:
    """Return whether a sentence begins with a pronoun that needs another sentence to mean somebody."""
    first = words[0].plain.split("'")[0] if words else ""
    # "this year" is a time, "this is" and "that's" are what was said before
    alone = len(words) < 2 or words[0].norm != first or words[1].norm in VERBS or not words[1].content
    return first in _NOBODY or (first in _POINTING and alone)


def speaks_on(words: list[Word]) -> bool:
    """Return whether a sentence goes on about whom the one before named: "He is nine", "Its collar is red"."""
    return len(words) >= _LEAST_WORDS and words[0].plain.split("'")[0] in _SPOKEN_OF


def first_person(words: list[Word]) -> bool:
    """Return whether a sentence speaks of the speaker."""
    return any(w.plain in _FIRST_PERSON for w in words)


def about_all(sentences: Iterable[str]) -> str | None:
    """Return the name of the rule that keeps a whole message from being remembered.

    It brings a text to work on, is a fiction, or takes back what it says.
    """
    for sentence in sentences:
        if asks(sentence) and _MATERIAL.search(sentence):
            return "material of a request"
        if _FICTION.search(sentence):
            return "fiction"
        if _TAKEN_BACK.search(sentence) and not is_question(sentence) and asked_to_remember(sentence) is None:
            return "taken back"
    return None
