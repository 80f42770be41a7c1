"""What the host makes of an item and of a query, reduced to what the gate needs.

A language model's state before a word says what kind of thing is expected there. The state before an item's answer and the state
at the end of a query are alike when the query asks for that answer, whatever its wording: this resonance is what the gate and the
pointer stand on. Raw states are large (layers x words x D); they are centred and projected onto the leading principal directions
of query states, which keeps their cosines.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...types import FloatArray
from .cues import Cues, Form, item_form, query_form
from .texts import TextReader, TextStates
from .words import Word, spoken_words

READING_VERSION = 2
"""Of what is read of an item, and how: cached readings of another version are not comparable."""
_SHRINK = 0.1
"""How much of a sphere is added to the scatter within classes, which few examples tell badly."""
HalfArray = npt.NDArray[np.float16]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Centring and projection of host states, fitted by calibration.

    layers: the L blocks that are read. open_mean, whole_mean: `[L, D]` mean last states of open texts and of questions.
    basis: `[L, D, P]`: the leading principal directions, whitened so that wordings of one question differ alike in all of them.
    prior: `[V]` mean log-probability of each token after a query.
    cues: what the host reads before every text.
    """

    cues: Cues
    layers: tuple[int, ...]
    open_mean: FloatArray
    whole_mean: FloatArray
    basis: FloatArray
    prior: FloatArray

    @cached_property
    def identity(self) -> str:
        """Return a digest: cached readings made with another projection are not comparable."""
        digest = hashlib.sha256(repr((READING_VERSION, self.cues, self.layers)).encode())
        for array in (self.open_mean, self.whole_mean, self.basis):
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
        asks: npt.NDArray[np.int64],
    ) -> "Projection":
        """Fit on queries' last states.

        Args:
            cues: what stood before the queries.
            layers: the L blocks.
            last: `[Q, L, D]`.
            whole: `[Q]`, which of the queries are questions.
            logprobs: `[V]` mean log-probabilities of the next token.
            width: P.
            asks: `[Q]`, alike where queries ask for the same, -1 where that isn't known.
        """
        open_mean, whole_mean = last[~whole].mean(axis=0), last[whole].mean(axis=0)
        centred = last - np.where(whole[:, None, None], whole_mean, open_mean)
        basis = []
        for layer in range(last.shape[1]):
            _, vectors = np.linalg.eigh(centred[:, layer].T @ centred[:, layer])
            leading = vectors[:, ::-1][:, :width]
            basis.append(leading @ _whitening(centred[:, layer] @ leading, 2 * asks + whole, asks >= 0))
        return cls(
            cues=cues,
            layers=tuple(layers),
            open_mean=open_mean.astype(np.float32),
            whole_mean=whole_mean.astype(np.float32),
            basis=np.ascontiguousarray(np.stack(basis)).astype(np.float32),
            prior=logprobs.astype(np.float32),
        )


def _whitening(states: FloatArray, classes: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]) -> FloatArray:
    """Return `[P, P]`, the inverse root of the scatter within classes: what differs between wordings of the same counts less.

    Within-class covariance normalisation (Hatch et al. 2006), classes weighed by the root of their size, a tenth of a sphere
    added to the scatter. The identity where no class has two members.

    Args:
        states: `[Q, P]`.
        classes: `[Q]`.
        known: `[Q]`, which rows have a class.
    """
    width = states.shape[1]
    scatter: npt.NDArray[np.float64] = np.zeros((width, width))
    for one in np.unique(classes[known]):
        members = states[known & (classes == one)].astype(np.float64)
        if len(members) > 1:
            members -= members.mean(axis=0)
            scatter += members.T @ members / np.sqrt(len(members))
    mean = np.trace(scatter) / width
    if mean == 0:
        return np.eye(width, dtype=np.float32)
    values, vectors = np.linalg.eigh(scatter / mean + _SHRINK * np.eye(width))
    return np.asarray(vectors / np.sqrt(values) @ vectors.T, dtype=np.float32)


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


@dataclass(frozen=True)
class FreshReading:
    """An item that was read just now: beside its reading, everything the host made of it."""

    item: ItemReading
    _words: Sequence[Word]
    _form: Form
    _states: TextStates
    _reader: TextReader
    _projection: Projection

    def beginnings(self, queries: Mapping[str, int]) -> dict[str, QueryReading]:
        """Return how beginnings of the text read as queries, without another pass.

        Those that the host would read otherwise are left out.

        Args:
            queries: beginnings, each with the index of the word that follows it.
        """
        ends = {query: end for query, word in queries.items() if (end := self._end(query, word)) is not None}
        top = self._states.states.get(self._reader.num_layers)
        logprobs = None if top is None or not ends else self._reader.after(top[list(ends.values())])
        if logprobs is None:
            return {}
        stacked = np.stack([self._states.states[layer] for layer in self._projection.layers], axis=1)
        states = self._projection.apply(stacked[list(ends.values())], whole=self._form.asked)
        return {query: QueryReading(state, after) for query, state, after in zip(ends, states, logprobs, strict=True)}

    def _end(self, query: str, word: int) -> int | None:
        """Return the token with which a beginning ends, or None if it would be read in another form or cut otherwise."""
        form, place = query_form(query), self._form.place(self._words[word].start)
        before = self._form.text[:place].rstrip()
        if not before or form.asked != self._form.asked or form.text != before:
            return None
        # a space of its own may follow; the pieces of one character all end where it ends
        return max((i for i, (_, stop) in enumerate(self._states.offsets) if stop == len(before)), default=None)


def read_fresh(texts: Sequence[str], reader: TextReader, projection: Projection) -> list[FreshReading]:
    """Read items, and keep what the host made of them."""
    forms = [item_form(text) for text in texts]
    reads = projection.cues.read(forms, projection.layers, reader, ends=False)
    words = [spoken_words(text) for text in texts]
    return [
        FreshReading(_read_item(w, f, r, reader, projection), w, f, r, reader, projection)
        for w, f, r in zip(words, forms, reads, strict=True)
    ]


def read_items(texts: Sequence[str], reader: TextReader, projection: Projection) -> list[ItemReading]:
    """Read items in as few forward passes as their number allows."""
    return [fresh.item for fresh in read_fresh(texts, reader, projection)]


def read_queries(queries: Sequence[str], reader: TextReader, projection: Projection) -> list[QueryReading]:
    """Read queries, batched by the queries alone."""
    forms = [query_form(query) for query in queries]
    reads = projection.cues.read(forms, projection.layers, reader, ends=True)
    return [_read_query(f, r, projection) for f, r in zip(forms, reads, strict=True)]


def _read_item(words: Sequence[Word], form: Form, read: TextStates, reader: TextReader, projection: Projection) -> ItemReading:
    """Reduce an item's states to its words."""
    firsts = _first_tokens([form.place(word.start) for word in words], read.offsets)
    known = [i for i, first in enumerate(firsts) if first]
    loss = np.full(len(words), np.nan, dtype=np.float32)
    states = np.zeros((len(words), len(projection.layers), projection.basis.shape[-1]), dtype=np.float32)
    if known:
        first = np.array([firsts[i] for i in known], dtype=np.int64)
        loss[known] = read.losses[first]
        stacked = np.stack([read.states[layer] for layer in projection.layers], axis=1)
        states[known] = projection.apply(stacked[first - 1], whole=form.asked)
    limit = float(np.finfo(np.float16).max)
    return ItemReading(
        np.array(reader.first_tokens([w.text for w in words]), dtype=np.int32),
        loss,
        np.clip(states, -limit, limit).astype(np.float16),
    )


def _read_query(form: Form, read: TextStates, projection: Projection) -> QueryReading:
    """Reduce a query's states to its end."""
    last = np.stack([read.states[layer][-1] for layer in projection.layers])
    return QueryReading(projection.apply(last, whole=form.asked), read.last_logprobs)


def _first_tokens(places: Sequence[int], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return the index of the first token of the word at each character: the first one that ends after it."""
    ends = [end for _, end in offsets]
    firsts, token = [], 0
    for place in places:
        while token < len(ends) - 1 and ends[token] <= place:
            token += 1
        firsts.append(token)
    return firsts
