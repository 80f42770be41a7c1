"""Exports: a JSON Lines file of items with their whole past, written whole or not at all, and read with every line checked.

The first line says what it is: `{"mnemic": "export", "format": 1, "encoder": ..., "dim": ..., "scope": ..., "exported": ...}`.
Each other one is a `types.Record`, its keys as base64 of little-endian fp32.
"""

import base64
import binascii
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain, islice
from pathlib import Path
from types import NoneType
from typing import IO, Any, get_args

import numpy as np

from .errors import ConfigError, InputError, NotFound, StoreError, rule_got_do
from .files import whole_file
from .store import DATABASE
from .store.base import Store
from .store.checks import NORM_TOLERANCE, check_scope, label_problem, text_problem
from .types import FloatArray, Kind, Past, Record

FORMAT = 1
_MOST = 2**40
"""Largest number of an event, and of uses."""
_LATEST = 253_402_300_799
"""The end of the year 9999, in seconds since the epoch: what clocks can show."""
_ID = re.compile(r"[a-z0-9]{1,64}")
_STATUSES = ("active", "superseded", "forgotten", "erased")
_AT_ONCE = 64
"""Items whose texts are encoded together."""
Encode = Callable[[Sequence[str]], FloatArray]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Where an export went, and how many items it holds, erased ones not counted."""

    path: str
    items: int


@dataclass(frozen=True, kw_only=True)
class Imported:
    """How many items an import added, how many were there already, and whether texts were encoded anew."""

    added: int
    known: int
    encoded: bool


def export(store: Store, path: str | Path, scope: str | None, *, overwrite: bool = False) -> Exported:
    """Write the items of a scope (None: of every one) with their past to a file.

    Raises:
        ConfigError: if the file is there already or can't be written. Nothing is left half-written.
        NotFound: if the scope is unknown.
    """
    if store.encoder_id is None:
        raise NotFound(rule_got_do("A store that is exported holds something.", "a new one", "Teach it something first."))
    target = Path(path).expanduser()
    if (target.parent / DATABASE).exists():
        raise ConfigError(rule_got_do("An export lies outside of a store's folder.", str(path), "Name another place."))
    if target.exists() and not overwrite:
        raise ConfigError(
            rule_got_do("An export is written to a new file.", str(path), "Name another, or overwrite it (--force).")
        )
    try:
        # for the owner alone, as the store is
        with whole_file(target, private=True) as file:
            items = write(store, file, scope)
    except OSError as error:
        raise ConfigError(rule_got_do("An export needs a file that can be written.", str(error), "Name another.")) from error
    return Exported(path=str(path), items=items)


def write(store: Store, file: IO[str], scope: str | None) -> int:
    """Write an export to an open file and return how many items it holds."""
    head = {"mnemic": "export", "format": FORMAT, "encoder": store.encoder_id, "dim": store.dim, "scope": scope}
    records = store.dump(scope)
    # an unknown scope is an error before anything is written
    first = list(islice(records, 1))
    file.write(json.dumps({**head, "exported": time.time()}, ensure_ascii=False) + "\n")
    count = 0
    for record in chain(first, records):
        plain = asdict(record)
        for past in plain["past"]:
            past["key"] = None if past["key"] is None else base64.b64encode(past["key"].astype("<f4").tobytes()).decode()
        file.write(json.dumps(plain, ensure_ascii=False) + "\n")
        count += record.past[-1].status != "erased"
    if store.encoder_id != head["encoder"]:
        raise StoreError(rule_got_do("An export is of one encoder.", "a store that was reindexed meanwhile", "Export again."))
    return count


def import_(store: Store, path: str | Path, encode: Encode | None, *, scope: str | None = None) -> Imported:
    """Write what an export holds into a store, all or nothing; items whose ids it knows already stay as they are.

    Args:
        store: opened for its encoder, unless it is new: then it takes the export's.
        path: of the export.
        encode: makes keys of texts, as the store's encoder does; needed where the export's keys are another encoder's.
        scope: put everything there; None for where it was.

    Raises:
        InputError: naming the line that breaks a rule.
        ConfigError: if the scope can't be one.
        EncoderMismatch: if keys have to be made and `encode` is None.
        StoreError: if it can't be written.
    """
    if scope is not None:
        check_scope(scope)
    source = Path(path).expanduser()
    if source.exists() and not source.is_file():
        raise InputError(rule_got_do("An import is read more than once: a file.", str(path), "Write it to one first."))
    head = read_head(source)
    encoder, dim = head["encoder"], head["dim"]
    if encode is None and store.encoder_id not in (None, encoder):
        # says which encoder it needs
        store.open_for(encoder, dim)
    same = store.encoder_id in (None, encoder)
    with tempfile.TemporaryFile() as keys:
        # everything is read, checked and encoded before the store is held up, or bound to an encoder
        for _ in _encoded(_records(source, dim), encode, keys) if not same else _records(source, dim):
            pass
        if same:
            # said to the store too: it may be given another encoder before it is written
            store.open_for(encoder, dim)
        keys.seek(0)
        records = _moved(_records(source, dim), scope)
        restored = store.restore(records if same else _with_keys(records, store.dim or dim, keys))
    return Imported(added=restored.added, known=restored.known, encoded=not same)


def check(path: Path) -> None:
    """Read an export to its end.

    Raises:
        InputError: naming the line that breaks a rule.
    """
    for _ in _records(path, read_head(path)["dim"]):
        pass


def read_head(path: Path) -> dict[str, Any]:
    """Return the first line of an export.

    Raises:
        InputError: if the file can't be read or is none.
    """
    line = next(_lines(path), (1, ""))[1]
    head = _parsed(line, 1, path) if line.startswith("{") else {}
    if head.get("mnemic") != "export":
        raise InputError(
            rule_got_do("An import is a file that `mnemic export` wrote.", path.name, "Learn other files: mnemic learn --file.")
        )
    if head.get("format") != FORMAT:
        raise InputError(
            rule_got_do(f"This Mnemic reads exports of format {FORMAT}.", repr(head.get("format")), "Update Mnemic.")
        )
    if not isinstance(head.get("encoder"), str) or not isinstance(head.get("dim"), int):
        raise InputError(
            rule_got_do("An export names its encoder.", path.name, "Export again, from a store that holds something.")
        )
    return head


def _records(path: Path, dim: int) -> Iterator[Record]:
    ids: set[str] = set()
    numbers: set[int] = set()
    for number, line in _lines(path):
        if number == 1 or not line.strip():
            continue
        record, problem = _record(_parsed(line, number, path), dim)
        if record is not None and not problem:
            mine = {past.event for past in record.past}
            problem = f"the item {record.id!r} was there already" if record.id in ids else ""
            problem = problem or ("an event has a number of another item's" if mine & numbers else "")
            ids.add(record.id)
            numbers |= mine
        if problem or record is None:
            raise _bad(path, number, problem)
        yield record


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from enumerate(file, 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(rule_got_do("An import is a UTF-8 file that can be read.", str(error), "Check its path.")) from error


def _parsed(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad(path, number, f"it isn't JSON: {error}") from error
    if not isinstance(value, dict):
        raise _bad(path, number, "it isn't an object")
    return value


def _bad(path: Path, number: int, problem: str) -> InputError:
    return InputError(
        rule_got_do(
            "Every line of an import must be as it was exported; nothing was written.",
            f"line {number} of {path.name}: {problem}",
            "Export again.",
        )
    )


def _record(value: dict[str, Any], dim: int) -> tuple[Record | None, str]:
    """Return a record, or what is wrong with it."""
    events = value.get("past")
    problem = _fields_problem(value, Record) or ("" if isinstance(events, list) and events else "it has no past")
    if problem or not isinstance(events, list):
        return None, problem
    past = []
    for event in events:
        problem = _fields_problem(event, Past) if isinstance(event, dict) else "an event isn't an object"
        problem = problem or _key_problem(event, dim)
        if problem:
            return None, problem
        past.append(Past(**{**event, "key": _key(event["key"])}))
    record = Record(**{**value, "past": tuple(past)})
    return record, _item_problem(record)


_TEXT, _NAME, _COUNT, _TIME = (str,), (str, NoneType), (int,), (int, float)
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "scope", "reason", "kind", "status"), _TEXT),
    **dict.fromkeys(("text", "category", "source", "supersedes", "superseded_by", "key"), _NAME),
    **dict.fromkeys(("event", "operation", "uses"), _COUNT),
    **dict.fromkeys(("undoes", "said"), (*_COUNT, NoneType)),
    **dict.fromkeys(("at", "created"), _TIME),
    **dict.fromkeys(("importance", "last_used"), (*_TIME, NoneType)),
    "past": (list,),
}


def _fields_problem(value: dict[str, Any], kind: type) -> str:
    names = {field.name for field in fields(kind)}
    if value.keys() != names:
        return f"fields {sorted(names ^ value.keys())} are missing or unknown"
    for name, got in value.items():
        # JSON's true is an int in Python
        if isinstance(got, bool) or not isinstance(got, _TYPES[name]):
            return f"{name} is {got!r}"
        most = _LATEST if name in ("at", "created", "last_used") else _MOST
        if isinstance(got, int | float) and not 0 <= got <= most:
            return f"{name} is {str(got)[:30]}"
    return ""


def _key_problem(event: dict[str, Any], dim: int) -> str:
    if (event["key"] is None) != (event["text"] is None):
        return "a text and its key come together"
    if event["key"] is None:
        return ""
    try:
        data = base64.b64decode(event["key"], validate=True)
    except (binascii.Error, ValueError):
        return "a key isn't base64"
    if len(data) != 4 * dim:
        return f"a key has {len(data)} bytes, not {4 * dim}"
    norm = float(np.linalg.norm(np.frombuffer(data, dtype="<f4")))
    return "" if abs(norm - 1) <= NORM_TOLERANCE else f"a key has a norm of {norm:.4g}"


def _key(text: str | None) -> FloatArray | None:
    return None if text is None else np.frombuffer(base64.b64decode(text), dtype="<f4")


def _item_problem(record: Record) -> str:
    """Return what in an item can't be, or nothing."""
    for name, value in (("id", record.id), ("supersedes", record.supersedes)):
        if value is not None and not _ID.fullmatch(value):
            return f"{name} is {value!r}"
    try:
        check_scope(record.scope)
    except ConfigError:
        return f"scope is {record.scope!r}"
    if (record.uses > 0) != (record.last_used is not None):
        return "what was used has a last use"
    return _past_problem(record.past)


def _past_problem(past: Sequence[Past]) -> str:
    """Return what in a past can't have happened, or nothing."""
    numbers = [event.event for event in past]
    if numbers != sorted(set(numbers)) or numbers[0] < 1:
        return "events are numbered from 1, rising"
    erased = past[-1].kind == "erase"
    said: set[int] = set()
    for event in past:
        problem = _event_problem(event)
        if problem:
            return problem
        if event.text is not None:
            said.add(event.event)
        if event.said is not None and event.said not in said:
            return f"event {event.event} says what event {event.said} should have brought"
        if (event.kind == "erase") != (event.status == "erased") or (event.kind == "erase" and event is not past[-1]):
            return "an item is erased by its last event, or not at all"
    if erased == bool(said) or erased != (past[-1].said is None):
        return "an item says something, or is erased"
    return ""


def _event_problem(event: Past) -> str:
    if event.kind not in get_args(Kind) or event.status not in _STATUSES:
        return f"an event is {event.kind!r} and leaves the item {event.status!r}"
    if not 1 <= event.operation <= event.event:
        return "an operation begins with its first event"
    if event.undoes is not None and not 1 <= event.undoes < event.operation:
        return "what is undone was before"
    if event.superseded_by is not None and not _ID.fullmatch(event.superseded_by):
        return f"superseded_by is {event.superseded_by!r}"
    if event.importance is not None and event.importance > 1:
        return f"importance is {event.importance!r}"
    problems = {name: label_problem(getattr(event, name)) for name in ("reason", "category", "source")}
    problems["text"] = None if event.text is None else text_problem(event.text)
    return next((f"{name} can't be used: {problem}" for name, problem in problems.items() if problem), "")


def _moved(records: Iterable[Record], scope: str | None) -> Iterator[Record]:
    for record in records:
        yield record if scope is None else replace(record, scope=scope)


def _encoded(records: Iterable[Record], encode: Encode | None, keys: IO[bytes]) -> Iterator[Record]:
    """Yield records, and write the keys of their texts by another encoder behind each other."""
    assert encode is not None
    for many in _batches(records):
        texts = [past.text for record in many for past in record.past if past.text is not None]
        if texts:
            keys.write(np.ascontiguousarray(encode(texts), dtype="<f4").tobytes())
        yield from many


def _with_keys(records: Iterable[Record], dim: int, keys: IO[bytes]) -> Iterator[Record]:
    """Yield records with the keys that were written for their texts."""

    def keyed(past: Past) -> Past:
        return past if past.text is None else replace(past, key=np.frombuffer(keys.read(4 * dim), dtype="<f4"))

    for record in records:
        yield replace(record, past=tuple(map(keyed, record.past)))


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while many := list(islice(rest, _AT_ONCE)):
        yield many
