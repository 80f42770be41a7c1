"""What is done to stored items by their ids: look, correct, forget, undo, erase. Needs the store, and the encoder for texts."""

import threading

from .arguments import check_number
from .encoders import Encoder
from .store.base import Store
from .store.checks import check_scope, check_text
from .types import Erased, Event, Item, Status


class Keeping:
    """The part of `MemoryLM` that keeps and lets go."""

    scope: str
    store: Store
    encoder: Encoder
    _lock: threading.RLock

    def items(
        self,
        scope: str | None = None,
        category: str | None = None,
        status: Status | None = "active",
        limit: int | None = None,
        as_of: float | None = None,
    ) -> list[Item]:
        """Return stored items, oldest first. `status=None` lists superseded and forgotten ones too.

        Args:
            scope: whose memories; None for the default.
            category: of this one only.
            status: of this one only; None for any.
            limit: how many at most.
            as_of: as they were then, in seconds since the epoch; None for now. What was erased since was never there.

        Raises:
            NotFound: if nothing was ever taught in the scope, and something in others.
        """
        return self.store.items(self._scope(scope), status=status, category=category, limit=limit, as_of=as_of)

    def update(self, item_id: str, text: str, scope: str | None = None, importance: float | None = None) -> Item:
        """Correct what an item says, by hand; what it said before stays in its history.

        Raises:
            InputError: if the text can't be learned.
            NotFound: if the scope has no such item.
            StoreError: if it isn't active.
        """
        check_text(text)
        self._check_length(text)
        if importance is not None:
            check_number("importance", importance)
        with self._lock:
            (key,) = self.encoder.encode([text])
            reason = "corrected by hand"
            return self.store.update(item_id, self._scope(scope), text=text, key=key, reason=reason, importance=importance)

    def forget(self, item_id: str, scope: str | None = None, reason: str = "asked for") -> Item:
        """Hide an item: it is no longer recalled and never speaks. `undo` brings it back.

        Raises:
            InputError: if the id is no text.
            NotFound: if the scope has no such item.
        """
        with self._lock:
            return self.store.forget(item_id, self._scope(scope), reason)

    def undo(self, operation: int | None = None, scope: str | None = None, reason: str = "undone") -> list[Item]:
        """Undo what one text's learning, one correction, one forgetting or one undo did; return the items as they are now.

        Args:
            operation: its number, as `history` shows it; None for the last one that still holds.
            scope: whose memories; None for the default.
            reason: kept in the journal.

        Raises:
            NotFound: if there is no such operation, or nothing left to undo.
            StoreError: if it is undone already, erased something, or something later has to be undone first.
        """
        with self._lock:
            return self.store.undo(self._scope(scope), reason, operation=operation)

    def erase(self, item_id: str, scope: str | None = None) -> Erased:
        """Remove an item for good: text, vectors, cached states, and whatever was derived from it. Nothing brings it back.

        Every file of the store is then searched for pieces of it; `left` of the result names those that still hold one.

        Raises:
            InputError: if the id is no text.
            NotFound: if the scope has no such item.
        """
        with self._lock:
            return self.store.erase(item_id, self._scope(scope))

    def history(self, item_id: str, scope: str | None = None) -> list[Event]:
        """Return what happened to an item, oldest first, with the texts it had. Of an erased one nothing but that it was there.

        Raises:
            InputError: if the id is no text.
            NotFound: if the scope never had such an item.
        """
        return self.store.history(item_id, self._scope(scope))

    def _scope(self, scope: str | None) -> str:
        return self.scope if scope is None else check_scope(scope)

    def _check_length(self, text: str) -> None:
        """Refuse a text that is too long to be learned."""
        raise NotImplementedError
