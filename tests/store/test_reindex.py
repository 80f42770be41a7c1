"""Another encoder, in place: whoever works beside it, and whatever happens to whoever does it."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from mnemic.errors import EncoderMismatch, StoreError
from mnemic.store import SqlStore, is_address, open_store
from mnemic.store.postgres import address
from mnemic.store.reindex import reindex
from mnemic.transfer import export, import_
from mnemic.types import FloatArray, Item
from store.samples import DIM, ENCODER, direction, encode, new_item

OTHER = "encoder-b"
Files = Callable[[str], list[Path]]
FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, location: Callable[[str], str]) -> str:
    """Where a new store is that several processes can open."""
    return location(request.param)


@pytest.fixture
def files(request: pytest.FixtureRequest) -> Files:
    """Lists the files that hold what a store holds now; of a server, all but its write-ahead log."""

    def of(place: str) -> list[Path]:
        if not is_address(place):
            return list(Path(place).iterdir())
        known = address.parse(place)
        with psycopg.connect(known.url, autocommit=True) as db:
            # other tests' stores hold the same vectors
            others = db.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname ~ '^test_|^lives_' AND nspname <> %s", (known.schema,)
            )
            for (other,) in others.fetchall():
                db.execute(f'DROP SCHEMA "{other}" CASCADE')
            db.execute("CHECKPOINT")
        return [path for path in (request.getfixturevalue("server").data / "base").rglob("*") if path.is_file()]

    return of


def opened(place: str | Path, encoder: str = ENCODER) -> SqlStore:
    store = open_store(place)
    store.open_for(encoder, DIM)
    return store


def filled(place: str | Path, count: int = 200) -> list[Item]:
    """Fill a store, and change some of what is in it."""
    with opened(place) as store:
        items = store.insert([new_item(f"Fact {n}.", seed=n, scope="home" if n % 3 else "work") for n in range(count)])
        store.update(items[1].id, "home", text="Fact one.", key=direction(1), reason="words")
        store.forget(items[2].id, "home", "asked")
        store.insert([new_item("Fact four, corrected.", seed=4, supersedes=items[4].id)])
    return items


def found(store: SqlStore, text: str, scope: str = "home") -> list[tuple[str, float]]:
    names = {item.id: item.text for item in store.items(scope)}
    return [(names[s.id], s.score) for s in store.search(encode([text])[0], 20, scope)]


def test_afterwards_all_is_as_in_a_store_that_was_learned_with_it(place: str) -> None:
    filled(place)
    seen: list[tuple[int, int]] = []
    with open_store(place) as store:
        before = list(store.journal())
        done = reindex(store, OTHER, DIM, encode, report=lambda *counts: seen.append(counts))
        assert (done.encoder, done.encoded, done.before) == (OTHER, 202, 0)
        assert (seen[0], seen[-1]) == ((0, 202), (202, 202))
        assert (store.encoder_id, list(store.journal()), store.check()) == (OTHER, before, [])
        with open_store(":memory:") as fresh:
            fresh.open_for(OTHER, DIM)
            for scope in ("home", "work"):
                texts = [item.text for item in store.items(scope)]
                fresh.insert([replace(new_item(t, scope=scope), key=encode([t])[0]) for t in texts])
                for query in ("Fact 7.", "Fact one.", "Fact 9."):
                    assert found(store, query, scope) == found(fresh, query, scope)


def test_what_is_undone_afterwards_is_found_by_the_new_encoder(place: str) -> None:
    items = filled(place)
    with open_store(place) as store:
        reindex(store, OTHER, DIM, encode)
        store.open_for(OTHER, DIM)
        for _ in range(3):
            store.undo("home", "mistake")
        assert found(store, "Fact 1.")[0] == ("Fact 1.", pytest.approx(1.0))
        assert found(store, "Fact 2.")[0] == ("Fact 2.", pytest.approx(1.0))
        assert store.get(items[4].id, "home").status == "active"


def test_a_process_with_the_old_encoder_is_told_so_wherever_vectors_matter(place: str, tmp_path: Path) -> None:
    items = filled(place)
    with opened(place) as old, open_store(place) as new:
        old.search(direction(1), 3, "home")
        export(old, tmp_path / "out.jsonl", None)
        reindex(new, OTHER, DIM, encode)
        change = {"text": "x", "key": direction(3), "reason": "x"}
        for call in (
            lambda: old.search(direction(1), 3, "home"),
            lambda: old.search_words(["fact"], 3, "home"),
            lambda: old.word_counts(["fact"], "home"),
            lambda: old.keys([items[5].id], "home"),
            lambda: old.insert([new_item()]),
            lambda: old.update(items[5].id, "home", **change),
            lambda: import_(old, tmp_path / "out.jsonl", None),
            lambda: old.open_for(ENCODER, DIM),
        ):
            with pytest.raises(EncoderMismatch, match=f"made by the encoder '{OTHER}'"):
                call()
        # what needs no vectors goes on
        old.forget(items[5].id, "home", "asked")
        assert [i.id for i in old.undo("home", "mistake")] == [items[5].id]
        assert new.check() == []


class Busy:
    """An encoder beside which somebody else works, each batch anew."""

    def __init__(self, other: SqlStore, items: Sequence[Item]) -> None:
        self.other, self.items, self.calls = other, items, 0
        self.erased: list[Item] = []

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        self.calls += 1
        if self.calls <= 4:
            n = self.calls
            self.other.insert([new_item(f"Meanwhile {n}.", seed=n)])
            self.other.update(self.items[10 * n + 1].id, self.scope(10 * n + 1), text=f"Told {n}.", key=direction(n), reason="x")
            # one whose vector was made already, and one that may be in hand
            for place in (n + 4, 60 * n - 7):
                item = self.items[place]
                self.erased.append(item)
                assert self.other.erase(item.id, self.scope(place)).left == ()
            assert self.other.search(direction(n), 1, "home")
        return encode(texts)

    @staticmethod
    def scope(place: int) -> str:
        return "home" if place % 3 else "work"


def test_what_others_write_and_erase_meanwhile_is_covered(place: str, files: Files) -> None:
    items = filled(place, 300)
    with opened(place) as other, open_store(place) as store:
        busy = Busy(other, items)
        reindex(store, OTHER, DIM, busy)
        assert len(busy.erased) == 8
        store.open_for(OTHER, DIM)
        for n in range(1, 5):
            assert found(store, f"Meanwhile {n}.")[0] == (f"Meanwhile {n}.", pytest.approx(1.0))
            assert found(store, f"Told {n}.", busy.scope(10 * n + 1))[0][0] == f"Told {n}."
        assert store.check() == []
        gone = [encode([item.text])[0].tobytes() for item in busy.erased]
        old = [direction(n).tobytes() for n in range(300) if n % 7 == 0]
        other.close()
        for path in files(place):
            data = path.read_bytes()
            assert not any(vector in data for vector in gone), path.name
            assert not any(vector in data for vector in old), path.name


KILLED = """
import os, signal, sys
from mnemic.store import open_store
from mnemic.store.reindex import reindex
from store.samples import encode, DIM
calls = 0
def dying(texts):
    global calls
    calls += 1
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(texts)
with open_store(sys.argv[1]) as store:
    reindex(store, "encoder-b", DIM, dying)
"""


def test_killed_in_the_middle_it_goes_on(place: str) -> None:
    filled(place)
    died = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n{KILLED}",
            place,
        ],
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    with opened(place) as store:
        assert store.search(direction(7), 1, "home")[0].score == pytest.approx(1.0), "the old vectors are still in use"
        store.insert([new_item("After the kill.", seed=1)])
    with open_store(place) as store:
        done = reindex(store, OTHER, DIM, encode)
        assert (done.before, done.encoded) == (128, 202 - 128 + 1)
        assert found(store, "After the kill.")[0][0] == "After the kill."
        assert store.check() == []


def test_one_change_at_a_time_and_what_was_begun_can_be_thrown_away(place: str, files: Files) -> None:
    filled(place)
    with open_store(place) as store:
        work = store.reindexing(OTHER, DIM)
        work.put({n: encode([text])[0] for n, text in work.missing(0, 10)})
        assert (work.counts(), work.switch()) == ((10, 202), False)
        with pytest.raises(StoreError, match=f"one encoder at a time.*'{OTHER}'.*--discard"):
            store.reindexing("encoder-c", DIM)
        assert store.discard_reindexing()
        assert not store.discard_reindexing()
        with pytest.raises(StoreError, match="it was discarded"):
            work.put({1: encode(["x"])[0]})
        # SQLite's log is emptied when it is closed
        kept = [path for path in files(place) if not path.name.endswith("-wal")]
        assert not any(encode(["Fact 0."])[0].tobytes() in path.read_bytes() for path in kept)
        assert reindex(store, "encoder-c", DIM, encode).before == 0


def test_two_at_the_same_change_share_the_work(place: str) -> None:
    filled(place)
    with open_store(place) as one, open_store(place) as two:
        first, second = one.reindexing(OTHER, DIM), two.reindexing(OTHER, DIM)
        first.put({n: encode([text])[0] for n, text in first.missing(0, 150)})
        second.put({n: encode([text])[0] for n, text in second.missing(0, 500)})
        assert second.switch()
        first.put({1: encode(["late"])[0]})
        assert first.switch()
        assert found(one, "Fact 6.", "work")[0] == ("Fact 6.", pytest.approx(1.0))


def test_another_size_of_vectors(place: str) -> None:
    filled(place, 20)
    with opened(place) as old, open_store(place) as store:
        reindex(
            store, "encoder-3", 3, lambda texts: encode(texts)[:, :3] / (encode(texts)[:, :3] ** 2).sum(1, keepdims=True) ** 0.5
        )
        assert store.dim == 3
        assert len(store.keys([store.items("home")[0].id], "home")[0]) == 3
        with pytest.raises(EncoderMismatch):
            old.search(direction(1), 1, "home")


def test_with_the_encoder_it_has_it_mends_texts_that_lost_their_vectors(place: str) -> None:
    with open_store(place) as store:
        store.open_for(OTHER, DIM)
        store.insert([new_item(f"Fact {n}.", seed=n) for n in range(10)])
        with store._writing() as db:
            db.execute("DELETE FROM vectors WHERE event IN (3, 5)")
    with open_store(place) as store:
        assert store.check() == ["2 texts have no vector"]
        done = reindex(store, OTHER, DIM, encode)
        assert (done.before, done.encoded) == (8, 2)
        assert store.check() == []
        assert found(store, "Fact 2.")[0] == ("Fact 2.", pytest.approx(1.0))


def test_a_store_of_format_2_knows_its_texts_and_can_be_reindexed(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mnemic.db") as db:
        db.executescript((FIXTURES / "store_format_2.sql").read_text(encoding="utf-8"))
    db.close()
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        assert store.check() == []
        assert (tmp_path / "mnemic.db.before-format-3").exists()
        assert [item.text for item in store.items(None)] == [
            "The cat sleeps a lot.",
            "My dog is called Biscuit.",
            "The van is grey.",
        ]
        said = ["The cat sleeps.", "The cat sleeps a lot.", "The van is grey."]
        assert store.known_texts(said, "home") == {"The cat sleeps a lot."}
        assert len(store.insert([new_item("My dog is called Biscuit.", seed=3)], new_only=True)) == 0
        assert [event.kind for event in store.journal()][-3:] == ["erase", "forget", "undo"]
        assert reindex(store, OTHER, DIM, encode).encoded == 5
        store.open_for(OTHER, DIM)
        assert found(store, "The cat sleeps a lot.")[0][0] == "The cat sleeps a lot."


def test_a_process_of_format_2_that_goes_on_learning_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "s", 5)
    old = sqlite3.connect(tmp_path / "s" / "mnemic.db")
    with pytest.raises(sqlite3.OperationalError, match="6 columns but 5 values"):
        old.execute("INSERT INTO payloads VALUES (1, 'x', NULL, 0.5, NULL)")
    old.close()


def test_a_new_store_takes_the_encoder(place: str) -> None:
    with open_store(place) as store:
        assert reindex(store, OTHER, DIM, encode).encoded == 0
        assert store.encoder_id == OTHER


def test_saved_indexes_of_the_old_encoder_go_with_the_switch(tmp_path: Path) -> None:
    filled(tmp_path / "s", 20)
    saved = tmp_path / "s" / "index-1"
    saved.write_bytes(direction(1).tobytes())
    with open_store(tmp_path / "s") as store:
        reindex(store, OTHER, DIM, encode)
    assert not saved.exists()
