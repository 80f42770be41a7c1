"""The cache of token-level states."""

from pathlib import Path

import pytest

from mnemic.store import SqliteStore
from mnemic.store.states import StateCache
from store.samples import DIM, ENCODER, new_item

PAYLOADS = dict.fromkeys("abcdef", 1)


@pytest.fixture(params=[True, False], ids=["file", "memory"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "states.db" if request.param else None


def test_the_least_recently_written_go_first(path: Path | None) -> None:
    cache = StateCache(path, max_bytes=10)
    for name in "abc":
        cache.put({name: name.encode() * 3}, PAYLOADS, "host")
    cache.put({"a": b"AAA"}, PAYLOADS, "host")
    assert set(cache.get(PAYLOADS, "host")) == {"a", "b", "c"}
    cache.put({"d": b"ddd"}, PAYLOADS, "host")
    assert cache.get(PAYLOADS, "host") == {"c": b"ccc", "a": b"AAA", "d": b"ddd"}
    cache.put({"e": b"e" * 11}, PAYLOADS, "host")
    assert set(cache.get(PAYLOADS, "host")) == {"c", "a", "d"}
    cache.put({"f": b"f" * 10}, PAYLOADS, "host")
    assert cache.get(PAYLOADS, "host") == {"f": b"f" * 10}
    cache.close()


def test_another_payload_is_another_text(path: Path | None) -> None:
    cache = StateCache(path)
    cache.put({"a": b"old"}, {"a": 1}, "host")
    assert cache.get({"a": 2}, "host") == {}
    cache.put({"a": b"new", "gone": b"x"}, {"a": 2}, "host")
    assert cache.get({"a": 2, "gone": 1}, "host") == {"a": b"new"}
    cache.drop(["a"])
    assert cache.get({"a": 2}, "host") == {}
    cache.close()


@pytest.mark.parametrize("damage", ["foreign", "version", "deleted"])
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, damage: str) -> None:
    def opened() -> SqliteStore:
        store = SqliteStore(tmp_path)
        store.open_for(ENCODER, DIM)
        return store

    with opened() as store:
        (item,) = store.insert([new_item()])
        store.put_states({item.id: b"kept"}, "host")
    with opened() as store:
        assert store.get_states([item.id], "host") == {item.id: b"kept"}
    file = tmp_path / "states.db"
    if damage == "foreign":
        file.write_bytes(b"not a database" * 1000)
    elif damage == "version":
        data = bytearray(file.read_bytes())
        data[60:64] = (77).to_bytes(4, "big")
        file.write_bytes(data)
    else:
        file.unlink()
    with opened() as store:
        assert store.get_states([item.id], "host") == {}
        store.put_states({item.id: b"again"}, "host")
        assert store.get_states([item.id], "host") == {item.id: b"again"}


def test_a_cache_that_cannot_be_written_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "states.db").mkdir()
    cache = StateCache(tmp_path / "states.db")
    cache.put({"a": b"x"}, {"a": 1}, "host")
    assert cache.get({"a": 1}, "host") == {}
    cache.drop(["a"])
    cache.close()
