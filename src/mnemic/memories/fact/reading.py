"""What the host makes of an item and of a query, reduced to what the gate needs.

A language model's state before a word says what kind of thing is expected there. The state before an item's answer and the state
at the end of a query are alike when the query asks for that answer, whatever its wording: this resonance is what the gate and the
pointer stand on. Raw states are large (layers x words x D); they are centred and projected onto the leading principal directions
of query states, which keeps their cosines.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...types import FloatArray
from .words import Word, is_whole, split_words

STATEMENTS = (
    "Tom Hale was born in Leeds.\nThe old van is grey.\nThe author of The Lost Kite is Mary Dunn.\nThe inn has 24 rooms.\n"
)
ANSWERS = (
    "Question: Where was Tom Hale born?\nAnswer: Leeds\n\n"
    "Question: What is the colour of the old van?\nAnswer: grey\n\n"
    "Question: Who wrote The Lost Kite?\nAnswer: Mary Dunn\n\n"
    "Question: How many rooms does the inn have?\nAnswer: 24\n\n"
    "Question: When is the meeting?\nAnswer: 3 May\n\n"
    "Question: What does Ida Moss do for a living?\nAnswer: baker\n\n"
    "Question: Which company makes the K7?\nAnswer: Orbit Ltd\n\n"
    "Question: What is my cat called?\nAnswer: Misty\n\n"
)
"""Answers of as many kinds as there are examples: a name, a colour, a number, a day, a word."""

HalfArray = npt.NDArray[np.float16]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TextStates:
    """One text as the host read it.

    token_ids: n ids. offsets: n character spans. states: layer -> `[n, D]`. losses: `[n]` nats of each token given those before
    it, NaN for the first. last_logprobs: `[V]` log-probabilities of the token after the text. Read for its end alone, a text has
    the states of its last token only, no offsets and no losses; read whole, it has no `last_logprobs`.
    """

    token_ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]
    states: dict[int, FloatArray]
    losses: FloatArray
    last_logprobs: FloatArray


class TextReader(Protocol):
    """The host, as far as the fact memory needs it."""

    @property
    def fingerprint(self) -> str:
        """Digest of the host: readings of another host are not comparable."""
        ...

    @property
    def num_layers(self) -> int:
        """Number of blocks."""
        ...

    @property
    def window(self) -> int | None:
        """Longest text in tokens, None if the host states none."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the host reads for a text."""
        ...

    def read(self, texts: Sequence[str], layers: Sequence[int], *, ends: bool, prefix: str = "") -> Sequence[TextStates]:
        """Return what the host makes of texts behind a prefix; `ends` when only what follows them is wanted."""
        ...

    def first_token(self, word: str) -> int:
        """Return the first token of a word in the middle of a text (with its leading space)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Cues:
    """What the host reads before a text, so that its states expect an answer: examples of the same form.

    A text that breaks off is its own cue. After a bare question a model expects anything, so its last state says little of what
    was asked; after questions with short answers it expects a short answer, and the state says which kind. Items and open texts
    stand behind plain statements, for the same reason.
    """

    statements: str = ""
    """Before items and open texts."""
    answers: str = ""
    """Before questions."""

    @classmethod
    def fitting(cls, reader: TextReader) -> "Cues":
        """Return the cues that leave most of a host's window free, or none."""
        cues = cls(statements=STATEMENTS, answers=ANSWERS)
        return cues if reader.window is None or cues.tokens(reader) * 4 <= reader.window else cls()

    def tokens(self, reader: TextReader) -> int:
        """Return how much of a host's window the longer cue takes, with what makes a query a question."""
        return max(reader.count_tokens(self.statements), reader.count_tokens(self.answers + _as_question("")))

    def read_queries(self, queries: Sequence[str], layers: Sequence[int], reader: TextReader) -> list[TextStates]:
        """Return the readings of queries, each in its form and behind its cue."""
        found: dict[int, TextStates] = {}
        for whole in (False, True):
            places = [i for i, query in enumerate(queries) if is_whole(query) == whole]
            texts = [_as_question(queries[i]) if whole else queries[i].rstrip() for i in places]
            read = reader.read(texts, layers, ends=True, prefix=self.answers if whole else self.statements) if texts else []
            found |= zip(places, read, strict=True)
        return [found[i] for i in range(len(queries))]

    def read_items(self, texts: Sequence[str], layers: Sequence[int], reader: TextReader) -> Sequence[TextStates]:
        """Return the readings of items behind their cue."""
        return reader.read(texts, layers, ends=False, prefix=self.statements)


def _as_question(query: str) -> str:
    text = query.rstrip()
    return f"Question: {text}{'' if text.endswith(('?', '.', '!', '…')) else '?'}\nAnswer:"


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Centring and projection of host states, fitted by calibration.

    layers: the L blocks that are read. open_mean, whole_mean: `[L, D]` mean last states of open texts and of questions.
    basis: `[L, D, P]` orthonormal columns. prior: `[V]` mean log-probability of each token after a query.
    cues: what the host reads before every text.
    """

    cues: Cues
    layers: tuple[int, ...]
    open_mean: FloatArray
    whole_mean: FloatArray
    basis: FloatArray
    prior: FloatArray

    @property
    def identity(self) -> str:
        """Return a digest: cached readings made with another projection are not comparable."""
        digest = hashlib.sha256(repr((self.cues, self.layers)).encode())
        for array in (self.open_mean, self.basis):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def apply(self, states: FloatArray, *, whole: bool) -> FloatArray:
        """Return `[..., L, P]` centred and projected from states `[..., L, D]`."""
        centred = states - (self.whole_mean if whole else self.open_mean)
        return np.asarray(np.einsum("...ld,ldp->...lp", centred, self.basis, optimize=True), dtype=np.float32)

    @classmethod
    def fit(
        cls,
        cues: Cues,
        layers: Sequence[int],
        last: FloatArray,
        whole: npt.NDArray[np.bool_],
        logprobs: FloatArray,
        *,
        width: int,
    ) -> "Projection":
        """Fit on last states `[Q, L, D]` of queries, of which `whole` `[Q]` are questions, and `[V]` mean log-probabilities."""
        open_mean, whole_mean = last[~whole].mean(axis=0), last[whole].mean(axis=0)
        centred = last - np.where(whole[:, None, None], whole_mean, open_mean)
        basis = []
        for layer in range(last.shape[1]):
            _, vectors = np.linalg.eigh(centred[:, layer].T @ centred[:, layer])
            basis.append(vectors[:, ::-1][:, :width])
        return cls(
            cues=cues,
            layers=tuple(layers),
            open_mean=open_mean.astype(np.float32),
            whole_mean=whole_mean.astype(np.float32),
            basis=np.ascontiguousarray(np.stack(basis)).astype(np.float32),
            prior=logprobs.astype(np.float32),
        )


@dataclass(frozen=True)
class ItemReading:
    """An item as the host read it, per word.

    lead_ids: `[W]` first token of the word inside a text. loss: `[W]` nats of its first token, NaN where nothing came before.
    states: `[W, L, P]` projected state before the word, zero where nothing came before.
    """

    lead_ids: IntArray
    loss: FloatArray
    states: HalfArray

    @property
    def surprise(self) -> float:
        """How much the text told the model, from 0 to 1: mean nats per word against a uniform guess among 10,000."""
        known = self.loss[~np.isnan(self.loss)]
        return float(np.clip(known.mean() / np.log(10_000), 0.0, 1.0)) if known.size else 0.5

    def to_bytes(self) -> bytes:
        """Return the form in which the store caches it: three counts, then the arrays."""
        head = np.array(self.states.shape, dtype="<i4")
        parts = (head, self.lead_ids.astype("<i4"), self.loss.astype("<f4"), self.states.astype("<f2"))
        return b"".join(part.tobytes() for part in parts)

    @classmethod
    def from_bytes(cls, blob: bytes) -> "ItemReading | None":
        """Return the reading, or None if the bytes are not one (a cache may be lost; it is read again)."""
        if len(blob) < 12:
            return None
        words, layers, width = (int(n) for n in np.frombuffer(blob, "<i4", 3))
        if min(words, layers, width) < 0 or len(blob) != 12 + words * (8 + 2 * layers * width):
            return None
        lead = np.frombuffer(blob, "<i4", words, 12)
        loss = np.frombuffer(blob, "<f4", words, 12 + 4 * words)
        states = np.frombuffer(blob, "<f2", words * layers * width, 12 + 8 * words).reshape(words, layers, width)
        return cls(lead.astype(np.int32), loss.astype(np.float32), states.astype(np.float16))


@dataclass(frozen=True)
class QueryReading:
    """A query as the host read it: projected last state `[L, P]`, and log-probabilities `[V]` of the token that would follow."""

    state: FloatArray
    logprobs: FloatArray


def read_item(text: str, words: Sequence[Word], read: TextStates, reader: TextReader, projection: Projection) -> ItemReading:
    """Reduce an item's states to its words."""
    starts = _first_tokens(words, read.offsets)
    stacked = np.stack([read.states[layer] for layer in projection.layers], axis=1)
    before = np.array([max(s - 1, 0) for s in starts], dtype=np.int64)
    states = projection.apply(stacked[before], whole=False)
    states[[i for i, s in enumerate(starts) if s == 0]] = 0.0
    limit = float(np.finfo(np.float16).max)
    return ItemReading(
        np.array([reader.first_token(w.text) for w in words], dtype=np.int32),
        np.array([read.losses[s] for s in starts], dtype=np.float32),
        np.clip(states, -limit, limit).astype(np.float16),
    )


def read_query(read: TextStates, *, whole: bool, projection: Projection) -> QueryReading:
    """Reduce a query's states to its end."""
    last = np.stack([read.states[layer][-1] for layer in projection.layers])
    return QueryReading(projection.apply(last, whole=whole), read.last_logprobs)


def _first_tokens(words: Sequence[Word], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the index of each word's first token: the first one that ends after the word's first character."""
    ends = [end for _, end in offsets]
    starts, token = [], 0
    for word in words:
        while token < len(ends) - 1 and ends[token] <= word.start:
            token += 1
        starts.append(token)
    return starts


def read_items(texts: Sequence[str], reader: TextReader, projection: Projection) -> list[ItemReading]:
    """Read items in as few forward passes as their number allows."""
    reads = projection.cues.read_items(texts, projection.layers, reader)
    return [read_item(t, split_words(t), r, reader, projection) for t, r in zip(texts, reads, strict=True)]


def read_queries(queries: Sequence[str], reader: TextReader, projection: Projection) -> list[QueryReading]:
    """Read queries, batched by the queries alone."""
    reads = projection.cues.read_queries(queries, projection.layers, reader)
    return [read_query(r, whole=is_whole(q), projection=projection) for r, q in zip(reads, queries, strict=True)]
