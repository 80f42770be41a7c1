"""Kill, full disk, interrupt, several processes, several threads."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mnemic.errors import StoreError
from mnemic.store import SqliteStore, connection, open_store
from store.samples import DIM, ENCODER, direction, new_item

WRITER = """
import sys
from mnemic.store import open_store
from store.samples import DIM, ENCODER, new_item
store = open_store(sys.argv[1])
store.open_for(ENCODER, DIM)
for n in range(int(sys.argv[3])):
    item = store.insert([new_item(f"{sys.argv[2]} {n} {part}", seed=n, scope=sys.argv[2]) for part in "ab"])[0]
    print(n, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    """Start a process that inserts pairs and prints the number of each one when it is acknowledged."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def opened(folder: Path) -> SqliteStore:
    store = open_store(folder)
    store.open_for(ENCODER, DIM)
    return store


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(0)
    for round_ in range(12):
        process = writer(tmp_path / "s", f"round{round_}", 100_000)
        assert process.stdout is not None
        acknowledged = -1
        # the first rounds are killed while they start, others while they write
        for _ in range(rng.choice([0, 1, 30])):
            acknowledged = int(process.stdout.readline())
        time.sleep(rng.random() * 0.1)
        process.kill()
        rest = process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
        acknowledged = int(rest[-1]) if rest else acknowledged
        with opened(tmp_path / "s") as store:
            assert store.check() == []
            kept = [item.text for item in store.items(None) if item.scope == f"round{round_}"]
            # whole pairs only: all that were acknowledged, and at most the one that was being written
            assert len(kept) in (2 * (acknowledged + 1), 2 * (acknowledged + 2))
            assert kept == [f"round{round_} {n} {part}" for n in range(len(kept) // 2) for part in "ab"]


def test_a_process_sees_what_others_write(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.insert([new_item("mine", seed=99, scope="a")])
        assert store.word_counts(["a"], "a") == {"a": 0}
        processes = [writer(tmp_path, name, 20) for name in ("a", "b")]
        for process in processes:
            process.communicate()
            assert process.returncode == 0
        assert store.count("a") == 41
        assert store.count("b") == 40
        assert store.get(store.search(direction(3), 1, "a")[0].id, "a").text == "a 3 a"
        assert store.word_counts(["a", "7", "b"], "a") == {"a": 40, "7": 2, "b": 20}


def test_two_processes_may_create_a_store_at_once(tmp_path: Path) -> None:
    processes = [writer(tmp_path / "s", name, 1) for name in ("a", "b", "c")]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with opened(tmp_path / "s") as store:
        assert store.count() == 6
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == ["mnemic.db"]


def test_threads_share_a_store(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work(store: SqliteStore, name: str) -> None:
        try:
            for n in range(25):
                (item,) = store.insert([new_item(f"{name} {n}", seed=n, scope=name)])
                assert store.search_words([str(n)], 1, name)[0].id == item.id
                assert store.get(store.search(direction(n), 1, name)[0].id, name).text == f"{name} {n}"
        except BaseException as error:
            errors.append(error)

    with opened(tmp_path) as store:
        threads = [threading.Thread(target=work, args=(store, f"thread{t}")) for t in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert store.count() == 100
        assert store.check() == []


def test_a_writer_waits_for_another_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    with opened(tmp_path) as store:
        (item,) = store.insert([new_item()])
        other = sqlite3.connect(tmp_path / "mnemic.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match=r"waits at most 5 s for other processes' writes.*Got: database is locked.*Try again"
        ):
            store.insert([new_item("late")])
        assert store.get(item.id, "home") == item
        other.execute("ROLLBACK")
        other.close()
        store.insert([new_item("in time")])
        assert store.count() == 2


def fill(store: SqliteStore, acknowledged: list[int]) -> None:
    for n in range(100):
        acknowledged.append(len(store.insert([new_item(f"{n} {part}" + " long" * 200, seed=n) for part in "ab"])))


def test_a_full_disk_keeps_everything_acknowledged(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.insert([new_item("before")])
        database = store._connection()
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(
            StoreError, match=r"needs free disk space; nothing of this write was kept\. Got: .*full.*Free some space"
        ):
            fill(store, acknowledged := [1])
        assert store.count() == sum(acknowledged)
        assert store.check() == []
        database.execute("PRAGMA max_page_count = 1000000")
        store.insert([new_item("after")])
    with opened(tmp_path) as store:
        assert store.count() == sum(acknowledged) + 1
        assert store.items("home")[-1].text == "after"


FULL = """
import resource, sys
from mnemic.errors import StoreError
from mnemic.store import open_store
from store.samples import DIM, ENCODER, new_item
store = open_store(sys.argv[1])
store.open_for(ENCODER, DIM)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
written = 0
try:
    for n in range(10_000):
        store.insert([new_item(f"text {n}", seed=n)])
        written += 1
except StoreError as error:
    print(written, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits on Windows")
def test_a_write_that_the_system_refuses_keeps_everything_acknowledged(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    written, _, said = run.stdout.partition(" ")
    assert "nothing of this write was kept. Got: " in said, run.stderr
    assert int(written) > 10
    with opened(tmp_path) as store:
        assert store.count() == int(written)
        assert store.check() == []


@pytest.mark.parametrize("at", range(1, 8))
def test_an_interrupt_leaves_nothing_half_written(tmp_path: Path, at: int) -> None:
    with opened(tmp_path) as store:
        (old,) = store.insert([new_item("old")])
        before = (store.items(None, status=None), list(store.journal()))
        seen = 0

        def trace(statement: str) -> None:
            nonlocal seen
            seen += statement.startswith(("INSERT", "UPDATE", "COMMIT"))
            if seen == at:
                store._connection().set_trace_callback(None)
                store._connection().interrupt()

        store._connection().set_trace_callback(trace)
        with pytest.raises(StoreError, match="interrupted"):
            store.insert([new_item("new", supersedes=old.id), new_item("second")])
        assert (store.items(None, status=None), list(store.journal())) == before
        store.insert([new_item("works again")])
        assert store.check() == []


def interrupted_insert(store: SqliteStore) -> None:
    with store._writing() as database:
        database.execute("INSERT INTO scopes (name) VALUES ('half')")
        raise KeyboardInterrupt


def test_a_keyboard_interrupt_in_the_middle_rolls_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with pytest.raises(KeyboardInterrupt):
            interrupted_insert(store)
        assert store.scopes() == []
        store.insert([new_item()])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_process_must_open_its_own(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                store.count()
            except StoreError as error:
                os.write(write, str(error).encode())
            store.close()
            os._exit(0)
        os.waitpid(child, 0)
        os.close(write)
        assert b"Got: a use after a fork" in os.read(read, 1000)
        os.close(read)
        store.insert([new_item()])
        assert store.count() == 1
