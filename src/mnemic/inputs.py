"""Reading texts to learn: plain text, JSON Lines, files and standard input.

Plain text is one text per line. JSON Lines is one object per line with "text" and, where wanted, "category", "importance" and
"source". In both, blank lines are skipped, white space around a text is dropped, and the characters are kept as given (no Unicode
normalisation, no comment sign). Bytes must be UTF-8; a byte order mark at the start is dropped.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, get_args

from . import foreign
from .errors import ConfigError, InputError, rule_got_do
from .foreign import Found
from .store.checks import MAX_TEXT_BYTES, label_problem, text_problem
from .types import FoundAt

Format = Literal["auto", "text", "jsonl", "mem0", "mcp"]
OnError = Literal["stop", "skip"]

STANDARD_INPUT = "-"
MAX_LINE_BYTES = MAX_TEXT_BYTES
"""Longest line, without its end."""
MAX_LISTED = 20
"""Bad lines that an error message lists before it only counts them."""
MAX_KEPT = 1000
"""Bad lines that `TextReader.bad` keeps."""

_SPOOL_BYTES = 16 * 2**20
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_KEYS = ("text", "category", "importance", "source")
_JSON_LINES = (".jsonl", ".ndjson")
_FOREIGN = {"mem0": foreign.mem0, "mcp": foreign.mcp}


@dataclass(frozen=True, kw_only=True)
class TextRecord:
    """One text to learn. `source` is what the record says, else "name:line", as a `FoundAt`."""

    text: str
    category: str | None = None
    importance: float | None = None
    source: str
    line: int


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A line that can't be used, by its number from 1, and why."""

    line: int
    reason: str


_Reader = Callable[[IO[bytes], str], Iterator["TextRecord | BadLine"]]
"""Reads an open file of a name."""


class TextReader(Iterator[TextRecord]):
    """The texts of one source, in order, once. Memory is bounded whatever the size of the source.

    `good_count`, `bad_count` and `bad` (the first `MAX_KEPT` bad lines) tell about what has been read so far, and about the whole
    source once the iteration has ended.
    """

    def __init__(self, lines: Iterator[TextRecord | BadLine], name: str) -> None:
        self.name = name
        self.good_count = 0
        self.bad_count = 0
        self.bad: list[BadLine] = []
        self._lines = lines

    def __next__(self) -> TextRecord:
        """Return the next good text.

        Raises:
            InputError: at the end, if the source had no text at all.
        """
        for line in self._lines:
            if isinstance(line, TextRecord):
                self.good_count += 1
                return line
            self.bad_count += 1
            if len(self.bad) < MAX_KEPT:
                self.bad.append(line)
        if not self.good_count and not self.bad_count:
            # said once: an iterator that has ended keeps ending
            self.bad_count = 1
            raise InputError(
                rule_got_do("A source of texts must hold at least one.", f"only blank lines in {self.name}", "Give a text.")
            )
        raise StopIteration


def read_texts(source: str | Path | IO[bytes], format: Format = "auto", on_error: OnError = "stop") -> TextReader:
    """Open a source of texts to learn.

    Args:
        source: a file's path, "-" for standard input, or an open binary file.
        format: "text", "jsonl", or "auto": JSON Lines for names that end in .jsonl or .ndjson, text for others. "mem0": an export
            of mem0; "mcp": the file of the MCP reference memory server. Both are read as a whole.
        on_error: "stop" reads the whole source first and raises on any bad line, so that nothing is used of a source that isn't
            good throughout (what can't be read twice is kept in memory up to 16 MiB, beyond that in a temporary file). "skip"
            streams the good lines and collects the bad ones.

    Returns:
        An iterator of `TextRecord`.

    Raises:
        ConfigError: for an unknown `format` or `on_error`.
        InputError: if the source can't be read; with "stop" also if it has a bad line, listing up to 20 of them, or no text.
    """
    if on_error not in ("stop", "skip"):
        raise ConfigError(rule_got_do("`on_error` is 'stop' or 'skip'.", repr(on_error), "Choose one of them."))
    with ExitStack() as stack:
        name, file = _opened(source, stack)
        records = _reader(name, format)
        if on_error == "stop":
            if not file.seekable():
                file = _spooled(file, stack)
            start = file.tell()
            _require_good(TextReader(records(file, name), name))
            file.seek(start)
        return TextReader(_closing(records(file, name), stack.pop_all()), name)


def said_about(record: TextRecord, category: str | None, importance: float | None, source: str | None = None) -> TextRecord:
    """Return a record with what is said about those that say nothing themselves; a source is said on purpose and wins."""
    return replace(
        record,
        category=category if record.category is None else record.category,
        importance=importance if record.importance is None else record.importance,
        source=record.source if source is None else source,
    )


def _opened(source: str | Path | IO[bytes], stack: ExitStack) -> tuple[str, IO[bytes]]:
    if source == STANDARD_INPUT:
        return "standard input", sys.stdin.buffer
    if not isinstance(source, (str, Path)):
        return str(getattr(source, "name", "stream")), source
    path = Path(source).expanduser()
    try:
        return path.name, stack.enter_context(path.open("rb"))
    except (OSError, ValueError) as error:
        raise InputError(
            rule_got_do("A source of texts must be a file that can be read.", str(error), "Check its path.")
        ) from error


def _reader(name: str, format: str) -> _Reader:
    """Return what reads a file of that name in that format."""
    if format not in get_args(Format):
        known = ", ".join(repr(one) for one in get_args(Format))
        raise ConfigError(rule_got_do(f"`format` is one of {known}.", repr(format), "Choose one of them."))
    if format in _FOREIGN:
        return partial(_of_another_program, read=_FOREIGN[format])
    return partial(_records, jsonl=_is_jsonl(name, format))


def _of_another_program(
    file: IO[bytes], name: str, *, read: Callable[[bytes], Iterator[Found]]
) -> Iterator[TextRecord | BadLine]:
    for number, found in read(file.read().removeprefix(_BOM)):
        if isinstance(found, str):
            yield BadLine(line=number, reason=found)
        else:
            yield _from_fields({key: value for key, value in found.items() if value is not None}, name, number)


def _is_jsonl(name: str, format: str) -> bool:
    suffix = Path(name).suffix.lower()
    if format == "auto" and suffix == ".json":
        raise InputError(
            rule_got_do(
                "A source of texts is plain text or JSON Lines.",
                name,
                "Write one object per line and say format='jsonl', or name the program that it comes from: 'mem0', 'mcp'.",
            )
        )
    return format == "jsonl" or (format == "auto" and suffix in _JSON_LINES)


def _spooled(file: IO[bytes], stack: ExitStack) -> IO[bytes]:
    spool: IO[bytes] = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115
    while chunk := file.read(2**16):
        spool.write(chunk)
    spool.seek(0)
    return spool


def _closing(lines: Iterator[TextRecord | BadLine], stack: ExitStack) -> Iterator[TextRecord | BadLine]:
    with stack:
        yield from lines


def _require_good(reader: TextReader) -> None:
    for _ in reader:
        pass
    if not reader.bad_count:
        return
    listed = "".join(f"\n  line {bad.line}: {bad.reason}" for bad in reader.bad[:MAX_LISTED])
    rest = reader.bad_count - MAX_LISTED
    more = f"\n  and {rest} more" if rest > 0 else ""
    count = "1 bad line" if reader.bad_count == 1 else f"{reader.bad_count} bad lines"
    raise InputError(
        rule_got_do(
            "Every line must be good; nothing was used.",
            f"{count} in {reader.name}:{listed}{more}\n",
            "Mend them, or keep only the good lines (--keep-good; in Python on_error='skip').",
        )
    )


def _records(file: IO[bytes], name: str, jsonl: bool) -> Iterator[TextRecord | BadLine]:
    for number, offset, line in _lines(file):
        if line is None:
            yield BadLine(line=number, reason=f"it is longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            yield BadLine(line=number, reason=_not_utf8(line, offset, error))
            continue
        if text:
            yield _from_json(text, name, number) if jsonl else _from_text(text, name, number)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield number from 1, byte offset and bytes of every line; None for the bytes of a line that is too long."""
    offset = 0
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 2):
        number += 1
        size = len(line)
        content: bytes | None = line.removesuffix(b"\n").removesuffix(b"\r")
        while not line.endswith(b"\n") and (line := file.readline(MAX_LINE_BYTES)):
            size += len(line)
            content = None
        if content is not None and len(content) > MAX_LINE_BYTES:
            content = None
        marked = number == 1 and content is not None and content.startswith(_BOM)
        yield number, offset + len(_BOM) * marked, content[len(_BOM) :] if content is not None and marked else content
        offset += size


def _not_utf8(line: bytes, offset: int, error: UnicodeDecodeError) -> str:
    place = f"byte 0x{line[error.start]:02X} at offset {offset + error.start} of the file"
    hint = "; it looks like UTF-16, save it as UTF-8" if offset == 0 and line.startswith(_UTF16_BOMS) else ""
    return f"it isn't UTF-8: {place}{hint}"


def _from_text(text: str, name: str, number: int) -> TextRecord | BadLine:
    problem = text_problem(text)
    if problem:
        return BadLine(line=number, reason=problem)
    return TextRecord(text=text, source=_place(name, number), line=number)


def _place(name: str, number: int) -> FoundAt:
    return FoundAt(f"{name}:{number}")


def _from_json(line: str, name: str, number: int) -> TextRecord | BadLine:
    try:
        fields = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return BadLine(line=number, reason=f"it isn't JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return BadLine(line=number, reason=f"it isn't usable JSON: {error}")
    return _from_fields(fields, name, number)


def _from_fields(fields: Any, name: str, number: int) -> TextRecord | BadLine:
    reason = _problem_of(fields)
    if reason:
        return BadLine(line=number, reason=reason)
    return TextRecord(
        text=fields["text"].strip(),
        category=fields.get("category"),
        importance=fields.get("importance"),
        source=fields.get("source") or _place(name, number),
        line=number,
    )


def _problem_of(fields: object) -> str | None:
    if not isinstance(fields, dict):
        return f"it is a JSON {_json_name(fields)}, not an object"
    for key in fields:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            return f"unknown key {key!r}{f', did you mean {near[0]!r}?' if near else ''} (known: {', '.join(_KEYS)})"
    if "text" not in fields:
        return 'it has no "text"'
    problems = {
        "text": text_problem(fields["text"]),
        "category": label_problem(fields.get("category")),
        "importance": _importance_problem(fields.get("importance")),
        "source": label_problem(fields.get("source")),
    }
    return next((f'"{key}" can\'t be used: {problem}' for key, problem in problems.items() if problem), None)


def _importance_problem(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        return f"it is {value!r}, not a number from 0 to 1"
    return None


def _json_name(value: object) -> str:
    names: dict[type, str] = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names[type(value)]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key occurs twice")
    return fields


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} isn't a JSON number")
