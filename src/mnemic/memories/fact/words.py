"""Words of a text: where they are, which of them carry meaning, what two texts share."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

_WORD = re.compile(r"\w+(?:(?:['’.\-]|(?<=\d)[,:](?=\d))\w+)*")
_ANSWERED = re.compile(
    r"\s*(?:(?:question|q)\s*:\s+)?(?P<question>\w[^?]*\?)\s+(?:(?:answer|a)\s*:\s+)?(?P<answer>[^\s?][^?]*)", re.IGNORECASE
)
_CHATTER = frozenset("know guess hear heard remember believe imagine see right ok okay".split())
"""What a question of that alone doesn't ask for: "Did you know? ...", "Guess what? ..."."""
_BREAK = re.compile(r"[;!?:]\S*\s|[\n()]")
"""What ends a clause between two words: a sign with a space behind it, so that addresses and times stay whole."""
_ABBREVIATIONS = frozenset("dr mr mrs ms st prof jr sr no inc vs".split())
_OPENING = "([{\"'“‘«,;:"
_CLOSING = ".,;:!?)]}\"'”’»"
_POSSESSIVE = re.compile(r"['’]s$")

STOP_WORDS = frozenset(
    "a an the of in on at to for from by with as is was are were be been being am it its that this these those which who whom"
    " whose what where when why how did does do has have had will would can could should may might must and or but if than then"
    " so not no he she him her his they them their we us our you your i me my mine one there here also just very much many some"
    " any tell give say name named call called".split()
)
"""Words that say nothing about which fact is meant."""

_CLAUSE_OPENERS = frozenset("and but who which because while whereas although so where when".split())
VERBS = frozenset("is was are were be been has have had did does do will would can could".split())
"""Small verbs: an answer holds none of them."""
ASKING = frozenset("who whom whose what which where when why how".split())
_TELLING = frozenset("when where why".split())
_UNFINISHED = frozenset(
    "is was are were a an the of in on at to for from by with as and or that my your his her its our their".split()
)
_ARTICLES = frozenset("a an the".split())
_PHRASE_OPENERS = _ARTICLES | frozenset("my your his her its our their of in on at for from by with as than".split())
_DESCRIBING = 3
"""At most so many describing words before a thing."""
_CLAUSE_SUBJECTS = VERBS | frozenset("i you he she it we they there his her its their my our your".split())
_NAME_JOINTS = frozenset("of and the de la le du da di von van der den del".split())


class Word(NamedTuple):
    """One word: `norm` is lower-cased and without a possessive ending; `start` and `end` are character offsets."""

    text: str
    norm: str
    start: int
    end: int

    @property
    def content(self) -> bool:
        """Whether the word carries meaning of its own."""
        return self.norm not in STOP_WORDS

    @property
    def proper(self) -> bool:
        """Whether the word looks like a name or a number: it has a capital or a digit."""
        return any(c.isupper() or c.isdigit() for c in self.text)

    @property
    def digit(self) -> bool:
        """Whether the word holds a digit."""
        return any(c.isdigit() for c in self.text)


def split_words(text: str) -> list[Word]:
    """Return the words of a text in order. A possessive ending belongs to the word's span, not to its `norm`."""
    words = []
    for match in _WORD.finditer(text):
        raw = match.group()
        bare = _POSSESSIVE.sub("", raw)
        words.append(Word(raw, bare.casefold(), match.start(), match.start() + len(bare)))
    return words


def is_whole(text: str) -> bool:
    """Return whether a text is a whole sentence, most often a question, and not one that breaks off.

    Without a sign at its end, it is one if it begins with a question word, a small verb follows within three words ("what is",
    "what's", "how many rooms does"), no comma comes, and the last word doesn't want another one: "what is my dog called" is,
    "What Ann likes most is", "who is the author of" and "who wrote it" are not.
    """
    bare = text.rstrip()
    if bare.endswith(("?", ".", "!", "…")):
        return True
    words = split_words(bare)
    if len(words) < 3 or words[0].norm not in ASKING or words[-1].norm in _UNFINISHED or "," in bare:
        return False
    contracted = bool(_POSSESSIVE.search(words[0].text))
    # "When he was six" tells, "when was he six" asks: after these a verb comes at once
    near = words[1:2] if words[0].norm in _TELLING else words[1:4]
    subject_first = words[1].norm in _CLAUSE_SUBJECTS - VERBS
    return contracted or (not subject_first and any(w.norm in VERBS for w in near))


class AnsweredQuestion(NamedTuple):
    """A question with its answer in one text: where the question begins and ends, and where the answer begins, in characters."""

    begin: int
    end: int
    answer: int


def answered_question(text: str) -> AnsweredQuestion | None:
    """Return where question and answer stand in a text that is one followed by the other, with or without their labels.

    "When does the shop open? At nine", "Q: Who has the key? A: Ann". None for any other text: "Did you know? Honey never spoils",
    "Stop, will you? It is late", "John Campbell wrote Who Goes There? in 1938".
    """
    match = _ANSWERED.fullmatch(text)
    if match is None or not split_words(match["answer"]) or not _asks(match["question"]):
        return None
    return AnsweredQuestion(match.start("question"), match.end("question"), match.start("answer"))


def _asks(text: str) -> bool:
    """Return whether what ends with "?" asks for something in one sentence: by a question word, or a small verb at its head."""
    words = split_words(text)
    broken = any(_ends_sentence(a, text[a.end : b.start], b) for a, b in pairwise(words))
    if broken or re.search(r"[!…]\s|\n", text) or not any(w.content and w.norm not in _CHATTER for w in words):
        return False
    return words[0].norm in VERBS or has_question_word(words)


def has_question_word(words: Sequence[Word]) -> bool:
    """Return whether a sentence holds a question word: at its head, or further on and not as part of a name."""
    return any(w.norm in ASKING and (i == 0 or w.text.islower()) for i, w in enumerate(words))


def same_question(one: str, other: str) -> bool:
    """Return whether two texts are the same question but for case, spaces and the sign at the end: "C++" isn't "C#"."""
    return _bare_question(one) == _bare_question(other)


def _bare_question(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!.… ")


def spoken_words(text: str) -> list[Word]:
    """Return the words of an item in order, without the labels of a question that is kept with its answer."""
    words, parts = split_words(text), answered_question(text)
    return words if parts is None else [w for w in words if parts.begin <= w.start < parts.end or w.start >= parts.answer]


def content_norms(text: str) -> list[str]:
    """Return the distinct meaningful words of a text, normalised, in order of appearance."""
    return list(dict.fromkeys(w.norm for w in split_words(text) if w.content))


class SharedSpan(NamedTuple):
    """The longest run of words two texts share, without stop words at its ends: first index in each, and its length."""

    query_start: int
    fact_start: int
    length: int


def shared_span(query: list[Word], fact: list[Word]) -> SharedSpan:
    """Return the shared run with the most content words (ties: the longer). Length 0 when nothing is shared."""
    best, best_rank = SharedSpan(0, 0, 0), (0, 0)
    places: dict[str, list[int]] = {}
    for j, word in enumerate(fact):
        places.setdefault(word.norm, []).append(j)
    for i, word in enumerate(query):
        for j in places.get(word.norm, ()):
            if i and j and query[i - 1].norm == fact[j - 1].norm:
                continue  # inside a run that was seen from its beginning, and is no better than that
            n = 1
            while i + n < len(query) and j + n < len(fact) and query[i + n].norm == fact[j + n].norm:
                n += 1
            rank = (sum(w.content for w in query[i : i + n]), n)
            if rank > best_rank:
                best, best_rank = SharedSpan(i, j, n), rank
    start, length = 0, best.length
    while length and not query[best.query_start + start].content:
        start, length = start + 1, length - 1
    while length and not query[best.query_start + start + length - 1].content:
        length -= 1
    return SharedSpan(best.query_start + start, best.fact_start + start, length)


def replace_words(text: str, words: list[Word], start: int, length: int, by: str) -> str:
    """Return the text with a run of words replaced."""
    if length == 0:
        return text
    return text[: words[start].start] + by + text[words[start + length - 1].end :]


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

    A thing is called by its whole phrase: the describing words between an article, a possessive or a preposition and `start`
    belong to it ("for its *smoked beetroot* pie"). To a question the article belongs too ("the basement"); an open text has its
    own.

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
            _follows(text, words, first)
            and start - first < _DESCRIBING
            and words[first - 1].content
            and not words[first - 1].proper
            and words[first - 1].norm not in asked
        ):
            first -= 1
        if _follows(text, words, first) and words[first - 1].norm in _PHRASE_OPENERS:
            begin = first
    return begin - 1 if whole and _follows(text, words, begin) and words[begin - 1].norm in _ARTICLES else begin


def _follows(text: str, words: list[Word], i: int) -> bool:
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
        if _BREAK.search(between) or _ends_sentence(words[i - 1], between, words[i]):
            return i
        follower = words[i + 1].norm if i + 1 < len(words) else ""
        opens = words[i].norm in _CLAUSE_OPENERS and follower in _CLAUSE_SUBJECTS
        if opens or ("," in between and words[i].norm in _CLAUSE_SUBJECTS | {"who", "which", "where"}):
            return i
    return len(words)


def _joins_names(words: list[Word], i: int, end: int) -> bool:
    """Return whether a small word stands inside a name: "Bank of England", "Ludwig van Beethoven"."""
    return words[i].norm in _NAME_JOINTS and i + 1 < end and words[i + 1].proper


def _ends_sentence(before: Word, between: str, after: Word) -> bool:
    """Return whether a full stop between two words ends a sentence.

    Not after an initial ("D.C.") or a title ("Dr. Vellum"), nor before a small letter or without a space.
    """
    short = len(before.text.rsplit(".", 1)[-1]) == 1 or before.norm in _ABBREVIATIONS
    return re.search(r"\.\S*\s", between) is not None and not short and not after.text[0].islower()


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
