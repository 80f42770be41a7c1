"""Damaged on purpose, mended, and what is lost is said."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from mnemic.errors import Corrupt, StoreError
from mnemic.store import open_store
from mnemic.store.repair import LOST, repair
from mnemic.types import Item
from store.samples import DIM, ENCODER, direction, new_item

COUNT = 400


def filled(folder: Path, count: int = COUNT) -> list[Item]:
    with open_store(folder) as store:
        store.open_for(ENCODER, DIM)
        items = store.insert([new_item(f"Fact number {n} is {'long ' * 20}.", seed=n) for n in range(count)])
        store.insert([new_item("Theirs.", scope="work")])
        store.forget(items[0].id, "home", "asked")
        store.touch([items[3].id], "home")
        return items


def pages(folder: Path, held: bytes) -> list[int]:
    """Return the numbers of the leaf pages of tables that hold some bytes. 13 is what such a page begins with."""
    data = (folder / "mnemic.db").read_bytes()
    every = range(1, len(data) // 4096)
    return [n for n in every if data[n * 4096] == 13 and held in data[n * 4096 : (n + 1) * 4096]]


def overwrite(folder: Path, page: int) -> None:
    with (folder / "mnemic.db").open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)


def never(lost: Sequence[str]) -> bool:
    raise AssertionError(lost)


def test_a_sound_store_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    before = (tmp_path / "mnemic.db").read_bytes()
    done = repair(tmp_path, accept=never)
    assert (done.mended, done.lost, done.left, done.aside) == ((), (), (), None)
    assert (tmp_path / "mnemic.db").read_bytes() == before


def test_wrong_counts_leftovers_and_a_damaged_cache_are_mended_without_loss(tmp_path: Path) -> None:
    filled(tmp_path)
    with sqlite3.connect(tmp_path / "mnemic.db") as db:
        db.execute("UPDATE scopes SET active = 7")
        db.execute("INSERT INTO counters VALUES (99999, 1, 1.0)")
    db.close()
    (tmp_path / "states.db").write_bytes(b"no cache" * 1000)
    draft, young = tmp_path / "mnemic.db.new-dead", tmp_path / "mnemic.db.new-beef"
    draft.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(draft, (1, 1))
    done = repair(tmp_path, accept=never)
    assert done.lost == done.left == ()
    assert sorted(done.mended) == [
        f"counted the active items of scope 'home' again: {COUNT - 1}, not 7",
        "counted the active items of scope 'work' again: 1, not 7",
        "dropped the uses of 1 items that aren't there",
        "removed mnemic.db.new-dead, left by an interrupted process",
        "removed states.db, a damaged cache that is made again",
    ]
    assert (draft.exists(), young.exists()) == (False, True)
    with open_store(tmp_path) as store:
        assert store.check() == []
        assert store.count("home") == COUNT - 1


def test_a_damaged_page_of_texts_loses_these_and_keeps_all_others(tmp_path: Path) -> None:
    items = filled(tmp_path)
    damaged = pages(tmp_path, b"Fact number 200 ")
    assert len(damaged) == 1
    whole = (tmp_path / "mnemic.db").read_bytes()[damaged[0] * 4096 : damaged[0] * 4096 + 4096]
    gone = [item for n, item in enumerate(items) if f"Fact number {n} is".encode() in whole]
    overwrite(tmp_path, damaged[0])
    broken = (tmp_path / "mnemic.db").read_bytes()
    # not accepted: nothing is touched
    refused = repair(tmp_path, accept=lambda lost: False)
    assert refused.left == ("nothing was changed: something would be lost",)
    assert (tmp_path / "mnemic.db").read_bytes() == broken
    assert not list(tmp_path.glob("*.damaged-*"))
    asked: list[Sequence[str]] = []
    done = repair(tmp_path, accept=lambda lost: asked.append(lost) or True)
    assert tuple(asked[0]) == done.lost
    assert {line for line in done.lost if "text of the item" in line} == {f"the text of the item {item.id}" for item in gone}
    assert done.aside is not None
    assert (tmp_path / done.aside).read_bytes() == broken
    with open_store(tmp_path) as store:
        store.open_for(ENCODER, DIM)
        assert store.check() == []
        kept = [item for item in items[1:] if item not in gone]
        assert [i.text for i in store.items("home")] == [i.text for i in kept]
        assert [i.id for i in store.items("home")] == [i.id for i in kept]
        assert store.search(direction(3), 1, "home")[0].id == items[3].id
        assert store.get(items[3].id, "home").uses == 1
        assert store.history(gone[0].id, "home")[-1].reason == LOST
        assert [i.status for i in store.undo("home", "mistake")] == ["active"]
        # the copy holds what is erased
        assert store.erase(items[5].id, "home").left == ()
        assert not list(tmp_path.glob("*.damaged-*"))


def test_lost_vectors_are_made_again_and_lost_indexes_cost_nothing(tmp_path: Path) -> None:
    items = filled(tmp_path)
    (page,) = pages(tmp_path, direction(100).tobytes())
    overwrite(tmp_path, page)
    done = repair(tmp_path, accept=lambda lost: True)
    assert len(done.lost) == 1
    assert done.lost[0].startswith("rows of 'vectors' between ")
    assert len(done.left) == 1
    assert done.left[0].endswith("texts have no vector")
    with open_store(tmp_path) as store:
        assert len(store.items("home")) == len(items) - 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_half_copied_file_gives_what_it_holds(tmp_path: Path, share: float) -> None:
    filled(tmp_path)
    path = tmp_path / "mnemic.db"
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(Corrupt):
        open_store(tmp_path)
    done = repair(tmp_path, accept=lambda lost: True)
    assert done.lost
    with open_store(tmp_path) as store:
        assert [line for line in store.check() if not line.endswith("texts have no vector")] == []
        found = store.items(None, status=None)
        assert all(item.text.startswith(("Fact number", "Theirs")) for item in found)


def test_every_single_page_damaged_leaves_a_sound_store_or_an_error_in_words(tmp_path: Path) -> None:
    filled(tmp_path / "whole", 120)
    data = (tmp_path / "whole" / "mnemic.db").read_bytes()
    kept = 0
    for page in range(1, len(data) // 4096):
        folder = tmp_path / f"page{page}"
        folder.mkdir()
        (folder / "mnemic.db").write_bytes(data[: page * 4096] + b"\xa5" * 4096 + data[(page + 1) * 4096 :])
        done = repair(folder, accept=lambda lost: True)
        assert not list(folder.glob("*.new-*"))
        with open_store(folder) as store:
            assert [line for line in store.check() if not line.endswith("texts have no vector")] == [], page
            kept += bool(store.count())
        assert done.mended or not done.aside
    assert kept > len(data) // 4096 // 2


@pytest.mark.parametrize("data", [b"", b"nothing of the kind" * 500])
def test_what_is_no_database_is_left_as_it_is(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mnemic.db").write_bytes(data)
    with pytest.raises((Corrupt, StoreError)):
        repair(tmp_path, accept=never)
    assert (tmp_path / "mnemic.db").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["mnemic.db"]


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mnemic.db") as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    with pytest.raises(Corrupt, match="one of Mnemic's"):
        repair(tmp_path, accept=never)
    assert [path.name for path in tmp_path.iterdir()] == ["mnemic.db"]


def test_a_store_that_somebody_has_open_is_not_mended(tmp_path: Path) -> None:
    filled(tmp_path)
    overwrite(tmp_path, pages(tmp_path, b"Fact number 200 ")[0])
    holder = sqlite3.connect(tmp_path / "mnemic.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="look for a process"):
        repair(tmp_path, accept=never)
    holder.close()
