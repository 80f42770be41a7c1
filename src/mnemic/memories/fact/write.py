"""Selective writing: is a text new, a new wording, a correction, or already known?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...ops.resonance import resonates
from ...store.base import Store
from ...types import Action, FloatArray, Item
from .features import Text
from .reading import FreshReading, QueryReading
from .router import Router
from .saying import behind_denial, denial, denial_in, title_begin
from .spans import answer_end
from .words import EQUATES, NOW, TITLES, VERBS, Word, has_question_word, same_question, split_words

_PLACES = frozenset("under over behind inside outside near above below beside between called named".split())
"""Small words that stop words don't count and that may stand between the verb and the answer."""
_ANNOUNCING = frozenset("correction update actually sorry note fyi wait".split())
"""What may stand before a text that corrects another one."""
_NEAREST = 4
"""Items by vectors and by words that a new text is held against."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do with a text. item: the stored item it concerns, if any; others: further wordings of what that item says."""

    action: Action
    reason: str
    item: Item | None = None
    others: tuple[Item, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Rival:
    """A stored item that the gate is sure says something about what the new text is about. old, new: where each says it."""

    item: Item
    text: Text
    old: int
    new: int

    @property
    def answer(self) -> set[str]:
        return _answer(self.text, self.old)

    @property
    def denied(self) -> bool:
        return denial(self.text.text, self.text.words, self.old) is not None


class _Near(NamedTuple):
    """A stored item that shares a meaningful word with a new text."""

    item: Item
    text: Text
    cosine: float


class Writer:
    """Decides how a text is stored.

    Where a stored item may be about the same thing, the text's beginning is judged as a query. What the host makes of it is known
    from reading the text, but for beginnings that it would read otherwise; these cost a forward pass.
    """

    def __init__(self, store: Store, router: Router) -> None:
        """Use the router's gate: what may answer a text says the same thing as the text."""
        self._store = store
        self._router = router

    def decide(self, text: str, key: FloatArray, fresh: FreshReading | None, scope: str) -> Decision:
        """Decide on one text.

        Args:
            text: the text, already checked.
            key: its encoder vector `[E]`.
            fresh: what the host made of it just now, if the gate looks at that.
            scope: whose items it is held against.
        """
        new = Text(text)
        near = self._near(new, key, scope)
        for item, old, cosine in near:
            if _wording(old.words) == _wording(new.words):
                if item.text == text:
                    if any(n.item.said > item.said and _parallel(n.text.words, new.words) for n in near):
                        return Decision(action="updated", reason="said again after something else", item=item)
                    return Decision(action="skipped", reason="already known, word for word", item=item)
                return Decision(action="updated", reason="the same words, written otherwise", item=item)
            if self._nearly_same(old, new, cosine):
                return Decision(action="updated", reason="the same fact in nearly the same words", item=item)
            if _denies(old, new):
                return self._superseding(item, set(old.norms), "says the opposite about the same thing", ())
            if _answers_anew(old, new) or (new.question is None and _corrects(_settled(old.words), _settled(new.words))):
                reason = "the same question with another answer" if new.question else "the same statement with another ending"
                return self._superseding(item, _ending(old, new), reason, self._rivals(new, near, fresh))
        rivals = self._rivals(new, near, fresh)
        for rival in rivals:
            denies = denial(text, new.words, rival.new) is not None
            if rival.answer & _answer(new, rival.new):
                if denies != rival.denied and _same_order(rival.text, new):
                    return self._superseding(rival.item, rival.answer, "says the opposite about the same thing", rivals)
                # another wording is worth keeping: it can be found by questions that the first one misses
                return Decision(action="added", reason="known, kept as another wording")
            if denies:
                continue  # as for `_corrects`
            equate = _equates(rival.text.words, rival.old) and _equates(new.words, rival.new)
            if equate and _numeric(rival.text.words[rival.old :]) == _numeric(new.words[rival.new :]):
                return self._superseding(rival.item, rival.answer, "says something else about the same thing", rivals)
        return Decision(action="added", reason="new: no stored item says this")

    @staticmethod
    def _superseding(item: Item, said: set[str], reason: str, rivals: Sequence[_Rival]) -> Decision:
        """Return the decision to replace an item, and with it the other wordings of what it said."""
        others = tuple(r.item for r in rivals if r.item.id != item.id and r.answer & said)
        return Decision(action="superseded", reason=reason, item=item, others=others)

    def _near(self, new: Text, key: FloatArray, scope: str) -> list[_Near]:
        """Return the items that a text may repeat or contradict, the most similar first: all share a meaningful word with it."""
        found = {s.id: s.score for s in self._store.search(key, _NEAREST, scope)}
        by_words = [s.id for s in self._store.search_words(sorted(new.norms), _NEAREST, scope) if s.id not in found]
        if by_words:
            found |= zip(by_words, (float(c) for c in self._store.keys(by_words, scope) @ key), strict=True)
        items = [(self._store.get(i, scope), cosine) for i, cosine in found.items()]
        near = [_Near(item, Text(item.text), cosine) for item, cosine in items]
        return sorted([n for n in near if n.item.text == new.text or n.text.norms & new.norms], key=lambda n: -n.cosine)

    def _nearly_same(self, old: Text, new: Text, cosine: float) -> bool:
        config = self._router.config
        a, b = {w.norm for w in old.words}, {w.norm for w in new.words}
        overlap = len(a & b) / max(1, len(a | b))
        # names, numbers and denials carry the fact: a difference there is another fact, however alike the sentences
        return resonates(cosine, config.duplicate_cosine) and overlap >= config.duplicate_overlap and _says(old) == _says(new)

    def _rivals(self, new: Text, near: Sequence[_Near], fresh: FreshReading | None) -> list[_Rival]:
        """Return the items that, for the gate at its strict threshold, already answer the text's own beginning."""
        router = self._router
        if (fresh is None and router.gate.projection is not None) or not near:
            return []
        olds = [n.text for n in near]
        # where the new text says something the old one doesn't: that is its answer, what stands before it is the question
        starts = router.gate.find_starts([router.pair(old, new, None, None) for old in olds], alternatives=1)
        beginnings = [
            new.answer_from or title_begin(new.text, new.words, behind_denial(new.words, found[0][0])) for found in starts
        ]
        stems = [Text(new.question or new.text[: new.words[start].start].rstrip()) for start in beginnings]
        usable = [i for i, (stem, old) in enumerate(zip(stems, olds, strict=True)) if stem.norms & old.norms]
        if not usable:
            return []
        stored = router.read_stored([near[i].item for i in usable])
        wanted = {stems[i].text: beginnings[i] for i in usable}
        readings = self._read_beginnings(wanted, fresh)
        pairs = [
            replace(router.pair(stems[i], olds[i], readings[stems[i].text], stored.get(near[i].item.id)), cosine=near[i].cosine)
            for i in usable
        ]
        return [
            _Rival(item=near[i].item, text=olds[i], old=verdict.starts[0][0], new=beginnings[i])
            for i, verdict in zip(usable, router.judge_pairs(pairs), strict=True)
            if verdict is not None and verdict.strict
        ]

    def _read_beginnings(self, wanted: Mapping[str, int], fresh: FreshReading | None) -> dict[str, QueryReading | None]:
        """Return the text's beginnings, each with the word that follows it, as queries: from its own reading where that tells."""
        known: dict[str, QueryReading | None] = {} if fresh is None else {**fresh.beginnings(wanted)}
        missing = [stem for stem in wanted if stem not in known]
        return {**known, **dict(zip(missing, self._router.read_queries(missing), strict=True))}


def _wording(words: Sequence[Word]) -> tuple[str, ...]:
    return tuple(w.norm for w in words)


def _says(text: Text) -> tuple[frozenset[str], bool]:
    """Return the meaningful words of a text, and whether it denies something."""
    return text.norms, denial_in(text.words)


def _answer(text: Text, start: int) -> set[str]:
    """Return the meaningful words of the answer that begins at a word."""
    return {w.norm for w in text.words[start : answer_end(text.text, text.words, start)] if w.content and w.norm not in TITLES}


def _ending(old: Text, new: Text) -> set[str]:
    """Return the meaningful words of what the old text answers: from where the two part, or behind its question."""
    words = old.words if old.question else _settled(old.words)
    begin = old.answer_from or _shared(words, _settled(new.words))
    return {w.norm for w in words[begin:] if w.content}


def _corrects(old: Sequence[Word], new: Sequence[Word]) -> bool:
    """Return whether two texts say two things of which only one can be true, by their wording alone.

    They begin alike, with at least two meaningful words up to "is", and end in different names, numbers or things: "The wifi
    password is a", "The wifi password is b". Whatever else begins alike may well be true together ("Ann was born in Oslo", "Ann
    was born in 1970"; "Marta is allergic to nuts", "... to milk") and is left to the gate.
    """
    if denial_in(new):
        return False  # of what something isn't, many things are true
    shared = _shared(old, new)
    tails = (old[shared:], new[shared:])
    if _numeric(tails[0]) != _numeric(tails[1]) or not _equates(old, shared):
        return False
    if {w.norm for w in tails[0]} & {w.norm for w in tails[1]}:
        # "on the second floor", "on the fourth floor"
        differ = sum(a.norm != b.norm for a, b in zip(*tails, strict=False))
        return len(tails[0]) == len(tails[1]) and differ == 1 and all(_is_ending(tail, len(tail)) for tail in tails)
    return _parallel(old, new)


def _settled(words: Sequence[Word]) -> Sequence[Word]:
    """Return the words of a text without what only says that it is a correction: "Correction: ...", "now", "not this but"."""
    first = next((i for i, w in enumerate(words) if w.norm not in _ANNOUNCING), 0)
    left = [w for w in words[first:] if w.norm not in NOW]
    no = next((i for i, w in enumerate(left) if w.norm == "not"), None)
    but = next((i for i, w in enumerate(left) if w.norm == "but"), None)
    return left if no is None or but is None or not no < but < len(left) - 1 else [*left[:no], *left[but + 1 :]]


def _denies(old: Text, new: Text) -> bool:
    """Return whether of two statements with the same meaningful words in the same order one denies the other.

    Whatever their endings ("Tom eats", "Tom doesn't eat"). "Ann doesn't like Tom" denies nothing of "Tom likes Ann".
    """
    if old.question is not None or new.question is not None:
        return False
    return _stems(old) == _stems(new) and denial_in(old.words) != denial_in(new.words)


def _same_order(old: Text, new: Text) -> bool:
    """Return whether the meaningful words that two texts share stand in the same order in both."""
    one, other = _stems(old), _stems(new)
    return [stem for stem in one if stem in other] == [stem for stem in other if stem in one]


def _stems(text: Text) -> list[str]:
    return [w.norm.rstrip("s") for w in text.words if w.content]


def _parallel(old: Sequence[Word], new: Sequence[Word]) -> bool:
    """Return whether two texts begin alike, with at least two meaningful words, and end in two different answers."""
    shared = _shared(old, new)
    return sum(w.content for w in old[:shared]) >= 2 and all(_is_ending(words[shared:], shared) for words in (old, new))


def _shared(old: Sequence[Word], new: Sequence[Word]) -> int:
    """Return with how many equal words two texts begin."""
    pairs = zip(old, new, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a.norm != b.norm), min(len(old), len(new)))


def _answers_anew(old: Text, new: Text) -> bool:
    """Return whether two texts are the same question with different answers: a question that is kept has one answer.

    Only one with a question word: "Is Ann in? Yes" may be told of another day, and "Did you see the game? ..." asks for nothing.
    """
    if old.question is None or new.question is None:
        return False
    return same_question(old.question, new.question) and has_question_word(split_words(new.question))


def _equates(words: Sequence[Word], start: int) -> bool:
    """Return whether what begins at `start` is said to *be* the subject: "is", "is called", "is under the", and no other verb."""
    for word in reversed(words[:start]):
        if word.norm in EQUATES:
            return True
        if word.content and word.norm not in _PLACES:
            return False
    return False


def _is_ending(tail: Sequence[Word], shared: int) -> bool:
    """Return whether what follows `shared` words is an answer and no more: it begins with its own word and has no verb."""
    return bool(tail) and tail[0].content and len(tail) <= shared and not any(w.norm in VERBS for w in tail)


def _numeric(words: Sequence[Word]) -> bool:
    return any(w.digit for w in words)
