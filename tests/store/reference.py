"""The store protocol over a dict, as plainly as it can be written: what every backend is compared with."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

import numpy as np

from mnemic.errors import EncoderMismatch, NotFound, StoreError
from mnemic.store import Scored, words_of
from mnemic.store.words import BM25_B, BM25_K1, idf
from mnemic.types import Erased, Event, FloatArray, Item, NewItem, Status


class _Kept(NamedTuple):
    """What an item was after an event."""

    item: Item
    key: FloatArray
    payload: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kept) and (self.item, self.payload) == (other.item, other.payload)

    def __hash__(self) -> int:
        return self.payload

    def __ne__(self, other: object) -> bool:
        return not self == other


@dataclass
class _Operation:
    """What is undone as a whole: (id, what it was before or None, what it was after) of every item."""

    scope: str
    changes: list[tuple[str, _Kept | None, _Kept]] = field(default_factory=list)
    undoes: int | None = None
    undone_by: int | None = None


class ReferenceStore:
    """A store in memory. Its errors carry no texts of their own."""

    def __init__(self) -> None:
        self.encoder_id: str | None = None
        self._items: dict[str, Item] = {}
        self._keys: dict[str, FloatArray] = {}
        self._events: list[Event] = []
        self._states: dict[tuple[str, str], bytes] = {}
        self._ids = count(1)
        self._scopes: set[str] = set()
        self._scope_of: dict[str, str] = {}
        self._payloads: dict[str, int] = {}
        """Number of the event that brought what an item says."""
        self._operations: dict[int, _Operation] = {}

    @property
    def revision(self) -> int:
        return len(self._events)

    def open_for(self, encoder_id: str, dim: int) -> None:
        if self.encoder_id not in (None, encoder_id):
            raise EncoderMismatch(encoder_id)
        self.encoder_id = encoder_id

    def reindex(self, encoder_id: str, encode: Callable[[Sequence[str]], FloatArray]) -> None:
        """Give every text that an item ever had another vector."""
        self.encoder_id = encoder_id
        self._keys = {item_id: encode([item.text])[0] for item_id, item in self._items.items()}
        for done in self._operations.values():
            done.changes = [
                (i, *(kept and kept._replace(key=encode([kept.item.text])[0]) for kept in states)) for i, *states in done.changes
            ]

    def insert(self, items: Sequence[NewItem], *, new_only: bool = False) -> list[Item]:
        replaced = [old for new in items for old in _replaced_by(new)]
        for new in items:
            for old in _replaced_by(new):
                self._require_active(old, new.scope)
        if len(set(replaced)) < len(replaced):
            raise StoreError("superseded twice")
        return [self._add(new) for new in items if not (new_only and self.known_texts([new.text], new.scope))]

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
        old = self._require_active(item_id, scope)
        self._items[item_id] = replace(
            old,
            text=text,
            reason=reason,
            importance=old.importance if importance is None else importance,
            category=old.category if category is None else category,
            source=old.source if source is None else source,
        )
        before = self._kept(item_id, old)
        self._keys[item_id] = key
        self._payloads[item_id] = len(self._events) + 1
        self._log("update", item_id, reason, text, before)
        return self._items[item_id]

    def forget(self, item_id: str, scope: str, reason: str) -> Item:
        self._require_scope(scope)
        item = self.get(item_id, scope)
        if item.status != "forgotten":
            before = self._kept(item_id, item)
            self._items[item_id] = replace(item, status="forgotten")
            self._log("forget", item_id, reason, None, before)
        return self._items[item_id]

    def prune(self, reasons: Mapping[str, str], scope: str) -> list[Item]:
        self._require_scope(scope)
        found = [self.get(item_id, scope) for item_id in reasons]
        first = len(self._events) + 1
        for item in found:
            if item.status == "active":
                before = self._kept(item.id, item)
                self._items[item.id] = replace(item, status="forgotten")
                self._log("prune", item.id, reasons[item.id], None, before, operation=first)
        return [self._items[item.id] for item in found if item.status == "active"]

    def undo(self, scope: str, reason: str, *, operation: int | None = None) -> list[Item]:
        self._require_scope(scope)
        here = {n: done for n, done in self._operations.items() if done.scope == scope}
        if operation is None:
            holding = [
                n
                for n, done in here.items()
                if done.undoes is None
                and done.undone_by is None
                and done.changes
                and any(i in self._items for i, *_ in done.changes)
            ]
            operation = max(holding, default=0)
        if operation not in here:
            raise NotFound(operation)
        done = here[operation]
        left = [change for change in done.changes if change[0] in self._items]
        if done.undone_by is not None or not left:
            raise StoreError("undone, or erased")
        if any(self._kept(item_id) != after for item_id, _, after in left):
            raise StoreError("changed since")
        first = len(self._events) + 1
        for item_id, before, after in reversed(left):
            kept = before or _Kept(replace(after.item, status="forgotten", superseded_by=None), after.key, after.payload)
            now = self._items[item_id]
            self._items[item_id] = replace(kept.item, uses=now.uses, last_used=now.last_used)
            self._keys[item_id], self._payloads[item_id] = kept.key, kept.payload
            self._log("undo", item_id, reason, None, after, operation=first)
        self._operations[first].undoes = operation
        # whether an operation holds, from the latest on: it does unless one that holds undid it
        undone: dict[int, int] = {}
        for number, one in sorted(self._operations.items(), reverse=True):
            if one.undoes is not None and number not in undone:
                undone[one.undoes] = number
        for number, one in self._operations.items():
            one.undone_by = undone.get(number)
        return [self._items[item_id] for item_id, _, _ in left]

    def erase(self, item_id: str, scope: str) -> Erased:
        self._require_scope(scope)
        item = self.get(item_id, scope)
        related = [
            other.id
            for other in self._items.values()
            if other.id in (item.supersedes, item.superseded_by) or item_id in (other.supersedes, other.superseded_by)
        ]
        self._log("erase", item_id, "erased", None, None)
        self._operations[len(self._events)].changes = []
        del self._items[item_id], self._keys[item_id], self._payloads[item_id]
        self._events = [replace(e, reason="erased", text=None) if e.item_id == item_id else e for e in self._events]
        return Erased(item_id=item_id, files=0, left=(), related=tuple(related))

    def known_texts(self, texts: Sequence[str], scope: str) -> set[str]:
        return {item.text for item in self._active(scope)} & set(texts)

    def get(self, item_id: str, scope: str) -> Item:
        item = self._items.get(item_id)
        if item is None or item.scope != scope:
            raise NotFound(item_id)
        return item

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
        if as_of is not None:
            # a test that asks so remembers what there was
            raise NotImplementedError
        if scope is not None:
            self._require_scope(scope)
        found = [
            item
            for item in self._items.values()
            if scope in (None, item.scope) and status in (None, item.status) and category in (None, item.category)
        ]
        return found[offset:] if limit is None else found[offset : offset + limit]

    def count(self, scope: str | None = None) -> int:
        return sum(item.status == "active" and scope in (None, item.scope) for item in self._items.values())

    def scopes(self) -> list[str]:
        return sorted(self._scopes)

    def history(self, item_id: str, scope: str) -> list[Event]:
        if scope not in self._scopes or not any(e.item_id == item_id and self._scope_of[item_id] == scope for e in self._events):
            raise NotFound(item_id)
        return [event for event in self._events if event.item_id == item_id]

    def search(self, key: FloatArray, k: int, scope: str, *, category: str | None = None) -> list[Scored]:
        scored = [Scored(i.id, float(self._keys[i.id] @ key)) for i in self._active(scope) if category in (None, i.category)]
        return sorted(scored, key=lambda s: -s.score)[:k]

    def search_words(self, words: Sequence[str], k: int, scope: str) -> list[Scored]:
        active = self._active(scope)
        texts = {item.id: Counter(words_of(item.text)) for item in active}
        mean = sum(text.total() for text in texts.values()) / max(len(texts), 1)
        wanted = dict.fromkeys(part for word in words for part in words_of(word))
        scores: Counter[str] = Counter()
        for word in wanted:
            holding = [item_id for item_id, text in texts.items() if word in text]
            for item_id in holding:
                text = texts[item_id]
                damping = BM25_K1 * (1 - BM25_B + BM25_B * text.total() / mean)
                scores[item_id] += idf(len(active), len(holding)) * text[word] * (BM25_K1 + 1) / (text[word] + damping)
        return sorted((Scored(i.id, scores[i.id]) for i in active if scores[i.id]), key=lambda s: -s.score)[:k]

    def word_counts(self, words: Sequence[str], scope: str) -> dict[str, int]:
        texts = [set(words_of(item.text)) for item in self._active(scope)]
        return {word: sum(bool(words_of(word)) and set(words_of(word)) <= text for text in texts) for word in words}

    def keys(self, ids: Sequence[str], scope: str) -> FloatArray:
        return np.stack([self._keys[self.get(item_id, scope).id] for item_id in ids])

    def touch(self, ids: Sequence[str], scope: str) -> None:
        for item in [self.get(item_id, scope) for item_id in ids]:
            self._items[item.id] = replace(self._items[item.id], uses=self._items[item.id].uses + 1, last_used=1.0)

    def get_states(self, ids: Sequence[str], host: str) -> dict[str, bytes]:
        return {i: self._states[i, host] for i in ids if (i, host) in self._states}

    def put_states(self, states: dict[str, bytes], host: str, *, revision: int | None = None) -> None:
        for item_id, data in states.items():
            item = self._items.get(item_id)
            written = max((e.seq for e in self._events if e.item_id == item_id and e.kind in ("add", "update")), default=0)
            if item is not None and item.status == "active" and (revision is None or written <= revision):
                self._states[item_id, host] = data

    def journal(self, *, after: int = 0) -> Iterator[Event]:
        return (replace(event, text=None) for event in self._events[after:])

    def close(self) -> None:
        pass

    def _active(self, scope: str) -> list[Item]:
        return [item for item in self._items.values() if item.scope == scope and item.status == "active"]

    def _add(self, new: NewItem) -> Item:
        item = Item(
            id=f"item{next(self._ids)}",
            scope=new.scope,
            text=new.text,
            category=new.category,
            importance=new.importance,
            source=new.source,
            reason=new.reason,
            status="active",
            created=0.0,
            said=0.0,
            last_used=None,
            uses=0,
            supersedes=new.supersedes,
            superseded_by=None,
        )
        self._scopes.add(new.scope)
        self._scope_of[item.id] = new.scope
        self._items[item.id] = item
        self._keys[item.id] = new.key
        first = self._payloads[item.id] = len(self._events) + 1
        self._log("add", item.id, new.reason, new.text, None)
        for old in _replaced_by(new):
            before = self._kept(old)
            self._items[old] = replace(self._items[old], status="superseded", superseded_by=item.id)
            self._log("supersede", old, new.reason, None, before, operation=first)
        return item

    def _kept(self, item_id: str, item: Item | None = None) -> "_Kept":
        """Return what an item is now, without its uses, which no operation changes."""
        item = replace(item or self._items[item_id], uses=0, last_used=None)
        return _Kept(item, self._keys[item_id], self._payloads[item_id])

    def _log(
        self, kind: str, item_id: str, reason: str, text: str | None, before: "_Kept | None", *, operation: int | None = None
    ) -> None:
        seq = len(self._events) + 1
        operation = operation or seq
        told = {"kind": kind, "item_id": item_id, "reason": reason, "operation": operation, "text": text}
        self._events.append(Event(seq=seq, at=0.0, **told))  # type: ignore[arg-type]
        done = self._operations.setdefault(operation, _Operation(self._scope_of[item_id]))
        done.changes.append((item_id, before, self._kept(item_id)))
        for cached in [at for at in self._states if at[0] == item_id]:
            del self._states[cached]

    def _require_active(self, item_id: str, scope: str) -> Item:
        item = self.get(item_id, scope)
        if item.status != "active":
            raise StoreError(item.status)
        return item

    def _require_scope(self, scope: str) -> None:
        if self._scopes and scope not in self._scopes:
            raise NotFound(scope)


def _replaced_by(new: NewItem) -> set[str]:
    return {old for old in (new.supersedes, *new.also_supersedes) if old}
