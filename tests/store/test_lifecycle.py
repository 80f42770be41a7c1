"""Undo, states in time and erasing, as told in docs/design/lifecycle.md."""

import os
import random
import sqlite3
import time
from pathlib import Path

import pytest

from mnemic.errors import ConfigError, NotFound, StoreError
from mnemic.store import SqlStore, Store, open_store
from mnemic.store.erasure import _Search
from mnemic.types import Item
from store.samples import DIM, ENCODER, direction, new_item

FIXTURES = Path(__file__).parents[1] / "fixtures"


def texts(store: Store, **options: object) -> list[str]:
    return [item.text for item in store.items("home", **options)]  # type: ignore[arg-type]


def learned(store: Store) -> tuple[Item, Item]:
    """Teach a name, then another one that takes its place."""
    (old,) = store.insert([new_item("My dog is called Rex.", seed=1)])
    (new,) = store.insert([new_item("My dog is called Biscuit.", seed=2, supersedes=old.id, reason="another ending")])
    return old, new


def test_learning_that_superseded_is_undone_as_a_whole(store: Store) -> None:
    old, new = learned(store)
    undone = store.undo("home", "mistake")
    assert {item.id: item.status for item in undone} == {old.id: "active", new.id: "forgotten"}
    assert texts(store) == ["My dog is called Rex."]
    assert store.get(old.id, "home").superseded_by is None
    assert store.search(direction(1), 5, "home")[0].id == old.id
    assert [s.id for s in store.search_words(["biscuit"], 5, "home")] == []
    assert store.count("home") == 1
    assert [event.kind for event in store.history(old.id, "home")] == ["add", "supersede", "undo"]


def test_undoing_twice_goes_back_two_steps_and_undoing_an_undo_brings_it_back(store: Store) -> None:
    old, new = learned(store)
    store.undo("home", "mistake")
    (gone,) = store.undo("home", "mistake")
    assert (gone.id, gone.status) == (old.id, "forgotten")
    with pytest.raises(NotFound, match="Something must have happened" if isinstance(store, SqlStore) else "0"):
        store.undo("home", "mistake")
    undos = [event.operation for event in store.journal() if event.kind == "undo"]
    for operation in reversed(dict.fromkeys(undos)):
        store.undo("home", "no mistake", operation=operation)
    assert texts(store) == ["My dog is called Biscuit."]
    assert store.get(old.id, "home").superseded_by == new.id


def test_an_update_is_undone_to_the_text_and_vector_before(store: Store) -> None:
    (item,) = store.insert([new_item("The cat sleeps.", seed=1)])
    store.update(item.id, "home", text="The cat sleeps a lot.", key=direction(2), reason="nearly the same")
    (back,) = store.undo("home", "mistake")
    assert (back.text, back.status) == ("The cat sleeps.", "active")
    assert store.search(direction(1), 1, "home")[0].score == pytest.approx(1.0)
    assert store.word_counts(["lot"], "home") == {"lot": 0}


def test_what_changed_later_is_undone_first(store: Store) -> None:
    (item,) = store.insert([new_item("The cat sleeps.", seed=1)])
    store.forget(item.id, "home", "asked")
    (added, forgotten) = [event.operation for event in store.history(item.id, "home")]
    with pytest.raises(StoreError):
        store.undo("home", "mistake", operation=added)
    store.undo("home", "mistake", operation=forgotten)
    with pytest.raises(StoreError):
        store.undo("home", "mistake", operation=forgotten)
    store.undo("home", "mistake", operation=added)
    assert texts(store) == []
    with pytest.raises(NotFound):
        store.undo("work", "mistake", operation=added)


def test_another_scopes_operations_are_not_undone(store: Store) -> None:
    store.insert([new_item("at home", scope="home")])
    (other,) = store.insert([new_item("at work", scope="work")])
    store.undo("home", "mistake")
    assert store.get(other.id, "work").status == "active"
    (operation,) = [event.operation for event in store.history(other.id, "work")]
    with pytest.raises(NotFound):
        store.undo("home", "mistake", operation=operation)


def test_history_says_which_operation_an_undo_undid(real: SqlStore) -> None:
    (item,) = real.insert([new_item()])
    real.forget(item.id, "home", "asked")
    real.undo("home", "mistake")
    told = real.history(item.id, "home")
    assert [(e.kind, e.operation, e.undoes) for e in told] == [("add", 1, None), ("forget", 2, None), ("undo", 3, 2)]


def test_items_as_they_were(real: SqlStore) -> None:
    before = time.time()
    time.sleep(0.01)
    old, _ = learned(real)
    between = real.history(old.id, "home")[0].at
    time.sleep(0.01)
    real.update(real.items("home")[0].id, "home", text="My dog is called Biscuit!", key=direction(3), reason="loud")
    now = time.time()
    real.forget(real.items("home")[0].id, "home", "asked")
    assert texts(real, as_of=before) == []
    assert texts(real, as_of=between) == ["My dog is called Rex."]
    assert texts(real, as_of=now) == ["My dog is called Biscuit!"]
    assert texts(real, as_of=now, status=None) == ["My dog is called Rex.", "My dog is called Biscuit!"]
    assert texts(real) == []
    with pytest.raises(ConfigError, match="as_of"):
        real.items("home", as_of="yesterday")  # type: ignore[arg-type]


def test_an_erased_item_is_in_no_file_and_unknown(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        secret = "My door code is 4711-Zanzibar. " * 300
        (item,) = store.insert([new_item(secret, seed=1, category="codes-of-mine", source="secret diary, page 7")])
        (near,) = store.insert([new_item("My door code is 0815.", seed=2, supersedes=item.id, reason="another ending")])
        store.forget(item.id, "home", "4711-Zanzibar is an old one")
        store.insert([new_item(f"Something else {n}.", seed=10 + n) for n in range(50)])
        store.put_states({item.id: b"states of 4711-Zanzibar", near.id: b"others"}, "host")
        store.touch([item.id], "home")
        store.search_words(["zanzibar"], 1, "home")
        erased = store.erase(item.id, "home")
        assert erased.left == ()
        assert erased.files >= 2
        assert erased.related == (near.id,)
        vector = direction(1).tobytes()
        for path in tmp_path.iterdir():
            data = path.read_bytes()
            for word in (b"Zanzibar", b"codes-of-mine", b"secret diary", vector, vector[:8]):
                assert word not in data, (path.name, word)
        with pytest.raises(NotFound):
            store.get(item.id, "home")
        with pytest.raises(NotFound):
            store.erase(item.id, "home")
        assert item.id not in {i.id for i in store.items("home", status=None)}
        assert item.id not in {i.id for i in store.items("home", status=None, as_of=time.time())}
        assert [(e.kind, e.reason, e.text) for e in store.history(item.id, "home")] == [
            (kind, "erased", None) for kind in ("add", "supersede", "forget", "erase")
        ]
        assert store.check() == []


def test_an_erased_item_leaves_the_memory_of_other_processes_too(tmp_path: Path) -> None:
    with open_store(tmp_path) as one, open_store(tmp_path) as two:
        for store in (one, two):
            store.open_for(ENCODER, DIM)
        (item,) = one.insert([new_item("The code is 4711.", seed=1)])
        one.insert([new_item("The van is grey.", seed=2)])
        assert two.search(direction(1), 1, "home")[0].id == item.id
        index = two._indexes._indexes["home"]
        one.erase(item.id, "home")
        assert [found.id for found in two.search(direction(1), 5, "home")] != [item.id]
        assert two.word_counts(["4711"], "home") == {"4711": 0}
        # rebuilt, not marked: the old one still holds the vector
        assert two._indexes._indexes["home"] is not index


def test_pieces_are_found_wherever_they_begin() -> None:
    rng = random.Random(0)
    for _ in range(500):
        data = bytes(rng.choices(b"abc \0", k=rng.randrange(120)))
        places = [(rng.randrange(110), rng.randrange(8, 25)) for _ in range(4)]
        pieces = {piece for begin, size in places if len(piece := data[begin : begin + size]) >= 8}
        others = {bytes(rng.choices(b"abc \0", k=rng.randrange(8, 25))) for _ in range(3)}
        assert _Search(pieces | others).found(data) == {piece for piece in pieces | others if piece in data}


def test_what_another_process_keeps_in_the_log_is_reported(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        (item,) = store.insert([new_item("The code is 4711-Zanzibar.", seed=1)])
        reader = sqlite3.connect(tmp_path / "mnemic.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM items").fetchone()
        store._open.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]
        assert "mnemic.db-wal" in store.erase(item.id, "home").left
        reader.close()
        store.insert([new_item("Anything.", seed=2)])
        (again,) = store.insert([new_item("The code is 4711-Zanzibar.", seed=1)])
        assert store.erase(again.id, "home").left == ()


def test_what_somebody_else_says_too_is_no_remnant(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        (mine,) = store.insert([new_item("The code of the door is 4711.", seed=1)])
        (theirs,) = store.insert([new_item("The code of the door is 4711.", seed=1, scope="work")])
        assert store.erase(mine.id, "home").left == ()
        assert store.get(theirs.id, "work").text == "The code of the door is 4711."


def test_an_operation_with_an_erased_item_restores_the_others(store: Store) -> None:
    old, new = learned(store)
    (added,) = {event.operation for event in store.history(new.id, "home")}
    store.erase(old.id, "home")
    (left,) = store.undo("home", "mistake", operation=added)
    assert (left.id, left.status) == (new.id, "forgotten")
    store.erase(new.id, "home")
    for operation in {event.operation for event in store.history(new.id, "home")}:
        with pytest.raises(StoreError):
            store.undo("home", "mistake", operation=operation)
    with pytest.raises(NotFound):
        store.undo("home", "mistake")


def test_a_store_of_format_1_is_copied_and_then_has_its_past(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mnemic.db") as db:
        db.executescript((FIXTURES / "store_format_1.sql").read_text(encoding="utf-8"))
    db.close()
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        assert store.check() == []
        assert (tmp_path / "mnemic.db.before-format-2").exists()
        assert texts(store) == ["The cat sleeps a lot.", "My dog is called Biscuit."]
        events = list(store.journal())
        assert [event.operation for event in events] == [1, 2, 3, 3, 5, 6, 7, 8]
        assert [item.text for item in store.items(None, status=None, as_of=events[3].at)] == [
            "My dog is called Rex.",
            "The cat sleeps.",
            "My dog is called Biscuit.",
        ]
        assert texts(store, as_of=events[1].at) == ["My dog is called Rex.", "The cat sleeps."]
        rex = next(item for item in store.items("home", status=None) if "Rex" in item.text)
        # forgotten after it was superseded: back one step, and then the step before
        assert [(i.id, i.status) for i in store.undo("home", "mistake")] == [(rex.id, "superseded")]
        (cat,) = store.undo("home", "mistake")
        assert cat.text == "The cat sleeps."
        store.undo("home", "mistake")
        assert texts(store) == ["My dog is called Rex.", "The cat sleeps."]
        # a copy from before holds what is erased
        assert store.erase(rex.id, "home").left == ()
        assert not (tmp_path / "mnemic.db.before-format-2").exists()


def test_undoing_undos_however_deep_says_what_holds(store: Store) -> None:
    store.insert([new_item("First.", seed=1)])
    (second,) = store.insert([new_item("Second.", seed=2)])
    store.undo("home", "mistake")
    for _ in range(4):
        last = max(event.operation for event in store.journal())
        store.undo("home", "no", operation=last)
    assert store.get(second.id, "home").status == "forgotten"
    # what doesn't hold isn't undone again: the one before is
    assert [item.text for item in store.undo("home", "mistake")] == ["First."]


@pytest.mark.parametrize("word", ["operations", "superseded", "importance", "health-records", ENCODER])
def test_words_of_the_store_itself_are_no_remnant(tmp_path: Path, word: str) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        store.insert([new_item("Something.", seed=3, scope="health-records")])
        (item,) = store.insert([new_item("The code is 4711.", seed=1, category=word)])
        assert store.erase(item.id, "home").left == ()


def test_states_that_another_process_holds_are_reported(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        first, second = store.insert([new_item(f"The code is {n}.", seed=n) for n in range(2)])
        store.put_states({first.id: b"SECRETSTATE", second.id: b"SECRETSTATE"}, "host")
        store._states._open.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]
        holder = sqlite3.connect(tmp_path / "states.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        assert "states.db" in store.erase(first.id, "home").left
        holder.execute("ROLLBACK")
        holder.close()
        assert store.erase(second.id, "home").left == ()


def test_what_a_killed_copy_left_goes_with_the_erased(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        (item,) = store.insert([new_item("The code is 4711-Zanzibar.", seed=1)])
        draft = tmp_path / "mnemic.db.new-deadbeef"
        draft.write_bytes(b"The code is 4711-Zanzibar.")
        os.utime(draft, (1, 1))
        talk = tmp_path / "last_chat.json"
        talk.write_text("4711", encoding="utf-8")
        assert store.erase(item.id, "home").left == ()
        assert not draft.exists()
        assert not talk.exists()


def test_a_process_of_before_that_goes_on_writing_is_told_so(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        (item,) = store.insert([new_item("The van is grey.", seed=1)])
        old = sqlite3.connect(tmp_path / "mnemic.db")
        with pytest.raises(sqlite3.IntegrityError, match="restart this one"):
            old.execute("INSERT INTO journal (at, kind, item, reason) VALUES (1, 'forget', 1, 'old')")
        old.close()
        assert [event.kind for event in store.history(item.id, "home")] == ["add"]


def test_calls_of_the_same_moment_stay_apart_when_they_are_migrated(tmp_path: Path) -> None:
    script = (FIXTURES / "store_format_1.sql").read_text(encoding="utf-8")
    with sqlite3.connect(tmp_path / "mnemic.db") as db:
        db.executescript(script)
        db.execute("UPDATE journal SET at = 5.0")
    db.close()
    with open_store(tmp_path) as store:
        assert [event.operation for event in store.journal()] == [1, 2, 3, 3, 5, 6, 7, 8]
        assert [i.text for i in store.undo("work", "mistake")] == ["The van is grey."]
