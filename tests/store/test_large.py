"""Tier 2: the saved index of many items, as told in docs/design/index.md. A small store is made a large one by its threshold."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mnemic.store import SqliteStore, building, indexes
from mnemic.store.building import RECALL
from mnemic.store.indexes import STALE_SHARE
from mnemic.store.indexfile import DamagedIndex, IndexFile
from mnemic.store.large import TAIL_SHARE, LargeIndex
from mnemic.store.postings import word_hash
from mnemic.types import FloatArray, NewItem
from store.samples import ENCODER

pytest.importorskip("faiss", reason="the extra `index` isn't installed")

DIM = 24
ITEMS = 1500
LARGE = 1000
WORDS = [f"word{n}" for n in range(400)]


@pytest.fixture(autouse=True)
def _few_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a small store's lists all would be looked at."""
    monkeypatch.setattr(building, "LEAST_LISTS", 1)


def key(seed: int) -> FloatArray:
    """Return a unit vector near one of thirty centres."""
    rng = np.random.default_rng(seed)
    centre = np.random.default_rng(100_000 + seed % 30).standard_normal(DIM)
    vector = (centre + 0.5 * rng.standard_normal(DIM)).astype(np.float32)
    return vector / np.linalg.norm(vector)


def text(number: int) -> str:
    rng = np.random.default_rng(number)
    return " ".join(["the", f"own{number}", *rng.choice(WORDS, size=6), "the" if number % 3 else "end"])


def item(number: int, **fields: object) -> NewItem:
    given = {"text": text(number), "key": key(number), "category": f"c{number % 7}", "scope": "home", "reason": "new", **fields}
    return NewItem(**given)  # type: ignore[arg-type]


def opened(folder: Path, *, large: int = LARGE, said: list[str] | None = None) -> SqliteStore:
    store = SqliteStore(folder, large=large, notify=said.append if said is not None else None)
    store.open_for(ENCODER, DIM)
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store whose index was built and saved."""
    with opened(tmp_path / "s") as store:
        store.insert([item(n) for n in range(ITEMS)])
        store.search(key(0), 1, "home")
    assert (tmp_path / "s" / "index-1").exists()
    return tmp_path / "s"


@pytest.fixture
def store(folder: Path) -> Iterator[SqliteStore]:
    with opened(folder) as made:
        yield made


def index_of(store: SqliteStore) -> object:
    store.search(key(0), 1, "home")
    return store._indexes._indexes["home"]


def ids(store: SqliteStore) -> dict[str, str]:
    return {one.text: one.id for one in store.items("home")}


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.02)


def assert_same(store: SqliteStore, folder: Path, *, recall: float = RECALL) -> None:
    """Compare a store's answers with those of tier 1."""
    with opened(folder, large=10**9) as exact:
        hits = total = 0
        for seed in range(5000, 5060):
            for category in (None, "c3", "nowhere"):
                near, best = (one.search(key(seed), 10, "home", category=category) for one in (store, exact))
                hits += len({found.id for found in near} & {found.id for found in best})
                total += len(best)
                assert [found.score for found in near] == sorted((found.score for found in near), reverse=True)
            words = [*text(seed).split()[:5], f"own{seed - 5000}"]
            assert store.word_counts(words, "home") == exact.word_counts(words, "home")
            found, expected = (one.search_words(words, 10, "home") for one in (store, exact))
            assert [one.id for one in found] == [one.id for one in expected]
            # the same fp64 sums, but for the mean length of a text
            assert [one.score for one in found] == pytest.approx([one.score for one in expected], rel=1e-12)
        assert hits >= recall * total


def test_answers_are_those_of_tier_1(store: SqliteStore, folder: Path) -> None:
    assert isinstance(index_of(store), LargeIndex)
    assert_same(store, folder)


def test_a_category_of_many_rows_is_searched_by_lists(store: SqliteStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic.store.large.EXACT_SHARE", 0.02)
    assert_same(store, folder)


def test_equal_vectors_come_in_order_of_time(store: SqliteStore) -> None:
    made = [store.insert([item(9000 + n, key=key(777))])[0].id for n in range(3)]
    found = [one.id for one in store.search(key(777), 4, "home")]
    assert found == [ids(store)[text(777)], *made]


def test_many_hits_are_exact(store: SqliteStore, folder: Path) -> None:
    with opened(folder, large=10**9) as exact:
        assert [h.id for h in store.search(key(5000), 400, "home")] == [h.id for h in exact.search(key(5000), 400, "home")]


def test_what_came_changed_and_went_since_is_known(store: SqliteStore, folder: Path) -> None:
    index_of(store)
    by_text = ids(store)
    store.insert([item(n) for n in range(ITEMS, ITEMS + 20)])
    store.forget(by_text[text(5)], "home", "old")
    store.update(by_text[text(6)], "home", text="changed own6", key=key(4000), reason="new")
    store.update(by_text[text(7)], "home", text=text(7), key=key(7), reason="same", category="c3")
    assert_same(store, folder)
    with opened(folder) as other:
        assert isinstance(index_of(other), LargeIndex)
        assert_same(other, folder)
        other.undo("home", "mistake")
    assert_same(store, folder)


def test_it_is_opened_without_reading_the_items(folder: Path) -> None:
    said: list[str] = []
    with opened(folder, said=said) as store:
        statements: list[str] = []
        store._open.set_trace_callback(statements.append)  # type: ignore[union-attr]
        assert store.search(key(3), 1, "home")[0].id == ids(store)[text(3)]
    assert said == []
    assert not any("status = 'active' ORDER BY" in statement and "v.key" in statement for statement in statements)


def test_who_has_to_wait_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    with opened(tmp_path, said=said) as store:
        store.insert([item(n) for n in range(LARGE)])
        store.search(key(0), 1, "home")
        store.search(key(1), 1, "home")
    assert said == ["Building the search index of 1,000 memories, once; a million take some minutes."]


def test_a_living_process_goes_on_while_it_is_built(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.insert([item(n) for n in range(LARGE - 1)])
        assert not isinstance(index_of(store), LargeIndex)
        store.insert([item(LARGE)])
        store.search(key(0), 1, "home")
        wait_for(lambda: isinstance(index_of(store), LargeIndex))
        assert_same(store, tmp_path)
        # enough of it changes, and it is built again
        before = index_of(store)
        store.insert([item(n) for n in range(2000, 2000 + int(LARGE * TAIL_SHARE) + 5)])
        wait_for(lambda: index_of(store) is not before)
        assert index_of(store).changes == 0  # type: ignore[attr-defined]
        assert_same(store, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index-1", "mnemic.db"]


def test_closing_stops_a_build(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.insert([item(n) for n in range(LARGE - 1)])
    index_of(store)
    store.insert([item(LARGE)])
    store.search(key(0), 1, "home")
    store.close()
    assert not [path.name for path in tmp_path.iterdir() if ".new-" in path.name]


def test_one_that_is_far_behind_is_built_anew(folder: Path) -> None:
    with opened(folder, large=10**9) as store:
        store.insert([item(n) for n in range(3000, 3000 + int(ITEMS * STALE_SHARE) + 1)])
    said: list[str] = []
    with opened(folder, said=said) as store:
        assert index_of(store).changes == 0  # type: ignore[attr-defined]
        assert len(said) == 1
        assert_same(store, folder)


def test_a_scope_that_shrank_is_searched_exactly(folder: Path) -> None:
    with opened(folder) as store:
        for one in store.items("home", limit=ITEMS - LARGE // 2 + 1):
            store.forget(one.id, "home", "old")
        assert not isinstance(index_of(store), LargeIndex)
        assert_same(store, folder, recall=1.0)


@pytest.mark.parametrize("harm", ["missing", "cut", "empty", "head", "foreign", "format", "rows", "words", "vector", "changing"])
def test_a_file_that_cant_be_used_is_built_anew(folder: Path, harm: str, tmp_path: Path) -> None:
    path = folder / "index-1"
    data = bytearray(path.read_bytes())
    file = IndexFile.open(path)
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "foreign":
        with opened(tmp_path / "other") as other:
            other.insert([item(n) for n in range(ITEMS)])
            other.search(key(0), 1, "home")
        (tmp_path / "other" / "index-1").replace(path)
    elif harm == "changing":
        IndexFile.open(path, write=True).begin()
    else:
        place = {
            "head": 30,
            "format": 8,
            "rows": file.places["rows_by_order"] + 9,
            "words": file.places["word_rows"] + 9,
            "vector": file.places["vectors"] + 9,
        }[harm]
        width = 1 if harm != "vector" else ITEMS * DIM * 4 - 9
        for n in range(place, place + width):
            data[n] ^= 0x41
        path.write_bytes(data)
    said: list[str] = []
    with opened(folder, said=said) as store:
        assert_same(store, folder)
        assert len(said) == 1
        assert isinstance(index_of(store), LargeIndex)
    assert IndexFile.open(path).about["erased"] == 0


def test_one_that_is_damaged_twice_is_done_without(folder: Path) -> None:
    with opened(folder) as store:
        for _ in range(2):
            file = IndexFile.open(folder / "index-1", write=True)
            file.array("vectors")[:] = 0.25
            assert len(store.search(key(1), 3, "home")) == 3
        assert not isinstance(index_of(store), LargeIndex)
        assert_same(store, folder, recall=1.0)


def test_an_index_of_an_older_copy_of_the_store_is_not_taken(folder: Path) -> None:
    older = (folder / "mnemic.db").read_bytes()
    with opened(folder) as store:
        store.insert([item(n) for n in range(5000, 5400)])
        store.close()
    with opened(folder) as store:
        store.search(key(0), 1, "home")
    (folder / "mnemic.db").write_bytes(older)
    with opened(folder) as store:
        # as many events as the index has seen, and other ones
        store.insert([item(n) for n in range(6000, 6400)])
        assert_same(store, folder)


def test_a_folder_that_takes_no_file_is_searched_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mnemic.store.indexes.build", full)
    with opened(tmp_path) as store:
        store.insert([item(n) for n in range(LARGE)])
        assert not isinstance(index_of(store), LargeIndex)
        assert_same(store, tmp_path, recall=1.0)


def test_another_process_goes_on_with_what_it_has_mapped(folder: Path) -> None:
    with opened(folder) as one, opened(folder) as two:
        mapped = index_of(one)
        two.insert([item(n) for n in range(7000, 7000 + int(ITEMS * TAIL_SHARE) + 5)])
        inode = (folder / "index-1").stat().st_ino
        two.search(key(0), 1, "home")
        wait_for(lambda: (folder / "index-1").stat().st_ino != inode)
        assert one._indexes._indexes["home"] is mapped
        assert_same(one, folder)


def test_an_erased_item_is_in_no_part_of_the_file(folder: Path) -> None:
    with opened(folder) as store:
        secret = "Zanzibar4711 word3"
        (made,) = store.insert([item(8000, text=secret, category="only-mine", key=key(8000))])
        store.search(key(0), 1, "home")
    (folder / "index-1").unlink()
    with opened(folder) as store, opened(folder) as other:
        rows = [index_of(one)._saved for one in (store, other)]  # type: ignore[attr-defined]
        row = rows[0].row_of(ITEMS + 1)
        vector = rows[0].vectors[row].tobytes()
        assert vector == key(8000).tobytes()
        ends = np.cumsum(rows[0].sizes)
        listed = int(np.searchsorted(ends, row, side="right"))
        first = int(ends[listed] - rows[0].sizes[listed])
        place = first * (DIM + 8) + (row - first) * DIM
        code = rows[0].file.array("lists")[place : place + DIM].tobytes()
        hashes = [word_hash("zanzibar4711").to_bytes(8, "little")]
        before = (folder / "index-1").read_bytes()
        assert all(piece in before for piece in (vector, code, *hashes))
        inode = (folder / "index-1").stat().st_ino
        other.search_words(["zanzibar4711"], 1, "home")

        erased = store.erase(made.id, "home")
        assert erased.left == ()
        # overwritten in place: what other processes have mapped is the same file
        assert (folder / "index-1").stat().st_ino == inode
        after = (folder / "index-1").read_bytes()
        for piece in (vector, vector[:16], code, *hashes, b"Zanzibar", b"only-mine"):
            assert piece not in after
        assert not rows[1].vectors[row].any()
        for one in (store, other):
            assert_same(one, folder)
            assert one.word_counts(["Zanzibar4711"], "home") == {"Zanzibar4711": 0}
            assert one.search(key(8000), 1, "home", category="only-mine") == []
    with opened(folder) as store:
        assert_same(store, folder)


def test_erasing_many_keeps_the_others_right(folder: Path) -> None:
    with opened(folder) as store:
        by_text = ids(store)
        rng = np.random.default_rng(0)
        for number in rng.choice(ITEMS, 40, replace=False):
            assert store.erase(by_text[text(int(number))], "home").left == ()
        assert_same(store, folder)
        assert isinstance(index_of(store), LargeIndex)


def test_what_an_interrupted_erasing_left_goes_at_the_next_opening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as store:
        by_text = ids(store)
        monkeypatch.setattr("mnemic.store.indexes._erase", lambda *_: None)
        erased = store.erase(by_text[text(11)], "home")
        assert erased.left == ("index-1",)
        monkeypatch.undo()
    with opened(folder) as store:
        assert_same(store, folder)
    assert key(11).tobytes() not in (folder / "index-1").read_bytes()


def test_a_file_that_cant_be_changed_is_removed_and_one_that_cant_be_removed_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr("mnemic.store.indexes._erase", refused)
    with opened(folder) as store:
        by_text = ids(store)
        assert store.erase(by_text[text(11)], "home").left == ()
        assert not (folder / "index-1").exists()
        store.search(key(0), 1, "home")
        unlink = Path.unlink

        def kept(path: Path, missing_ok: bool = False) -> None:
            if path.name == "index-1":
                refused()
            unlink(path, missing_ok)

        monkeypatch.setattr(Path, "unlink", kept)
        assert store.erase(by_text[text(12)], "home").left == ("index-1",)


def test_damage_is_not_sealed_in_by_an_erasing(folder: Path) -> None:
    with opened(folder) as store:
        by_text = ids(store)
    path = folder / "index-1"
    data = bytearray(path.read_bytes())
    data[IndexFile.open(path).places["centroids"] + 3] ^= 0x10
    path.write_bytes(data)
    with opened(folder) as store:
        assert store.erase(by_text[text(11)], "home").left == ()
        assert not path.exists()
        assert_same(store, folder)


def test_a_write_of_another_process_while_an_exact_index_is_read_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as store, opened(tmp_path) as other:
        store.insert([item(1)])
        fill = indexes._fill

        def slow(*given: object) -> None:
            fill(*given)  # type: ignore[arg-type]
            if not other.count("home") > 1:
                other.insert([item(2)])

        monkeypatch.setattr(indexes, "_fill", slow)
        store.search(key(1), 1, "home")
        assert len(store.search(key(2), 5, "home")) == 2


def test_a_build_that_another_process_has_begun_is_named(folder: Path) -> None:
    with opened(folder) as store:
        by_text = ids(store)
        (folder / "index-1.new-0badcafe").write_bytes(b"half an index")
        assert "index-1.new-0badcafe" in store.erase(by_text[text(11)], "home").left


def test_a_killed_build_leaves_a_store_that_works(tmp_path: Path) -> None:
    with opened(tmp_path, large=10**9) as store:
        store.insert([item(n) for n in range(ITEMS)])
    code = (
        "import sys, os, signal\n"
        "from mnemic.store import SqliteStore, building\n"
        "import numpy as np\n"
        "def killed(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "building._measured = killed\n"
        f"SqliteStore(sys.argv[1], large={LARGE}).search(np.eye({DIM}, dtype='f4')[0], 1, 'home')\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert [path.name for path in tmp_path.iterdir() if ".new-" in path.name]
    with opened(tmp_path) as store:
        assert_same(store, tmp_path)


def test_headers_that_lie_are_refused(folder: Path) -> None:
    path = folder / "index-1"
    file = IndexFile.open(path)
    with pytest.raises(DamagedIndex, match="no nothing"):
        file.array("nothing")
    with path.open("ab") as more:
        more.write(b"x")
    with pytest.raises(DamagedIndex, match=r"\d+ of \d+ bytes"):
        IndexFile.open(path)


def test_the_file_is_for_its_owner_alone(folder: Path) -> None:
    assert (folder / "index-1").stat().st_mode & 0o777 == 0o600


def test_damage_that_nobody_has_met_yet_is_found_by_a_check(folder: Path) -> None:
    file = IndexFile.open(folder / "index-1", write=True)
    file.array("lists")[5] ^= 1
    with closing(opened(folder)) as store:
        assert store.check() == []
        assert not (folder / "index-1").exists()
