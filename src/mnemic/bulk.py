"""Many texts at once: streamed, encoded in batches, written batch by batch, in bounded memory. The host reads none of them.

What is left out, beside `learn`: nobody asks whether a text contradicts or nearly repeats another one, so that nothing is
superseded or updated, and importance is 0.5 where it isn't said, not the host's surprise. Texts that the scope says exactly
already are skipped: a run that was cut off is simply repeated. The host reads a text when it first comes into question for an
answer.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from .arguments import check_count, check_number
from .errors import ConfigError, InputError, rule_got_do
from .inputs import MAX_KEPT, BadLine, Format, OnError, TextRecord, read_texts, said_about
from .store.base import Store
from .store.checks import check_importance, check_label, check_scope
from .store.retention import hold
from .types import FloatArray, NewItem

if TYPE_CHECKING:
    from .encoders import Encoder

BATCH = 256
"""Texts that are encoded together and written in one transaction: what is lost when the process is killed."""
AHEAD = 2
"""Batches per worker that are read before the oldest one is written."""
IMPORTANCE = 0.5
REASON = "learned in bulk: not compared with what else is known"


@dataclass(frozen=True, kw_only=True)
class BulkLearned:
    """What a bulk run did.

    read: texts that came in. added: that were written. known: that the scope said exactly already. refused: that can't be
    learned and were left out; bad names the first of their lines. pruned: items that a budget took. stopped: whether it was asked
    to stop before the end.
    """

    read: int
    added: int
    known: int
    refused: int
    pruned: int
    stopped: bool
    seconds: float
    bad: tuple[BadLine, ...] = ()


class Encoding(Protocol):
    """Encoders at work."""

    id: str
    dim: int

    def submit(self, texts: Sequence[str]) -> Callable[[], FloatArray]:
        """Begin to encode texts; return what waits for their L2-normalised vectors `[n, dim]`."""
        ...


class _Here:
    """An encoder in this process: it works when it is waited for."""

    def __init__(self, encoder: "Encoder") -> None:
        self._encoder = encoder
        self.id, self.dim = encoder.id, encoder.dim

    def submit(self, texts: Sequence[str]) -> Callable[[], FloatArray]:
        return lambda: self._encoder.encode(texts)


class _Workers:
    """An encoder in each of several processes."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        with _alive():
            self.id, self.dim = pool.submit(_identity).result()

    def submit(self, texts: Sequence[str]) -> Callable[[], FloatArray]:
        with _alive():
            future = self._pool.submit(_encode, list(texts))

        def wait() -> FloatArray:
            with _alive():
                return future.result()

        return wait


@contextmanager
def encoding_here(encoder: "Encoder") -> Iterator[Encoding]:
    """Yield an encoder that works in this process."""
    yield _Here(encoder)


@contextmanager
def encoding_workers(load: Callable[[], "Encoder"], workers: int) -> Iterator[Encoding]:
    """Yield encoders that work in processes of their own, the processor's cores shared among them.

    A script that calls this has to be importable: what it does stands under `if __name__ == "__main__":`.

    Args:
        load: called in each process, and found there by its name in its module.
        workers: how many.

    Raises:
        ConfigError: if a process ends.
    """
    check_count("workers", workers, 1)
    threads = max(1, (os.cpu_count() or 1) // workers)
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (load, threads)) as pool:
        try:
            yield _Workers(pool)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_encoder: "Encoder | None" = None


def _start(load: Callable[[], "Encoder"], threads: int) -> None:
    """Make a process a worker."""
    global _encoder
    # an interrupt is for the process that writes: it ends this one when it has written what is in hand
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(threads)
    _encoder = load()


def _identity() -> tuple[str, int]:
    assert _encoder is not None
    return _encoder.id, _encoder.dim


def _encode(texts: list[str]) -> FloatArray:
    assert _encoder is not None
    return _encoder.encode(texts)


@contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise ConfigError(
            rule_got_do(
                "Encoding processes stay alive until the end; what is written so far is durable.",
                str(error),
                "Run it again with fewer workers: it goes on.",
            )
        ) from error


def learn_bulk(
    store: Store,
    encoding: Encoding,
    records: Iterable[TextRecord],
    scope: str,
    *,
    batch: int = BATCH,
    workers: int = 1,
    budget: int | None = None,
    check: Callable[[str], None] = lambda text: None,
    on_error: OnError = "stop",
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> BulkLearned:
    """Write texts in the order in which they come. Each batch is durable when `report` is told of it.

    Args:
        store: where to; it is opened for the encoder.
        encoding: from `encoding_here` or `encoding_workers`.
        records: the texts, read no further ahead than `(AHEAD * workers + 1) * batch` beyond what is durable.
        scope: whose memory.
        batch: texts in one transaction.
        workers: how many work at once.
        budget: active items that the scope may have, as `mnemic.load`'s; None for any number.
        check: raises InputError for a text that can't be learned.
        on_error: what then happens: "stop" raises it, when what came before is written; "skip" leaves the text out.
        stop: asked between batches; true ends the run after what is in hand.
        report: called with how many texts are done, and how many there are, 0 for unknown.

    Raises:
        InputError: as `check` and the reader of the records do.
        EncoderMismatch: if the store was written with another encoder.
        StoreError: if it can't be written.
    """
    check_scope(scope)
    check_count("batch", batch, 1)
    begun = time.perf_counter()
    store.open_for(encoding.id, encoding.dim)
    done = BulkLearned(read=0, added=0, known=0, refused=0, pruned=0, stopped=False, seconds=0.0)
    window: deque[tuple[int, int, list[TextRecord], Callable[[], FloatArray]]] = deque()

    def write_oldest() -> None:
        nonlocal done
        read, refused, fresh, wait = window.popleft()
        added = len(store.insert(_new_items(fresh, wait(), scope), new_only=True)) if fresh else 0
        gone = hold(store, scope, budget, now=time.time()) if budget is not None else None
        done = replace(
            done,
            read=done.read + read,
            added=done.added + added,
            known=done.known + read - refused - added,
            refused=done.refused + refused,
            pruned=done.pruned + (len(gone.forgotten) if gone else 0),
        )
        report(done.read, 0)

    rest = iter(records)
    problem: InputError | None = None
    while problem is None and not (stopped := stop()):
        many = list(islice(rest, batch))
        if not many:
            break
        good, bad, problem = _checked(many, check, on_error)
        # of many, the first ones are named
        done = replace(done, bad=(*done.bad, *bad)[:MAX_KEPT])
        known = store.known_texts([record.text for record in good], scope)
        fresh: dict[str, TextRecord] = {}
        for record in good:
            if record.text not in known:
                fresh.setdefault(record.text, record)
        window.append((len(many), len(many) - len(good), list(fresh.values()), encoding.submit(list(fresh))))
        if len(window) > AHEAD * workers:
            write_oldest()
    while window:
        write_oldest()
    if problem is not None:
        raise problem
    return replace(done, stopped=stopped, seconds=time.perf_counter() - begun)


def learn_file(
    store: Store,
    encoding: Encoding,
    file: str | Path | IO[bytes],
    scope: str,
    *,
    format: Format = "auto",
    category: str | None = None,
    importance: float | None = None,
    source: str | None = None,
    on_error: OnError = "stop",
    **options: Any,
) -> BulkLearned:
    """Write the texts of a file, as `learn_bulk` does.

    Args:
        store: where to.
        encoding: as there.
        file: what `inputs.read_texts` takes.
        scope: whose memory.
        format: as for `inputs.read_texts`.
        category: of texts that name none.
        importance: 0 to 1, of texts that name none.
        source: of all texts; None for what the file says, or else its name and line.
        on_error: "stop" reads the whole file first and refuses one with bad lines; "skip" leaves out what can't be learned.
        options: of `learn_bulk`.

    Raises:
        ConfigError: if the importance is out of range.
        InputError: if the file can't be read, category or source can't be stored, or as `learn_bulk`.
    """
    check_label("category", category)
    check_label("source", source)
    if importance is not None:
        check_number("importance", importance)
        check_importance(importance)
    reader = read_texts(file, format, on_error)
    records = (said_about(record, category, importance, source) for record in reader)
    done = learn_bulk(store, encoding, records, scope, on_error=on_error, **options)
    return replace(done, read=done.read + reader.bad_count, refused=done.refused + reader.bad_count, bad=(*reader.bad, *done.bad))


def _checked(
    records: list[TextRecord], check: Callable[[str], None], on_error: OnError
) -> tuple[list[TextRecord], list[BadLine], InputError | None]:
    """Return the records that can be learned, what can't, and with "stop", after the first of these, its error."""
    bad: list[BadLine] = []
    good: list[TextRecord] = []
    for record in records:
        try:
            check(record.text)
        except InputError as error:
            if on_error == "stop":
                return good, bad, error
            bad.append(BadLine(line=record.line, reason=str(error)))
        else:
            good.append(record)
    return good, bad, None


def _new_items(records: Sequence[TextRecord], keys: FloatArray, scope: str) -> list[NewItem]:
    return [
        NewItem(
            text=record.text,
            scope=scope,
            key=key,
            reason=REASON,
            category=record.category,
            importance=IMPORTANCE if record.importance is None else record.importance,
            source=record.source,
        )
        for record, key in zip(records, keys, strict=True)
    ]
