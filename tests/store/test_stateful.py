"""Random lives of a store: the embedded one, the one on a server and the reference agree after every step."""

import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mnemic.errors import EncoderMismatch, MnemicError
from mnemic.evals.storage.server import Server
from mnemic.store import Scored, SqlStore, open_store
from mnemic.store.reindex import reindex
from mnemic.transfer import export, import_
from mnemic.types import Event, FloatArray, Item, Record
from store.reference import ReferenceStore
from store.samples import DIM, ENCODER, direction, encode, new_item

OTHER = "encoder-b"
SCOPES = st.sampled_from(["home", "work"])
WORDS = ["the", "dog", "cat", "Ärger", "name", "ice-cream", "東京都"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
SEEDS = st.integers(0, 5)
CATEGORIES = st.sampled_from([None, "a", "b"])
PLACES = st.integers(0, 30)


class Lives(RuleBasedStateMachine):
    """One embedded store in a folder, seen through two connections as by two processes, beside a dict."""

    def place(self) -> str:
        """Return where the store is."""
        return str(Path(self.folder.name) / "s")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.location = self.place()
        self.encoder = ENCODER
        self.reference = ReferenceStore()
        self.reference.open_for(ENCODER, DIM)
        self.stores = [self.opened(), self.opened()]
        self.ids: list[tuple[str, str]] = []
        """(id in the embedded store, id in the reference) of every item ever made."""
        self.gone: set[str] = set()
        self.moments: list[tuple[float, list[Item]]] = []
        """Times after steps, and what there was then."""

    def teardown(self) -> None:
        self.carried_over()
        for store in self.stores:
            assert store.check() == []
            store.close()
        self.folder.cleanup()

    def carried_over(self) -> None:
        """What is written out and into a new store is the same there, and can be undone as it can here."""
        store, path = self.stores[0], Path(self.folder.name) / "export.jsonl"
        export(store, path, None)
        with open_store(":memory:") as other:
            import_(other, path, None)
            assert [comparable(r) for r in other.dump(None)] == [comparable(r) for r in store.dump(None)]
            assert other.items(None, status=None) == store.items(None, status=None)
            assert list(other.journal()) == list(store.journal())
            assert other.check() == []
            assert import_(other, path, None).added == 0
            for scope in store.scopes():
                assert undone(store, scope) == undone(other, scope)

    def opened(self) -> SqlStore:
        store = open_store(self.location)
        store.open_for(self.encoder, DIM)
        return store

    def pair(self, place: int) -> tuple[str, str]:
        return self.ids[place % len(self.ids)] if self.ids else ("nobody", "nobody")

    @rule(n=st.integers(1, 3), text=TEXTS, seed=SEEDS, scope=SCOPES, category=CATEGORIES, side=st.integers(0, 1))
    def insert(self, n: int, text: str, seed: int, scope: str, category: str | None, side: int) -> None:
        items = [new_item(f"{text} {i}", seed=seed + i, scope=scope, category=category) for i in range(n)]
        made, expected = self.stores[side].insert(items), self.reference.insert(items)
        self.ids += [(m.id, e.id) for m, e in zip(made, expected, strict=True)]

    @rule(place=PLACES, text=TEXTS, seed=SEEDS, scope=SCOPES, side=st.integers(0, 1))
    def supersede(self, place: int, text: str, seed: int, scope: str, side: int) -> None:
        new = new_item(text, seed=seed, scope=scope, reason="contradicts")
        mine, theirs = self.pair(place)
        if self.same_error(
            lambda: self.reference.insert([replace(new, supersedes=theirs)]),
            lambda: self.stores[side].insert([replace(new, supersedes=mine)]),
        ):
            self.ids.append((self.stores[side].items(None)[-1].id, self.reference.items(None)[-1].id))

    @rule(place=PLACES, text=TEXTS, seed=SEEDS, scope=SCOPES, category=CATEGORIES, side=st.integers(0, 1))
    def update(self, place: int, text: str, seed: int, scope: str, category: str | None, side: int) -> None:
        change = {"text": text, "key": direction(seed), "reason": "better", "category": category}
        mine, theirs = self.pair(place)
        self.same_error(
            lambda: self.reference.update(theirs, scope, **change), lambda: self.stores[side].update(mine, scope, **change)
        )

    @rule(place=PLACES, scope=SCOPES, side=st.integers(0, 1))
    def forget(self, place: int, scope: str, side: int) -> None:
        mine, theirs = self.pair(place)
        self.same_error(
            lambda: self.reference.forget(theirs, scope, "asked"), lambda: self.stores[side].forget(mine, scope, "asked")
        )

    @rule(places=st.lists(PLACES, min_size=1, max_size=4), scope=SCOPES, side=st.integers(0, 1))
    def prune(self, places: list[int], scope: str, side: int) -> None:
        pairs = dict(map(self.pair, places))
        gone: list[list[str]] = []
        if self.same_error(
            lambda: gone.append([i.id for i in self.reference.prune(dict.fromkeys(pairs.values(), "rule"), scope)]),
            lambda: gone.append([i.id for i in self.stores[side].prune(dict.fromkeys(pairs, "rule"), scope)]),
        ):
            assert gone[0] == [pairs[mine] for mine in gone[1]]

    @rule(scope=SCOPES, side=st.integers(0, 1), back=st.none() | st.integers(0, 12))
    def undo(self, scope: str, side: int, back: int | None) -> None:
        """The last operation that holds, or any of the last ones, whether or not it can be."""
        operation = None if back is None else max(1, self.reference.revision - back)
        self.same_error(
            lambda: self.reference.undo(scope, "mistake", operation=operation),
            lambda: self.stores[side].undo(scope, "mistake", operation=operation),
        )

    @rule(place=PLACES, scope=SCOPES, side=st.integers(0, 1))
    def erase(self, place: int, scope: str, side: int) -> None:
        mine, theirs = self.pair(place)
        names = dict(self.ids)
        related: list[tuple[str, ...]] = []
        if self.same_error(
            lambda: related.append(self.reference.erase(theirs, scope).related),
            lambda: related.append(self.stores[side].erase(mine, scope).related),
        ):
            assert sorted(related[0]) == sorted(names[i] for i in related[1])
            self.gone.add(theirs)

    @rule(place=PLACES, scope=SCOPES, side=st.integers(0, 1))
    def touch(self, place: int, scope: str, side: int) -> None:
        mine, theirs = self.pair(place)
        self.same_error(lambda: self.reference.touch([theirs], scope), lambda: self.stores[side].touch([mine], scope))

    @rule(place=PLACES, data=st.binary(min_size=1, max_size=4), side=st.integers(0, 1))
    def cache(self, place: int, data: bytes, side: int) -> None:
        mine, theirs = self.pair(place)
        self.reference.put_states({theirs: data}, "host")
        self.stores[side].put_states({mine: data}, "host")

    @rule(side=st.integers(0, 1))
    def reindex(self, side: int) -> None:
        """Both connections go on with the new encoder: the one that had the old one is told so first."""
        self.encoder = OTHER if self.encoder == ENCODER else ENCODER

        def vectors(texts: Sequence[str]) -> FloatArray:
            return encode(texts, self.encoder)

        self.reference.reindex(self.encoder, vectors)
        reindex(self.stores[side], self.encoder, DIM, vectors)
        for store in self.stores:
            with pytest.raises(EncoderMismatch):
                store.search(direction(0), 1, "home")
            store.open_for(self.encoder, DIM)

    @rule(n=st.integers(1, 3), text=TEXTS, scope=SCOPES, side=st.integers(0, 1))
    def insert_new_only(self, n: int, text: str, scope: str, side: int) -> None:
        items = [new_item(f"{text} {i % 2}", seed=i, scope=scope) for i in range(n)]
        made = self.stores[side].insert(items, new_only=True)
        expected = self.reference.insert(items, new_only=True)
        self.ids += [(m.id, e.id) for m, e in zip(made, expected, strict=True)]

    @rule(side=st.integers(0, 1))
    def reopen(self, side: int) -> None:
        self.stores[side].close()
        self.stores[side] = self.opened()

    @rule(seed=SEEDS, k=st.integers(1, 6), scope=SCOPES, category=CATEGORIES, side=st.integers(0, 1))
    def search(self, seed: int, k: int, scope: str, category: str | None, side: int) -> None:
        self.compare_search(self.stores[side], seed, k, scope, category)

    @rule(
        words=st.lists(st.sampled_from([*WORDS, "unheard"]), max_size=4),
        k=st.integers(1, 6),
        scope=SCOPES,
        side=st.integers(0, 1),
    )
    def search_words(self, words: list[str], k: int, scope: str, side: int) -> None:
        self.compare_words(self.stores[side], words, k, scope)

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "ids"):
            return
        names = dict(self.ids)
        for store in self.stores:
            assert store.count() == self.reference.count()
            assert store.scopes() == self.reference.scopes()
            assert store.revision == self.reference.revision
            assert [plain(i, names) for i in store.items(None, status=None)] == [
                plain(i) for i in self.reference.items(None, status=None)
            ]
            assert [told(e, names) for e in store.journal()] == [told(e) for e in self.reference.journal()]
            for scope in ("home", "work"):
                self.compare_search(store, 0, 50, scope, None)
                self.compare_words(store, WORDS, 50, scope)
            mine = store.get_states(list(names), "host")
            assert {names[i]: data for i, data in mine.items()} == self.reference.get_states(list(names.values()), "host")
        self.moments.append((time.time(), [still(plain(i)) for i in self.reference.items(None, status=None)]))
        for at, there in self.moments[:: max(1, len(self.moments) // 4)]:
            then = [still(plain(i, names)) for i in self.stores[0].items(None, status=None, as_of=at)]
            assert then == [item for item in there if item.id not in self.gone]
        for item in self.reference.items(None, status=None)[-2:]:
            mine = next(m for m, theirs in self.ids if theirs == item.id)
            told_history = [(told(e, names), e.text) for e in self.stores[0].history(mine, item.scope)]
            assert told_history == [(told(e), e.text) for e in self.reference.history(item.id, item.scope)]

    def compare_search(self, store: SqlStore, seed: int, k: int, scope: str, category: str | None) -> None:
        found = store.search(direction(seed), k, scope, category=category)
        # fp32 dot products of unit vectors, summed in either order
        self.same_ranking(found, self.reference.search(direction(seed), k, scope, category=category), DIM * 2**-23)

    def compare_words(self, store: SqlStore, words: list[str], k: int, scope: str) -> None:
        # at most nine fp64 terms below 10 each, summed in either order
        self.same_ranking(store.search_words(words, k, scope), self.reference.search_words(words, k, scope), 1e-12)
        assert store.word_counts(words, scope) == self.reference.word_counts(words, scope)

    def same_error(self, expected: object, got: object) -> bool:
        """Do both and return True when both succeed; fail unless both fail in the same way."""
        try:
            expected()
        except MnemicError as error:
            with pytest.raises(type(error)):
                got()
            return False
        got()
        return True

    def same_ranking(self, found: list[Scored], expected: list[Scored], tolerance: float) -> None:
        names = dict(self.ids)
        assert [s.score for s in found] == pytest.approx([s.score for s in expected], abs=tolerance)
        for mine, theirs in zip(found, expected, strict=True):
            near = [s for s in expected if abs(s.score - theirs.score) <= tolerance]
            # among scores that rounding can't tell apart, any order; the last ones may also have equals beyond the cut
            assert names[mine.id] in {s.id for s in near} or theirs.score - expected[-1].score <= tolerance


def plain(item: Item, names: dict[str, str] | None = None) -> Item:
    """Return an item without clock times and with the reference's ids."""
    named = {
        field: (names or {}).get(value, value)
        for field in ("id", "supersedes", "superseded_by")
        if (value := getattr(item, field))
    }
    return replace(item, created=0.0, said=0.0, last_used=None if item.last_used is None else 1.0, **named)


def comparable(record: Record) -> Record:
    """Return a record whose vectors can be compared with ==."""
    past = (replace(p, key=None if p.key is None else tuple(p.key.tolist())) for p in record.past)  # type: ignore[arg-type]
    return replace(record, past=tuple(past))


def undone(store: SqlStore, scope: str) -> list[Item] | type[MnemicError]:
    """Undo the last operation of a scope, and return its items, or how it can't be."""
    try:
        return [still(item) for item in store.undo(scope, "mistake")]
    except MnemicError as error:
        return type(error)


def still(item: Item) -> Item:
    """Return an item without its uses, which aren't kept in time."""
    return replace(item, uses=0, last_used=None)


def told(event: Event, names: dict[str, str] | None = None) -> tuple[int, str, int, str, str]:
    return event.seq, event.kind, event.operation, (names or {}).get(event.item_id, event.item_id), event.reason


def lives(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
    )


Lives.TestCase.settings = lives(25)
TestLives = Lives.TestCase


class LivesOnAServer(Lives):
    """The same of a store on a server, seen through two pools."""

    server: Server

    def place(self) -> str:
        return self.server.url(f"lives_{secrets.token_hex(6)}")


def test_lives_on_a_server(server: Server) -> None:
    LivesOnAServer.server = server
    run_state_machine_as_test(LivesOnAServer, settings=lives(8))
