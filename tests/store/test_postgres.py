"""The store on a PostgreSQL server: addresses, refusals, a server that goes away, erasing, large scopes, several processes."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from mnemic.errors import ConfigError, Corrupt, EncoderMismatch, InputError, NotFound, SchemaTooNew, StoreError
from mnemic.evals.storage.server import Server
from mnemic.store import SqlStore, open_store, postgres, without_password
from mnemic.store.postgres import address
from mnemic.store.postgres.session import translated
from mnemic.store.reindex import reindex
from mnemic.types import FloatArray
from store.samples import DIM, ENCODER, direction, encode, new_item
from store.test_durability import writer


def opened(url: str) -> SqlStore:
    store = open_store(url)
    store.open_for(ENCODER, DIM)
    return store


@contextmanager
def admin(server: Server, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
    """Connect as the owner of the server, beside every store."""
    with psycopg.connect(address.parse(server.url(database=database)).url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://me:secret@host/db?schema=Bad-Name", r"small letters, digits and underscores.*Got: 'Bad-Name'"),
        ("postgresql://me:secret@host/db?schema=pg_mine", "doesn't begin with pg_"),
        ("postgresql://me:secret@host/db?pool_size=0", r"pool_size is a whole number from 1 .*Got: '0'"),
        ("postgresql://me:secret@host/db?exact_rows=many", r"exact_rows is a whole number"),
        ("postgresql://me:secret@host/db?schema=a&schema=b", "an option twice"),
        ("postgresql://me:secret@host/db?nonsense=secret", r"one that libpq reads"),
        ("postgresql://me:se%zzcret@host/db", r"one that libpq reads"),
        ("postgresql://me:secret@[host/db", r"named like postgresql://"),
    ],
)
def test_an_address_that_breaks_a_rule_is_refused_without_its_password(url: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error) as caught:
        open_store(url)
    for word in ("secret", "se%zzcret", "zzcret"):
        assert word not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5433/db?schema=a&password=secret", "postgresql://me@host:5433/db?schema=a"),
        ("postgresql://me@a:1,b:2/db", "postgresql://me@a:1,b:2/db"),
        ("~/memories", "~/memories"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_without_the_driver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "NEEDS", ("psycopg", "no_such_driver"))
    with pytest.raises(ConfigError, match=r"Got: no_such_driver not installed\. Run: pip install \"mnemic\[postgres\]\""):
        open_store("postgresql://host/db")


@pytest.mark.parametrize(
    ("sql", "text", "numbered"),
    [
        ("SELECT ?, ?", "SELECT %s, %s", False),
        ("a = ?1 OR b = ?2 OR c = ?1", "a = %(p1)s OR b = %(p2)s OR c = %(p1)s", True),
        ("a = :name AND b::bigint = :b", "a = %(name)s AND b::bigint = %(b)s", False),
        ("a = 'what? :me 5%' AND 7 % 2 = ?", "a = 'what? :me 5%%' AND 7 %% 2 = %s", False),
    ],
)
def test_values_stay_apart_from_statements(sql: str, text: str, numbered: bool) -> None:
    assert translated(sql) == (text, numbered)


NASTY = ["'; DROP TABLE items; --", "%s %(p1)s ? :scope ?1", '"quoted" \\ $1 $$', "{}", "Ünïcödé"]


@pytest.mark.parametrize("text", NASTY)
def test_outside_strings_are_values_and_nothing_else(url: str, text: str) -> None:
    with opened(url) as store:
        (item,) = store.insert([new_item(text, scope=text, category=text, source=text, reason=text)])
        assert store.get(item.id, text) == item
        assert store.items(text, category=text) == [item]
        assert store.scopes() == [text]
        assert store.search_words([text], 3, text) == store.search_words([text], 3, text)
        for call in (store.get, store.history, store.erase):
            with pytest.raises(NotFound):
                call(text, text)
            with pytest.raises(NotFound):
                call("a\x00b", text)
        assert store.check() == []


def test_a_wrong_password_an_unknown_role_or_database_and_nobody_there(server: Server, url: str) -> None:
    for wrong in (server.url(role="owner:secret"), server.url(role="nobody:secret"), server.url(database="missing")):
        with pytest.raises(ConfigError, match="The server must let the URL's role into its database") as caught:
            open_store(wrong)
        assert "secret" not in str(caught.value)
        assert server.password not in str(caught.value)
    with pytest.raises(StoreError, match=r"must be within reach\. Got: .*refused.*Start it, or correct the URL"):
        open_store("postgresql://me:secret@127.0.0.1:1/db")


def test_a_server_without_the_extension_or_with_another_character_set(server: Server) -> None:
    with admin(server) as db:
        db.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(ConfigError, match=r"one of UTF-8\. Got: LATIN1"):
        open_store(server.url(database="latin"))


def test_a_server_that_does_not_offer_pgvector_says_what_to_install(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_schema(), "VECTOR", (99, 0))
    with pytest.raises(ConfigError, match=r"needs the extension pgvector 99\.0 or newer\. Got: \d.*Install it on the server"):
        open_store(url)


def postgres_schema() -> Any:
    from mnemic.store.postgres import schema

    return schema


def test_a_schema_with_other_tables_and_a_newer_format_are_refused(server: Server, url: str) -> None:
    with admin(server) as db:
        db.execute("CREATE SCHEMA theirs")
        db.execute("CREATE TABLE theirs.things (x INT)")
    with pytest.raises(Corrupt, match=r"needs an empty schema\. Got: .*'things'"):
        open_store(server.url("theirs"))
    with opened(url) as store:
        store.insert([new_item()])
    with admin(server) as db:
        db.execute(f"INSERT INTO \"{address.parse(url).schema}\".migrations VALUES ('9999_later', 0)")
    with pytest.raises(SchemaTooNew, match=r"up to format 1\. Got: format 2 .*pip install -U mnemic"):
        open_store(url)


def test_a_role_that_only_reads_reads(server: Server, url: str) -> None:
    name = address.parse(url).schema
    with opened(url) as store:
        (item,) = store.insert([new_item()])
    with admin(server) as db:
        db.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
        db.execute(f"GRANT USAGE ON SCHEMA {name} TO {name}; GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name}")
    with opened(server.url(name, role=f"{name}:reader")) as store:
        assert store.get(item.id, "home") == item
        assert [s.id for s in store.search(direction(0), 1, "home")] == [item.id]
        store.touch([item.id], "home")
        store.put_states({item.id: b"x"}, "host")
        assert store.get_states([item.id], "host") == {}
        with pytest.raises(StoreError, match=r"needs a role that may write.*Got: permission denied"):
            store.forget(item.id, "home", "asked")
        assert store.get(item.id, "home") == item


def test_a_killed_writer_loses_nothing_it_acknowledged(url: str) -> None:
    rng = random.Random(0)
    for round_ in range(4):
        process = writer(url, f"round{round_}", 100_000)  # type: ignore[arg-type]  # a place, whichever
        assert process.stdout is not None
        acknowledged = -1
        for _ in range(rng.choice([1, 20])):
            acknowledged = int(process.stdout.readline())
        time.sleep(rng.random() * 0.05)
        process.kill()
        rest = process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
        acknowledged = int(rest[-1]) if rest else acknowledged
        with opened(url) as store:
            assert store.check() == []
            kept = [item.text for item in store.items(f"round{round_}")]
            assert len(kept) in (2 * (acknowledged + 1), 2 * (acknowledged + 2))
            assert kept == [f"round{round_} {n} {part}" for n in range(len(kept) // 2) for part in "ab"]


def test_processes_make_and_write_a_store_at_once(url: str) -> None:
    processes = [writer(url, name, 10) for name in ("a", "b", "c")]  # type: ignore[arg-type]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with opened(url) as store:
        assert [store.count(name) for name in "abc"] == [20, 20, 20]
        numbers = [event.seq for event in store.journal()]
        assert numbers == list(range(1, 61))
        assert store.check() == []


def test_a_server_that_goes_away_in_the_midst_of_writing_keeps_what_it_acknowledged() -> None:
    with Server() as mine, opened(mine.url()) as store:
        acknowledged: list[str] = []
        failed: list[StoreError] = []

        def write() -> None:
            for n in range(100_000):
                try:
                    store.insert([new_item(f"{n} {part}", seed=n) for part in "ab"])
                except StoreError as error:
                    failed.append(error)
                    return
                acknowledged.append(str(n))

        thread = threading.Thread(target=write)
        thread.start()
        while len(acknowledged) < 20:
            time.sleep(0.005)
        mine.stop("immediate")
        thread.join()
        with pytest.raises(StoreError, match=r"within reach.*Got: .*Try again when it is"):
            store.count()
        mine.start()
        kept = [item.text for item in store.items("home")]
        assert len(kept) in (2 * len(acknowledged), 2 * len(acknowledged) + 2)
        assert kept == [f"{n} {part}" for n in range(len(kept) // 2) for part in "ab"]
        assert mine.password not in str(failed[0])
        assert "within reach" in str(failed[0]) or "say whether it kept a write" in str(failed[0])
        store.insert([new_item("works again")])
        assert store.check() == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_connection_lost_while_committing_is_looked_after(url: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnemic.store.postgres.session import Session

    with opened(url) as store:
        store.insert([new_item("before")])
        real, lost = Session.execute, []

        def execute(self: Session, sql: str, parameters: Any = (), /) -> Any:
            if sql == "COMMIT" and not lost:
                lost.append(sql)
                if kept:
                    real(self, sql)
                self.connection.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return real(self, sql, parameters)

        monkeypatch.setattr(Session, "execute", execute)
        if kept:
            store.insert([new_item("after")])
        else:
            with pytest.raises(StoreError, match=r"nothing of this write was kept\. Got: server closed the connection"):
                store.insert([new_item("after")])
        assert [item.text for item in store.items("home")] == ["before", *(["after"] if kept else [])]
        assert store.check() == []


def test_a_writer_waits_for_another_only_so_long(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnemic.store.postgres import connection, schema

    monkeypatch.setattr(connection, "WAIT_SECONDS", 1.0)
    with opened(url) as store, psycopg.connect(address.parse(url).url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (schema.lock_of(address.parse(url).schema),))
        with pytest.raises(StoreError, match=r"waits at most 5 s for other processes' writes.*Got: .*lock timeout.*Try again"):
            store.insert([new_item("late")])
        other.rollback()
        store.insert([new_item("in time")])
        assert [item.text for item in store.items("home")] == ["in time"]


def test_an_erased_item_is_in_no_file_of_the_server(server: Server, url: str) -> None:
    with opened(url) as store:
        secret = "My door code is 4711-Samarkand. "
        (item,) = store.insert([new_item(secret * 300, seed=9001, category="codes-of-ours", source="hidden diary, page 7")])
        (short,) = store.insert([new_item("The code is 4711-Samarkand.", seed=9007)])
        store.update(short.id, "home", text="The code is 4711-Samarkand!", key=direction(9008), reason="loud 4711-Samarkand")
        store.insert([new_item(f"Something else {n}.", seed=10 + n) for n in range(50)])
        store.put_states({item.id: b"states of 4711-Samarkand"}, "host")
        erased = [store.erase(one.id, "home") for one in (item, short)]
        assert [one.left for one in erased] == [(), ()]
        assert all(one.files > 8 for one in erased)
        assert store.check() == []
        assert store.search_words(["samarkand"], 1, "home") == []
        with admin(server) as db:
            db.execute("CHECKPOINT")
        # the search of its own: everything but the write-ahead log, which is out of reach
        wanted = [b"Samarkand", b"codes-of-ours", b"hidden diary", *(direction(n).tobytes() for n in (9001, 9007, 9008))]
        wanted += [direction(n).astype("<f2").tobytes() for n in (9001, 9007, 9008)]
        for path in (server.data / "base").rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                for word in wanted:
                    assert word not in data, (path.name, word)


def test_what_somebody_else_says_too_is_no_remnant(url: str) -> None:
    with opened(url) as store:
        (mine,) = store.insert([new_item("The code of the door is 4711.", seed=1)])
        store.insert([new_item("The code of the door is 4711.", seed=1, scope="work")])
        assert store.erase(mine.id, "home").left == ()


def test_what_an_old_transaction_may_still_see_is_reported(url: str) -> None:
    with opened(url) as store, psycopg.connect(address.parse(url).url) as other:
        (item,) = store.insert([new_item("The code of the door is 4711-Zanzibar.", seed=1)])
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM pg_class")
        assert "payloads" in " ".join(store.erase(item.id, "home").left)


def test_what_a_short_transaction_may_still_see_goes_when_it_ends(url: str) -> None:
    with opened(url) as store, psycopg.connect(address.parse(url).url) as other:
        (item,) = store.insert([new_item("The code of the door is 4711-Zanzibar.", seed=1)])
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM pg_class")
        ends = threading.Timer(0.5, other.rollback)
        ends.start()
        assert store.erase(item.id, "home").left == ()
        ends.join()


def test_who_may_not_read_files_is_told_that_they_were_not_searched(server: Server, url: str) -> None:
    name = address.parse(url).schema
    with admin(server) as db:
        db.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
        db.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        db.execute("CREATE EXTENSION IF NOT EXISTS vector")
    with opened(server.url(name, role=f"{name}:plain")) as store:
        (item,) = store.insert([new_item("The code of the door is 4711.", seed=1)])
        erased = store.erase(item.id, "home")
        assert erased.files == 0
        assert all("not searched: the role needs EXECUTE on pg_read_binary_file" in left for left in erased.left)
        with admin(server) as db:
            db.execute(f"GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO {name}")
            db.execute(f"GRANT pg_checkpoint TO {name}")
        (item,) = store.insert([new_item("The code of the gate is 0815.", seed=2)])
        erased = store.erase(item.id, "home")
        assert erased.left == ()
        assert erased.files > 8


def test_a_large_scope_is_searched_by_the_server(server: Server, url: str) -> None:
    rng = np.random.default_rng(0)
    with opened(url) as exact, opened(f"{url}&exact_rows=200") as store:
        for begin in range(0, 600, 200):
            store.insert(
                [new_item(f"text {n} of home", seed=n % 500, category="ab"[n % 20 == 0]) for n in range(begin, begin + 200)]
            )
        store.insert([new_item("neighbour", seed=n, scope=f"s{n}") for n in range(40)])
        with admin(server) as db:
            made = db.execute("SELECT count(*) FROM pg_indexes WHERE indexname LIKE %s", ("searchable%near",)).fetchone()
            assert made == (1,)
        agreed = 0
        for _ in range(20):
            query = direction(int(rng.integers(1000)))
            for category in (None, "b"):
                want, got = (s.search(query, 5, "home", category=category) for s in (exact, store))
                agreed += len({s.id for s in want} & {s.id for s in got})
                # fp32 dot products of unit vectors, summed in either order
                assert [s.score for s in got] == pytest.approx([s.score for s in want], abs=DIM * 2**-23)
        # 600 rows in a graph that looks at 200: all of the nearest
        assert agreed == 200
        # the same text twice: the older one first
        assert [store.get(s.id, "home").text for s in store.search(direction(3), 2, "home")] == [
            "text 3 of home",
            "text 503 of home",
        ]
        assert store.search_words(["17"], 2, "home") == exact.search_words(["17"], 2, "home")
        victim = store.search(direction(3), 1, "home")[0].id
        assert store.erase(victim, "home").left == ()
        assert store.search(direction(3), 1, "home") == exact.search(direction(3), 1, "home")
        assert store.check() == []


def test_a_large_scope_is_reindexed_to_another_size_and_searched_by_the_server(server: Server, url: str) -> None:
    def encode_shorter(texts: Sequence[str]) -> FloatArray:
        keys = encode(texts)[:, :5]
        return keys / np.linalg.norm(keys, axis=1, keepdims=True)

    name = address.parse(url).schema
    with opened(f"{url}&exact_rows=100") as old, open_store(f"{url}&exact_rows=100") as store, open_store(url) as exact:
        items = old.insert([new_item(f"Fact {n}.", seed=n) for n in range(300)])
        old.forget(items[7].id, "home", "asked")
        old.search(direction(3), 3, "home")
        with admin(server) as db:
            db.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
            db.execute(f"GRANT USAGE ON SCHEMA {name} TO {name}; GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name}")
        assert reindex(store, "encoder-5", 5, encode_shorter).encoded == 300
        with pytest.raises(EncoderMismatch, match="made by the encoder 'encoder-5'"):
            old.search(direction(3), 3, "home")
        # erasing needs no encoder
        assert old.erase(items[9].id, "home").left == ()
        store.open_for("encoder-5", 5)
        with admin(server) as db:
            (made,) = db.execute(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND indexname ~ 'near$'", (name,)
            ).fetchall()
        assert "halfvec(5)" in made[0]
        store.insert([replace(new_item("Fact 300."), key=encode_shorter(["Fact 300."])[0])])
        for n in (3, 7, 9, 200, 300):
            (query,) = encode_shorter([f"Fact {n}."])
            found = store.search(query, 3, "home")
            assert [s.id for s in found] == [s.id for s in exact.search(query, 3, "home")]
            assert (store.get(found[0].id, "home").text == f"Fact {n}.") is (n not in (7, 9))
        assert store.check() == []
    with open_store(server.url(name, role=f"{name}:reader")) as reader:
        assert reader.search(encode_shorter(["Fact 3."])[0], 1, "home")[0].id == items[3].id


def test_a_switch_waits_only_so_long_for_an_export_and_is_done_by_the_next_try(url: str) -> None:
    with opened(url) as old, open_store(url) as store:
        old.insert([new_item(f"Fact {n}.", seed=n) for n in range(100)])
        dumped = old.dump(None)
        first = next(dumped)
        with pytest.raises(StoreError, match=r"waits at most 5 s for other processes' writes.*Try again"):
            reindex(store, "encoder-b", DIM, encode)
        assert store.encoder_id == ENCODER
        assert old.search(direction(3), 1, "home")[0].score == pytest.approx(1.0)
        # the export is of one moment all through
        keys = [first.past[0].key, *(record.past[0].key for record in dumped)]
        assert all(np.array_equal(key, direction(n)) for n, key in enumerate(keys))
        assert reindex(store, "encoder-b", DIM, encode).before == 100
        assert store.encoder_id == "encoder-b"


def test_a_child_process_must_open_its_own(url: str) -> None:
    code = """
import os, sys
from mnemic.errors import StoreError
from mnemic.store import open_store
store = open_store(sys.argv[1])
read, write = os.pipe()
if not os.fork():
    try:
        store.count()
    except StoreError as error:
        os.write(write, str(error).encode())
    store.close()
    os._exit(0)
os.wait()
print(os.read(read, 1000).decode(), store.count())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, env=environment, check=True)
    assert "Got: a use after a fork" in run.stdout
    assert run.stdout.endswith(" 0\n")


def test_a_memory_moves_from_a_folder_to_a_server_and_back(url: str, tmp_path: Path) -> None:
    with opened(str(tmp_path / "s")) as folder, opened(url) as server:
        (old,) = folder.insert([new_item("I live in Rome.")])
        folder.insert([new_item("I live in Oslo.", seed=1, supersedes=old.id)])
        assert server.restore(folder.dump(None)).added == 2
        assert server.items(None, status=None) == folder.items(None, status=None)
        assert list(server.journal()) == list(folder.journal())
        record = next(iter(folder.dump(None)))
        with pytest.raises(InputError, match=r"numbers of their own; nothing was written"):
            server.restore([twice(record, "aaa"), twice(record, "bbb")])
        with pytest.raises(InputError, match=r"An id belongs to one scope of a store; nothing was written"):
            server.restore([twice(record, "ccc"), replace(record, scope="work")])
        assert (server.count(), server.scopes()) == (1, ["home"])
        said = ["I live in Rome.", "I live in Oslo.", "I live in Oslo"]
        assert [store.known_texts(said, "home") for store in (folder, server)] == [{"I live in Oslo."}] * 2
        assert [one.text for one in server.insert([new_item(text) for text in said], new_only=True)] == [said[0], said[2]]
        assert server.known_texts(said, "work") == set()


def twice(record: Any, item_id: str) -> Any:
    return replace(record, id=item_id)
