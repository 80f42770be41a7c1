"""What is done to stored items by their ids: look, correct, forget, prune, undo, erase. Needs a store, for texts an encoder."""

import threading
import time
from pathlib import Path

from .arguments import check_count, check_number
from .encoders import Encoder
from .store.base import Store
from .store.checks import check_scope, check_text
from .store.retention import RetentionRule, hold, prune
from .transfer import Exported, Imported, export, import_
from .types import Erased, Event, Item, Pruned, Status


def check_budget(budget: int | None) -> int | None:
    """Return how many active items a scope may have.

    Raises:
        ConfigError: if it is no number from 1 on, or None.
    """
    return None if budget is None else check_count("budget", budget, 1)


class Keeping:
    """The part of `MemoryLM` that keeps and lets go."""

    scope: str
    budget: int | None
    """How many active items a scope may have before it is pruned after learning; None for any number."""
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

    def prune(
        self,
        budget: int | None = None,
        keep: float | None = None,
        scope: str | None = None,
        category: str | None = None,
        dry_run: bool = False,
        rule: RetentionRule | None = None,
    ) -> Pruned:
        """Forget the items that are least worth keeping, as one operation that `undo` takes back.

        `store.retention` says what is worth keeping: what spoke often or lately, was taught lately, or is important.

        Args:
            budget: how many active items may be left.
            keep: or the share of them that is kept, 0 to 1.
            scope: whose memories; None for the default.
            category: count and prune the items of this one only.
            dry_run: only say what would go.
            rule: how items are scored; None for the default weights.

        Raises:
            ConfigError: if not exactly one of `budget` and `keep` is given, or it can't be one.
            NotFound: as `items`.
            StoreError: if it can't be written.
        """
        with self._lock:
            return prune(
                self.store,
                self._scope(scope),
                budget=budget,
                keep=keep,
                category=category,
                dry_run=dry_run,
                rule=rule,
                now=time.time(),
            )

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

    def export(self, path: str | Path, scope: str | None = None, overwrite: bool = False) -> Exported:
        """Write what a scope holds, with its whole past, to a file that `import_` reads back without loss.

        Args:
            path: of a JSON Lines file.
            scope: whose memories; None for the default.
            overwrite: replace a file that is there.

        Raises:
            ConfigError: if the file is there already or can't be written. Nothing is left half-written.
            NotFound: if the scope is unknown.
        """
        with self._lock:
            return export(self.store, path, self._scope(scope), overwrite=overwrite)

    def import_(self, path: str | Path, scope: str | None = None) -> Imported:
        """Write what an export holds into the store, all or nothing. Items that are there already, by their ids, stay.

        Texts whose vectors are another encoder's are encoded anew; nothing is learned again.

        Args:
            path: of a file that `export` wrote.
            scope: put everything there; None for the scope that it was in.

        Raises:
            InputError: naming the line that breaks a rule.
            StoreError: if it can't be written.
        """
        with self._lock:
            return import_(self.store, path, self.encoder.encode, scope=scope)

    def _hold_budget(self, scope: str) -> None:
        """Prune a scope that has grown beyond the standing budget."""
        if self.budget is not None:
            hold(self.store, scope, self.budget, now=time.time())

    def _scope(self, scope: str | None) -> str:
        return self.scope if scope is None else check_scope(scope)

    def _check_length(self, text: str) -> None:
        """Refuse a text that is too long to be learned."""
        raise NotImplementedError
