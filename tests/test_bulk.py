"""Many texts at once: bounded, resumed, by several processes, and answered from afterwards."""

import io
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fixtures.small_lm import ANSWER, FACT, PROMPT
from fixtures.word_encoder import Doomed, WordEncoder
from mnemic.assistant import MemoryLM
from mnemic.bulk import AHEAD, encoding_here, encoding_workers, learn_bulk, learn_file
from mnemic.errors import ConfigError, EncoderMismatch, InputError
from mnemic.inputs import TextRecord
from mnemic.store import SqliteStore, open_store
from mnemic.types import FloatArray

Make = Callable[..., MemoryLM]


def record(number: int, text: str | None = None) -> TextRecord:
    return TextRecord(text=text or f"Fact number {number}.", source=f"facts.txt:{number}", line=number)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with open_store(tmp_path / "s") as made:
        yield made


def test_all_is_written_in_order_and_once(store: SqliteStore) -> None:
    records = [record(1), record(2), record(3, "Fact number 1."), record(4)]
    seen: list[tuple[int, int]] = []
    with encoding_here(WordEncoder()) as encoding:
        done = learn_bulk(store, encoding, records, "home", batch=3, report=lambda *counts: seen.append(counts))
        assert (done.read, done.added, done.known, done.refused, done.stopped) == (4, 3, 1, 0, False)
        assert seen == [(3, 0), (4, 0)]
        again = learn_bulk(store, encoding, records, "home", batch=2)
        assert (again.added, again.known) == (0, 4)
        elsewhere = learn_bulk(store, encoding, records, "work")
        assert elsewhere.added == 3
    items = store.items("home")
    assert [(i.text, i.source, i.importance) for i in items] == [(f"Fact number {n}.", f"facts.txt:{n}", 0.5) for n in (1, 2, 4)]
    assert items[0].reason == "learned in bulk: not compared with what else is known"
    assert store.check() == []


def test_what_was_forgotten_is_learned_again_and_what_was_corrected_too(store: SqliteStore) -> None:
    with encoding_here(WordEncoder()) as encoding:
        learn_bulk(store, encoding, [record(1), record(2)], "home")
        first, second = store.items("home")
        store.forget(first.id, "home", "asked")
        store.update(second.id, "home", text="Another.", key=WordEncoder().encode(["Another."])[0], reason="words")
        assert learn_bulk(store, encoding, [record(1), record(2)], "home").added == 2


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_is_read_than_said(store: SqliteStore, workers: int) -> None:
    batch, read, furthest = 10, 0, 0

    def records() -> Iterator[TextRecord]:
        nonlocal read, furthest
        for number in range(500):
            read += 1
            furthest = max(furthest, read - store.count("home"))
            yield record(number)

    with encoding_here(WordEncoder()) as encoding:
        done = learn_bulk(store, encoding, records(), "home", batch=batch, workers=workers)
    assert done.added == 500
    assert batch < furthest <= (AHEAD * workers + 1) * batch


def test_two_processes_encode_and_one_writes(store: SqliteStore, tmp_path: Path) -> None:
    file = tmp_path / "facts.txt"
    file.write_text("".join(f"Fact number {n} is about {n % 7}.\n" for n in range(300)), encoding="utf-8")
    with encoding_workers(WordEncoder, 2) as encoding:
        done = learn_file(store, encoding, file, "home", batch=32, workers=2, category="facts")
    assert (done.read, done.added) == (300, 300)
    items = store.items("home")
    assert [i.text for i in items] == file.read_text(encoding="utf-8").splitlines()
    assert {i.category for i in items} == {"facts"}
    assert store.keys([i.id for i in items], "home") == pytest.approx(WordEncoder().encode([i.text for i in items]))


def test_a_worker_that_dies_ends_the_run_in_words_and_keeps_what_is_written(store: SqliteStore) -> None:
    records = [record(n) for n in range(100)] + [record(100, "doom")]
    said = r"Encoding processes stay alive.*fewer workers"
    with pytest.raises(ConfigError, match=said), encoding_workers(Doomed, 2) as encoding:
        learn_bulk(store, encoding, records, "home", batch=10, workers=2)
    kept = store.count("home")
    assert kept % 10 == 0
    with encoding_here(WordEncoder()) as encoding:
        assert learn_bulk(store, encoding, records, "home").added == 101 - kept


KILLED = """
import os, signal, sys
from fixtures.word_encoder import WordEncoder
from mnemic.bulk import encoding_here, learn_file
from mnemic.store import open_store
def report(done, total):
    if done >= 60:
        os.kill(os.getpid(), signal.SIGKILL)
with open_store(sys.argv[1]) as store, encoding_here(WordEncoder()) as encoding:
    learn_file(store, encoding, sys.argv[2], "home", batch=20, report=report)
"""


def test_killed_it_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "facts.txt"
    file.write_text("".join(f"Fact number {n}.\n" for n in range(200)), encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{KILLED}"
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s"), str(file)], check=False)
    assert died.returncode == -signal.SIGKILL
    encoded: list[str] = []

    class Counting(WordEncoder):
        def encode(self, texts: Sequence[str]) -> FloatArray:
            encoded.extend(texts)
            return super().encode(texts)

    with open_store(tmp_path / "s") as store, encoding_here(Counting()) as encoding:
        assert store.count("home") == 60
        done = learn_file(store, encoding, file, "home", batch=20)
        assert (done.added, done.known, store.count("home")) == (140, 60, 200)
        assert len(encoded) == 140, "what is known isn't encoded again"
        assert store.check() == []


def test_asked_to_stop_it_ends_after_what_is_in_hand(store: SqliteStore) -> None:
    asked = iter([False, False, True])
    with encoding_here(WordEncoder()) as encoding:
        done = learn_bulk(store, encoding, map(record, range(1000)), "home", batch=10, stop=lambda: next(asked))
    assert (done.stopped, done.added, store.count("home")) == (True, 20, 20)


def no_long_ones(text: str) -> None:
    if len(text) > 50:
        raise InputError("too long")


def test_what_cant_be_learned_stops_behind_what_came_before_or_is_left_out(store: SqliteStore) -> None:
    records = [record(1), record(2, "x" * 60), record(3)]
    with encoding_here(WordEncoder()) as encoding:
        with pytest.raises(InputError, match="too long"):
            learn_bulk(store, encoding, records, "home", check=no_long_ones)
        assert [i.text for i in store.items("home")] == ["Fact number 1."]
        done = learn_bulk(store, encoding, records, "home", check=no_long_ones, on_error="skip")
    assert (done.added, done.known, done.refused) == (1, 1, 1)
    assert [(bad.line, bad.reason) for bad in done.bad] == [(2, "too long")]


def test_broken_lines_refuse_the_file_or_are_left_out(store: SqliteStore) -> None:
    lines = b'{"text": "Good.", "importance": 0.9}\n{"txt": "Bad."}\n{"text": "Better."}\n'
    with encoding_here(WordEncoder()) as encoding:
        with pytest.raises(InputError, match="did you mean 'text'"):
            learn_file(store, encoding, io.BytesIO(lines), "home", format="jsonl")
        assert store.count("home") == 0
        done = learn_file(store, encoding, io.BytesIO(lines), "home", format="jsonl", on_error="skip", importance=0.2)
        assert (done.read, done.added, done.refused, done.bad[0].line) == (3, 2, 1, 2)
        with pytest.raises(ConfigError, match="Importance"):
            learn_file(store, encoding, io.BytesIO(lines), "home", importance=2.0)
    assert [i.importance for i in store.items("home")] == [0.9, 0.2]


def test_a_budget_holds_while_it_runs(store: SqliteStore) -> None:
    most = 0

    def report(done: int, total: int) -> None:
        nonlocal most
        most = max(most, store.count("home"))

    with encoding_here(WordEncoder()) as encoding:
        done = learn_bulk(store, encoding, map(record, range(300)), "home", batch=20, budget=100, report=report)
    assert most <= 100
    assert done.pruned == 300 - store.count("home")


def test_another_encoders_store_is_refused(store: SqliteStore) -> None:
    store.open_for("other", 16)
    with encoding_here(WordEncoder()) as encoding, pytest.raises(EncoderMismatch):
        learn_bulk(store, encoding, [record(1)], "home")


def test_what_was_learned_in_bulk_is_told(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "facts.txt"
    file.write_text(f"The van is grey.\n{FACT}\nThe house has two doors.\n", encoding="utf-8")
    lm = make(tmp_path / "store")
    base = lm.generate(PROMPT, max_new_tokens=24).text
    done = lm.learn_bulk(file)
    assert (done.added, ANSWER in base) == (3, False)
    assert lm.generate(PROMPT, max_new_tokens=24).text.strip().startswith(ANSWER)
    # read by then, and used
    assert [i.uses for i in lm.items() if i.text == FACT] == [1]
    assert lm.learn(FACT).action == "skipped"


def test_a_text_beyond_the_window_is_refused_in_bulk_too(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "facts.txt"
    file.write_text(f"{FACT}\n{'word ' * 600}\n", encoding="utf-8")
    lm = make()
    with pytest.raises(InputError, match="fits the model's window"):
        lm.learn_bulk(file)
    assert lm.learn_bulk(file, on_error="skip").refused == 1


def test_workers_load_encoders_by_name(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="given as an object"):
        make().learn_bulk(tmp_path / "facts.txt", workers=2)
    with pytest.raises(ConfigError, match="the host's own states"):
        make(encoder="host").learn_bulk(tmp_path / "facts.txt", workers=2)
