"""The per-question log: append-only JSON lines with a header, from which a killed run continues."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import ConfigError, InputError, rule_got_do
from .files import writing

_FORMAT = "mnemic-bench-log"
_VERSION = 1
Key = tuple[str, str, int, int]
"""Arm, column, number of the record, number of its probe."""


def digest(settings: Mapping[str, Any]) -> str:
    """Return a short digest of everything that decides what a run measures."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


class Log:
    """Lines of one run, in memory and, where a path is given, in a file.

    A line is on disk when `append` returns. A torn last line, left by a kill, is cut off when the file is opened again.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        """Open the log, or continue the one that is there.

        Args:
            path: the file; None keeps the lines in memory only.
            settings: what decides the results; a file with other settings is refused.

        Raises:
            ConfigError: if the file belongs to a run with other settings.
            InputError: if the file isn't such a log, or is damaged before its last line.
        """
        self.answers: dict[Key, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {}
        self._file = None
        header = {"format": _FORMAT, "version": _VERSION, "hash": digest(settings), "settings": dict(settings)}
        if path is None:
            return
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not path.exists() or path.stat().st_size == 0
            if not fresh:
                fresh = self._continue(path, header)
            self._file = path.open("a", encoding="utf-8")
        if fresh:
            self._write([header])

    def _continue(self, path: Path, header: dict[str, Any]) -> bool:
        """Read what is there, cut off a torn end. Return whether nothing at all was left."""
        raw = path.read_bytes()
        whole, _, _torn = raw.rpartition(b"\n")
        lines = []
        for number, line in enumerate(whole.split(b"\n") if whole else (), start=1):
            try:
                lines.append(json.loads(line))
            except ValueError as error:
                raise InputError(
                    rule_got_do(
                        "A log is one JSON object per line.", f"{path.name}, line {number}: {error}", "Choose another file."
                    )
                ) from error
        if lines:
            self._check(path, lines[0], header)
        elif not _torn_header(raw):
            raise InputError(rule_got_do("A log begins with its header.", f"{path.name}: something else", "Choose another file."))
        if len(whole) + 1 != len(raw) or not lines:
            with path.open("r+b") as file:
                file.truncate(len(whole) + 1 if lines else 0)
        for line in lines[1:]:
            self._keep(line)
        return not lines

    @staticmethod
    def _check(path: Path, found: Any, header: dict[str, Any]) -> None:
        if not isinstance(found, dict) or found.get("format") != _FORMAT or found.get("version") != _VERSION:
            raise InputError(
                rule_got_do(
                    f"A log begins with a {_FORMAT} header of version {_VERSION}.",
                    f"{path.name}: another one",
                    "Choose another file.",
                )
            )
        if found.get("hash") != header["hash"]:
            old, new = found.get("settings", {}), header["settings"]
            changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            told = ", ".join(f"{name}: {old.get(name)!r} then, {new.get(name)!r} now" for name in changed)
            raise ConfigError(
                rule_got_do(
                    "A log is continued only by a run with the same settings.",
                    f"{path.name}: {told}",
                    "Choose another log file, delete that one, or run with its settings.",
                )
            )

    def append(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write answers: objects with `arm`, `column`, `record`, `probe`. They are on disk when this returns."""
        batch = list(lines)
        for line in batch:
            self._keep(line)
        self._write(batch)

    def note(self, name: str, value: Any) -> None:
        """Write something about the run itself, such as what teaching took."""
        self.facts[name] = value
        self._write([{"note": name, "value": value}])

    def _keep(self, line: dict[str, Any]) -> None:
        if "note" in line:
            self.facts[line["note"]] = line["value"]
        else:
            self.answers[line["arm"], line["column"], line["record"], line["probe"]] = line

    def _write(self, lines: list[dict[str, Any]]) -> None:
        if self._file is None:
            return
        with writing(Path(self._file.name)):
            self._file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _torn_header(raw: bytes) -> bool:
    """Return whether these bytes can be the torn first line of a log."""
    start = f'{{"format": "{_FORMAT}"'.encode()
    return raw[: len(start)] == start[: len(raw)]
