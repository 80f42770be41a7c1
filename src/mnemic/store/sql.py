"""What the SQL stores share: a database is the only truth, search runs in the process beside it.

The embedded store and the PostgreSQL one differ in how they open a database, begin and end transactions, and sweep up what was
erased: nothing else is written twice.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from ..arguments import check_count, check_number
from ..errors import InputError, rule_got_do
from ..types import Erased, Event, FloatArray, Item, NewItem, Record, Restored, Status
from . import checks, erasure, lifecycle, records, transfer, vectors
from .base import Scored
from .index import SearchIndex
from .indexfile import DamagedIndex
from .sqlbase import SqlBase

_ALL = 2**62
"""A limit that is none, in both dialects."""
Answer = TypeVar("Answer")


class SqlStore(SqlBase):
    """Items of any number of scopes in an SQL database. See `SqlBase` for what it is opened with."""

    @property
    def revision(self) -> int:
        """Number of the last journal event. Uses and caches aren't changes."""
        with self._reading() as db:
            return records.revision_of(db)

    def insert(self, items: Sequence[NewItem], *, new_only: bool = False) -> list[Item]:
        """Write all items in one transaction, superseding where asked. Returns them with ids, in order.

        With `new_only`, those are left out whose text an active item of their scope, or an earlier one of them, says exactly.

        Raises:
            EncoderMismatch: if the store's encoder isn't the one any more that it was opened for.
            InputError, ConfigError, ShapeError: if an item breaks a rule; nothing is written then.
            NotFound: if an item to be superseded isn't in the scope.
            StoreError: if it isn't active, or the write fails.
        """
        dim = self._require_dim()
        checked = [(item, records.checked_key(item, dim)) for item in items]
        if not checked:
            return []
        with self._writing() as db:
            self._require_dim(dim)
            added = [
                records.add(db, item, key)
                for item, key in checked
                if not (new_only and records.known_texts(db, [item.text], item.scope))
            ]
        self._states.drop([item_id for item in items for item_id in records.replaced_by(item)])
        return added

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
        """Replace an active item's text and vector; the old text stays in its history. None keeps what the item has.

        Raises:
            NotFound: if the scope has no such item.
            StoreError: if it isn't active, or the write fails.
        """
        with self._writing() as db:
            seq, old = records.find(db, item_id, scope)
            records.require_active(old, "updated")
            new = NewItem(
                text=text,
                scope=scope,
                key=key,
                reason=reason,
                category=old.category if category is None else category,
                importance=old.importance if importance is None else importance,
                source=old.source if source is None else source,
            )
            checked = records.checked_key(new, self._require_dim())
            event = records.log(db, time.time(), "update", seq, reason)
            records.say(db, event, seq, new, checked)
            records.keep(db, event)
            item = records.find(db, item_id, scope).item
        self._states.drop([item_id])
        return item

    def forget(self, item_id: str, scope: str, reason: str) -> Item:
        """Hide an item: it is no longer found, listed as forgotten. Forgetting a forgotten item changes nothing.

        Raises:
            NotFound: if the scope is unknown, or has no such item.
        """
        checks.check_label("reason", reason)
        with self._writing() as db:
            records.require_scope(db, scope)
            seq, item = records.find(db, item_id, scope)
            if item.status == "forgotten":
                return item
            db.execute("UPDATE items SET status = 'forgotten' WHERE seq = ?", (seq,))
            records.keep(db, records.log(db, time.time(), "forget", seq, reason))
            if item.status == "active":
                db.execute("UPDATE scopes SET active = active - 1 WHERE name = ?", (scope,))
            item = records.find(db, item_id, scope).item
        self._states.drop([item_id])
        return item

    def prune(self, reasons: Mapping[str, str], scope: str) -> list[Item]:
        """Forget several items as one operation, of the kind "prune": reasons by id. Return those that were active until now.

        Raises:
            NotFound: if the scope is unknown, or has no such item; nothing is forgotten then.
        """
        for reason in reasons.values():
            checks.check_label("reason", reason)
        with self._writing() as db:
            records.require_scope(db, scope)
            pruned = lifecycle.prune(db, reasons, scope)
        self._states.drop([item.id for item in pruned])
        return pruned

    def undo(self, scope: str, reason: str, *, operation: int | None = None) -> list[Item]:
        """Undo an operation of a scope, None for the last one that still holds; return its items as they are now.

        An operation is what one item's `insert`, `update`, `forget` or `undo` did; its number is its first event's. An undone
        insertion is forgotten; undoing an undo brings back what was undone.

        Raises:
            NotFound: if the scope has no such operation, or nothing left to undo.
            StoreError: if it is undone already, erased something, or something later has to be undone first.
        """
        checks.check_label("reason", reason)
        with self._writing() as db:
            records.require_scope(db, scope)
            chosen = lifecycle.last_operation(db, scope) if operation is None else check_count("operation", operation, 1)
            ids = lifecycle.undo(db, chosen, scope, reason)
            items = [records.find(db, item_id, scope).item for item_id in ids]
        self._states.drop(ids)
        return items

    def erase(self, item_id: str, scope: str) -> Erased:
        """Remove everything of an item but the fact that it was there, and search the files of the store for what is left.

        Raises:
            NotFound: if the scope is unknown, or has no such item.
        """
        with self._writing() as db:
            records.require_scope(db, scope)
            said, related = erasure.erase(db, item_id, scope)
        files, left = self._sweep(item_id, scope, said)
        return Erased(item_id=item_id, files=files, left=left, related=related)

    def known_texts(self, texts: Sequence[str], scope: str) -> set[str]:
        """Return those of the texts that an active item of the scope says exactly. Reads no other texts."""
        with self._reading() as db:
            return records.known_texts(db, texts, scope)

    def get(self, item_id: str, scope: str) -> Item:
        """Return an item, whatever its status.

        Raises:
            NotFound: if the scope is unknown, or has no such item.
        """
        with self._reading() as db:
            records.require_scope(db, scope)
            return records.find(db, item_id, scope).item

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

        Raises:
            NotFound: if the scope is unknown; a store without any scope has an empty answer for all.
            InputError: if the category is no text.
        """
        checks.check_label("category", category)
        select, of_status = (records.SELECT_ITEMS, "i.status") if as_of is None else (records.SELECT_ITEMS_AS_OF, "e.status")
        wanted = {"s.name": scope, of_status: status, "p.category": category}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(f"{column} = :{column[2:]}" for column in given) or "1 = 1"
        values: dict[str, object] = {column[2:]: value for column, value in given.items()}
        if as_of is not None:
            check_number("as_of", as_of)
            values["as_of"] = float(as_of)
        limit = _ALL if limit is None else check_count("limit", limit, 0)
        offset = check_count("offset", offset, 0)
        with self._reading() as db:
            if scope is not None:
                records.require_scope(db, scope)
            sql = f"{select} WHERE {where} ORDER BY i.seq LIMIT :limit OFFSET :offset"
            return [records.item_of(row) for row in db.execute(sql, {**values, "limit": limit, "offset": offset})]

    def count(self, scope: str | None = None) -> int:
        """Return the number of active items, of a scope or of all. Reads one row."""
        with self._reading() as db:
            row = db.execute("SELECT sum(active) FROM scopes WHERE name = ?1 OR CAST(?1 AS TEXT) IS NULL", (scope,)).fetchone()
        return int(row[0] or 0)

    def scopes(self) -> list[str]:
        """Return the names of all scopes that were ever written to, sorted."""
        with self._reading() as db:
            return [name for (name,) in db.execute("SELECT name FROM scopes ORDER BY name")]

    def history(self, item_id: str, scope: str) -> list[Event]:
        """Return what happened to an item, oldest first, with the texts it had; of an erased one that it was there, and no text.

        Raises:
            NotFound: if the scope has no such item.
        """
        with self._reading() as db:
            seq = records.seq_of(db, item_id, scope)
            rows = db.execute(
                "SELECT j.seq, j.at, j.kind, j.reason, p.text, j.operation, o.undoes FROM journal j"
                " LEFT JOIN payloads p ON p.event = j.seq LEFT JOIN operations o ON o.seq = j.operation"
                " WHERE j.item = ? ORDER BY j.seq",
                (seq,),
            ).fetchall()
        return [
            Event(seq=n, at=at, kind=kind, item_id=item_id, reason=reason, text=text, operation=operation, undoes=undoes)
            for n, at, kind, reason, text, operation, undoes in rows
        ]

    def search(self, key: FloatArray, k: int, scope: str, *, category: str | None = None) -> list[Scored]:
        """Return the k active items with the highest cosine to an L2-normalised `[E]`; best first, the older first on ties."""
        check_count("k", k, 1)
        with self._lock:
            encoder = self._usable_encoder()
            if encoder is None:
                return []
            checked = checks.check_key(key, encoder[1])
            return self._searched(scope, encoder, lambda index: index.search(checked, k, category))

    def search_words(self, words: Sequence[str], k: int, scope: str) -> list[Scored]:
        """Return up to k active items that share a word with the query, by BM25 with the scope's statistics, best first."""
        check_count("k", k, 1)
        with self._lock:
            encoder = self._usable_encoder()
            return self._searched(scope, encoder, lambda index: index.search_words(words, k)) if encoder else []

    def word_counts(self, words: Sequence[str], scope: str) -> dict[str, int]:
        """Return in how many active items of the scope each word occurs, by the words as given."""
        with self._lock:
            encoder = self._usable_encoder()
            if encoder is None:
                return dict.fromkeys(words, 0)
            return self._searched(scope, encoder, lambda index: {word: index.word_count(word) for word in words})

    def keys(self, ids: Sequence[str], scope: str) -> FloatArray:
        """Return the stored vectors `[len(ids), E]`, in order.

        Raises:
            NotFound: if the scope has no such item.
        """
        with self._snapshot() as db:
            found = np.empty((len(ids), self._require_dim() if ids else 0), dtype=np.float32)
            for row, item_id in enumerate(ids):
                vector = db.execute(
                    "SELECT v.key FROM items i JOIN scopes s ON s.id = i.scope JOIN vectors v ON v.event = i.payload"
                    " WHERE i.id = ? AND s.name = ?",
                    (item_id, scope),
                ).fetchone()
                if vector is None:
                    raise records.no_item(item_id, scope)
                found[row] = np.frombuffer(vector[0], dtype="<f4")
        return found

    def touch(self, ids: Sequence[str], scope: str) -> None:
        """Count one use of each item now. Survives the process at once, a power failure with the next write.

        Raises:
            NotFound: if the scope has no such item; nothing is counted then.
        """
        now = time.time()
        with self._writing(durable=False) as db:
            for item_id in ids:
                seq = records.find(db, item_id, scope).seq
                db.execute(
                    "INSERT INTO counters VALUES (?1, 1, ?2) ON CONFLICT (item)"
                    " DO UPDATE SET uses = counters.uses + 1, last_used = ?2",
                    (seq, now),
                )

    def get_states(self, ids: Sequence[str], host: str) -> dict[str, bytes]:
        """Return the cached token-level states of a host fingerprint, for those active ids that have them."""
        with self._reading() as db:
            return self._states.get(records.payload_numbers(db, ids), host)

    def put_states(self, states: dict[str, bytes], host: str, *, revision: int | None = None) -> None:
        """Cache recomputable token-level states of active items; bounded, the least recently written go first.

        Args:
            states: blob by item id.
            host: fingerprint of the model that made them.
            revision: the store's revision when the texts were read; items rewritten since then are left out.
        """
        with self._reading() as db:
            payloads = records.payload_numbers(db, list(states))
            fresh = {item: n for item, n in payloads.items() if revision is None or n <= revision}
            self._states.put(states, fresh, host)
            # an item may have been erased by another process meanwhile
            still = records.payload_numbers(db, list(fresh))
        self._states.drop([item for item in fresh if still.get(item) != fresh[item]])

    def journal(self, *, after: int = 0) -> Iterator[Event]:
        """Yield the events of all scopes after a number, oldest first."""
        while True:
            with self._reading() as db:
                rows = db.execute(
                    "SELECT j.seq, j.at, j.kind, i.id, j.reason, j.operation FROM journal j JOIN items i ON i.seq = j.item"
                    " WHERE j.seq > ? ORDER BY j.seq LIMIT 1000",
                    (after,),
                ).fetchall()
            if not rows:
                return
            for seq, at, kind, item_id, reason, operation in rows:
                yield Event(seq=seq, at=at, kind=kind, item_id=item_id, reason=reason, operation=operation)
            after = rows[-1][0]

    def dump(self, scope: str | None) -> Iterator[Record]:
        """Yield the items of a scope (None: of every one) with their whole past, oldest first, erased ones as events alone.

        Raises:
            NotFound: if the scope is unknown.
        """
        with self._reading() as db:
            if scope is not None:
                records.require_scope(db, scope)
        with self._moment() as db:
            yield from transfer.dump(db, scope)

    def restore(self, dumped: Iterable[Record]) -> Restored:
        """Write items with their whole past, all or none; those whose ids are known already stay as they are.

        Every text has its key, made by this store's encoder. Numbers of events go on behind those that are there.

        Raises:
            InputError, ConfigError, ShapeError: if one breaks a rule; nothing is written then.
            StoreError: if the write fails.
        """
        dim = self._require_dim()
        with self._writing() as db:
            self._require_dim(dim)
            try:
                return transfer.restore(db, dumped, dim)
            except self.INTEGRITY as error:
                raise InputError(
                    rule_got_do(
                        "Events of an import have numbers of their own; nothing was written.", str(error), "Export again."
                    )
                ) from error

    def _searched(self, scope: str, encoder: vectors.Encoder, ask: Callable[[SearchIndex], Answer]) -> Answer:
        """Return what the scope's index answers; one whose file is damaged is built anew first."""
        with self._reading() as db:
            if encoder != self._indexed:
                self._indexes.close()
                self._indexed = encoder
            while True:
                try:
                    answer = ask(self._indexes.of(db, scope, encoder[1]))
                except DamagedIndex:
                    self._indexes.discard(db, scope)
                    continue
                self._require_same(encoder)
                return answer
