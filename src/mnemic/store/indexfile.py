"""The file of a saved index: a checksummed header and arrays behind it, memory-mapped. Nothing in it is ever executed.

It is written aside and renamed, so that a file under its final name was whole once. Arrays that decide where others are read have
a checksum each, looked at when they are first used; vectors have one per row, looked at when a row is returned.
"""

import json
import math
import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1
DRAFTS = ".new-"
"""In the names of files that are still being made."""

_MAGIC = b"MnemicIx"
_HEAD = struct.Struct("<8sIII")
"""Magic, format, bytes and checksum of the JSON that follows."""
_HEAD_ROOM = 8192
_ALIGN = 4096
_CHUNK = 2**24
_DTYPES = ("|u1", "<u2", "<u4", "<u8", "<i4", "<i8", "<f4")

AnyArray = npt.NDArray[Any]


class DamagedIndex(Exception):
    """A saved index that can't be used: foreign, cut short, damaged, or in the midst of being changed. It is rebuilt."""


@dataclass(frozen=True)
class Shape:
    """An array of the file. checked: whether it has a checksum of its own."""

    dtype: str
    shape: tuple[int, ...]
    checked: bool = True

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass
class IndexFile:
    """An index file, mapped.

    about: what whoever wrote it says of it. places: byte offset of each array. sums: checksum of those that have one.
    """

    path: Path
    about: dict[str, Any]
    shapes: dict[str, Shape]
    places: dict[str, int]
    sums: dict[str, int]
    changing: bool = False
    """A change in place has begun: until it has ended, the file is no index."""
    inode: int = 0
    _bytes: mmap.mmap | None = None
    _sound: dict[str, AnyArray] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, *, write: bool = False, changing: bool = False) -> "IndexFile":
        """Map a file.

        Args:
            path: of the file.
            write: map it so that it can be changed in place.
            changing: take it although a change in place was begun and not ended.

        Raises:
            DamagedIndex: if it isn't a whole one of this format.
            OSError: if it isn't there or can't be read.
        """
        with path.open("r+b" if write else "rb") as file:
            head = file.read(_HEAD_ROOM)
            state = os.fstat(file.fileno())
            # all of it at once: another file may take its name meanwhile
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ) if head else None
        try:
            magic, version, length, checksum = _HEAD.unpack_from(head)
            text = head[_HEAD.size : _HEAD.size + length]
            if magic != _MAGIC or version != FORMAT or len(text) < length or zlib.crc32(text) != checksum:
                raise DamagedIndex(f"{path}: no index of format {FORMAT}")
            data = json.loads(text)
            shapes = {name: Shape(kind, tuple(shape), checked) for name, (kind, shape, checked) in data["arrays"].items()}
            places, end = _laid_out(shapes)
            if any(shape.dtype not in _DTYPES or min(shape.shape) < 0 for shape in shapes.values()) or state.st_size != end:
                raise DamagedIndex(f"{path}: {state.st_size} of {end} bytes")
            found = cls(path, data["about"], shapes, places, data["sums"], data["changing"], state.st_ino, whole)
        except (struct.error, ValueError, KeyError, TypeError) as error:
            raise DamagedIndex(f"{path}: {error}") from error
        if found.changing and not changing:
            raise DamagedIndex(f"{path}: a change was begun and not ended")
        return found

    @classmethod
    def create(cls, path: Path, shapes: Mapping[str, Shape]) -> "IndexFile":
        """Make a file of the size that its arrays need, to be filled and then sealed."""
        places, end = _laid_out(shapes)
        path.touch(mode=0o600)
        os.truncate(path, end)
        with path.open("r+b") as file:
            return cls(path, {}, dict(shapes), places, {}, True, os.fstat(file.fileno()).st_ino, mmap.mmap(file.fileno(), end))

    def array(self, name: str) -> AnyArray:
        """Return an array, checked at its first use if it has a checksum.

        Raises:
            DamagedIndex: if the checksum is wrong, or there is no such array.
        """
        if name not in self._sound:
            shape = self.shapes.get(name)
            if shape is None or self._bytes is None:
                raise DamagedIndex(f"{self.path}: no {name}")
            count, place = math.prod(shape.shape), self.places[name]
            flat = np.frombuffer(self._bytes, shape.dtype, count, place) if count else np.empty(0, shape.dtype)
            if shape.checked and not self.changing and _checksum(flat) != self.sums.get(name):
                raise DamagedIndex(f"{self.path}: {name} is damaged")
            self._sound[name] = flat.reshape(shape.shape)
        return self._sound[name]

    def check(self) -> None:
        """Compare every array that has a checksum with it.

        Raises:
            DamagedIndex: if one is wrong.
        """
        for name, shape in self.shapes.items():
            if shape.checked:
                self.array(name)

    def begin(self) -> None:
        """Say in the file that it is being changed in place."""
        self.changing = True
        self._write_head()

    def seal(self, about: Mapping[str, Any]) -> None:
        """Write checksums and header: the file is an index from now on."""
        self.about = dict(about)
        for name, shape in self.shapes.items():
            if shape.checked:
                self.sums[name] = _checksum(self.array(name))
        if self._bytes is not None:
            self._bytes.flush()
        self.changing = False
        self._write_head()

    def _write_head(self) -> None:
        data = {
            "about": self.about,
            "arrays": {name: (s.dtype, s.shape, s.checked) for name, s in self.shapes.items()},
            "sums": self.sums,
            "changing": self.changing,
        }
        text = json.dumps(data).encode()
        head = _HEAD.pack(_MAGIC, FORMAT, len(text), zlib.crc32(text)) + text
        if len(head) > _HEAD_ROOM:
            raise ValueError(f"a header of {len(head)} bytes")
        with self.path.open("r+b") as file:
            file.write(head.ljust(_HEAD_ROOM, b"\x00"))
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """Give a name beside a file's; whatever is there when the body has ended without renaming it is removed."""
    draft = path.with_name(f"{path.name}{DRAFTS}{secrets.token_hex(4)}")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def in_chunks(rows: int, row_bytes: int, work: Callable[[slice], None]) -> None:
    """Do something to all rows, some megabytes at a time."""
    step = max(1, _CHUNK // max(1, row_bytes))
    for start in range(0, rows, step):
        work(slice(start, min(start + step, rows)))


def _checksum(array: AnyArray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size else 0


def _laid_out(shapes: Mapping[str, Shape]) -> tuple[dict[str, int], int]:
    """Return where each array begins, and where the last one ends."""
    places, end = {}, _HEAD_ROOM
    for name, shape in shapes.items():
        places[name] = -(-end // _ALIGN) * _ALIGN
        end = places[name] + shape.size
    return places, end
