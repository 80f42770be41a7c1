"""The store protocol: what every backend promises.

A write is durable (survives kill -9 and power loss) when the call returns, and is all or nothing. Reads of an unknown id, or of
an id in another scope, raise `NotFound`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ..types import Erased, Event, FloatArray, Item, NewItem, Record, Restored, Status


class Scored(NamedTuple):
    """An item id with a score (cosine for vectors, BM25-like weight for words)."""

    id: str
    score: float


class Reindexing(Protocol):
    """A change of a store's encoder that is under way. It survives whoever works on it, and several may.

    Texts are all that any item ever had, so that undo finds its vectors; each has a number. With the encoder that the store has
    already, those that lost their vectors are missing.
    """

    def counts(self) -> tuple[int, int]:
        """Return how many texts have their vector, and how many there are."""
        ...

    def missing(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Return (number, text) of up to `limit` texts beyond a number that have none, in the order of their numbers."""
        ...

    def put(self, keys: Mapping[int, FloatArray]) -> None:
        """Write vectors `[E]` by the numbers of their texts. What was erased meanwhile gets none.

        Raises:
            StoreError: if somebody discarded the change.
        """
        ...

    def switch(self) -> bool:
        """Put the new vectors in the place of the old, in one transaction, if every text has one; return whether they are.

        Whoever opened the store for the old encoder gets `EncoderMismatch` from then on, where vectors are written or searched.
        """
        ...


@runtime_checkable
class Store(Protocol):
    """Items, their vectors, counters, journal and caches."""

    @property
    def encoder_id(self) -> str | None:
        """Identity of the encoder whose vectors are stored; None while the store is new."""
        ...

    @property
    def dim(self) -> int | None:
        """Size E of the stored vectors; None while the store is new."""
        ...

    @property
    def revision(self) -> int:
        """A number that grows with every committed change of items, by whichever process. Uses and caches aren't changes."""
        ...

    def open_for(self, encoder_id: str, dim: int) -> None:
        """Fix the encoder of a new store, or check it against an existing one.

        Raises:
            EncoderMismatch: with the remedy, if the store was written with another encoder.
        """
        ...

    def reindexing(self, encoder_id: str, dim: int) -> Reindexing:
        """Begin to change the store's encoder, or go on with what was begun; `store.reindex` does the whole of it.

        Raises:
            StoreError: if a change to another one is under way.
        """
        ...

    def discard_reindexing(self) -> bool:
        """Throw away what was made of a change of encoder; return whether there was one."""
        ...

    def insert(self, items: Sequence[NewItem], *, new_only: bool = False) -> list[Item]:
        """Write all items in one transaction, superseding where asked. Returns them with ids, in order.

        With `new_only`, those are left out whose text an active item of their scope, or an earlier one of them, says exactly.

        Raises:
            EncoderMismatch: if the store's encoder isn't the one any more that it was opened for.
            InputError, ConfigError, ShapeError: if an item breaks a rule; nothing is written then.
            NotFound: if an item to be superseded isn't in the scope.
            StoreError: if it isn't active, or the write fails.
        """
        ...

    def update(
        self,
        item_id: str,
        scope: str,
        *,
        text: str,
        key: FloatArray,
        reason: str,
        importance: float | None = None,
        category: str | None = None,
        source: str | None = None,
    ) -> Item:
        """Replace an active item's text and vector; the old text stays in its history. None keeps what the item has."""
        ...

    def forget(self, item_id: str, scope: str, reason: str) -> Item:
        """Hide an item: it is no longer found, listed as forgotten. Forgetting a forgotten item changes nothing."""
        ...

    def prune(self, reasons: Mapping[str, str], scope: str) -> list[Item]:
        """Forget several items as one operation, of the kind "prune": reasons by id. Return those that were active until now.

        Those that aren't active (any more) stay as they are: who chose them may have read them before somebody else's change.

        Raises:
            NotFound: if the scope has no such item; nothing is forgotten then.
        """
        ...

    def undo(self, scope: str, reason: str, *, operation: int | None = None) -> list[Item]:
        """Undo an operation of a scope, None for the last one that still holds; return its items as they are now.

        Raises:
            NotFound: if the scope has no such operation, or nothing left to undo.
            StoreError: if it is undone already, erased something, or something later has to be undone first.
        """
        ...

    def erase(self, item_id: str, scope: str) -> Erased:
        """Remove everything of an item but the fact that it was there, and look for what is left. Its id is then unknown."""
        ...

    def known_texts(self, texts: Sequence[str], scope: str) -> set[str]:
        """Return those of the texts that an active item of the scope says exactly. Reads no other texts."""
        ...

    def get(self, item_id: str, scope: str) -> Item:
        """Return an item, whatever its status."""
        ...

    def items(
        self,
        scope: str | None,
        *,
        status: Status | None = "active",
        category: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        as_of: float | None = None,
    ) -> list[Item]:
        """Return items by creation time. `scope=None` means every scope (front ends never pass it).

        With `as_of`, in seconds since the epoch, they are as they were then; what was erased since was never there.
        """
        ...

    def count(self, scope: str | None = None) -> int:
        """Return the number of active items. Cheap: called before every generation."""
        ...

    def scopes(self) -> list[str]:
        """Return the names of all scopes that were ever written to, sorted."""
        ...

    def history(self, item_id: str, scope: str) -> list[Event]:
        """Return what happened to an item, oldest first, with the texts it had; of an erased one without any."""
        ...

    def search(self, key: FloatArray, k: int, scope: str, *, category: str | None = None) -> list[Scored]:
        """Return the k active items with the highest cosine, best first. Exact below the index threshold."""
        ...

    def search_words(self, words: Sequence[str], k: int, scope: str) -> list[Scored]:
        """Return up to k active items by overlap with the query's words, rarer words weighing more."""
        ...

    def word_counts(self, words: Sequence[str], scope: str) -> dict[str, int]:
        """Return in how many active items of the scope each (lower-cased) word occurs."""
        ...

    def keys(self, ids: Sequence[str], scope: str) -> FloatArray:
        """Return the stored vectors `[len(ids), E]`."""
        ...

    def touch(self, ids: Sequence[str], scope: str) -> None:
        """Count one use of each item now. May be written with the next durable change."""
        ...

    def get_states(self, ids: Sequence[str], host: str) -> dict[str, bytes]:
        """Return the cached token-level states of a host fingerprint, for those ids that have them."""
        ...

    def put_states(self, states: dict[str, bytes], host: str, *, revision: int | None = None) -> None:
        """Cache recomputable token-level states; bounded, the least recently written go first.

        `revision` is the store's when the texts were read: items rewritten since then are left out.
        """
        ...

    def journal(self, *, after: int = 0) -> Iterator[Event]:
        """Yield the events of all scopes after a number, oldest first."""
        ...

    def dump(self, scope: str | None) -> Iterator[Record]:
        """Yield the items of a scope (None: of every one) with their whole past, oldest first, erased ones as events alone."""
        ...

    def restore(self, dumped: Iterable[Record]) -> Restored:
        """Write items with their whole past, all or none; those whose ids their scope knows already stay as they are.

        Every text has its key, made by this store's encoder. Numbers of events go on behind those that are there.

        Raises:
            InputError: if another scope has one of the ids; nothing is written then.
        """
        ...

    def close(self) -> None:
        """Close the store. It can't be used afterwards; closing twice is harmless."""
        ...
