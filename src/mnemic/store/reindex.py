"""A store's vectors by another encoder, in place: the plan that every backend shares. Nothing is learned again.

Vectors of the new encoder are made and kept beside the old ones, batch by batch, while every process goes on with the old ones.
When all texts have one, also those written meanwhile, one transaction puts the new ones in the place of the old. What was made so
far survives whoever made it: the next run goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import StoreError, rule_got_do
from ..types import FloatArray
from .base import Store

_AT_ONCE = 64
"""Texts encoded and written together."""
_ROUNDS = 1000
"""How often the rest is made before it is given up: others write faster than the encoder reads."""


@dataclass(frozen=True, kw_only=True)
class Reindexed:
    """What a reindex did: texts that it encoded, and those that a run before had encoded already."""

    encoder: str
    encoded: int
    before: int


def reindex(
    store: Store,
    encoder_id: str,
    dim: int,
    encode: Callable[[Sequence[str]], FloatArray],
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Reindexed:
    """Give every text of a store a vector of an encoder, and make that the store's encoder.

    With the encoder that the store has already, only texts that lost their vectors get one.

    Args:
        store: where the texts are; it needn't be opened for an encoder.
        encoder_id: identity of the new encoder.
        dim: size E of its vectors.
        encode: makes L2-normalised `[n, E]` of n texts.
        report: called with how many texts have their vector, and how many there are.

    Raises:
        StoreError: if another encoder's reindex is under way, somebody discards this one meanwhile, or it can't be written.
    """
    work = store.reindexing(encoder_id, dim)
    before, total = work.counts()
    report(before, total)
    encoded = 0
    for _ in range(_ROUNDS):
        after = 0
        while found := work.missing(after, _AT_ONCE):
            keys = encode([text for _, text in found])
            work.put({number: key for (number, _), key in zip(found, keys, strict=True)})
            after, encoded = found[-1][0], encoded + len(found)
            total = max(total, before + encoded)
            report(before + encoded, total)
        if work.switch():
            return Reindexed(encoder=encoder_id, encoded=encoded, before=before)
    raise StoreError(
        rule_got_do(
            "A reindex ends when every text has its vector.", "texts that were written faster than encoded", "Let others pause."
        )
    )
