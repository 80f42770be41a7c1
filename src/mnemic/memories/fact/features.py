"""What the gate looks at: a query beside an item, as named numbers. A missing source (no encoder, no host reading) is NaN."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...types import FloatArray
from .person import owned, speaker
from .reading import ItemReading, QueryReading
from .saying import no_place
from .spans import answer_end, begins_clause
from .words import (
    ASKING,
    PLACES,
    TIMES,
    VERBS,
    AnsweredQuestion,
    SharedSpan,
    Word,
    answered_question,
    has_question_word,
    is_whole,
    replace_words,
    same_question,
    shared_span,
    spoken_words,
)

Features = npt.NDArray[np.float64]

LEXICAL = (
    "query_covered",
    "fact_covered",
    "query_names_covered",
    "fact_names_covered",
    "query_numbers_missing",
    "span_words",
    "span_content",
    "span_share_query",
    "span_share_fact",
    "query_rest",
    "fact_rest",
    "query_words",
    "whole",
    "answer_in_query",
    "query_speaker",
    "fact_speaker",
    "query_owned_missing",
    "fact_owned_missing",
    "owned_shared",
    "query_names_missing",
    "asks",
    "answer_digit",
    "answer_proper",
    "answer_time",
    "answer_behind_place",
    "clause_shared",
    "same_before",
    "same_after",
    "query_novel_before",
    "query_novel_after",
    "fact_novel_before",
    "fact_novel_after",
)
ENCODER = ("cosine", "cosine_masked", "cosine_answer")
HOST = ("answer_logprob", "answer_logprob_gain", "answer_logprob_change", "top_logprob")
START = (
    "novel",
    "run_begins",
    "run_share",
    "last_run",
    "content",
    "proper",
    "digit",
    "position",
    "follows_shared",
    "follows_stop",
    "follows_novel",
    "novel_follows",
    "first_word",
    "asks",
    "behind_place",
    "time",
    "clause",
    "clause_shared",
)
START_HOST = ("loss", "logprob", "logprob_gain", "logprob_rank", "resonance_rank")


QUESTIONS = ("", "who", "whom", "whose", "where", "when", "why", "how", "how many", "what", "which")
AMOUNTS = frozenset("many much old tall long far high heavy big large often deep wide fast".split())
"""What "how" asks a number with."""
SPOKEN_COSINE = 0.2
"""Cosine from which two texts about their speaker are judged without a meaningful word in common; set by hand."""


def pair_names(num_layers: int) -> tuple[str, ...]:
    """Return the names of the features of a pair, for `num_layers` host layers read."""
    return (*LEXICAL, *ENCODER, *HOST, *(f"resonance_{i}" for i in range(num_layers)))


def start_names(num_layers: int) -> tuple[str, ...]:
    """Return the names of the features of an answer's start."""
    return (*START, *START_HOST, *(f"resonance_{i}" for i in range(num_layers)))


class Text:
    """A text with its words, split once."""

    def __init__(self, text: str) -> None:
        """Keep the text; words are split when first asked for."""
        self.text = text

    @cached_property
    def words(self) -> list[Word]:
        """The words in order; a question kept with its answer may have labels, which aren't among them."""
        return spoken_words(self.text)

    @cached_property
    def _parts(self) -> AnsweredQuestion | None:
        return answered_question(self.text)

    @property
    def question(self) -> str | None:
        """The question, if the text is one with its answer."""
        return None if self._parts is None else self.text[self._parts.begin : self._parts.end]

    @cached_property
    def answer_from(self) -> int:
        """The first word that can begin an answer: behind the question, where there is one."""
        parts = self._parts
        return 0 if parts is None else next(i for i, w in enumerate(self.words) if w.start >= parts.answer)

    @cached_property
    def whole(self) -> bool:
        """Whether it is a whole sentence, not an open text."""
        return is_whole(self.text)

    @cached_property
    def flags(self) -> npt.NDArray[np.bool_]:
        """Of each word `[3, W]`: does it carry meaning, does it look like a name, does it hold a digit."""
        return np.array([self.content, [w.proper for w in self.words], [w.digit for w in self.words]], dtype=np.bool_)

    @cached_property
    def content(self) -> tuple[bool, ...]:
        """Of each word, whether it carries meaning."""
        return tuple(w.content for w in self.words)

    @cached_property
    def kinds(self) -> npt.NDArray[np.bool_]:
        """Of each word `[2, W]`: does it open the naming of a place, does it name a time."""
        return np.array([[w.norm in PLACES for w in self.words], [w.norm in TIMES for w in self.words]], dtype=np.bool_)

    @cached_property
    def clauses(self) -> npt.NDArray[np.int64]:
        """Of each word `[W]`, the number of its clause."""
        begins = [i > 0 and begins_clause(self.text, self.words, i) for i in range(len(self.words))]
        return np.cumsum(begins, dtype=np.int64)

    @cached_property
    def asks(self) -> int:
        """The number of the question word that comes first, in `QUESTIONS`; 0 without one."""
        norms = [w.norm for w in self.words]
        first = next((i for i, n in enumerate(norms) if n in ASKING), None)
        if first is None:
            return 0
        amount = norms[first] == "how" and first + 1 < len(norms) and norms[first + 1] in AMOUNTS
        return QUESTIONS.index("how many" if amount else norms[first])

    @cached_property
    def norms(self) -> frozenset[str]:
        """The distinct meaningful words."""
        return frozenset(w.norm for w, content in zip(self.words, self.content, strict=True) if content)

    @cached_property
    def speaker(self) -> int:
        """How it speaks of its speaker: 2 as "I" or "we", 1 as "my" or "our" alone, 0 not at all."""
        return speaker(self.words)

    @cached_property
    def owned(self) -> frozenset[str]:
        """What somebody has, and who has it: "sister" and "goat" of "my sister's goat"."""
        return owned(self.words)

    @cached_property
    def names(self) -> frozenset[str]:
        """The meaningful words with a capital or a digit; a capital at the start of the text counts too."""
        return frozenset(w.norm for w, content in zip(self.words, self.content, strict=True) if content and w.proper)


@dataclass(frozen=True, kw_only=True)
class HostView:
    """What the host makes of an item's words, given the query. All per word, `[W]` or `[W, L]`.

    loss: nats of the word inside the item. logprob: of the word right after the query. gain: that against the word's mean after
    any query. resonance: cosine per layer between the query's end and the place before the word, NaN where nothing came before.
    top_logprob: of the query's likeliest next token.
    """

    loss: Features
    logprob: Features
    gain: Features
    resonance: Features
    top_logprob: float

    @classmethod
    def of(cls, query: QueryReading, item: ItemReading, prior: FloatArray) -> "HostView":
        """Compare a query's reading with an item's; `prior` is `[V]`, the mean log-probability of each token after a query."""
        states, end = item.states.astype(np.float64), query.state.astype(np.float64)
        norms = np.linalg.norm(states, axis=-1) * np.linalg.norm(end, axis=-1)
        cosine = np.einsum("wlp,lp->wl", states, end) / np.maximum(norms, 1e-6)
        logprob = query.logprobs[item.lead_ids].astype(np.float64)
        return cls(
            loss=item.loss.astype(np.float64),
            logprob=logprob,
            gain=logprob - prior[item.lead_ids],
            resonance=np.where(norms > 1e-6, cosine, np.nan),
            top_logprob=float(query.logprobs.max()),
        )


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A query beside an item, with whatever could be read of them."""

    query: Text
    item: Text
    span: SharedSpan
    host: HostView | None = None
    cosine: float = float("nan")

    @classmethod
    def of(cls, query: Text, item: Text, host: HostView | None = None) -> "Pair":
        """Return the pair with its shared span found."""
        return cls(query=query, item=item, span=shared_span(query.words, item.words), host=host)

    @property
    def whole(self) -> bool:
        """Whether the query is a whole sentence, not an open text."""
        return self.query.whole

    @cached_property
    def alone(self) -> bool:
        """Whether the two share no meaningful word."""
        return not self.query.norms & self.item.norms

    @property
    def near(self) -> bool:
        """Whether the gate judges it: the two share a meaningful word, or both speak of their speaker and are alike.

        "I commute by tram" and "How do I get to work?" have no word in common but "I". A request ("Write me a poem") asks for
        nothing of its speaker.
        """
        if not self.alone:
            return True
        spoken = self.query.speaker > 0 and self.item.speaker > 0 and self.cosine >= SPOKEN_COSINE
        return spoken and (not self.whole or has_question_word(self.query.words))

    @cached_property
    def clause_shared(self) -> Features:
        """For each word `[W]` of the item, which share of the query's meaningful words its clause holds."""
        clauses, norms = self.item.clauses, self.query.norms
        asked = [w.norm in norms for w in self.item.words]
        held = np.bincount(clauses, weights=asked, minlength=1)
        return held[clauses] / max(1, len(norms))

    @cached_property
    def repeated(self) -> bool:
        """Whether the item is this very question with its answer."""
        return self.item.question is not None and same_question(self.item.question, self.query.text)

    def misplaced(self, start: int) -> bool:
        """Whether the query asks where something is, and an answer at word `start` names no place."""
        return self.whole and no_place(self.item.text, self.item.words, start, self.query.words)

    def masked(self, start: int) -> tuple[str, str, str]:
        """Return query and item with their common subject replaced, the item's answer too, and that answer.

        What is left of the two is the relation; the answer tells whether it is the sort of thing that the query asks for.
        """
        words = self.item.words
        end = answer_end(self.item.text, words, start, self.query.norms)
        query = replace_words(self.query.text, self.query.words, self.span.query_start, self.span.length, "it")
        cuts = sorted([(self.span.fact_start, self.span.length, "it"), (start, end - start, "something")], reverse=True)
        item = self.item.text
        for first, length, by in cuts:
            item = replace_words(item, words, first, length, by)
        return query, item, self.item.text[words[start].start : words[end - 1].end]


def masked_columns(num_layers: int) -> list[int]:
    """Return where the cosines of a pair's masked texts stand among its features."""
    return [pair_names(num_layers).index(name) for name in ENCODER[1:]]


def masked_cosines(vectors: FloatArray) -> Features:
    """Return `[P, 2]` cosines of P pairs, of whose masked texts `vectors` `[3 P, E]` are the encodings: the query with both."""
    query, item, answer = (vectors[n::3].astype(np.float64) for n in range(3))
    return np.stack([(query * item).sum(axis=1), (query * answer).sum(axis=1)], axis=1)


def start_features(pair: Pair, num_layers: int) -> Features:
    """Return the features `[W, len(start_names)]` of each word of the item as the start of the answer, in that order."""
    item, asked = pair.item, {w.norm for w in pair.query.words}
    novel = np.array([w.norm not in asked for w in item.words])
    content, proper, digit = item.flags
    run_begins, run_size, last_run = _runs(novel, content)
    matters = novel & content
    count = len(item.words)
    table = np.full((count, len(START) + len(START_HOST) + num_layers), np.nan)
    place = np.arange(count)
    table[:, 0] = novel
    table[:, 1] = run_begins
    table[:, 2] = run_size / max(1, int(matters.sum()))
    table[:, 3] = last_run
    table[:, 4] = content
    table[:, 5] = proper
    table[:, 6] = digit
    table[:, 7] = place / max(1, count - 1)
    table[:, 8:12] = 0
    table[1:, 8] = ~novel[:-1] & content[:-1]
    table[1:, 9] = ~content[:-1]
    table[1:, 10] = matters[:-1]
    table[:-1, 11] = matters[1:]
    table[:, 12] = place == 0
    table[:, 13] = pair.query.asks
    table[1:, 14] = item.kinds[0, :-1]
    table[0, 14] = 0
    table[:, 15] = item.kinds[1]
    table[:, 16] = item.clauses
    table[:, 17] = pair.clause_shared
    if pair.host is not None:
        view, host = pair.host, table[:, len(START) :]
        mean = np.nan_to_num(view.resonance, nan=-1.0).mean(axis=1)
        host[:, 0] = view.loss
        host[:, 1] = view.logprob
        host[:, 2] = view.gain
        host[:, 3] = _ranks(view.gain, matters)
        host[:, 4] = _ranks(mean, matters)
        host[:, len(START_HOST) :] = view.resonance
    return table


def pair_features(pair: Pair, start: int, num_layers: int) -> Features:
    """Return the features `[len(pair_names)]` of the query and the item, if the answer starts at word `start`.

    `cosine_masked` and `cosine_answer` are NaN: the subject is judged without them, and who judges the relation fills them in,
    so that only items about the same thing cost the encoder anything.
    """
    query, item = pair.query, pair.item
    end = answer_end(item.text, item.words, start, query.norms)
    answer = {w.norm for w in item.words[start:end] if w.norm in item.norms}
    about = frozenset(w.norm for i, w in enumerate(item.words) if item.content[i] and not start <= i < end)
    about_names = item.names & about
    span, words = pair.span, query.words
    span_content = sum(query.content[span.query_start : span.query_start + span.length])
    lexical = [
        _share(query.norms, about),
        _share(about, query.norms),
        _share(query.names, item.norms),
        _share(about_names, query.norms),
        sum(any(c.isdigit() for c in n) for n in query.names - item.norms),
        span.length,
        span_content,
        span.length / max(1, len(words)),
        span.length / max(1, len(item.words) - (end - start)),
        len(query.norms - item.norms),
        len(about - query.norms),
        len(words),
        pair.whole,
        _share(answer, query.norms),
        query.speaker,
        item.speaker,
        len(query.owned - item.norms),
        len(item.owned - query.norms),
        len(query.owned & item.owned),
        len([w for w in query.words[1:] if w.norm in query.names and w.proper and w.norm not in item.norms]),
        query.asks,
        item.flags[2, start:end].any(),
        item.flags[1, start],
        item.kinds[1, start:end].any(),
        start > 0 and item.kinds[0, start - 1],
        pair.clause_shared[start],
        *_beside_span(pair),
    ]
    host = np.full(len(HOST) + num_layers, np.nan)
    if pair.host is not None:
        view = pair.host
        change = view.logprob[start] + view.loss[start]
        host = np.array([view.logprob[start], view.gain[start], change, view.top_logprob, *view.resonance[start]])
    return np.concatenate([np.array(lexical, dtype=np.float64), [pair.cosine, np.nan, np.nan], host])


def _beside_span(pair: Pair) -> list[float]:
    """Return what stands right before and after the shared span in both texts: "my easel" isn't "my father's easel".

    same: the same word (or none in both). novel: a meaningful word that the other text doesn't have. NaN where nothing is shared.
    """
    span = pair.span
    if span.length == 0:
        return [float("nan")] * 6
    sides = []
    for text, start, other in ((pair.query, span.query_start, pair.item), (pair.item, span.fact_start, pair.query)):
        end = start + span.length
        before = text.words[start - 1] if start else None
        after = text.words[end] if end < len(text.words) else None
        sides.append(
            [(w.norm if w else None, w is not None and w.content and w.norm not in other.norms) for w in (before, after)]
        )
    (query_before, query_after), (fact_before, fact_after) = sides
    same = [query_before[0] == fact_before[0], query_after[0] == fact_after[0]]
    return [*map(float, same), *(float(novel) for _, novel in (query_before, query_after, fact_before, fact_after))]


def said_words(pair: Pair) -> npt.NDArray[np.bool_]:
    """Return `[W]`: which words of the item belong to what the query says, and so begin no answer.

    These are the meaningful words that the query holds, where the item says them first (in "The capital of Guatemala is Guatemala
    City" the second one is the answer), and a word right between two of them: "city" in "the capital city of France".
    """
    words, asked = pair.item.words, pair.query.norms
    seen: set[str] = set()
    said = np.zeros(len(words), dtype=bool)
    for i, word in enumerate(words):
        said[i] = pair.item.content[i] and word.norm in asked and word.norm not in seen
        seen.add(word.norm)
    following: Word | None = None
    inside: list[bool] = []
    for word in reversed(words):
        inside.append(following is not None and following.norm in asked)
        following = word if word.norm in pair.item.norms or word.norm in VERBS else following
    inside.reverse()
    for i in range(1, len(words) - 1):
        said[i] = said[i] or (pair.item.content[i] and said[i - 1] and inside[i] and not words[i].proper)
    return said


def _share(part: frozenset[str] | set[str], whole: frozenset[str]) -> float:
    """Return which share of `part` is in `whole`; NaN if `part` is empty."""
    return len(part & whole) / len(part) if part else float("nan")


def _ranks(values: npt.NDArray[np.floating], matters: npt.NDArray[np.bool_]) -> Features:
    """Return the rank of each word among the words that matter, best 0; NaN for the others."""
    ranks = np.full(values.shape, np.nan)
    chosen = np.flatnonzero(matters)
    ranks[chosen[np.argsort(-values[chosen], kind="stable")]] = np.arange(chosen.size)
    return ranks


def _runs(
    novel: npt.NDArray[np.bool_], content: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return for each word: does a run of unasked words begin here, how much content its run has, is it the last such run."""
    begins, run = np.zeros(novel.size, bool), np.zeros(novel.size, np.int64)
    current = 0
    for i, is_novel in enumerate(novel):
        if is_novel and (i == 0 or not novel[i - 1]):
            begins[i], current = True, current + 1
        run[i] = current if is_novel else 0
    contents = np.bincount(run, weights=content, minlength=current + 1).astype(np.int64)
    contents[0] = 0
    size = contents[run]
    filled = np.flatnonzero(contents)
    return begins, size, (run == filled[-1]) if filled.size else np.zeros(novel.size, bool)
