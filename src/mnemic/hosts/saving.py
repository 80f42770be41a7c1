"""The checkpoint on disk: one JSON file and one safetensors file per memory, written whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .. import __version__
from ..errors import CheckpointMismatch, ConfigError, rule_got_do
from ..memories.base import HostSpec, Memory

FORMAT_VERSION = 1
MANIFEST = "mnemic.json"
_HOST_KEYS = ("family", "fingerprint", "hidden_size", "num_layers", "vocab_size")


@dataclass(frozen=True)
class SavedMemory:
    """One memory of a checkpoint, not yet made."""

    name: str
    settings: dict[str, Any]
    tensors: Mapping[str, Tensor]


def save_memories(path: Path, host: HostSpec, memories: Sequence[Memory]) -> None:
    """Write a checkpoint folder. An older checkpoint at `path` is replaced only when the new one is on disk.

    Raises:
        ConfigError: if `path` is something else than a checkpoint, or settings can't be written as JSON.
    """
    if path.exists() and not (path.is_dir() and ((path / MANIFEST).is_file() or not any(path.iterdir()))):
        raise ConfigError(
            rule_got_do("A checkpoint is written to a new folder or over a checkpoint.", str(path), "Choose another path.")
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        _write(fresh, host, memories)
        fresh.chmod(0o755)
        _replace(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def load_memories(path: Path, host: HostSpec) -> list[SavedMemory]:
    """Read a checkpoint that was saved on `host`.

    Raises:
        CheckpointMismatch: if there is none, it is damaged, of another format version, or of another host.
    """
    manifest = _manifest(path)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise CheckpointMismatch(
            rule_got_do(
                f"This Mnemic reads checkpoint format {FORMAT_VERSION}.",
                f"format {manifest.get('format_version')!r}, written by version {manifest.get('package_version')!r}",
                "Use the Mnemic that wrote it, or save it again.",
            )
        )
    if not _well_formed(manifest):
        raise CheckpointMismatch(
            rule_got_do(f"{MANIFEST} describes a host and its memories.", f"a damaged {path / MANIFEST}", "Save it again.")
        )
    saved = manifest["host"]
    differing = [key for key in _HOST_KEYS if saved.get(key) != getattr(host, key)]
    if differing:
        raise CheckpointMismatch(
            rule_got_do(
                "A checkpoint is loaded onto the model it was saved from.",
                "; ".join(f"{key} {saved.get(key)!r}, not {getattr(host, key)!r}" for key in differing),
                "Load the model that the memory was made on.",
            )
        )
    return [SavedMemory(entry["name"], entry["settings"], _tensors(path / entry["file"])) for entry in manifest["memories"]]


def _write(folder: Path, host: HostSpec, memories: Sequence[Memory]) -> None:
    entries = []
    for index, memory in enumerate(memories):
        file = f"memory-{index}.safetensors"
        # one copy per name, so that views and tied tensors are written as they read
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(memory.state_dict().items())}
        save_file(tensors, folder / file)
        entries.append({"name": memory.name, "settings": memory.settings(), "file": file})
    manifest = {
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "host": {key: getattr(host, key) for key in _HOST_KEYS},
        "memories": entries,
    }
    try:
        text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            rule_got_do("A memory's settings() are plain JSON.", error, "Return strings, numbers, lists and dicts.")
        ) from error
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for file_path in folder.iterdir():
        _sync(file_path)
    _sync(folder)


def _replace(fresh: Path, path: Path) -> None:
    """Put `fresh` in the place of `path`; the old folder is renamed aside first and removed last."""
    old = None
    if path.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=path.parent))
        os.replace(path, old)
    try:
        os.replace(fresh, path)
    except OSError:
        if old is not None:
            os.replace(old, path)
        raise
    _sync(path.parent)
    if old is not None:
        shutil.rmtree(old)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointMismatch(
            rule_got_do(f"A checkpoint is a folder with {MANIFEST}.", f"{path}: {error}", "Check the path.")
        ) from error
    if not isinstance(manifest, dict):
        raise CheckpointMismatch(rule_got_do(f"{MANIFEST} holds an object.", type(manifest).__name__, "Save it again."))
    return manifest


def _well_formed(manifest: dict[str, Any]) -> bool:
    """Whether host and memories are described; files are bare names, so that nothing outside of the folder is read."""
    entries = manifest.get("memories")
    return (
        isinstance(manifest.get("host"), dict)
        and isinstance(entries, list)
        and all(
            isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("settings"), dict)
            and isinstance(entry.get("file"), str)
            and Path(entry["file"]).name == entry["file"]
            for entry in entries
        )
    )


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointMismatch(
            rule_got_do("A checkpoint's tensors are readable.", f"{file.name}: {error}", "Restore the file, or save it again.")
        ) from error
