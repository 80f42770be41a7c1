"""The store protocol over a dict, as plainly as it can be written: what every backend is compared with."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from mnemic.errors import EncoderMismatch, NotFound, StoreError
from mnemic.store import Scored, words_of
from mnemic.store.words import BM25_B, BM25_K1, idf
from mnemic.types import Event, FloatArray, Item, NewItem, Status


class ReferenceStore:
    """A store in memory. Its errors carry no texts of their own."""

    def __init__(self) -> None:
        self.encoder_id: str | None = None
        self._items: dict[str, Item] = {}
        self._keys: dict[str, FloatArray] = {}
        self._events: list[Event] = []
        self._states: dict[tuple[str, str], bytes] = {}
        self._ids = count(1)

    @property
    def revision(self) -> int:
        return len(self._events)

    def open_for(self, encoder_id: str, dim: int) -> None:
        if self.encoder_id not in (None, encoder_id):
            raise EncoderMismatch(encoder_id)
        self.encoder_id = encoder_id

    def insert(self, items: Sequence[NewItem]) -> list[Item]:
        replaced = [old for new in items for old in _replaced_by(new)]
        for new in items:
            for old in _replaced_by(new):
                self._require_active(old, new.scope)
        if len(set(replaced)) < len(replaced):
            raise StoreError("superseded twice")
        return [self._add(new) for new in items]

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
        self._keys[item_id] = key
        self._log("update", item_id, reason, text)
        return self._items[item_id]

    def forget(self, item_id: str, scope: str, reason: str) -> Item:
        self._require_scope(scope)
        item = self.get(item_id, scope)
        if item.status != "forgotten":
            self._items[item_id] = replace(item, status="forgotten")
            self._log("forget", item_id, reason, None)
        return self._items[item_id]

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
    ) -> list[Item]:
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
        return sorted({item.scope for item in self._items.values()})

    def history(self, item_id: str, scope: str) -> list[Event]:
        self.get(item_id, scope)
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
        self._items[item.id] = item
        self._keys[item.id] = new.key
        self._log("add", item.id, new.reason, new.text)
        for old in _replaced_by(new):
            self._items[old] = replace(self._items[old], status="superseded", superseded_by=item.id)
            self._log("supersede", old, new.reason, None)
        return item

    def _log(self, kind: str, item_id: str, reason: str, text: str | None) -> None:
        self._events.append(Event(seq=len(self._events) + 1, at=0.0, kind=kind, item_id=item_id, reason=reason, text=text))
        for cached in [at for at in self._states if at[0] == item_id]:
            del self._states[cached]

    def _require_active(self, item_id: str, scope: str) -> Item:
        item = self.get(item_id, scope)
        if item.status != "active":
            raise StoreError(item.status)
        return item

    def _require_scope(self, scope: str) -> None:
        if self._items and scope not in self.scopes():
            raise NotFound(scope)


def _replaced_by(new: NewItem) -> set[str]:
    return {old for old in (new.supersedes, *new.also_supersedes) if old}
